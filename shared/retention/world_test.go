package retention_test

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"maps"
	"os"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/throng-im/throng/shared/commit"
	"github.com/throng-im/throng/shared/commit/committest"
	"github.com/throng-im/throng/shared/conversation"
	"github.com/throng-im/throng/shared/group"
	"github.com/throng-im/throng/shared/id"
	"github.com/throng-im/throng/shared/inbox"
	"github.com/throng-im/throng/shared/inbox/inboxtest"
	"github.com/throng-im/throng/shared/receipt"
	"github.com/throng-im/throng/shared/retention"
	"github.com/throng-im/throng/shared/user"
)

// TestMain has retention say nothing of each run.
func TestMain(m *testing.M) {
	slog.SetDefault(slog.New(slog.DiscardHandler))
	os.Exit(m.Run())
}

// said is a message as the one who sent it was answered.
type said struct{ seq, at int64 }

// world is an app in memory with a clock of its own, and beside it a list of what
// was said.
type world struct {
	*testing.T
	ctx           context.Context
	store         *committest.Counting
	clock         atomic.Int64
	rules         retention.Rules
	own           map[id.Group]int
	groups        *group.Groups
	receipts      *receipt.Receipts
	conversations *conversation.Conversations
	inbox         *inbox.Inbox
	mu            sync.Mutex
	log           map[id.Group][]said
}

func newWorld(t *testing.T, r retention.Rules) *world {
	w := &world{T: t, ctx: t.Context(), store: &committest.Counting{Memory: new(commit.Memory)}, own: map[id.Group]int{}, log: map[id.Group][]said{}}
	w.clock.Store(at("2026-11-24 10:00").UnixMilli())
	w.open(r)
	return w
}

// again is the same app once more, in a new process and with a store of its own.
func (w *world) again(t *testing.T) *world {
	c := &world{T: t, ctx: w.ctx, store: &committest.Counting{Memory: w.store.Clone()}, own: maps.Clone(w.own), log: maps.Clone(w.log)}
	c.clock.Store(w.clock.Load())
	c.open(w.rules)
	return c
}

func (w *world) now() time.Time { return time.UnixMilli(w.clock.Load()).UTC() }

func (w *world) passes(d time.Duration) { w.clock.Add(d.Milliseconds()) }

// open begins anew in a new process, with other settings.
func (w *world) open(r retention.Rules) {
	w.rules = r
	quiet := func(context.Context, ...[]byte) error { return nil }
	w.groups = group.New(w.store, w.hear, group.Options{Linger: -1, Now: w.now})
	w.receipts = receipt.New(w.store, quiet, 0, w.now)
	w.conversations = conversation.New(w.store, nil, 0, w.now)
	users := user.New(w.store, w.groups, nil, 0, w.now)
	w.inbox = inbox.New(w.groups, users, w.conversations, inbox.Options{Offline: time.Duration(r.OfflineDays) * 24 * time.Hour, HistoryMonths: r.HistoryMonths, Now: w.now})
}

// hear brings the users' copies of memberships up to date, as fan-out does.
func (w *world) hear(ctx context.Context, payloads ...[]byte) error {
	return inboxtest.Follow(ctx, w.inbox, payloads...)
}

func (w *world) ok(err error) {
	w.Helper()
	if err != nil {
		w.Fatal(err)
	}
}

func (w *world) join(g id.Group, users ...id.User) {
	w.Helper()
	w.ok(w.groups.Join(w.ctx, g, users, ""))
}

// says has bob say so many things, one after the other.
func (w *world) says(g id.Group, times int) {
	w.Helper()
	for range times {
		r, err := w.groups.Publish(w.ctx, g, group.Entry{From: "bob", Type: "RC:TxtMsg", Content: "hello", Receipt: true})
		w.ok(err)
		w.mu.Lock()
		w.log[g] = append(w.log[g], said{r.Seq, r.At})
		w.mu.Unlock()
	}
}

func (w *world) options() retention.Options {
	return retention.Options{Store: w.store, Groups: w.groups, Receipts: w.receipts, Conversations: w.conversations, Rules: w.rules, Now: w.now}
}

func (w *world) tick() []retention.Progress {
	w.Helper()
	all, err := retention.Run(w.ctx, w.options(), retention.Budget{})
	w.ok(err)
	return all
}

// window is from when on devices get what they missed of a group, history from when
// on it is in history.
func (w *world) window(g id.Group) int64 {
	days := w.rules.OfflineDays
	if w.own[g] > 0 {
		days = w.own[g]
	}
	return w.now().AddDate(0, 0, -days).UnixMilli()
}

func (w *world) history() int64 { return w.now().AddDate(0, -w.rules.HistoryMonths, 0).UnixMilli() }

// since are the seqs of what was said from a time on.
func (w *world) since(g id.Group, at int64) []int64 {
	w.mu.Lock()
	defer w.mu.Unlock()
	seqs := []int64{}
	for _, m := range w.log[g] {
		if m.at >= at {
			seqs = append(seqs, m.seq)
		}
	}
	return seqs
}

// synced is what ann's device gets of a group that has its entries up to a seq, and
// the seq before which it is told that entries are missing.
func (w *world) synced(g id.Group, had int64) (seqs []int64, from int64, unread int) {
	w.Helper()
	seqs, last, err := w.sync(g, had)
	w.ok(err)
	return seqs, last.From, last.Unread
}

// sync goes on until the device has everything. Of the answers it returns the last,
// with From of any.
func (w *world) sync(g id.Group, had int64) (seqs []int64, last inbox.Group, err error) {
	r := inbox.Request{Groups: map[id.Group]int64{g: had}, Limit: 200}
	w.mu.Lock()
	for other, log := range w.log {
		if other != g { // The device has these, so that its pages are of the group that is looked at.
			r.Groups[other] = log[len(log)-1].seq
		}
	}
	w.mu.Unlock()
	seqs = []int64{}
	for {
		a, err := w.inbox.Sync(w.ctx, "ann", r)
		if err != nil {
			return nil, last, err
		}
		for _, part := range a.Groups {
			r.Groups[part.ID] = part.LastSeq
			if part.ID != g {
				continue
			}
			part.From = max(part.From, last.From)
			last = part
			for _, raw := range part.Entries {
				var e struct {
					Seq  int64
					Kind group.Kind
				}
				if err := json.Unmarshal(raw, &e); err != nil {
					return nil, last, err
				}
				if e.Kind == group.KindMessage {
					seqs = append(seqs, e.Seq)
				}
			}
		}
		if r.Cursor = a.Cursor; !a.More {
			return seqs, last, nil
		}
	}
}

// queried is what the server's query shows of a group to ann, page by page.
func (w *world) queried(g id.Group) []int64 {
	w.Helper()
	seqs := []int64{}
	q := group.HistoryQuery{View: group.View{User: "ann", Since: w.history()}, From: 0, To: 1 << 60, Limit: 100}
	for {
		p, err := w.groups.History(w.ctx, g, q)
		w.ok(err)
		for _, e := range p.Entries {
			seqs = append(seqs, e.Seq)
		}
		if len(p.Entries) == 0 {
			return seqs
		}
		q.After = seqs[len(seqs)-1]
	}
}

// looks compares all doors with what was said, and what is stored.
func (w *world) looks(g id.Group) {
	w.Helper()
	w.doors(g)
	w.keeps(g)
}

// doors compares all doors with what was said.
func (w *world) doors(g id.Group) {
	w.Helper()
	joined := w.log[g][0].seq - 1
	visible := w.since(g, w.window(g))
	seqs, from, unread := w.synced(g, joined)
	if !slices.Equal(seqs, visible) {
		w.Fatalf("%s %s %s: a sync shows %s, want %s", w.now(), w.rules, g, span(seqs), span(visible))
	}
	if missing := len(visible) < len(w.log[g]); missing != (from > 0) || missing && len(visible) > 0 && from != visible[0] {
		w.Fatalf("%s %s %s: the device is told that entries are missing before %d, it got %s of %d", w.now(), w.rules, g, from, span(seqs), len(w.log[g]))
	}
	counted, err := w.inbox.Unread(w.ctx, "ann", g, false, 1)
	w.ok(err)
	if want := min(len(visible), inbox.MaxUnread); unread != want || counted.Count != want {
		w.Fatalf("%s %s %s: %d and %d unread, want %d", w.now(), w.rules, g, unread, counted.Count, want)
	}
	if w.rules.HistoryMonths > 0 {
		if got, want := w.queried(g), w.since(g, w.history()); !slices.Equal(got, want) {
			w.Fatalf("%s %s %s: the server's query shows %s, want %s", w.now(), w.rules, g, span(got), span(want))
		}
	}
}

// keeps compares what is stored of a group with the rules: all that is protected, and
// of the rest only what shares a segment or a day with it, or is in the head.
func (w *world) keeps(g id.Group) {
	w.Helper()
	stored, err := w.groups.Timeline(w.ctx, g, 0, 1<<20)
	w.ok(err)
	kept := map[int64]bool{}
	for _, e := range stored {
		kept[e.Seq] = true
	}
	for _, m := range w.log[g] {
		if m.at >= w.rules.Since(w.now(), w.own[g]) && !kept[m.seq] {
			w.Fatalf("%s %s %s: message %d of %s was removed", w.now(), w.rules, g, m.seq, time.UnixMilli(m.at).UTC())
		}
	}
	segments, err := w.groups.Segments(w.ctx, g, commit.Doc{}, 0)
	w.ok(err)
	for _, s := range segments {
		if s.Day <= w.rules.Until(w.now(), w.own[g]) {
			w.Fatalf("%s %s %s: the segment that ends at %d was not removed", w.now(), w.rules, g, s.Last)
		}
	}
}

func span(seqs []int64) string {
	if len(seqs) == 0 {
		return "nothing"
	}
	return fmt.Sprintf("%d messages from %d to %d", len(seqs), seqs[0], seqs[len(seqs)-1])
}

// documents are the paths of all documents but retention's own.
func (w *world) documents() map[string]bool {
	w.Helper()
	all := map[string]bool{}
	for _, collection := range []string{"groups", "segments", "roster", "receipts", "serials", "users", "state", "presence", "nonces"} {
		docs, err := w.store.Query(w.ctx, commit.Query{Collection: collection, AllGroups: true})
		w.ok(err)
		for _, d := range docs {
			all[d.Path] = true
		}
	}
	return all
}

// gone are the documents of before that are not there now.
func (w *world) gone(before map[string]bool) []string {
	now := w.documents()
	maps.DeleteFunc(before, func(path string, _ bool) bool { return now[path] })
	return slices.Sorted(maps.Keys(before))
}

// total adds up what tasks did.
func total(all []retention.Progress) (removed, changed, reads int) {
	for _, p := range all {
		removed, changed, reads = removed+p.Removed, changed+p.Changed, reads+p.Reads
	}
	return removed, changed, reads
}
