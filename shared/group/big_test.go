package group_test

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/throng-im/throng/shared/commit"
	"github.com/throng-im/throng/shared/commit/committest"
	"github.com/throng-im/throng/shared/group"
	"github.com/throng-im/throng/shared/id"
)

// many lets so many callers do n things.
func many(callers, n int, do func(i int)) {
	var wg sync.WaitGroup
	next := make(chan int)
	for range callers {
		wg.Go(func() {
			for i := range next {
				do(i)
			}
		})
	}
	for i := range n {
		next <- i
	}
	close(next)
	wg.Wait()
}

// TestTwentyThousandMembers raises the limit by the setting, lets them join from
// three processes at once while people talk, so that the roster is split again
// and again under them, and counts what a message costs then.
func TestTwentyThousandMembers(t *testing.T) {
	h := newHouse(t)
	ctx := t.Context()
	const members, perCall = 20_000, 250
	processes := []*group.Groups{h.process(group.Options{MaxMembers: members}), h.process(group.Options{MaxMembers: members}), h.process(group.Options{MaxMembers: members})}
	everyone := users("u", members)
	many(12, members/perCall, func(i int) {
		g := processes[i%len(processes)]
		if err := g.Join(ctx, "big", everyone[i*perCall:(i+1)*perCall], "Big"); err != nil {
			t.Error(err)
		}
		if _, err := g.Publish(ctx, "big", text("app", fmt.Sprint(i))); err != nil {
			t.Error(err)
		}
	})
	g := processes[0]
	found, err := g.Members(ctx, "big")
	h.ok(err)
	slices.Sort(found)
	if !slices.Equal(found, everyone) {
		t.Fatalf("%d members are listed, %d joined", len(found), members)
	}
	entries := h.timeline(g, "big")
	if want := 2 * members / perCall; len(entries) != want {
		t.Errorf("%d entries, want %d", len(entries), want)
	}
	targets := map[id.User]group.Targets{}
	for _, u := range everyone {
		targets[u] = group.Targets{Version: 1, Devices: []group.Device{{ID: "phone", Platform: "android", Token: strings.Repeat("t", 160)}}}
	}
	shards := h.announced[len(h.announced)-1].Shards
	h.ok(g.SetTargets(ctx, "big", len(shards), targets))

	// Splits that the devices made due are caught up with by the next commits.
	for i := range 50 {
		_, err := g.Publish(ctx, "big", text("app", fmt.Sprint("meanwhile ", i)))
		h.ok(err)
	}
	var writes, largest int
	h.store.After = func(ws []commit.Write) error {
		writes += len(ws)
		for _, w := range ws {
			n := 0
			for _, v := range w.Fields {
				if b, ok := v.([]byte); ok {
					n += len(b)
				}
			}
			largest = max(largest, n)
		}
		return nil
	}
	for i := range 200 {
		_, err := g.Publish(ctx, "big", text("app", fmt.Sprint("after ", i)))
		h.ok(err)
	}
	if writes > 220 {
		t.Errorf("200 messages to 20,000 members took %d writes, the budget is 1.1 each", writes)
	}
	roster, err := g.Roster(ctx, "big", h.announced[len(h.announced)-1].Shards)
	h.ok(err)
	reached := 0
	roster.Each(func(_ id.User, m group.Member, t *group.Targets) {
		if m.Present() && t != nil && len(t.Devices) == 1 {
			reached++
		}
	})
	if reached != members {
		t.Errorf("%d of %d members can be pushed to", reached, members)
	}
	h.ok(g.Dismiss(ctx, "big", "app"))
	if largest > 1<<20 {
		t.Errorf("a document of %d bytes was written", largest)
	}
	if left, err := g.Members(ctx, "big"); err != nil || len(left) != 0 {
		t.Errorf("a dismissed group has %d members, %v", len(left), err)
	}
}

// weigh weighs from now on what commits carry before it is packed: what does not
// pack well must fit, too. bounded fails where one was too large.
func (h *house) weigh() (bounded func()) {
	var mu sync.Mutex
	largest := 0
	h.store.Before = func(ws []commit.Write) error {
		total := 0
		for _, w := range ws {
			n := 0
			for _, v := range w.Fields {
				if b, ok := v.([]byte); ok {
					n += len(group.Plain(b))
				}
			}
			if n > 1<<20 {
				h.Errorf("%s takes %d bytes", w.Path, n)
			}
			total += n
		}
		mu.Lock()
		defer mu.Unlock()
		largest = max(largest, total)
		return nil
	}
	return func() {
		h.Helper()
		mu.Lock()
		defer mu.Unlock()
		if largest > 3<<20 {
			h.Errorf("a commit carried %d bytes, the bound is 3 MiB", largest)
		}
	}
}

// TestLargeMessagesBackToBack sends the largest there are, so that every commit
// seals the tail, and bounds what one commit carries.
func TestLargeMessagesBackToBack(t *testing.T) {
	h := newHouse(t)
	g := h.process(group.Options{})
	ctx := t.Context()
	h.ok(g.Join(ctx, "g", []id.User{"ann"}, "G"))
	bounded := h.weigh()
	content := strings.Repeat("x", 128<<10)
	many(32, 200, func(i int) {
		if _, err := g.Publish(ctx, "g", text("app", content)); err != nil {
			t.Error(err)
		}
	})
	bounded()
	if n := len(h.timeline(g, "g")); n != 201 {
		t.Errorf("%d entries", n)
	}
}

// TestAHundredThousandMessages fills one group and reads it from both ends
// within the budgets.
func TestAHundredThousandMessages(t *testing.T) {
	h := newHouse(t)
	store := &committest.Counting{Memory: h.store}
	g := group.New(store, func(context.Context, ...[]byte) error { return nil }, group.Options{})
	ctx := t.Context()
	h.ok(g.Join(ctx, "g", []id.User{"ann"}, "G"))
	const messages = 100_000
	many(512, messages, func(i int) {
		if _, err := g.Publish(ctx, "g", text("app", strings.Repeat("hello ", 30))); err != nil {
			t.Error(err)
		}
	})
	// The last thousand one by one, so that their segments are as small as any.
	for range 1100 {
		_, err := g.Publish(ctx, "g", text("app", strings.Repeat("hello ", 30)))
		h.ok(err)
	}
	for what, read := range map[string]struct {
		budget int64
		do     func() ([]group.Entry, error)
		want   int
	}{
		"the last 50":           {3, func() ([]group.Entry, error) { return g.Newest(ctx, "g", 50) }, 50},
		"the last 1,000":        {25, func() ([]group.Entry, error) { return g.Newest(ctx, "g", 1000) }, 1000},
		"the first 1,000":       {25, func() ([]group.Entry, error) { return g.Timeline(ctx, "g", 0, 1000) }, 1000},
		"1,000 from the middle": {25, func() ([]group.Entry, error) { return g.Timeline(ctx, "g", messages/2, 1000) }, 1000},
	} {
		before := store.Reads.Load()
		entries, err := read.do()
		h.ok(err)
		if n := store.Reads.Load() - before; n > read.budget {
			t.Errorf("%s cost %d reads, the budget is %d", what, n, read.budget)
		}
		if len(entries) != read.want {
			t.Errorf("%s are %d", what, len(entries))
		}
		for i, e := range entries {
			if i > 0 && e.Seq != entries[i-1].Seq+1 {
				t.Fatalf("%s: seq %d after %d", what, e.Seq, entries[i-1].Seq)
			}
		}
	}
	if n := len(h.timeline(g, "g")); n != messages+1101 {
		t.Errorf("%d entries", n)
	}
}

// TestAClockThatJumpsBack keeps the order of a timeline, of its times, and what
// is known of keys.
func TestAClockThatJumpsBack(t *testing.T) {
	h := newHouse(t)
	g := h.process(group.Options{})
	ctx := t.Context()
	h.ok(g.Join(ctx, "g", []id.User{"ann"}, "G"))
	first, err := g.Send(ctx, "g", group.Entry{From: "ann", Type: "t", Content: "1", ClientID: "k"})
	h.ok(err)
	h.clock = h.clock.Add(-72 * time.Hour)
	second, err := g.Send(ctx, "g", group.Entry{From: "ann", Type: "t", Content: "2", ClientID: "l"})
	h.ok(err)
	again, err := g.Send(ctx, "g", group.Entry{From: "ann", Type: "t", Content: "1", ClientID: "k"})
	h.ok(err)
	if second.At < first.At || second.Seq != first.Seq+1 || again != first {
		t.Errorf("%+v, %+v, %+v", first, second, again)
	}
	h.ok(g.Quit(ctx, "g", []id.User{"ann"}))
	h.clock = h.clock.Add(-72 * time.Hour)
	h.ok(g.Join(ctx, "g", []id.User{"ann", "bob"}, ""))
	h.timeline(g, "g")
	roster, err := g.Roster(ctx, "g", h.announced[len(h.announced)-1].Shards)
	h.ok(err)
	present := map[id.User]bool{}
	roster.Each(func(u id.User, m group.Member, _ *group.Targets) { present[u] = m.Present() })
	if !maps.Equal(present, map[id.User]bool{"ann": true, "bob": true}) {
		t.Errorf("present: %v", present)
	}
}

// TestAPageIsTheSameByNameAndByQuery reads pages that begin anywhere, near and
// far from the end, and compares them with the whole.
func TestAPageIsTheSameByNameAndByQuery(t *testing.T) {
	h := newHouse(t)
	g := h.process(group.Options{})
	ctx := t.Context()
	h.ok(g.Join(ctx, "g", []id.User{"ann"}, "G"))
	for i := range 40 { // batches of different sizes make segments of different sizes
		many(1+i*7%90, 1+i*13%120, func(int) {
			if _, err := g.Publish(ctx, "g", text("app", strings.Repeat("x", 1+i*997%5000))); err != nil {
				t.Error(err)
			}
		})
	}
	whole := h.timeline(g, "g")
	for after := 0; after < len(whole); after += 17 {
		for _, limit := range []int{1, 20, 333} {
			page, err := g.Timeline(ctx, "g", int64(after), limit)
			h.ok(err)
			want := whole[after:min(after+limit, len(whole))]
			if len(page) != len(want) || page[0].Seq != want[0].Seq || page[len(page)-1].Seq != want[len(want)-1].Seq {
				t.Fatalf("%d after %d: %d entries, want %d", limit, after, len(page), len(want))
			}
		}
	}
}
