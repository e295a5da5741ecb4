package group_test

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/throng-im/throng/shared/commit"
	"github.com/throng-im/throng/shared/commit/committest"
	"github.com/throng-im/throng/shared/fault"
	"github.com/throng-im/throng/shared/group"
	"github.com/throng-im/throng/shared/id"
)

// readers are users with different pasts in a told group: always in, joined
// late, left and came back, left for good, never in.
var readers = []id.User{"ann", "bob", "cem", "dan", "eve"}

// told is a group with a random past.
type told struct {
	g       *group.Groups
	entries []group.Entry
}

// tell makes a past of so many steps, each a burst of messages that share a
// time or nearly do. Large ones seal the tail.
func tell(h *house, r *rand.Rand, steps, large int) told {
	g := h.process(group.Options{})
	ctx := h.Context()
	h.ok(g.Join(ctx, "g", []id.User{"ann", "cem", "dan"}, "G"))
	events := map[int]func() error{
		steps / 4:     func() error { return g.Quit(ctx, "g", []id.User{"cem"}) },
		steps / 3:     func() error { return g.Join(ctx, "g", []id.User{"bob"}, "Renamed") },
		steps / 2:     func() error { return g.Join(ctx, "g", []id.User{"cem"}, "") },
		steps * 2 / 3: func() error { return g.Quit(ctx, "g", []id.User{"dan"}) },
	}
	for step := range steps {
		if do := events[step]; do != nil {
			h.ok(do())
		}
		h.clock = h.clock.Add(time.Duration(r.IntN(4)) * time.Millisecond)
		burst := make([]group.Entry, 1+r.IntN(6))
		for i := range burst {
			burst[i] = said(r, large)
		}
		many(len(burst), len(burst), func(i int) {
			if _, err := g.Publish(ctx, "g", burst[i]); err != nil {
				h.Error(err)
			}
		})
	}
	return told{g, h.timeline(g, "g")}
}

func said(r *rand.Rand, large int) group.Entry {
	e := text(readers[r.IntN(len(readers))], "hi")
	if r.IntN(8) == 0 {
		e.Content = strings.Repeat("x", large)
	}
	if r.IntN(5) == 0 {
		e.To = []id.User{readers[r.IntN(3)], readers[r.IntN(3)]}
	}
	e.HideFromSender, e.Unpersisted = r.IntN(2) == 0, r.IntN(6) == 0
	if r.IntN(8) == 0 {
		e.Recalled = 1
	}
	return e
}

// want is what History has to answer, by looking at every entry there is.
func (w told) want(q group.HistoryQuery) []int64 {
	var joined int64
	for _, e := range w.entries {
		if slices.Contains(e.Users, q.View.User) {
			joined = 0
			if e.Kind == group.KindJoined {
				joined = e.Seq
			}
		}
	}
	low, high := q.From, q.To
	if q.Backward {
		low, high = q.To, q.From
	}
	entries := slices.Clone(w.entries)
	if q.Backward {
		slices.Reverse(entries)
	}
	found := []int64{}
	for _, e := range entries {
		asked := e.At >= low && e.At <= high && (e.At != q.From || q.IncludeFrom)
		kept := e.Kind == group.KindMessage && !e.Unpersisted && e.Recalled == 0 && (q.Targeted || e.To == nil)
		mine := e.From == q.View.User && !e.HideFromSender || e.From != q.View.User && (e.To == nil || slices.Contains(e.To, q.View.User))
		there := joined > 0 && (e.Seq > joined || q.View.BeforeJoin) && e.Seq > q.View.ClearedSeq && e.At > q.View.ClearedAt && e.At >= q.View.Since
		if asked && kept && mine && there && len(found) < q.Limit {
			found = append(found, e.Seq)
		}
	}
	return found
}

// TestHistoryIsWhatOneMaySee compares pages with what a look at every entry
// finds: entries that share a time, at the edges of segments, in segments that
// the head names and in older ones, both ways.
func TestHistoryIsWhatOneMaySee(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	r := rand.New(rand.NewPCG(seed, 0))
	seen := 0
	for _, size := range []struct{ steps, large int }{{6, 10}, {60, 70 << 10}, {150, 20 << 10}, {900, 200}} {
		past := tell(newHouse(t), r, size.steps, size.large)
		for range 500 {
			q := past.question(r)
			page, err := past.g.History(t.Context(), "g", q)
			if err != nil {
				t.Fatal(err)
			}
			if got, want := seqs(page), past.want(q); !slices.Equal(got, want) {
				t.Fatalf("%d steps, %+v: got %v, want %v", size.steps, q, got, want)
			}
			for _, e := range page.Entries {
				if e.Content != past.entries[e.Seq-1].Content {
					t.Fatalf("entry %d is another one", e.Seq)
				}
			}
			seen += len(page.Entries)
		}
	}
	if seen < 1000 {
		t.Errorf("only %d entries were in all pages together", seen)
	}
}

// question draws what to ask for. The instants that matter are those of entries
// and the ones beside them.
func (w told) question(r *rand.Rand) group.HistoryQuery {
	when := func() int64 { return w.entries[r.IntN(len(w.entries))].At + r.Int64N(3) - 1 }
	q := group.HistoryQuery{
		From: when(), To: when(), IncludeFrom: r.IntN(2) == 0,
		Limit: []int{1, 2, 10, 100, 5000}[r.IntN(5)], Targeted: r.IntN(2) == 0,
		View: group.View{User: readers[r.IntN(len(readers))], BeforeJoin: r.IntN(3) == 0},
	}
	if r.IntN(4) == 0 {
		q.From, q.To = 0, math.MaxInt64
	}
	if q.Backward = r.IntN(2) == 0; q.Backward == (q.From < q.To) {
		q.From, q.To = q.To, q.From
	}
	switch r.IntN(6) {
	case 0:
		q.View.ClearedSeq = r.Int64N(int64(len(w.entries)))
	case 1:
		q.View.ClearedAt = when()
	case 2:
		q.View.Since = when()
	}
	return q
}

func seqs(p group.Page) []int64 {
	out := []int64{}
	for _, e := range p.Entries {
		out = append(out, e.Seq)
	}
	return out
}

func TestWhatHistoryKeeps(t *testing.T) {
	for name, c := range map[string]struct {
		e    group.Entry
		kept bool
	}{
		"a message":                   {group.Entry{Kind: group.KindMessage}, true},
		"an edited message":           {group.Entry{Kind: group.KindMessage, Edited: 9}, true},
		"an unpersisted message":      {group.Entry{Kind: group.KindMessage, Unpersisted: true}, false},
		"a recalled message":          {group.Entry{Kind: group.KindMessage, Recalled: 9}, false},
		"a recall":                    {group.Entry{Kind: group.KindRecall, Target: 3}, true},
		"a recall of an unpersisted":  {group.Entry{Kind: group.KindRecall, Target: 3, Unpersisted: true}, false},
		"an edit":                     {group.Entry{Kind: group.KindEdit, Target: 3}, false},
		"an extension change":         {group.Entry{Kind: group.KindExpansion, Target: 3}, false},
		"a join":                      {group.Entry{Kind: group.KindJoined}, false},
		"a kind of tomorrow":          {group.Entry{Kind: "moon"}, false},
		"a new name":                  {group.Entry{Kind: group.KindRenamed}, false},
		"the end of a group":          {group.Entry{Kind: group.KindDismissed}, false},
		"those who left":              {group.Entry{Kind: group.KindLeft}, false},
		"a message that is not count": {group.Entry{Kind: group.KindMessage, Uncounted: true}, true},
	} {
		if c.e.InHistory() != c.kept {
			t.Errorf("%s: in history is %v", name, c.e.InHistory())
		}
	}
}

// TestHistoryAsksTheRoster reads as people who come and go.
func TestHistoryAsksTheRoster(t *testing.T) {
	h := newHouse(t)
	g := h.process(group.Options{})
	ctx := t.Context()
	reads := func(u id.User) int {
		t.Helper()
		page, err := g.History(ctx, "g", group.HistoryQuery{View: group.View{User: u}, To: math.MaxInt64, Limit: 10})
		h.ok(err)
		return len(page.Entries)
	}
	if n := reads("ann"); n != 0 {
		t.Errorf("a group that never was has %d entries", n)
	}
	h.ok(g.Join(ctx, "g", users("u", 3000)[:1000], "G"))
	h.ok(g.Join(ctx, "g", append(users("u", 3000)[1000:1999], "ann"), "G"))
	r, err := g.Publish(ctx, "g", text("bob", "hi"))
	h.ok(err)
	if n := reads("ann"); n != 1 {
		t.Errorf("a member reads %d entries", n)
	}
	if seq, at, err := g.End(ctx, "g", "ann"); err != nil || seq != r.Seq || at != r.At {
		t.Errorf("the end is %d at %d, %v", seq, at, err)
	}
	if seq, _, err := g.End(ctx, "g", "bob"); err != nil || seq != 0 {
		t.Errorf("for a stranger the end is %d, %v", seq, err)
	}
	page, err := g.History(ctx, "g", group.HistoryQuery{View: group.View{User: "ann"}, To: math.MaxInt64, Limit: 10})
	h.ok(err)
	if uid := page.UID(page.Entries[0].Seq); uid != r.UID {
		t.Errorf("the message is %s in history, %s to its sender", uid, r.UID)
	}
	if n := reads("bob"); n != 0 {
		t.Errorf("a stranger reads %d entries", n)
	}
	h.ok(g.Quit(ctx, "g", []id.User{"ann"}))
	if n := reads("ann"); n != 0 {
		t.Errorf("who left reads %d entries", n)
	}
	h.ok(g.Dismiss(ctx, "g", "x"))
	if n := reads("u00001"); n != 0 {
		t.Errorf("of a dismissed group a member reads %d entries", n)
	}
}

// stale remembers a document and hands it out for the newer one.
type stale struct {
	commit.Memory
	old commit.Doc
}

func (s *stale) Get(ctx context.Context, paths []string, fields ...string) ([]commit.Doc, error) {
	docs, err := s.Memory.Get(ctx, paths, fields...)
	for i, p := range paths {
		if p == s.old.Path {
			docs[i] = s.old
		}
	}
	return docs, err
}

// TestAMemberIsFoundWhileTheRosterGrows splits the roster between the reading
// of the head and that of the member's shard.
func TestAMemberIsFoundWhileTheRosterGrows(t *testing.T) {
	h := newHouse(t)
	store := new(stale)
	g := group.New(store, h.hear, group.Options{MaxMembers: 20_000})
	ctx := t.Context()
	everyone := users("a-user-whose-name-is-not-a-short-one-", 12_000)
	h.ok(g.Join(ctx, "g", everyone[:1000], "G"))
	docs, err := store.Memory.Get(ctx, []string{"groups/g"})
	h.ok(err)
	for from := 1000; from < len(everyone); from += 1000 {
		h.ok(g.Join(ctx, "g", everyone[from:from+1000], ""))
	}
	store.old = docs[0]
	for i := 0; i < len(everyone); i += 53 {
		u := everyone[i]
		if seq, _, err := g.End(ctx, "g", u); err != nil || seq != 1 {
			t.Fatalf("%s is not found: %d, %v", u, seq, err)
		}
	}
}

// careful counts reads and minds how much comes into memory at once.
type careful struct {
	committest.Counting
	t *testing.T
}

func (c *careful) Get(ctx context.Context, paths []string, fields ...string) ([]commit.Doc, error) {
	if len(paths) > 16 {
		c.t.Errorf("%d documents are read at once", len(paths))
	}
	return c.Counting.Get(ctx, paths, fields...)
}

func (c *careful) Query(ctx context.Context, q commit.Query) ([]commit.Doc, error) {
	if q.Limit == 0 || q.Limit > 16 {
		c.t.Errorf("a query is bounded to %d documents", q.Limit)
	}
	return c.Counting.Query(ctx, q)
}

// TestHistoryKeepsItsBudget counts what pages of a long history cost when the
// segments are as small as any.
func TestHistoryKeepsItsBudget(t *testing.T) {
	h := newHouse(t)
	store := &careful{committest.Counting{Memory: h.store}, t}
	g := group.New(store, h.hear, group.Options{Now: func() time.Time { return h.clock }})
	ctx := t.Context()
	h.ok(g.Join(ctx, "g", []id.User{"ann", "eve"}, "G"))
	const messages, late = 8_000, 7_500
	begin := h.clock.UnixMilli()
	for i := range messages {
		h.clock = h.clock.Add(time.Millisecond)
		e := text("app", "hello")
		switch i {
		case 500:
			e.To = []id.User{"eve"}
		case late:
			h.ok(g.Join(ctx, "g", []id.User{"late"}, ""))
			fallthrough
		default:
			e.To = []id.User{"ann", "late"}
		}
		_, err := g.Publish(ctx, "g", e)
		h.ok(err)
	}
	h.ok(g.Join(ctx, "g", []id.User{"new"}, ""))
	h.clock = h.clock.Add(time.Millisecond)
	_, err := g.Publish(ctx, "g", text("app", "for all"))
	h.ok(err)
	end, middle := h.clock.UnixMilli(), begin+messages/2
	for name, c := range map[string]struct {
		user     id.User
		from, to int64
		limit    int
		budget   int64
		want     int
	}{
		"the newest 100":                 {"ann", end, 0, 100, 4, 100},
		"100 of today, forwards":         {"ann", end - 99, end, 100, 4, 100},
		"the newest 1,000":               {"ann", end, 0, 1000, 25, 1000},
		"the first 100":                  {"ann", 0, end, 100, 5, 100},
		"the first 1,000":                {"ann", 0, end, 1000, 25, 1000},
		"1,000 from the middle":          {"ann", middle, end, 1000, 25, 1000},
		"1,000 back from the middle":     {"ann", middle, 0, 1000, 25, 1000},
		"a moment in the middle":         {"ann", middle, middle + 5, 100, 4, 6},
		"a moment in the middle, back":   {"ann", middle + 5, middle, 100, 4, 6},
		"before everything":              {"ann", 0, begin - 1, 100, 3, 0},
		"after everything":               {"ann", end + 1, end + 9, 100, 2, 0},
		"all, for one who just joined":   {"new", 0, end, 100, 3, 1},
		"the first 10 since one joined":  {"late", 0, end, 10, 3, 10},
		"all, back, for one who did":     {"new", end, 0, 100, 2, 1},
		"hardly anything for one's eyes": {"eve", end, 0, 100, 2 + 100 + 16, 1},
	} {
		before := store.Reads.Load()
		page, err := g.History(ctx, "g", group.HistoryQuery{View: group.View{User: c.user}, From: c.from, To: c.to, IncludeFrom: true, Backward: c.from > c.to, Limit: c.limit, Targeted: true})
		h.ok(err)
		if n := store.Reads.Load() - before; n > c.budget {
			t.Errorf("%s cost %d reads, the budget is %d", name, n, c.budget)
		}
		if len(page.Entries) != c.want {
			t.Errorf("%s are %d entries, want %d", name, len(page.Entries), c.want)
		}
	}
}

// TestHistoryOnFirestore reads from a real store, by the queries of old history.
func TestHistoryOnFirestore(t *testing.T) {
	g := onFirestore(t, group.Options{})
	ctx := t.Context()
	if err := g.Join(ctx, "g", []id.User{"ann"}, "G"); err != nil {
		t.Fatal(err)
	}
	// So large that every few seal, and more segments than a head names.
	many(4, 160, func(i int) {
		if _, err := g.Publish(ctx, "g", text("app", fmt.Sprint(i, strings.Repeat("x", 40<<10)))); err != nil && !fault.Is(err, fault.Unavailable) {
			t.Error(err)
		}
	})
	all, err := g.Timeline(ctx, "g", 0, 1000)
	if err != nil {
		t.Fatal(err)
	}
	past := told{g, all}
	first, last := all[0].At, all[len(all)-1].At
	for _, at := range []int64{0, first, first + (last-first)/8, first + (last-first)/2, last, last + 1} {
		for _, q := range []group.HistoryQuery{
			{From: at, To: math.MaxInt64, Limit: 7}, {From: at, To: math.MaxInt64, Limit: 1000, IncludeFrom: true},
			{From: at, Limit: 7, Backward: true}, {From: at, Limit: 1000, IncludeFrom: true, Backward: true},
		} {
			q.View.User = "ann"
			page, err := g.History(ctx, "g", q)
			if err != nil {
				t.Fatal(err)
			}
			if got, want := seqs(page), past.want(q); !slices.Equal(got, want) {
				t.Errorf("from %d, back %v: got %v, want %v", at-first, q.Backward, got, want)
			}
		}
	}
}
