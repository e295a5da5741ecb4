package group_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/throng-im/throng/shared/commit"
	"github.com/throng-im/throng/shared/commit/committest"
	"github.com/throng-im/throng/shared/event"
	"github.com/throng-im/throng/shared/fault"
	"github.com/throng-im/throng/shared/group"
	"github.com/throng-im/throng/shared/id"
)

// house is a store with some processes working on it, and what they announced.
type house struct {
	*testing.T
	store *commit.Memory
	clock time.Time

	mu        sync.Mutex
	announced []event.Timeline
	deaf      bool
}

func newHouse(t *testing.T) *house {
	return &house{T: t, store: new(commit.Memory), clock: time.UnixMilli(1_800_000_000_000)}
}

func (h *house) process(o group.Options) *group.Groups {
	if o.Now == nil {
		o.Now = h.now
	}
	if o.Patience == 0 {
		// Whether a change of thousands of members gets in between other
		// processes within production's 20 s says how busy the machine is.
		o.Patience = 10 * time.Minute
	}
	return group.New(h.store, h.hear, o)
}

func (h *house) now() time.Time { h.mu.Lock(); defer h.mu.Unlock(); return h.clock }

func (h *house) hear(_ context.Context, payloads ...[]byte) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.deaf {
		return errors.New("nobody listens")
	}
	for _, p := range payloads {
		var e event.Timeline
		if err := json.Unmarshal(p, &e); err != nil {
			return err
		}
		h.announced = append(h.announced, e)
	}
	return nil
}

func (h *house) ok(err error) {
	h.Helper()
	if err != nil {
		h.Fatal(err)
	}
}

func (h *house) fails(err error, kind fault.Kind) {
	h.Helper()
	if !fault.Is(err, kind) {
		h.Fatalf("got %v, want %s", err, kind)
	}
}

func (h *house) timeline(g *group.Groups, name id.Group) []group.Entry {
	h.Helper()
	entries, err := g.Timeline(h.Context(), name, 0, 1<<30)
	h.ok(err)
	for i, e := range entries {
		if e.Seq != int64(i)+1 {
			h.Fatalf("entry %d has seq %d: the timeline is not dense", i, e.Seq)
		}
		if i > 0 && e.At < entries[i-1].At {
			h.Fatalf("time falls at seq %d", e.Seq)
		}
	}
	return entries
}

func users(prefix string, n int) []id.User {
	out := make([]id.User, n)
	for i := range out {
		out[i] = id.User(fmt.Sprintf("%s%05d", prefix, i))
	}
	return out
}

func text(from id.User, content string) group.Entry {
	return group.Entry{From: from, Type: "RC:TxtMsg", Content: content}
}

func TestAGroupLivesDiesAndLivesAgain(t *testing.T) {
	h := newHouse(t)
	g := h.process(group.Options{})
	ctx := t.Context()
	h.ok(g.Join(ctx, "g1", []id.User{"ann", "bob"}, "Team"))
	h.ok(g.Join(ctx, "g1", []id.User{"bob", "cem"}, "Team"))
	members, err := g.Members(ctx, "g1")
	h.ok(err)
	slices.Sort(members)
	if !slices.Equal(members, []id.User{"ann", "bob", "cem"}) {
		t.Fatalf("members are %v", members)
	}
	r, err := g.Publish(ctx, "g1", text("app", "hi"))
	h.ok(err)
	h.ok(g.Rename(ctx, "g1", "Crew"))
	h.ok(g.Quit(ctx, "g1", []id.User{"bob", "nobody"}))
	h.ok(g.Dismiss(ctx, "g1", "ann"))
	if m, _ := g.Members(ctx, "g1"); len(m) != 0 {
		t.Errorf("a dismissed group has members %v", m)
	}
	if of, _ := g.Of(ctx, "ann", 0, 0); len(of) != 0 {
		t.Errorf("ann is still in %v", of)
	}
	lost, err := g.Publish(ctx, "g1", text("app", "to nobody"))
	h.ok(err)
	if lost.Seq != 0 || len(lost.UID) != 19 {
		t.Errorf("a message to a dismissed group got %+v", lost)
	}
	_, err = g.Send(ctx, "g1", group.Entry{From: "ann", ClientID: "1"})
	h.fails(err, fault.GroupDismissed)
	h.ok(g.Join(ctx, "g1", []id.User{"dan"}, ""))
	if of, _ := g.Of(ctx, "dan", 0, 0); len(of) != 1 || of[0] != (group.Summary{ID: "g1", Name: "Crew"}) {
		t.Errorf("dan is in %v", of)
	}
	var kinds []group.Kind
	for _, e := range h.timeline(g, "g1") {
		kinds = append(kinds, e.Kind)
	}
	want := []group.Kind{group.KindJoined, group.KindJoined, group.KindMessage, group.KindRenamed, group.KindLeft, group.KindDismissed, group.KindJoined}
	if !slices.Equal(kinds, want) {
		t.Errorf("timeline is %v, want %v", kinds, want)
	}
	name, e, err := g.Find(ctx, r.UID)
	h.ok(err)
	if name != "g1" || e.Content != "hi" || e.Seq != r.Seq {
		t.Errorf("%s names %s %+v", r.UID, name, e)
	}
	for _, unknown := range []id.Message{lost.UID, "AAAA-AAAA-AAAA-AAAA", "nonsense", id.NewMessage(1, 1)} {
		if _, _, err := g.Find(ctx, unknown); !fault.Is(err, fault.NotFound) {
			t.Errorf("Find(%s): %v", unknown, err)
		}
	}
}

func TestAFullGroupLetsNobodyIn(t *testing.T) {
	h := newHouse(t)
	g := h.process(group.Options{MaxMembers: 3})
	ctx := t.Context()
	h.ok(g.Join(ctx, "g", users("u", 2), "G"))
	before := len(h.timeline(g, "g"))
	h.fails(g.Join(ctx, "g", []id.User{"x", "y"}, "Other"), fault.GroupFull)
	if m, _ := g.Members(ctx, "g"); len(m) != 2 {
		t.Errorf("half of a refused join went through: %v", m)
	}
	if of, _ := g.Of(ctx, "u00000", 0, 0); of[0].Name != "G" || len(h.timeline(g, "g")) != before {
		t.Errorf("a refused join changed the group: %v", of)
	}
	h.ok(g.Join(ctx, "g", []id.User{"x", "u00000"}, ""))
	h.ok(g.Join(ctx, "g", []id.User{"x", "u00001"}, "")) // re-joining a full group is harmless
	h.fails(g.Join(ctx, "new", users("n", 4), "N"), fault.GroupFull)
	if m, _ := g.Members(ctx, "new"); len(m) != 0 {
		t.Errorf("a refused create left %v", m)
	}
}

func TestSealingKeepsEveryEntryReadable(t *testing.T) {
	h := newHouse(t)
	g := h.process(group.Options{})
	ctx := t.Context()
	h.ok(g.Join(ctx, "g", []id.User{"ann"}, "G"))
	sizes := []int{10, 100, 131072, 40000, 1, 70000, 70000, 5}
	var want []string
	for i := range 400 {
		content := strings.Repeat("x", sizes[i%len(sizes)]) + fmt.Sprint(i)
		want = append(want, content)
		_, err := g.Publish(ctx, "g", text("app", content))
		h.ok(err)
	}
	for i, e := range h.timeline(g, "g")[1:] {
		if e.Content != want[i] {
			t.Fatalf("entry %d came back with %d bytes, want %d", e.Seq, len(e.Content), len(want[i]))
		}
	}
	some, err := g.Timeline(ctx, "g", 100, 7)
	h.ok(err)
	if len(some) != 7 || some[0].Seq != 101 {
		t.Errorf("a page after 100 begins at %d and has %d", some[0].Seq, len(some))
	}
	head, err := h.store.Get(ctx, []string{"groups/g"})
	h.ok(err)
	if n := len(head[0].Fields["tail"].([]byte)); n > 64<<10 {
		t.Errorf("the tail has %d bytes", n)
	}
	_, err = g.Publish(ctx, "g", text("app", strings.Repeat("\x01", 200_000)))
	h.fails(err, fault.TooLarge)
}

func TestTheRosterGrowsShardByShard(t *testing.T) {
	h := newHouse(t)
	g := h.process(group.Options{MaxMembers: 20000})
	ctx := t.Context()
	want := map[id.User]bool{}
	for round := range 10 {
		who := users(fmt.Sprintf("round%d-", round), 1000)
		h.ok(g.Join(ctx, "g", who, "G"))
		targets := map[id.User]group.Targets{}
		for _, u := range who {
			want[u] = true
			targets[u] = group.Targets{Version: 1, Devices: []group.Device{{ID: "d", Platform: "android", Token: strings.Repeat("t", 160)}}}
		}
		h.ok(g.SetTargets(ctx, "g", 8, targets))
	}
	h.ok(g.Quit(ctx, "g", users("round3-", 1000)))
	members, err := g.Members(ctx, "g")
	h.ok(err)
	if len(members) != 9000 {
		t.Fatalf("%d members, want 9000", len(members))
	}
	last := h.announced[len(h.announced)-1]
	roster, err := h.process(group.Options{}).Roster(ctx, "g", last.Shards)
	h.ok(err)
	seen := map[id.User]int{}
	roster.Each(func(u id.User, m group.Member, targets *group.Targets) {
		seen[u]++
		if targets == nil || len(targets.Devices) != 1 {
			t.Errorf("%s has targets %v", u, targets)
		}
		if gone := strings.HasPrefix(string(u), "round3-"); m.Present() == gone {
			t.Errorf("%s: %+v", u, m)
		}
	})
	if len(seen) != len(want) {
		t.Errorf("the roster knows %d users, want %d", len(seen), len(want))
	}
	if len(last.Shards) < 20 {
		t.Errorf("only %d shards for 10,000 members with devices", len(last.Shards))
	}
}

func TestTheSameKeyIsTheSameMessage(t *testing.T) {
	h := newHouse(t)
	g := h.process(group.Options{})
	ctx := t.Context()
	h.ok(g.Join(ctx, "g", []id.User{"ann", "bob"}, "G"))
	send := func(from id.User, key string) group.Receipt {
		t.Helper()
		e := text(from, "once")
		e.ClientID = key
		r, err := g.Send(ctx, "g", e)
		h.ok(err)
		return r
	}
	first, bobs := send("ann", "k"), send("bob", "k")
	if first == bobs {
		t.Fatal("two users' keys collided")
	}
	for _, others := range []int{0, 100, 600, 2000} { // in the tail, sealed, out of the ring
		for i := range others {
			send("bob", fmt.Sprint(others, "-", i))
		}
		before := len(h.announced)
		if again := send("ann", "k"); again != first {
			t.Errorf("after %d others the key gave %+v, not %+v", others, again, first)
		}
		if len(h.announced) != before+1 || len(h.announced[before].Entries) != 1 {
			t.Errorf("a repeated key was not announced again")
		}
	}
	if n := len(h.timeline(g, "g")); n != 1+2+2700 {
		t.Errorf("%d entries: a retry left a duplicate or lost one", n)
	}
}

// TestADeviceMessageKeepsItsBudget counts reads in a group where every key
// leaves the ring of remembered keys.
func TestADeviceMessageKeepsItsBudget(t *testing.T) {
	h := newHouse(t)
	store := &committest.Counting{Memory: h.store}
	g := group.New(store, h.hear, group.Options{})
	h.ok(g.Join(t.Context(), "g", []id.User{"ann"}, "G"))
	send := func(from, to int) int64 {
		t.Helper()
		before := store.Reads.Load()
		for i := from; i < to; i++ {
			e := text("ann", "x")
			e.ClientID = fmt.Sprint(i)
			_, err := g.Send(t.Context(), "g", e)
			h.ok(err)
		}
		return store.Reads.Load() - before
	}
	if n := send(0, 500); n > 5 {
		t.Errorf("500 messages to a quiet group cost %d reads", n)
	}
	send(500, 600)
	if n := send(600, 1600); n > 1100 {
		t.Errorf("1,000 messages to a busy group cost %d reads, the budget is 1.1 each", n)
	}
}

// TestRetriesElsewhereDoNotDuplicate sends every key through two processes at
// once, while so many keys pass that they leave the ring.
func TestRetriesElsewhereDoNotDuplicate(t *testing.T) {
	h := newHouse(t)
	h.ok(h.process(group.Options{}).Join(t.Context(), "g", []id.User{"ann"}, "G"))
	const keys, processes, workers = 1500, 2, 8
	var receipts [processes][keys]group.Receipt
	var wg sync.WaitGroup
	for p := range processes {
		g := h.process(group.Options{})
		for w := range workers {
			wg.Go(func() {
				for i := w; i < keys; i += workers {
					k := i
					if p == 1 { // the other process is behind by half of the keys
						k = (i + keys/2) % keys
					}
					e := text("ann", "x")
					e.ClientID = fmt.Sprint(k)
					r, err := g.Send(t.Context(), "g", e)
					if err != nil {
						t.Error(err)
					}
					receipts[p][k] = r
				}
			})
		}
	}
	wg.Wait()
	if receipts[0] != receipts[1] {
		t.Error("the same key got different receipts")
	}
	if n := len(h.timeline(h.process(group.Options{}), "g")); n != 1+keys {
		t.Errorf("%d entries for %d keys", n, keys)
	}
}

func TestNotAnnouncedIsNotAnswered(t *testing.T) {
	h := newHouse(t)
	g := h.process(group.Options{})
	ctx := t.Context()
	h.ok(g.Join(ctx, "g", []id.User{"ann"}, "G"))
	h.announced, h.deaf = nil, true
	e := text("ann", "hello")
	e.ClientID = "k"
	_, err := g.Send(ctx, "g", e)
	h.fails(err, fault.Unavailable)
	h.deaf = false
	r, err := h.process(group.Options{}).Send(ctx, "g", e)
	h.ok(err)
	if len(h.announced) != 1 || len(h.timeline(g, "g")) != 2 || r.Seq != 2 {
		t.Errorf("the retry got %+v, announced %d, timeline %d", r, len(h.announced), len(h.timeline(g, "g")))
	}
}

func TestSyncStatesTheWholeMembership(t *testing.T) {
	h := newHouse(t)
	g := h.process(group.Options{})
	ctx := t.Context()
	for _, name := range []id.Group{"a", "b", "c"} {
		h.ok(g.Join(ctx, name, []id.User{"ann", "bob"}, "Old "+string(name)))
	}
	h.ok(g.Sync(ctx, "ann", map[id.Group]string{"b": "New b", "c": "", "d": "D"}))
	of, err := g.Of(ctx, "ann", 0, 0)
	h.ok(err)
	if want := []group.Summary{{"b", "New b"}, {"c", "Old c"}, {"d", "D"}}; !slices.Equal(of, want) {
		t.Errorf("ann is in %v, want %v", of, want)
	}
	if page, _ := g.Of(ctx, "ann", 1, 1); len(page) != 1 || page[0].ID != "c" {
		t.Errorf("second page of one is %v", page)
	}
	h.ok(g.Sync(ctx, "ann", nil))
	if of, _ := g.Of(ctx, "ann", 0, 0); len(of) != 0 {
		t.Errorf("ann is still in %v", of)
	}
	if m, _ := g.Members(ctx, "a"); len(m) != 1 {
		t.Errorf("bob was taken along: %v", m)
	}
}

// TestASyncThatCouldNotBeAnnounced is asked for again by its caller, and finds
// the memberships as they should be.
func TestASyncThatCouldNotBeAnnounced(t *testing.T) {
	h := newHouse(t)
	clock := time.Now()
	g := h.process(group.Options{Now: func() time.Time { return clock }})
	sync := func() error { return g.Sync(t.Context(), "ann", map[id.Group]string{"a": "A"}) }
	h.deaf = true
	h.fails(sync(), fault.Unavailable)
	h.deaf = false
	h.ok(sync())
	if len(h.announced) != 1 {
		t.Errorf("the join was announced %d times", len(h.announced))
	}
	clock = clock.Add(event.RetellFor + time.Second)
	h.ok(sync())
	if len(h.announced) != 1 || len(h.timeline(g, "a")) != 1 {
		t.Errorf("a sync of what is long settled announced it again, or changed something")
	}
}

func TestOlderTargetsNeverReplaceNewer(t *testing.T) {
	h := newHouse(t)
	g := h.process(group.Options{})
	ctx := t.Context()
	h.ok(g.Join(ctx, "g", []id.User{"ann"}, "G"))
	for _, v := range []int64{2, 1, 0} {
		h.ok(g.SetTargets(ctx, "g", 1, map[id.User]group.Targets{"ann": {Version: v, Devices: make([]group.Device, v)}, "stranger": {Version: 9}}))
	}
	r, err := g.Publish(ctx, "g", text("app", "x"))
	h.ok(err)
	roster, err := g.Roster(ctx, "g", h.announced[len(h.announced)-1].Shards)
	h.ok(err)
	roster.Each(func(u id.User, m group.Member, targets *group.Targets) {
		if u != "ann" || !m.At(r.Seq) || targets.Version != 2 {
			t.Errorf("%s %+v %+v", u, m, targets)
		}
	})
}

func TestManyProcessesKeepOneDenseTimeline(t *testing.T) {
	h := newHouse(t)
	ctx := t.Context()
	h.ok(h.process(group.Options{}).Join(ctx, "g", []id.User{"ann"}, "G"))
	const processes, senders, each = 3, 8, 25
	var mu sync.Mutex
	seqs := map[int64]string{}
	var wg sync.WaitGroup
	for p := range processes {
		g := h.process(group.Options{})
		for s := range senders {
			wg.Go(func() {
				for i := range each {
					content := fmt.Sprint(p, s, i)
					r, err := g.Publish(ctx, "g", text("app", content))
					if err != nil {
						t.Error(err)
						return
					}
					mu.Lock()
					if old, taken := seqs[r.Seq]; taken {
						t.Errorf("seq %d answered for %s and %s", r.Seq, old, content)
					}
					seqs[r.Seq] = content
					mu.Unlock()
				}
			})
		}
	}
	wg.Wait()
	entries := h.timeline(h.process(group.Options{}), "g")
	if len(entries) != 1+processes*senders*each {
		t.Fatalf("%d entries", len(entries))
	}
	for _, e := range entries[1:] {
		if seqs[e.Seq] != e.Content {
			t.Errorf("seq %d holds %q, its sender was told %q", e.Seq, e.Content, seqs[e.Seq])
		}
	}
}
