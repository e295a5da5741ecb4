package privacy_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"hash/fnv"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/throng-im/throng/shared/commit"
	"github.com/throng-im/throng/shared/group"
	"github.com/throng-im/throng/shared/hourlog"
	"github.com/throng-im/throng/shared/id"
	"github.com/throng-im/throng/shared/inbox/inboxtest"
	"github.com/throng-im/throng/shared/notify"
	"github.com/throng-im/throng/shared/privacy"
	"github.com/throng-im/throng/shared/retention"
)

// tombstones are where the name of who was erased may stand: as the names of two
// documents that say since when.
var tombstones = []string{"users/" + string(zoe) + ": ", "users/" + string(zoe) + "/state/0: "}

func (w *world) forgotten() {
	w.Helper()
	left := slices.DeleteFunc(w.holds(string(zoe), word), func(f string) bool {
		return slices.ContainsFunc(tombstones, func(t string) bool { return strings.HasPrefix(f, t) })
	})
	if list, err := w.conversations.List(w.ctx, zoe); err != nil || !list.None() {
		w.Errorf("she has conversations: %+v, %v", list, err)
	}
	w.ok(w.logs.Lines(w.ctx, func(l hourlog.Line) error {
		if ofHers(l) {
			w.Errorf("the log has what ann said of her message: %s", l.Text)
		}
		return nil
	}))
	if len(left) > 0 {
		w.Errorf("%d places still have something of her, such as\n%s", len(left), strings.Join(left[:min(len(left), 12)], "\n"))
	}
}

func (w *world) counts(find func(privacy.Options) error) map[string]int {
	w.Helper()
	n, o := map[string]int{}, w.options()
	o.Found = func(f privacy.Finding) error { n[f.What]++; return nil }
	w.ok(find(o))
	return n
}

func (w *world) findZoe() map[string]int {
	w.Helper()
	return w.counts(func(o privacy.Options) error { return privacy.FindUsers(w.ctx, o, id.People{zoe: true}) })
}

// TestNothingIsLeftOfAUser looks through everything afterwards, and at what others
// said: they miss nothing, and see nothing that was not theirs to see.
func TestNothingIsLeftOfAUser(t *testing.T) {
	w := newWorld(t)
	w.live()
	// Of the users she is the last, so that this is where two tasks stand.
	w.retains(retention.Rules{OfflineDays: 7, HistoryMonths: 6}, 0)
	if n := len(w.holds(string(zoe))); n < 50 {
		t.Fatalf("only %d places had her", n)
	}
	found := w.findZoe()
	for what, least := range map[string]int{
		privacy.Profile: 1, privacy.Conversations: 1, privacy.Token: 2, privacy.Connection: 2, privacy.Membership: 4,
		privacy.Entry: 300, privacy.Receipt: 45, privacy.LogLine: 300, privacy.Progress: 2,
	} {
		if found[what] < least {
			t.Errorf("found %d of %s, there are %d", found[what], what, least)
		}
	}
	before := map[string][]string{"log": w.logged()}
	groups := []id.Group{"team", "left", "ended", "others"}
	for _, g := range groups {
		for _, u := range []id.User{"ann", "bob"} {
			before[string(u)+string(g)] = w.sees(u, g)
		}
	}
	erased := w.counts(func(o privacy.Options) error { return privacy.EraseUsers(w.ctx, o, id.People{zoe: true}) })
	for what, n := range found {
		if erased[what] < n {
			t.Errorf("erased %d of %s, found %d", erased[what], what, n)
		}
	}
	w.forgotten()
	if again := w.findZoe(); len(again) > 0 {
		t.Errorf("found once more: %v", again)
	}
	for _, g := range groups {
		for _, u := range []id.User{"ann", "bob"} {
			same(t, fmt.Sprintf("what %s sees of %s", u, g), w.sees(u, g), before[string(u)+string(g)])
		}
	}
	same(t, "the log", w.logged(), before["log"])
	if s, err := w.users.Standing(w.ctx, zoe); err != nil || s.Accepts(w.now().Add(-time.Second)) {
		t.Errorf("her tokens still count: %v", err)
	}

	receipts, keys := 0, map[int64]bool{}
	for n := range 150 {
		h := fnv.New64a()
		_, _ = h.Write(fmt.Append(nil, zoe, "\x00", word, n))
		keys[int64(h.Sum64())] = true
	}
	for _, d := range w.all() {
		stored, _ := d.Fields["keys"].([]int64)
		if slices.ContainsFunc(stored, func(k int64) bool { return keys[k] }) {
			t.Errorf("%s has a hash of her and a key of hers", d.Path)
		}
		if strings.Contains(d.Path, "/receipts/") {
			receipts++
		}
	}
	if receipts != 15*3+2*15 {
		t.Errorf("%d messages have receipts", receipts)
	}

	// What was announced before comes late and twice, also to a process that knows
	// nothing of it.
	w.ok(inboxtest.Follow(w.ctx, w.inbox, w.heard...))
	w.open()
	w.ok(inboxtest.Follow(w.ctx, w.inbox, w.heard...))
	w.forgotten()

	// Whoever comes back by that name begins anew.
	w.clock.Add(2 * time.Minute.Milliseconds())
	w.ok(w.users.Register(w.ctx, zoe, "Zoe", ""))
	w.ok(w.groups.Join(w.ctx, "team", []id.User{zoe}, ""))
	list, err := w.conversations.List(w.ctx, zoe)
	if w.ok(err); !list.Conversations["team"].Present() || len(list.Conversations) != 1 {
		t.Errorf("her conversations: %+v", list.Conversations)
	}
	if got := w.sees(zoe, "team"); len(got) != 0 {
		t.Errorf("she sees what was before: %v", got[0])
	}
	w.says("team", group.Entry{From: "bob", Content: "welcome"})
	if got := w.sees(zoe, "team"); len(got) != 1 {
		t.Errorf("she sees %d messages", len(got))
	}
	for n := range 150 {
		if n%10 > 1 {
			continue
		}
		uid := w.says("team", group.Entry{From: zoe, Content: "anew", ClientID: fmt.Sprint(word, n)})
		if _, e, err := w.groups.Find(w.ctx, uid); err != nil || e.Content != "anew" {
			t.Fatalf("a key of before: %+v %v", e, err)
		}
	}
}

func same(t *testing.T, what string, got, want []string) {
	t.Helper()
	for i := range max(len(got), len(want)) {
		if i >= len(got) || i >= len(want) || got[i] != want[i] {
			t.Errorf("%s: %d lines, want %d, and line %d is\n%.300s, want\n%.300s", what, len(got), len(want), i, at(got, i), at(want, i))
			return
		}
	}
}

func at(lines []string, i int) string {
	if i < len(lines) {
		return lines[i]
	}
	return "nothing"
}

// TestErasingIsKilled at each of its commits in turn, before or after it, and begins
// anew: in the end nothing is left.
func TestErasingIsKilled(t *testing.T) {
	for _, after := range []bool{false, true} {
		w := newWorld(t)
		w.live()
		bob := w.sees("bob", "team")
		people := id.People{zoe: true}
		for n := 1; ; n++ {
			died := w.memory.Die(n, after)
			w.open()
			o := w.options()
			o.Found = func(privacy.Finding) error {
				if died() {
					return errors.New("dead, too, for who listens")
				}
				return nil
			}
			err := privacy.EraseUsers(w.ctx, o, people)
			w.memory.Calm()
			if !died() {
				w.ok(err)
				break
			}
			if n > 500 {
				t.Fatal("it never comes to an end")
			}
			if n > 5 {
				n += n / 2 // later ones begin where little is left
			}
		}
		w.forgotten()
		same(t, "what bob sees", w.sees("bob", "team"), bob)
		w.ok(inboxtest.Follow(w.ctx, w.inbox, w.heard...))
		w.forgotten()
	}
}

// TestErasingBesideOthers: what is answered while it works is there afterwards.
func TestErasingBesideOthers(t *testing.T) {
	w := newWorld(t)
	w.live()
	stop := make(chan struct{})
	var senders sync.WaitGroup
	sent := make([][]id.Message, 8)
	for i := range sent {
		senders.Go(func() {
			for n := 0; ; n++ {
				select {
				case <-stop:
					return
				default:
				}
				r, err := w.groups.SendAs(w.ctx, "team", group.Actor{User: "bob"}, group.Entry{From: "bob", Type: "RC:TxtMsg", Content: "x", ClientID: fmt.Sprint(i, "-", n)})
				if err != nil {
					t.Error(err)
					return
				}
				sent[i] = append(sent[i], r.UID)
			}
		})
	}
	o := w.options()
	err := privacy.EraseUsers(w.ctx, o, id.People{zoe: true})
	close(stop)
	senders.Wait()
	w.ok(err)
	n := 0
	for _, uids := range sent {
		for _, uid := range uids {
			n++
			if g, e, err := w.groups.Find(w.ctx, uid); err != nil || g != "team" || e.Content != "x" {
				t.Fatalf("message %s: %v %+v", uid, err, e)
			}
		}
	}
	if n == 0 {
		t.Error("nobody said anything meanwhile")
	}
	w.forgotten()
}

// TestNothingIsLeftOfAGroup but the head that counts on, what says whose a message id
// was, and that its members were in it.
func TestNothingIsLeftOfAGroup(t *testing.T) {
	w := newWorld(t)
	w.live()
	w.ok(w.groups.Rename(w.ctx, "team", "name-of-team"))
	w.ok(w.users.SetLevel(w.ctx, "ann", "team", notify.Every))
	w.ok(w.conversations.Pin(w.ctx, "ann", "team", true))
	w.retains(retention.Rules{OfflineDays: 7}, 0)
	find := func(o privacy.Options) error { return privacy.FindGroup(w.ctx, o, "team") }
	found := w.counts(find)
	for what, least := range map[string]int{
		privacy.Group: 1, privacy.Membership: 3, privacy.Entry: 250, privacy.Receipt: 45, privacy.Level: 2, privacy.Conversation: 3, privacy.LogLine: 150,
	} {
		if found[what] < least {
			t.Errorf("found %d of %s, there are %d", found[what], what, least)
		}
	}
	others := w.sees("bob", "others")
	w.ok(privacy.EraseGroup(w.ctx, w.options(), "team"))
	if again := w.counts(find); len(again) > 0 {
		t.Errorf("found once more: %v", again)
	}
	w.ok(inboxtest.Follow(w.ctx, w.inbox, w.heard...))
	w.open()
	w.ok(inboxtest.Follow(w.ctx, w.inbox, w.heard...))
	if left := w.holds("name-of-team", `"team `); len(left) > 0 {
		t.Errorf("left: %v", left[:min(len(left), 5)])
	}
	for _, d := range w.all() {
		if strings.HasPrefix(d.Path, "groups/team/") && d.Path != "groups/team/roster/0" {
			t.Errorf("%s is there", d.Path)
		}
	}
	same(t, "what bob sees of others", w.sees("bob", "others"), others)
	list, err := w.conversations.List(w.ctx, "ann")
	if c := list.Conversations["team"]; err != nil || c.Left == 0 || c.PinnedAt != 0 {
		t.Errorf("ann's conversation is %+v, %v", c, err)
	}
	if again := w.counts(find); len(again) > 0 {
		t.Errorf("found once more after late events: %v", again)
	}

	// Whoever creates it again begins behind its end.
	last, _, err := w.groups.Head(w.ctx, "team")
	w.ok(err)
	w.ok(w.groups.Join(w.ctx, "team", []id.User{"ann"}, "new"))
	r, err := w.groups.Publish(w.ctx, "team", group.Entry{From: "ann", Type: "RC:TxtMsg", Content: "first"})
	if w.ok(err); r.Seq != last.LastSeq+2 {
		t.Errorf("the first message has seq %d behind %d", r.Seq, last.LastSeq)
	}
}

// TestRetentionForgetsAGroupInWhichItStands: where a run ended in the midst of a group's
// segments, the next one does not go on there.
func TestRetentionForgetsAGroupInWhichItStands(t *testing.T) {
	w := newWorld(t)
	w.ok(w.groups.Join(w.ctx, "team", []id.User{"ann"}, ""))
	for range 250 {
		w.says("team", group.Entry{From: "ann", Content: "hello"})
	}
	w.ok(w.groups.SetOffline(w.ctx, "team", 1))
	w.clock.Add(4 * 24 * time.Hour.Milliseconds())
	rules := retention.Rules{OfflineDays: 7}
	w.retains(rules, 8)
	if below := w.standing("groups/team/segments"); len(below) != 1 {
		t.Fatalf("%q stand in the group", below)
	}
	if found := w.counts(func(o privacy.Options) error { return privacy.FindGroup(w.ctx, o, "team") }); found[privacy.Progress] != 1 {
		t.Errorf("found %v", found)
	}
	w.ok(privacy.EraseGroup(w.ctx, w.options(), "team"))
	if tasks := w.standing("groups/team"); len(tasks) > 0 {
		t.Errorf("%q stand at the group", tasks)
	}
	w.retains(rules, 0)
}

// TestAGroupIsKilledWhileItIsErased and erased again.
func TestAGroupIsKilledWhileItIsErased(t *testing.T) {
	w := newWorld(t)
	w.live()
	for n := 1; ; n++ {
		died := w.memory.Die(n, n%2 == 0)
		w.open()
		err := privacy.EraseGroup(w.ctx, w.options(), "team")
		w.memory.Calm()
		if !died() {
			w.ok(err)
			break
		}
		if n > 100 {
			t.Fatal("it never comes to an end")
		}
	}
	if again := w.counts(func(o privacy.Options) error { return privacy.FindGroup(w.ctx, o, "team") }); len(again) > 0 {
		t.Errorf("found once more: %v", again)
	}
	if left := w.holds(`"team `, `"content":"team`); len(left) > 0 {
		t.Errorf("left: %v", left[:min(len(left), 5)])
	}
}

// TestAnExportHasAllThatSheSaid and what she set, and not the words of others.
func TestAnExportHasAllThatSheSaid(t *testing.T) {
	w := newWorld(t)
	w.live()
	var export strings.Builder
	lines := json.NewEncoder(&export)
	lines.SetEscapeHTML(false)
	o := w.options()
	o.Found = func(f privacy.Finding) error { return lines.Encode(f) }
	w.ok(privacy.FindUsers(w.ctx, o, id.People{zoe: true}))
	text := export.String()
	for n := range 150 {
		if n%10 != 0 && n%10 != 1 && n%10 != 9 {
			continue
		}
		if got := strings.Count(text, fmt.Sprintf(`\"extra\":\"%d\"`, n)); got < 3 {
			t.Errorf("message %d of 3 groups is there %d times", n, got)
		}
	}
	for _, has := range []string{word + " Z.", "faces.test", word + "-token", "22:00:00", `"d":"` + word, `"n":"` + word} {
		if !strings.Contains(text, has) {
			t.Errorf("the export has no %s", has)
		}
	}
	for _, not := range []string{"plain", "look <&>", `"first"`} {
		if strings.Contains(text, not) {
			t.Errorf("the export has the words of others: %s", not)
		}
	}
}

// TestNobodyKnown: who was never there and what was never there cost nothing and
// leave nothing.
func TestNobodyKnown(t *testing.T) {
	w := newWorld(t)
	w.ok(privacy.EraseUsers(w.ctx, w.options(), id.People{"nobody": true}))
	w.ok(privacy.EraseGroup(w.ctx, w.options(), "nothing"))
	if all := w.all(); len(all) > 0 {
		t.Errorf("left %v", all)
	}
}

// TestAGroupThatCannotBeRead holds up nothing of the rest, and is not passed over
// without a word.
func TestAGroupThatCannotBeRead(t *testing.T) {
	w := newWorld(t)
	w.live()
	w.ok(w.groups.Join(w.ctx, "broken", []id.User{"ann"}, ""))
	if _, err := w.store.Commit(w.ctx, []commit.Write{{Path: "groups/broken", Fields: commit.Fields{"tail": []byte("no entry\n")}, Merge: true}}); err != nil {
		t.Fatal(err)
	}
	people := id.People{zoe: true}
	err := privacy.EraseUsers(w.ctx, w.options(), people)
	if err == nil || !strings.Contains(err.Error(), "broken") {
		t.Errorf("erasing says %v", err)
	}
	w.forgotten()
	if err := privacy.FindUsers(w.ctx, w.options(), people); err == nil || !strings.Contains(err.Error(), "broken") {
		t.Errorf("the search says %v", err)
	}
}
