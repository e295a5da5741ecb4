package group_test

import (
	"context"
	"fmt"
	"maps"
	"sync/atomic"
	"testing"
	"time"

	"github.com/throng-im/throng/shared/commit"
	"github.com/throng-im/throng/shared/commit/committest"
	"github.com/throng-im/throng/shared/group"
	"github.com/throng-im/throng/shared/id"
)

// counted counts queries and the documents they return, as Firestore bills them.
type counted struct {
	committest.Counting
	queries atomic.Int64
}

func (c *counted) Query(ctx context.Context, q commit.Query) ([]commit.Doc, error) {
	c.queries.Add(1)
	return c.Counting.Query(ctx, q)
}

func TestWhatChangedIsFoundByTime(t *testing.T) {
	h := newHouse(t)
	g := h.process(group.Options{})
	names := make([]id.Group, 1000)
	for i := range names {
		names[i] = id.Group(fmt.Sprintf("g%d", i))
		if i < 60 {
			h.ok(g.Join(t.Context(), names[i], []id.User{"ann"}, "Name"))
		}
	}
	since := h.clock.UnixMilli()
	h.clock = h.clock.Add(time.Second)
	for i := range 10 {
		_, err := g.Publish(t.Context(), names[3*i], text("bob", "news"))
		h.ok(err)
	}
	store := &counted{Counting: committest.Counting{Memory: h.store}}
	reader := group.New(store, h.hear, group.Options{})
	heads, err := reader.Changed(t.Context(), names, since)
	h.ok(err)
	if len(heads) != 10 || store.queries.Load() != 34 || store.Reads.Load() > 50 {
		t.Errorf("%d heads by %d queries and %d reads, want 10 by 34 and at most 50", len(heads), store.queries.Load(), store.Reads.Load())
	}
	for _, head := range heads {
		if head.Name != "Name" || head.LastSeq != 2 || head.Serial == 0 || head.ActiveAt != since+1000 || len(head.Tail) != 2 || head.Tail[1].Content != "news" || head.Tail[1].Seq != 2 {
			t.Errorf("head %+v", head)
		}
	}
	if heads, err := reader.Changed(t.Context(), names, since+1000); err != nil || len(heads) != 0 {
		t.Errorf("at the time of the newest entry: %v, %v", heads, err)
	}
}

func TestRecordsSaySinceWhen(t *testing.T) {
	h := newHouse(t)
	g := h.process(group.Options{})
	h.ok(g.Join(t.Context(), "one", []id.User{"ann", "an"}, "One"))
	h.ok(g.Join(t.Context(), "two", []id.User{"bob"}, "Two"))
	h.ok(g.Join(t.Context(), "two", []id.User{"ann"}, ""))
	h.ok(g.Join(t.Context(), "left", []id.User{"ann", "bob"}, "Left"))
	h.ok(g.Quit(t.Context(), "left", []id.User{"ann"}))
	records, err := g.Records(t.Context(), "ann")
	h.ok(err)
	got := map[id.Group]int64{}
	for name, m := range records {
		got[name] = m.Joined
	}
	if want := map[id.Group]int64{"one": 1, "two": 2}; !maps.Equal(got, want) {
		t.Errorf("ann is in %v, want %v", got, want)
	}
}
