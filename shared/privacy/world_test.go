package privacy_test

import (
	"archive/zip"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/throng-im/throng/shared/commit"
	"github.com/throng-im/throng/shared/conversation"
	"github.com/throng-im/throng/shared/group"
	"github.com/throng-im/throng/shared/hourlog"
	"github.com/throng-im/throng/shared/id"
	"github.com/throng-im/throng/shared/inbox"
	"github.com/throng-im/throng/shared/inbox/inboxtest"
	"github.com/throng-im/throng/shared/notify"
	"github.com/throng-im/throng/shared/pack"
	"github.com/throng-im/throng/shared/presence"
	"github.com/throng-im/throng/shared/privacy"
	"github.com/throng-im/throng/shared/receipt"
	"github.com/throng-im/throng/shared/retention"
	"github.com/throng-im/throng/shared/user"
)

// TestMain keeps quiet what each run logs. An app of a few groups and users goes over
// several pages, as a large one does.
func TestMain(m *testing.M) {
	privacy.PageBy(2)
	slog.SetDefault(slog.New(slog.DiscardHandler))
	os.Exit(m.Run())
}

// zoe is who wants to be forgotten. Nothing else in the tests has these letters, and
// everything that is hers has them or her word.
const (
	zoe  = id.User("zoe-7731")
	word = "zoes-own-word"
)

// world is an app in memory, with its logs in a folder.
type world struct {
	*testing.T
	ctx           context.Context
	store         commit.Store
	memory        *commit.Memory // the store, unless it is another
	folder        string
	clock         atomic.Int64
	groups        *group.Groups
	users         *user.Users
	conversations *conversation.Conversations
	receipts      *receipt.Receipts
	presence      *presence.Board
	inbox         *inbox.Inbox
	logs          *hourlog.Logs

	mu sync.Mutex
	// heard are the events of timelines so far, as they were published. While late,
	// fan-out has not come to them.
	heard [][]byte
	late  bool
}

func newWorld(t *testing.T) *world {
	memory := new(commit.Memory)
	w := worldOn(t, memory)
	w.memory = memory
	return w
}

func worldOn(t *testing.T, store commit.Store) *world {
	w := &world{T: t, ctx: t.Context(), store: store, folder: t.TempDir()}
	w.clock.Store(time.Date(2026, 11, 24, 9, 30, 0, 0, time.UTC).UnixMilli())
	w.open()
	return w
}

func (w *world) now() time.Time { return time.UnixMilli(w.clock.Load()).UTC() }

// open begins anew in a new process.
func (w *world) open() {
	quiet := func(context.Context, ...[]byte) error { return nil }
	w.groups = group.New(w.store, w.hear, group.Options{Linger: -1, Now: w.now})
	w.users = user.New(w.store, w.groups, quiet, 0, w.now)
	w.conversations = conversation.New(w.store, quiet, 0, w.now)
	w.receipts = receipt.New(w.store, quiet, 0, w.now)
	w.presence = presence.New(w.store, w.now)
	w.inbox = inbox.New(w.groups, w.users, w.conversations, inbox.Options{Offline: 7 * 24 * time.Hour, HistoryMonths: 6, Now: w.now})
	w.logs = hourlog.New(w.groups, hourlog.Options{Bucket: "file://" + w.folder + "?base_url=http://logs.test/", Secret: "secret", App: "app", Now: w.now})
}

func (w *world) options() privacy.Options {
	return privacy.Options{
		Store: w.store, Groups: w.groups, Users: w.users, Conversations: w.conversations, Receipts: w.receipts, Presence: w.presence,
		Logs: w.logs, Now: w.now,
	}
}

// hear keeps up copies of memberships as fan-out does.
func (w *world) hear(ctx context.Context, payloads ...[]byte) error {
	w.mu.Lock()
	w.heard = append(w.heard, payloads...)
	late := w.late
	w.mu.Unlock()
	if late {
		return nil
	}
	return inboxtest.Follow(ctx, w.inbox, payloads...)
}

func (w *world) ok(err error) {
	w.Helper()
	if err != nil {
		w.Fatal(err)
	}
}

// says has a message sent: zoe's by her device, others by the app's server.
func (w *world) says(g id.Group, e group.Entry) id.Message {
	w.Helper()
	if e.Type == "" {
		e.Type = "RC:TxtMsg"
	}
	r, err := group.Receipt{}, error(nil)
	if e.From == zoe {
		r, err = w.groups.SendAs(w.ctx, g, group.Actor{User: zoe, Source: "iOS"}, e)
	} else {
		r, err = w.groups.Publish(w.ctx, g, e)
	}
	w.ok(err)
	return r.UID
}

// live has zoe do everything that leaves something of hers, among others.
func (w *world) live() {
	w.Helper()
	ctx := w.ctx
	w.ok(w.users.Register(ctx, zoe, word+" Z.", "https://faces.test/"+word))
	w.ok(w.users.Register(ctx, "bob", "Bob", ""))
	device := user.Device{ID: id.Device(word), Platform: "ios", Token: "sold", Language: "de"}
	w.ok(w.users.PutDevice(ctx, zoe, device))
	if w.memory != nil {
		w.sells("sold")
	}
	device.Token = word + "-token"
	w.ok(w.users.PutDevice(ctx, zoe, device))
	w.ok(w.users.SetQuiet(ctx, zoe, notify.Quiet{Start: "22:00:00", Minutes: 60, Zone: "Europe/Berlin"}))
	w.ok(w.users.GagEverywhere(ctx, []id.User{zoe}, time.Time{}))
	for _, g := range []id.Group{"team", "left", "ended", "others"} {
		who := []id.User{"ann", "bob", zoe}
		if g == "others" {
			who = who[:2]
		}
		w.ok(w.groups.Join(ctx, g, who, string(g)))
		w.talk(g, g != "others")
	}
	for _, g := range []id.Group{"team", "left", "ended", "never"} {
		w.ok(w.groups.Gag(ctx, g, []id.User{zoe}, w.now().Add(2*time.Hour)))
		w.ok(w.groups.SetRemark(ctx, g, zoe, word))
	}
	w.ok(w.groups.Quit(ctx, "left", []id.User{zoe, "ann"}))
	w.ok(w.groups.Dismiss(ctx, "ended", zoe))
	w.ok(w.users.SetLevel(ctx, zoe, "team", notify.Mentions))
	w.ok(w.conversations.SetTags(ctx, zoe, []conversation.Tag{{ID: word, Name: word}}))
	draft := word
	w.ok(w.conversations.Patch(ctx, zoe, "team", conversation.Patch{Draft: &draft, Tags: &[]string{word}}))
	w.ok(w.conversations.Pin(ctx, zoe, "others", true))
	w.ok(w.presence.Set(ctx, "one", []id.User{"ann", zoe}))
	w.ok(w.presence.Set(ctx, "two", []id.User{zoe}))
	w.clock.Add(time.Hour.Milliseconds())
	_, err := w.logs.Tick(ctx)
	w.ok(err)
	// The clock of another process is ahead.
	w.clock.Add(time.Minute.Milliseconds())
	for _, g := range []id.Group{"team", "others"} {
		w.says(g, group.Entry{From: "bob", Content: "ahead"})
	}
	w.clock.Add(-time.Minute.Milliseconds())
	// Whoever made this file died before it could say so.
	made, err := filepath.Glob(w.folder + "/files/*/*/*.zip")
	w.ok(err)
	raw, err := os.ReadFile(made[0])
	w.ok(err)
	w.ok(os.Mkdir(filepath.Dir(filepath.Dir(made[0]))+"/dead", 0o700))
	w.ok(os.WriteFile(filepath.Dir(filepath.Dir(made[0]))+"/dead/x.zip", raw, 0o600))
}

// retains has retention do what is due, for so many documents, 0 for any number.
func (w *world) retains(rules retention.Rules, documents int) {
	w.Helper()
	_, err := retention.Run(w.ctx, retention.Options{
		Store: w.store, Groups: w.groups, Receipts: w.receipts, Conversations: w.conversations, Rules: rules,
		Users: &retention.UserRule{Due: user.Silent, Do: w.users.ForgetSilent}, Now: w.now,
	}, retention.Budget{Documents: documents})
	w.ok(err)
}

// standing are the tasks of retention that stand at a document or below it, as they
// are stored.
func (w *world) standing(document string) (tasks []string) {
	for _, d := range w.all() {
		place, _ := d.Fields["path"].(string)
		if strings.HasPrefix(d.Path, "retention/") && strings.HasPrefix(place+"/", document+"/") {
			tasks = append(tasks, d.Path)
		}
	}
	return tasks
}

// sells has zoe's phone register for bob, of whose process nobody hears before it took
// the token from her.
func (w *world) sells(token string) {
	w.Helper()
	w.memory.Before = func(writes []commit.Write) error {
		for _, one := range writes {
			if one.Path == "users/"+string(zoe) {
				return errors.New("killed")
			}
		}
		return nil
	}
	if err := w.users.PutDevice(w.ctx, "bob", user.Device{ID: "b", Platform: "android", Token: token}); err == nil {
		w.Fatal("it was not killed")
	}
	w.memory.Calm()
}

// talk fills some segments of a group, and its tail.
func (w *world) talk(g id.Group, in bool) {
	w.Helper()
	ctx := w.ctx
	her := zoe
	if !in {
		her = "ann"
	}
	say := func(n int, suffix string) group.Entry {
		return group.Entry{From: "bob", Content: fmt.Sprintf(`{"content":"%s %d %s"}`, g, n, suffix)}
	}
	var first id.Message
	for n := range 150 {
		mine := group.Entry{From: her, Content: fmt.Sprintf(`{"content":"%s","extra":"%d"}`, word, n), ClientID: fmt.Sprint(word, n), Push: &group.Push{Content: word}}
		if !in {
			mine.Content, mine.ClientID, mine.Push = `{"content":"hers"}`, fmt.Sprint(n), nil
		}
		theirs := say(n, "plain")
		switch n % 10 {
		case 0:
			uid := w.says(g, mine)
			w.ok(w.groups.Edit(ctx, g, uid, group.Edit{From: her, Content: mine.Content + " "}))
		case 1:
			mine.Expandable = true
			uid := w.says(g, mine)
			if first == "" {
				first = uid
			}
			w.ok(w.groups.SetExpansion(ctx, g, uid, "bob", map[string]string{"like": "bob"}, false))
		case 2:
			theirs.Expandable = true
			theirs.Expansion = group.Values(map[string]string{"first": "bob"})
			uid := w.says(g, theirs)
			if in {
				w.ok(w.groups.SetExpansion(ctx, g, uid, zoe, map[string]string{word: word}, false))
			}
			w.ok(w.groups.SetExpansion(ctx, g, uid, "ann", map[string]string{"like": "ann"}, false))
		case 3:
			uid := w.says(g, mine)
			w.ok(w.groups.Recall(ctx, g, uid, group.Recall{From: "ann", Admin: true}))
		case 4:
			uid := w.says(g, theirs)
			w.ok(w.groups.Recall(ctx, g, uid, group.Recall{From: her, Admin: true, Extra: "because"}))
		case 5:
			theirs.Mention = &group.Mention{Type: group.MentionUsers, Users: []id.User{her, "ann"}}
			if in {
				theirs.Content = fmt.Sprintf(`{"content":"look <&> %d","mentionedInfo":{"type":2,"userIdList":["%s","ann"]},"more":{"a":1}}`, n, zoe)
			}
			uid := w.says(g, theirs)
			if n > 100 {
				w.ok(w.groups.Recall(ctx, g, uid, group.Recall{From: "bob"}))
			}
		case 6:
			theirs.Mention, theirs.To = &group.Mention{Type: group.MentionUsers, Users: []id.User{her}}, []id.User{her}
			w.says(g, theirs)
		case 7:
			theirs.To = []id.User{her, "ann"}
			uid := w.says(g, theirs)
			w.ok(w.groups.Recall(ctx, g, uid, group.Recall{From: "bob"}))
		case 8:
			theirs.Receipt = true
			uid := w.says(g, theirs)
			_, seq, _ := uid.Parse()
			m := receipt.Message{Group: g, Seq: seq, UID: uid, From: "bob"}
			w.ok(w.receipts.Read(ctx, her, m))
			w.ok(w.receipts.Read(ctx, "ann", m))
		case 9:
			mine.Receipt = true
			uid := w.says(g, mine)
			_, seq, _ := uid.Parse()
			w.ok(w.receipts.Read(ctx, "bob", receipt.Message{Group: g, Seq: seq, UID: uid, From: her}))
		}
		w.clock.Add(100)
	}
	if in { // about what she said long ago
		w.ok(w.groups.SetExpansion(ctx, g, first, "bob", map[string]string{"late": word}, false))
	}
}

var packing = pack.New(64 << 20)

// all are the documents there are.
func (w *world) all() (docs []commit.Doc) {
	w.Helper()
	if w.memory != nil {
		return w.memory.All()
	}
	for _, collection := range []string{"groups", "segments", "roster", "receipts", "serials", "tokens", "users", "state", "presence", "retention"} {
		found, err := w.store.Query(w.ctx, commit.Query{Collection: collection, AllGroups: true})
		w.ok(err)
		docs = append(docs, found...)
	}
	return docs
}

// holds looks through every document and every object for what has one of the texts,
// and knows nothing of what is stored how, but that some of it is compressed.
func (w *world) holds(texts ...string) (found []string) {
	w.Helper()
	has := func(where string, raw []byte) {
		for _, text := range texts {
			if i := bytes.Index(raw, []byte(text)); i >= 0 {
				found = append(found, fmt.Sprintf("%s: ...%.80s", where, raw[max(i-20, 0):]))
			}
		}
	}
	for _, d := range w.all() {
		has(d.Path, []byte(d.Path))
		for field, value := range d.Fields {
			where := d.Path + " " + field
			if raw, ok := value.([]byte); ok {
				has(where, raw)
				if plain, err := packing.Unpack(raw); err == nil {
					has(where, plain)
				}
				continue
			}
			has(where, fmt.Append(nil, value))
		}
	}
	w.ok(filepath.WalkDir(w.folder, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		raw, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		has(path, raw)
		z, err := zip.NewReader(bytes.NewReader(raw), int64(len(raw)))
		if err != nil {
			return nil // no ZIP
		}
		for _, f := range z.File {
			text, err := f.Open()
			if err != nil {
				return err
			}
			plain, err := io.ReadAll(text)
			has(path+" "+f.Name, plain)
			if err != nil {
				return err
			}
		}
		return nil
	}))
	return found
}

// sees is what a member sees of a group from the begin, without what is about zoe.
func (w *world) sees(u id.User, g id.Group) (all []string) {
	w.Helper()
	h, known, err := w.groups.Head(w.ctx, g)
	w.ok(err)
	if !known {
		return nil
	}
	m, err := w.groups.Reader(h).Member(w.ctx, u)
	w.ok(err)
	view := group.View{User: u}.Of(m)
	next := int64(1)
	w.ok(w.groups.Whole(w.ctx, h, func(e group.Entry) error {
		if e.Seq != next {
			w.Errorf("seq %d of %s follows %d", e.Seq, g, next-1)
		}
		if next++; e.Kind == group.KindErased && view.Sees(e) {
			w.Errorf("%s is shown what was erased", u)
		}
		if e.Kind == group.KindMessage && view.Sees(e) && e.From != zoe {
			all = append(all, fmt.Sprint(e.Seq, e.At, e.From, e.Type, e.Receipt, e.Expandable, e.Recalled > 0, e.Expansion["like"], e.Expansion["first"], e.Mention != nil && e.Mention.Type == 1, without(e.Content)))
		}
		return nil
	}))
	return all
}

// without is a content without those whom it mentions.
func without(content string) string {
	var c map[string]any
	if json.Unmarshal([]byte(content), &c) != nil {
		return content
	}
	if info, ok := c["mentionedInfo"].(map[string]any); ok {
		info["userIdList"] = slices.DeleteFunc(info["userIdList"].([]any), func(u any) bool { return u == string(zoe) })
	}
	return fmt.Sprint(c)
}

// ofHers says of a line that it is ann's recall of a message of zoe's.
func ofHers(l hourlog.Line) bool {
	return l.From == "ann" && l.To != "others" && bytes.Contains(l.Text, []byte("RC:RcCmd"))
}

// logged are the lines of all hours' files that are not about zoe.
func (w *world) logged() (lines []string) {
	w.Helper()
	w.ok(w.logs.Lines(w.ctx, func(l hourlog.Line) error {
		if text := string(l.Text); l.From != zoe && !ofHers(l) {
			lines = append(lines, strings.ReplaceAll(text, `"`+string(zoe)+`",`, ""))
		}
		return nil
	}))
	return lines
}
