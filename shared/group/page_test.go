package group_test

import (
	"context"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/throng-im/throng/shared/commit"
	"github.com/throng-im/throng/shared/commit/committest"
	"github.com/throng-im/throng/shared/fault"
	"github.com/throng-im/throng/shared/group"
	"github.com/throng-im/throng/shared/id"
)

// TestPagesBySeqCoverEverything turns pages in both directions, from the ends and
// from anywhere, and compares them with a look at every entry.
func TestPagesBySeqCoverEverything(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	r := rand.New(rand.NewPCG(seed, 0))
	pages := 0
	for _, size := range []struct{ steps, large int }{{6, 10}, {60, 70 << 10}, {150, 20 << 10}, {900, 200}} {
		past := tell(newHouse(t), r, size.steps, size.large)
		last := past.entries[len(past.entries)-1].Seq
		for range 60 {
			q := past.question(r)
			q.Before, q.After, q.Limit = 0, 0, 1+r.IntN(40)
			if r.IntN(3) == 0 {
				q.View.Deleted = []int64{1 + r.Int64N(last), 1 + r.Int64N(last)}
				slices.Sort(q.View.Deleted)
			}
			if q.Backward = r.IntN(2) == 0; q.Backward {
				q.From, q.To = math.MaxInt64, 0
				if r.IntN(3) > 0 {
					q.Before = 1 + r.Int64N(last+5)
				}
			} else {
				q.From, q.To = 0, math.MaxInt64
				if r.IntN(3) > 0 {
					q.After = r.Int64N(last + 5)
				}
			}
			if r.IntN(4) == 0 {
				q.Bytes = 1 + r.IntN(30<<10)
			}
			all := q
			all.Limit, all.IncludeFrom = math.MaxInt-1, true
			want := slices.DeleteFunc(past.want(all), func(seq int64) bool {
				return slices.Contains(q.View.Deleted, seq) || q.Before > 0 && seq >= q.Before || seq <= q.After
			})
			got := []int64{}
			for {
				p, err := past.g.Messages(t.Context(), "g", q)
				if fault.Is(err, fault.NotMember) && len(want) == 0 {
					break
				}
				if err != nil {
					t.Fatal(err)
				}
				got, pages = append(got, seqs(p)...), pages+1
				if len(p.Entries) > q.Limit {
					t.Fatalf("%+v has %d entries", q, len(p.Entries))
				}
				if p.Next == 0 {
					break
				}
				if q.Backward {
					q.Before = p.Next
				} else {
					q.After = p.Next
				}
			}
			if !slices.Equal(got, want) {
				t.Fatalf("%+v: all pages are %v, want %v", q, got, want)
			}
			// Each message by itself is what the pages show.
			for range 5 {
				seq := 1 + r.Int64N(last+2)
				e, err := past.g.Message(t.Context(), "g", uidOf(t, past.g, seq), q)
				whole := q
				whole.Backward, whole.IncludeFrom, whole.From, whole.To, whole.Limit = false, true, 0, math.MaxInt64, math.MaxInt-1
				shown := slices.Contains(past.want(whole), seq) && !slices.Contains(q.View.Deleted, seq)
				if shown != (err == nil) || shown && e.Seq != seq || !shown && !fault.Is(err, fault.NotFound) && !fault.Is(err, fault.NotMember) {
					t.Fatalf("%+v: message %d is %+v, %v; shown is %v", q.View, seq, e, err, shown)
				}
			}
		}
	}
	if pages < 300 {
		t.Errorf("only %d pages were turned", pages)
	}
}

// uidOf is the id of an entry of the group g.
func uidOf(t *testing.T, g *group.Groups, seq int64) id.Message {
	t.Helper()
	p, err := g.Messages(t.Context(), "g", group.HistoryQuery{View: group.View{User: "ann"}, Limit: 1, To: math.MaxInt64})
	if err != nil {
		t.Fatal(err)
	}
	return p.UID(seq)
}

// byName fails when it is asked a query.
type byName struct{ careful }

func (b *byName) Query(ctx context.Context, q commit.Query) ([]commit.Doc, error) {
	b.t.Errorf("asked for %+v", q)
	return b.careful.Query(ctx, q)
}

// TestPagesBySeqKeepTheirBudget counts reads, and minds that what the head names
// is read by name.
func TestPagesBySeqKeepTheirBudget(t *testing.T) {
	h := newHouse(t)
	old := &careful{committest.Counting{Memory: h.store}, t}
	named := &byName{careful{committest.Counting{Memory: h.store}, t}}
	write := h.process(group.Options{})
	ctx := t.Context()
	h.ok(write.Join(ctx, "g", []id.User{"ann"}, "G"))
	const messages = 5_000
	for range messages {
		h.clock = h.clock.Add(time.Millisecond)
		_, err := write.Publish(ctx, "g", text("app", "hello"))
		h.ok(err)
	}
	const end = messages + 1
	for name, c := range map[string]struct {
		before, after int64
		limit         int
		named         bool
		budget        int64
		want          int
	}{
		"the newest 20":                {0, 0, 20, true, 3, 20},
		"the newest 100":               {0, 0, 100, true, 5, 100},
		"100 before some of the named": {end - 900, 0, 100, true, 5, 100},
		"1,000 before the newest":      {end, 0, 1000, true, 25, 1000},
		"100 after some of the named":  {0, end - 900, 100, true, 5, 100},
		"the newest after one":         {0, end - 5, 100, true, 3, 5},
		"after the newest":             {0, end, 100, true, 2, 0},
		"before the first":             {1, 0, 100, true, 2, 0},
		"100 before old ones":          {1_000, 0, 100, false, 6, 100},
		"1,000 before old ones":        {2_500, 0, 1000, false, 25, 1000},
		"100 after old ones":           {0, 1_000, 100, false, 6, 100},
		"1,000 after old ones":         {0, 1_000, 1000, false, 25, 1000},
	} {
		reads, g := &old.Reads, group.New(old, h.hear, group.Options{Now: h.now})
		if c.named {
			reads, g = &named.Reads, group.New(named, h.hear, group.Options{Now: h.now})
		}
		q := group.HistoryQuery{View: group.View{User: "ann", Since: 1}, Before: c.before, After: c.after, Limit: c.limit, To: math.MaxInt64}
		if c.after == 0 {
			q.Backward, q.From, q.To = true, math.MaxInt64, 0
		}
		before := reads.Load()
		p, err := g.Messages(ctx, "g", q)
		h.ok(err)
		if n := reads.Load() - before; n > c.budget {
			t.Errorf("%s cost %d reads, the budget is %d", name, n, c.budget)
		}
		if len(p.Entries) != c.want {
			t.Errorf("%s are %d messages, want %d", name, len(p.Entries), c.want)
		}
	}
	g := group.New(named, h.hear, group.Options{Now: h.now})
	before := named.Reads.Load()
	if e, err := g.Message(ctx, "g", uidOf(t, write, end-900), group.HistoryQuery{View: group.View{User: "ann"}}); err != nil || e.Seq != end-900 {
		t.Errorf("one message is %+v, %v", e, err)
	}
	if n := named.Reads.Load() - before; n > 3 {
		t.Errorf("one message cost %d reads", n)
	}
}

// TestWhoReadsNothingIsToldWhy reads as those who may not.
func TestWhoReadsNothingIsToldWhy(t *testing.T) {
	h := newHouse(t)
	g := h.process(group.Options{})
	ctx := t.Context()
	h.ok(g.Join(ctx, "g", []id.User{"ann", "bob"}, "G"))
	r, err := g.Publish(ctx, "g", text("ann", "hi"))
	h.ok(err)
	h.ok(g.Quit(ctx, "g", []id.User{"bob"}))
	expect := func(u id.User, group_ id.Group, want fault.Kind) {
		t.Helper()
		q := group.HistoryQuery{View: group.View{User: u}, Limit: 10, To: math.MaxInt64}
		_, err := g.Messages(ctx, group_, q)
		h.fails(err, want)
		_, err = g.Message(ctx, group_, r.UID, q)
		h.fails(err, want)
		_, err = g.Place(ctx, group_, u)
		h.fails(err, want)
	}
	expect("bob", "g", fault.NotMember)
	expect("eve", "g", fault.NotMember)
	expect("ann", "nowhere", fault.NotMember)
	place, err := g.Place(ctx, "g", "ann")
	h.ok(err)
	if place.Joined != 1 || place.LastSeq != 3 || place.LastAt == 0 || !slices.Equal(place.Seqs([]id.Message{r.UID, "nonsense", r.UID}), []int64{2}) {
		t.Errorf("ann's place is %+v", place)
	}
	h.ok(g.Dismiss(ctx, "g", "ann"))
	expect("ann", "g", fault.GroupDismissed)
	expect("eve", "g", fault.GroupDismissed)
}
