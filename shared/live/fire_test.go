package live_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/throng-im/throng/shared/conversation"
	"github.com/throng-im/throng/shared/cost"
	"github.com/throng-im/throng/shared/event"
	"github.com/throng-im/throng/shared/firestore/firestoretest"
	"github.com/throng-im/throng/shared/group"
	"github.com/throng-im/throng/shared/id"
	"github.com/throng-im/throng/shared/live"
)

// TestAThousandGroupsInAFewReads counts, on Firestore's emulator, what a device
// costs that connects, and that comes back to 1,000 groups of which 10 have news.
func TestAThousandGroupsInAFewReads(t *testing.T) {
	meter := new(cost.Meter)
	store := firestoretest.Open(t, meter)
	ahead := time.Duration(0)
	now := func() time.Time { return time.Now().Add(ahead) }
	groups := group.New(store, func(context.Context, ...[]byte) error { return nil }, group.Options{Now: now})
	conversations := conversation.New(store, nil, 0, now)
	s := &street{tb: t, ctx: t.Context(), groups: groups}
	h := live.New(live.Options{
		Feed: func(ctx context.Context, liveNow func(), _ func(context.Context, *event.Timeline) error) error {
			liveNow()
			<-ctx.Done()
			return nil
		},
		List: conversations.List, Groups: groups, Linger: -1, Now: now,
	})
	want, copies := map[id.Group]string{}, map[id.Group]conversation.Copied{}
	for i := range 1000 {
		g := id.Group(fmt.Sprintf("group-%03d", i))
		want[g], copies[g] = "G", conversation.Copied{Membership: conversation.Membership{Joined: 1}, At: 1}
	}
	s.ok(groups.Sync(t.Context(), "ann", want))
	s.ok(conversations.SetMemberships(t.Context(), "ann", copies))
	ahead = time.Hour
	d := &device{user: "ann"}
	connect := func(ready func() bool) (reads int64) {
		t.Helper()
		before := meter.Counts().Reads
		s.ok(s.connect(h, d, -1))
		s.eventually(func() string { return d.story() }, ready)
		reads = meter.Counts().Reads - before
		d.stop()
		<-d.on
		return reads
	}
	first := connect(func() bool { d.mu.Lock(); defer d.mu.Unlock(); return d.lastID != "" })
	ahead = 2 * time.Hour
	var talking errgroup.Group
	for i := range 10 {
		talking.Go(func() error {
			_, err := groups.Publish(t.Context(), id.Group(fmt.Sprintf("group-%03d", i*97)), group.Entry{From: "bob", Type: "RC:TxtMsg", Content: "x"})
			return err
		})
	}
	s.ok(talking.Wait())
	again := connect(func() bool {
		d.mu.Lock()
		defer d.mu.Unlock()
		return len(d.frames) == 10
	})
	if first > 2 || again > 48 {
		t.Errorf("connecting cost %d reads, coming back %d", first, again)
	}
	t.Logf("1,000 groups: %d reads to connect, %d to come back to 10 with news", first, again)
}
