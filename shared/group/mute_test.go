package group_test

import (
	"fmt"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/throng-im/throng/shared/commit"
	"github.com/throng-im/throng/shared/fault"
	"github.com/throng-im/throng/shared/group"
	"github.com/throng-im/throng/shared/id"
)

// says sends a message from a user's device and returns what it was refused for.
func says(t *testing.T, g *group.Groups, name id.Group, from id.User, key string) fault.Kind {
	t.Helper()
	e := text(from, key)
	e.ClientID = key
	_, err := g.Send(t.Context(), name, e)
	if err == nil {
		return ""
	}
	return fault.Of(err).Kind
}

// TestWhoMaySpeak is the rule of mutes as a table.
func TestWhoMaySpeak(t *testing.T) {
	for i, c := range []struct {
		member, gagged, muted, allowed bool
		want                           fault.Kind
	}{
		{member: true},
		{member: true, allowed: true},
		{member: true, muted: true, want: fault.GroupMuted},
		{member: true, muted: true, allowed: true},
		{member: true, gagged: true, want: fault.Muted},
		{member: true, gagged: true, allowed: true, want: fault.Muted},
		{member: true, gagged: true, muted: true, want: fault.Muted},
		{member: true, gagged: true, muted: true, allowed: true, want: fault.Muted},
		{want: fault.NotMember},
		{gagged: true, muted: true, want: fault.NotMember},
		{muted: true, allowed: true, want: fault.NotMember},
	} {
		h := newHouse(t)
		g := h.process(group.Options{})
		ctx := t.Context()
		h.ok(g.Join(ctx, "g", []id.User{"bob"}, "G"))
		if c.member {
			h.ok(g.Join(ctx, "g", []id.User{"ann"}, ""))
		}
		if c.gagged {
			h.ok(g.Gag(ctx, "g", []id.User{"ann"}, time.Time{}))
		}
		if c.allowed {
			h.ok(g.Allow(ctx, "g", []id.User{"ann"}))
		}
		h.ok(g.Mute(ctx, "g", c.muted))
		if got := says(t, g, "g", "ann", "k"); got != c.want {
			t.Errorf("case %d, %+v: %q", i, c, got)
		}
		if r, err := g.Publish(ctx, "g", text("ann", "x")); err != nil || r.Seq == 0 {
			t.Errorf("case %d: the app's server was bound by a mute: %+v, %v", i, r, err)
		}
	}
}

func TestAGagHasItsTimes(t *testing.T) {
	h := newHouse(t)
	g := h.process(group.Options{})
	ctx := t.Context()
	start := h.clock
	h.ok(g.Join(ctx, "g", []id.User{"ann", "bob"}, "G"))
	expect := func(want ...group.Gag) {
		t.Helper()
		got, err := g.Gagged(ctx, "g")
		h.ok(err)
		if !slices.EqualFunc(got, want, func(a, b group.Gag) bool {
			return a.User == b.User && a.Start.Equal(b.Start) && a.Until.Equal(b.Until)
		}) {
			t.Errorf("gagged are %+v, want %+v", got, want)
		}
	}
	pass := func(d time.Duration) { h.mu.Lock(); defer h.mu.Unlock(); h.clock = h.clock.Add(d) }
	h.ok(g.Gag(ctx, "g", []id.User{"bob", "ann"}, start.Add(time.Hour)))
	expect(group.Gag{User: "ann", Start: start, Until: start.Add(time.Hour)}, group.Gag{User: "bob", Start: start, Until: start.Add(time.Hour)})
	pass(time.Minute)
	h.ok(g.Gag(ctx, "g", []id.User{"ann"}, time.Time{})) // a new end, the old beginning
	expect(group.Gag{User: "ann", Start: start}, group.Gag{User: "bob", Start: start, Until: start.Add(time.Hour)})
	pass(59*time.Minute - time.Millisecond)
	if got := says(t, g, "g", "bob", "early"); got != fault.Muted {
		t.Errorf("a millisecond before the end: %q", got)
	}
	pass(time.Millisecond)
	if got := says(t, g, "g", "bob", "late"); got != "" {
		t.Errorf("at the end: %q", got)
	}
	expect(group.Gag{User: "ann", Start: start})
	h.ok(g.Gag(ctx, "g", []id.User{"bob"}, start.Add(2*time.Hour)))
	expect(group.Gag{User: "ann", Start: start}, group.Gag{User: "bob", Start: start.Add(time.Hour), Until: start.Add(2 * time.Hour)})
	h.ok(g.Gag(ctx, "g", []id.User{"bob"}, start)) // an end that has passed
	h.ok(g.Ungag(ctx, "g", []id.User{"ann", "nobody"}))
	expect()
}

// TestMutesWaitForTheGroup mutes what was never created.
func TestMutesWaitForTheGroup(t *testing.T) {
	for name, mute := range map[string]func(g *group.Groups) error{
		"gag":      func(g *group.Groups) error { return g.Gag(t.Context(), "g", []id.User{"ann"}, time.Time{}) },
		"mute-all": func(g *group.Groups) error { return g.Mute(t.Context(), "g", true) },
	} {
		h := newHouse(t)
		g := h.process(group.Options{})
		ctx := t.Context()
		h.ok(mute(g))
		h.ok(g.Allow(ctx, "g", []id.User{"bob"}))
		if got := says(t, g, "g", "ann", "k"); got != fault.NotMember {
			t.Errorf("%s: a send to a group that was never created: %q", name, got)
		}
		if r, err := g.Publish(ctx, "g", text("app", "x")); err != nil || r.Seq != 0 || len(r.UID) != 19 {
			t.Errorf("%s: a message to a group that was never created: %+v, %v", name, r, err)
		}
		h.ok(g.Rename(ctx, "g", "Name"))
		h.ok(g.Quit(ctx, "g", []id.User{"ann"}))
		h.ok(g.Dismiss(ctx, "g", "ann"))
		if m, err := g.Members(ctx, "g"); err != nil || len(m) != 0 || len(h.timeline(g, "g")) != 0 || len(h.announced) != 0 {
			t.Errorf("%s: a muted group that was never created has members %v, a timeline, or was announced", name, m)
		}
		g = h.process(group.Options{})
		h.ok(g.Join(ctx, "g", []id.User{"ann", "bob"}, "G"))
		if got := says(t, g, "g", "ann", "k"); got != fault.Muted && got != fault.GroupMuted {
			t.Errorf("%s: the mute was lost: %q", name, got)
		}
		if got := says(t, g, "g", "bob", "k"); got != "" {
			t.Errorf("%s: the allowlist was lost: %q", name, got)
		}
	}
}

// TestNothingToChangeWritesNothing asks for what is so already.
func TestNothingToChangeWritesNothing(t *testing.T) {
	h := newHouse(t)
	g := h.process(group.Options{})
	ctx := t.Context()
	h.ok(g.Join(ctx, "g", []id.User{"ann"}, "G"))
	h.ok(g.Gag(ctx, "g", []id.User{"ann"}, time.Time{}))
	h.ok(g.Gag(ctx, "g", []id.User{"bob"}, h.clock.Add(time.Hour)))
	h.ok(g.Allow(ctx, "g", []id.User{"ann"}))
	h.ok(g.Mute(ctx, "g", true))
	h.ok(g.SetRemark(ctx, "g", "ann", "Annie"))
	announced := len(h.announced)
	h.store.Before = func(writes []commit.Write) error {
		t.Errorf("wrote %s", writes[len(writes)-1].Path)
		return nil
	}
	for _, err := range []error{
		g.Gag(ctx, "g", []id.User{"ann"}, time.Time{}),
		g.Gag(ctx, "g", []id.User{"bob"}, h.clock.Add(time.Hour)),
		g.Gag(ctx, "new", []id.User{"ann"}, h.clock.Add(-time.Hour)),
		g.Ungag(ctx, "g", []id.User{"cem"}),
		g.Ungag(ctx, "new", []id.User{"ann"}),
		g.Allow(ctx, "g", []id.User{"ann"}),
		g.Disallow(ctx, "g", []id.User{"bob", "cem"}),
		g.Disallow(ctx, "new", []id.User{"bob"}),
		g.Mute(ctx, "g", true),
		g.Mute(ctx, "new", false),
		g.SetRemark(ctx, "g", "ann", "Annie"),
		g.SetRemark(ctx, "g", "bob", ""),
		g.SetRemark(ctx, "new", "ann", "Annie"),
	} {
		h.ok(err)
	}
	if len(h.announced) != announced {
		t.Error("a mute was announced")
	}
}

func TestMutedGroupsAreListed(t *testing.T) {
	h := newHouse(t)
	g := h.process(group.Options{})
	ctx := t.Context()
	for _, name := range []id.Group{"a", "b", "c", "__d__"} {
		h.ok(g.Join(ctx, name, []id.User{"ann"}, "G"))
		h.ok(g.Mute(ctx, name, true))
	}
	h.ok(g.Mute(ctx, "never", true))
	h.ok(g.Mute(ctx, "b", false))
	h.ok(g.Dismiss(ctx, "c", "ann"))
	all, err := g.MutedGroups(ctx, 0, 10)
	h.ok(err)
	if want := []id.Group{"a", "c", "never", "__d__"}; !slices.Equal(all, want) {
		t.Errorf("muted are %v, want %v", all, want)
	}
	if page, err := g.MutedGroups(ctx, 1, 2); err != nil || !slices.Equal(page, []id.Group{"c", "never"}) {
		t.Errorf("a page is %v, %v", page, err)
	}
	some, err := g.Muted(ctx, []id.Group{"a", "b", "unknown", "never"})
	h.ok(err)
	if want := map[id.Group]bool{"a": true, "b": false, "unknown": false, "never": true}; !maps.Equal(some, want) {
		t.Errorf("muted are %v", some)
	}
}

// muteModel is what mutes are, one user and one thing at a time.
type muteModel struct {
	members map[id.User]bool
	until   map[id.User]time.Time // zero for ever
	allowed map[id.User]bool
	remarks map[id.User]string
	muted   bool
	dead    bool
}

func (m *muteModel) gagged(u id.User, now time.Time) bool {
	until, gagged := m.until[u]
	return gagged && (until.IsZero() || until.After(now))
}

func (m *muteModel) speaks(u id.User, now time.Time) fault.Kind {
	switch {
	case m.dead:
		return fault.GroupDismissed
	case !m.members[u]:
		return fault.NotMember
	case m.gagged(u, now):
		return fault.Muted
	case m.muted && !m.allowed[u]:
		return fault.GroupMuted
	}
	return ""
}

// TestMutesFollowTheModel does anything in any order, while time passes, in two
// processes in turn.
func TestMutesFollowTheModel(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		h := newHouse(t)
		processes := []*group.Groups{h.process(group.Options{}), h.process(group.Options{})}
		m := muteModel{members: map[id.User]bool{}, until: map[id.User]time.Time{}, allowed: map[id.User]bool{}, remarks: map[id.User]string{}}
		ctx := t.Context()
		for i := range rapid.IntRange(1, 60).Draw(r, "steps") {
			g := processes[i%2]
			u := rapid.SampledFrom([]id.User{"ann", "bob", "cem"}).Draw(r, "user")
			one := []id.User{u}
			var err error
			switch do := rapid.SampledFrom([]string{"join", "join", "quit", "dismiss", "gag", "gag", "ungag", "allow", "disallow", "mute", "unmute", "remark", "time", "say", "say"}).Draw(r, "do"); do {
			case "join":
				err, m.members[u], m.dead = g.Join(ctx, "g", one, "G"), true, false
			case "quit":
				err = g.Quit(ctx, "g", one)
				delete(m.members, u)
			case "dismiss":
				err = g.Dismiss(ctx, "g", u)
				m.dead = m.dead || len(h.timeline(g, "g")) > 0
				clear(m.members)
			case "gag":
				minutes := rapid.IntRange(0, 90).Draw(r, "minutes")
				until := time.Time{}
				if minutes > 0 {
					until = h.clock.Add(time.Duration(minutes) * time.Minute)
				}
				err, m.until[u] = g.Gag(ctx, "g", one, until), until
			case "ungag":
				err = g.Ungag(ctx, "g", one)
				delete(m.until, u)
			case "allow":
				err, m.allowed[u] = g.Allow(ctx, "g", one), true
			case "disallow":
				err = g.Disallow(ctx, "g", one)
				delete(m.allowed, u)
			case "mute", "unmute":
				m.muted = do == "mute"
				err = g.Mute(ctx, "g", m.muted)
			case "remark":
				remark := rapid.SampledFrom([]string{"", "A", "B"}).Draw(r, "remark")
				if len(h.timeline(g, "g")) > 0 { // kept for groups that were created; others depend on earlier mutes
					err, m.remarks[u] = g.SetRemark(ctx, "g", u, remark), remark
				}
			case "time":
				h.clock = h.clock.Add(time.Duration(rapid.IntRange(1, 120).Draw(r, "minutes")) * time.Minute)
			case "say":
				if got, want := says(t, g, "g", u, fmt.Sprint(i)), m.speaks(u, h.clock); got != want {
					r.Fatalf("%s says something and gets %q, want %q", u, got, want)
				}
			}
			h.ok(err)
		}
		m.check(r, h, processes[0])
	})
}

// check compares what the group says of itself with the model.
func (m *muteModel) check(r *rapid.T, h *house, g *group.Groups) {
	ctx := h.Context()
	gags, err := g.Gagged(ctx, "g")
	h.ok(err)
	allowed, err := g.Allowed(ctx, "g")
	h.ok(err)
	muted, err := g.Muted(ctx, []id.Group{"g"})
	h.ok(err)
	var listed []id.User
	for _, gag := range gags {
		if listed = append(listed, gag.User); !gag.Until.Equal(m.until[gag.User]) && !(gag.Until.IsZero() && m.until[gag.User].IsZero()) {
			r.Errorf("%s is gagged until %s, want %s", gag.User, gag.Until, m.until[gag.User])
		}
	}
	var want []id.User
	for _, u := range slices.Sorted(maps.Keys(m.until)) {
		if m.gagged(u, h.clock) {
			want = append(want, u)
		}
	}
	if !slices.Equal(listed, want) || !slices.Equal(allowed, slices.Sorted(maps.Keys(m.allowed))) || muted["g"] != m.muted {
		r.Errorf("gagged %v, want %v; allowed %v, want %v; muted %v, want %v", listed, want, allowed, m.allowed, muted, m.muted)
	}
	// The head adds up what the roster takes; read afresh, it is the same.
	if head, err := h.store.Get(ctx, []string{"groups/g"}); err == nil && head[0].Exists() {
		roster, err := h.process(group.Options{}).Roster(ctx, "g", []int64{0})
		h.ok(err)
		if want := []int64{int64(roster.Bytes())}; !slices.Equal(head[0].Fields["sizes"].([]int64), want) {
			r.Errorf("the head says that the roster takes %v bytes, it takes %v", head[0].Fields["sizes"], want)
		}
	}
	for u, remark := range m.remarks {
		if got, err := g.Remark(ctx, "g", u); err != nil || got != remark {
			r.Errorf("%s is called %q, want %q (%v)", u, got, remark, err)
		}
	}
}

// TestNoSendOvertakesAMute mutes in one process while devices send in others, on
// a store that conflicts and loses answers. A message that is sent after a mute
// was answered, and before its end was asked for, is refused everywhere, and one
// that got no answer is not there either.
func TestNoSendOvertakesAMute(t *testing.T) {
	for name, mute := range map[string]struct {
		kind fault.Kind
		set  func(g *group.Groups, on bool) error
	}{
		"mute-all": {fault.GroupMuted, func(g *group.Groups, on bool) error { return g.Mute(t.Context(), "g", on) }},
		"gag": {fault.Muted, func(g *group.Groups, on bool) error {
			if on {
				return g.Gag(t.Context(), "g", []id.User{"ann"}, time.Time{})
			}
			return g.Ungag(t.Context(), "g", []id.User{"ann"})
		}},
	} {
		t.Run(name, func(t *testing.T) {
			h := newHouse(t)
			h.ok(h.process(group.Options{}).Join(t.Context(), "g", []id.User{"ann", "bob"}, "G"))
			var commits atomic.Int64
			h.store.Before = func([]commit.Write) error {
				return []error{nil, nil, commit.ErrAborted, nil, commit.ErrUnknown, nil, nil}[commits.Add(1)%7]
			}
			h.store.After = func([]commit.Write) error {
				return []error{nil, nil, commit.ErrUnknown, nil, nil}[commits.Load()%5]
			}
			// muted counts up: it is odd from the answer to a mute to the call that ends it.
			var muted, refused, taken atomic.Int64
			var forbidden sync.Map
			done := make(chan struct{})
			var wg sync.WaitGroup
			stop := sync.OnceFunc(func() { close(done); wg.Wait() })
			defer stop()
			for p := range 3 {
				g := h.process(group.Options{})
				for s := range 3 {
					wg.Go(func() {
						for i := 0; ; i++ {
							select {
							case <-done:
								return
							default:
							}
							before, key := muted.Load(), fmt.Sprint(p, s, i)
							got := says(t, g, "g", "ann", key)
							if before%2 == 1 && before == muted.Load() {
								forbidden.Store(key, got)
							}
							switch got {
							case "":
								taken.Add(1)
							case mute.kind:
								refused.Add(1)
							case fault.Unavailable:
							default:
								t.Errorf("a send got %q", got)
							}
						}
					})
				}
			}
			muter := h.process(group.Options{})
			set := func(on bool) {
				err := mute.set(muter, on)
				for fault.Is(err, fault.Unavailable) {
					err = mute.set(muter, on)
				}
				h.ok(err)
			}
			for range 15 {
				set(true)
				muted.Add(1)
				await(t, &refused)
				muted.Add(1)
				set(false)
				await(t, &taken)
			}
			stop()
			for _, e := range h.timeline(muter, "g") {
				if got, found := forbidden.Load(e.ClientID); found {
					t.Errorf("entry %d was sent under an answered mute and got %q", e.Seq, got)
				}
			}
		})
	}
}

// await waits until something has happened ten times more.
func await(t *testing.T, count *atomic.Int64) {
	t.Helper()
	deadline := time.Now().Add(time.Minute)
	for at := count.Load(); count.Load() < at+10; time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("waited in vain for the senders")
		}
	}
}

// TestRecordsDoNotPileUp lets time pass over people who came, were muted and went.
func TestRecordsDoNotPileUp(t *testing.T) {
	h := newHouse(t)
	g := h.process(group.Options{})
	ctx := t.Context()
	h.ok(g.Join(ctx, "g", append(users("u", 50), "gagged", "allowed", "named", "stays"), "G"))
	h.ok(g.Gag(ctx, "g", append(users("u", 20), users("stranger", 20)...), h.clock.Add(time.Minute)))
	h.ok(g.Gag(ctx, "g", []id.User{"gagged"}, time.Time{}))
	h.ok(g.Allow(ctx, "g", []id.User{"allowed"}))
	h.ok(g.SetRemark(ctx, "g", "named", "N"))
	h.ok(g.Quit(ctx, "g", append(users("u", 50), "gagged", "allowed", "named")))
	h.clock = h.clock.Add(2 * time.Hour)
	h.ok(g.Join(ctx, "g", []id.User{"late"}, ""))
	h.ok(g.Quit(ctx, "g", []id.User{"late"}))
	roster, err := g.Roster(ctx, "g", h.announced[len(h.announced)-1].Shards)
	h.ok(err)
	var kept []id.User
	roster.Each(func(u id.User, m group.Member, _ *group.Targets) { kept = append(kept, u) })
	slices.Sort(kept)
	if want := []id.User{"allowed", "gagged", "late", "named", "stays"}; !slices.Equal(kept, want) {
		t.Errorf("kept are %v, want %v", kept, want)
	}
	if m := roster.Member("named"); m.Remark != "N" || m.Joined != 0 {
		t.Errorf("who left long ago and has a name is %+v", m)
	}
}
