package group_test

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/throng-im/throng/shared/commit"
	"github.com/throng-im/throng/shared/fault"
	"github.com/throng-im/throng/shared/group"
	"github.com/throng-im/throng/shared/id"
)

// interrupted is a store that lets something happen before it reads a segment.
type interrupted struct {
	*commit.Memory
	before func()
}

func (s *interrupted) Get(ctx context.Context, paths []string, fields ...string) ([]commit.Doc, error) {
	if strings.Contains(paths[0], "/segments/") {
		s.before()
	}
	return s.Memory.Get(ctx, paths, fields...)
}

// TestAChangeSeenBeforeItsEntryIsAnnounced lets another process recall a message
// and die, after this one has read the head and before it reads the segment: the
// head it has does not know of the recall that it must announce.
func TestAChangeSeenBeforeItsEntryIsAnnounced(t *testing.T) {
	c := newChanged(t, loaded("ann"))
	recall := func(g *group.Groups) error {
		return g.Recall(t.Context(), "g", c.uids["near"], group.Recall{From: "ann"})
	}
	var other sync.Once
	store := &interrupted{Memory: c.house.store, before: func() {
		other.Do(func() {
			c.deaf = true
			c.fails(recall(c.process(group.Options{})), fault.Unavailable)
			c.deaf = false
		})
	}}
	c.ok(recall(group.New(store, c.hear, group.Options{Now: c.now})))
	if heard := c.heard(); len(heard) != 1 || heard[0].Kind != group.KindRecall || heard[0].Seq != c.newest().Seq {
		t.Errorf("heard %+v", heard)
	}
}

// TestLargeChangesAtOnce gives many messages many large extension keys at the
// same time, and bounds what one commit and one document carry before it is
// compressed. Small messages share a segment, which has room for two such
// changes only; of the large ones each has its own.
func TestLargeChangesAtOnce(t *testing.T) {
	const messages = 20
	for size, least := range map[int]int{1: 3, 200 << 10: messages} {
		h := newHouse(t)
		g := h.process(group.Options{})
		ctx := t.Context()
		h.ok(g.Join(ctx, "g", []id.User{"ann"}, "G"))
		uids := make([]id.Message, messages)
		for i := range uids {
			m := text("ann", strings.Repeat("x", size))
			m.Expandable = true
			r, err := g.Publish(ctx, "g", m)
			h.ok(err)
			uids[i] = r.UID
		}
		bounded := h.weigh()
		set := map[string]string{}
		for i := range 100 {
			set[fmt.Sprint("key", i)] = strings.Repeat("v", 4096)
		}
		var made atomic.Int64
		many(messages, messages, func(i int) {
			switch err := g.SetExpansion(ctx, "g", uids[i], "ann", set, false); {
			case err == nil:
				made.Add(1)
			case !fault.Is(err, fault.TooLarge):
				t.Error(err)
			}
		})
		bounded()
		if n := int(made.Load()); n < least {
			t.Errorf("%d of %d messages got their keys, want %d", n, messages, least)
		}
	}
}
