package user_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/throng-im/throng/shared/commit"
	"github.com/throng-im/throng/shared/event"
	"github.com/throng-im/throng/shared/fault"
	"github.com/throng-im/throng/shared/group"
	"github.com/throng-im/throng/shared/id"
	"github.com/throng-im/throng/shared/notify"
	"github.com/throng-im/throng/shared/user"
)

// busy is a street on which ann is in many groups, and what is to be copied later.
type busy struct {
	*street
	waiting []event.Copies
	deaf    bool
	paced   atomic.Int64
}

func newBusy(t *testing.T, groups int) *busy {
	b := &busy{street: newStreet(t)}
	for i := range groups - 2 { // and hers and both
		b.ok(b.groups.Join(t.Context(), id.Group(fmt.Sprintf("g%04d", i)), []id.User{"ann"}, ""))
	}
	b.restarts()
	return b
}

func (b *busy) restarts() {
	b.street.restarts()
	b.users.Later = func(_ context.Context, payloads ...[]byte) error {
		if b.deaf {
			return errors.New("nobody listens")
		}
		for _, p := range payloads {
			var ev event.Copies
			b.ok(json.Unmarshal(p, &ev))
			b.waiting = append(b.waiting, ev)
		}
		return nil
	}
}

// takes delivers the oldest event that waits.
func (b *busy) takes() error {
	ev := b.waiting[0]
	b.waiting = b.waiting[1:]
	return b.copies(ev)
}

func (b *busy) copies(ev event.Copies) error {
	return b.users.Copy(b.Context(), ev, func(context.Context) error { b.paced.Add(1); return nil })
}

// behind are the groups whose copy is not what ann's document says.
func (b *busy) behind() (groups []id.Group) {
	b.Helper()
	all, err := b.groups.Of(b.Context(), "ann", 0, 0)
	b.ok(err)
	profiles, err := b.users.Profiles(b.Context(), []id.User{"ann"})
	b.ok(err)
	for _, g := range all {
		if want, got := profiles["ann"].Targets(g.ID), copies(b.T, b.groups, b.store, g.ID, "ann"); fmt.Sprint(want) != fmt.Sprint(got) {
			groups = append(groups, g.ID)
		}
	}
	return groups
}

// TestManyGroupsFollow counts what a change costs before it is answered and what
// each event costs after it, for a user in few groups and in a thousand.
func TestManyGroupsFollow(t *testing.T) {
	for what, change := range map[string]func(*user.Users) error{
		"a device": func(u *user.Users) error {
			return u.PutDevice(t.Context(), "ann", user.Device{ID: "tablet", Platform: "ios", Token: "2"})
		},
		"a logout":      func(u *user.Users) error { return u.RemoveDevice(t.Context(), "ann", "phone") },
		"a dead token":  func(u *user.Users) error { return u.ForgetToken(t.Context(), "ann", "1") },
		"a level":       func(u *user.Users) error { return u.SetTypeLevel(t.Context(), "ann", notify.Nothing) },
		"another owner": func(u *user.Users) error { return u.PutDevice(t.Context(), "bob", user.Device{ID: "p", Token: "1"}) },
	} {
		for _, groups := range []int{20, 21, 1000} {
			b := newBusy(t, groups)
			b.ok(b.puts("ann", "phone=1"))
			for len(b.waiting) > 0 {
				b.ok(b.takes())
			}
			b.store.reads, b.store.writes = 0, 0
			b.paced.Store(0)
			b.ok(change(b.users))
			if groups == 20 {
				if len(b.waiting) > 0 || len(b.behind()) > 0 {
					t.Errorf("%s: %d events, and %v are behind", what, len(b.waiting), b.behind())
				}
				continue
			}
			if b.store.reads > 29 || b.store.writes > 10 || len(b.waiting) != 1 {
				t.Errorf("%s in %d groups: answered after %d reads, %d writes and %d events", what, groups, b.store.reads, b.store.writes, len(b.waiting))
			}
			if n := len(b.behind()); n != groups {
				t.Errorf("%s in %d groups: %d are behind when it is answered", what, groups, n)
			}
			events := 0
			for ; len(b.waiting) > 0; events++ {
				b.store.writes = 0
				b.ok(b.takes())
				if b.store.writes > 51 { // 25 heads, 25 rosters, the user in the end
					t.Errorf("%s: an event writes %d documents", what, b.store.writes)
				}
			}
			if left := b.behind(); len(left) > 0 || events != (groups+24)/25 || b.paced.Load() != int64(groups) {
				t.Errorf("%s in %d groups: %d are behind after %d events and %d pauses", what, groups, len(left), events, b.paced.Load())
			}
			b.store.reads, b.store.writes = 0, 0
			b.ok(change(b.users))
			if b.store.writes > 0 || len(b.waiting) > 0 {
				t.Errorf("%s again: %d writes, %d events", what, b.store.writes, len(b.waiting))
			}
		}
	}
}

// TestCopiesTwiceLateAndShuffled changes one thing after the other, with every event
// kept; then they come in any order, many of them twice, with what they ask for.
func TestCopiesTwiceLateAndShuffled(t *testing.T) {
	for seed := range uint64(20) {
		b, r := newBusy(t, 60), rand.New(rand.NewPCG(seed, 0))
		for i := range 3 {
			b.ok(b.puts("ann", fmt.Sprint("phone=", i)))
			if i == 1 {
				b.ok(b.takes()) // one part of something is done when the next change comes
			}
		}
		for len(b.waiting) > 0 {
			i := r.IntN(len(b.waiting))
			ev := b.waiting[i]
			if r.IntN(3) > 0 {
				b.waiting = append(b.waiting[:i:i], b.waiting[i+1:]...)
			}
			if r.IntN(10) == 0 {
				b.restarts()
			}
			b.ok(b.copies(ev))
		}
		if left := b.behind(); len(left) > 0 {
			t.Fatalf("seed %d: %v are behind", seed, left)
		}
		docs, err := b.store.Get(t.Context(), []string{"users/ann"})
		b.ok(err)
		if f := docs[0].Fields; f["copied"] != f["revision"] {
			t.Errorf("seed %d: revision %v was copied of %v", seed, f["copied"], f["revision"])
		}
	}
}

// TestAnOlderChangeNeedsNoNewerEvent: the events of a change end well, with all that
// is newer, though the newer change was never announced; and that asks again.
func TestAnOlderChangeNeedsNoNewerEvent(t *testing.T) {
	b := newBusy(t, 60)
	b.ok(b.puts("ann", "phone=1"))
	b.ok(b.takes())
	b.deaf = true
	if err := b.puts("ann", "phone=2"); !fault.Is(err, fault.Unavailable) {
		t.Fatalf("a change that was not announced: %v", err)
	}
	b.deaf = false
	for len(b.waiting) > 0 {
		b.ok(b.takes())
	}
	for _, g := range b.behind() {
		if got := copied(t, b.groups, b.store, g, "ann"); len(got) != 1 || got[0].Token != "1" {
			t.Errorf("%s has %v", g, got)
		}
	}
	b.ok(b.puts("ann", "phone=2"))
	for len(b.waiting) > 0 {
		b.ok(b.takes())
	}
	if left := b.behind(); len(left) > 0 {
		t.Errorf("%v are behind", left)
	}
}

// TestAGroupThatCannotBeWrittenHoldsNobodyUp has one that fails for good, and one
// that fails for a while.
func TestAGroupThatCannotBeWrittenHoldsNobodyUp(t *testing.T) {
	b := newBusy(t, 60)
	b.ok(b.puts("ann", "phone=1"))
	broken, short := "groups/g0003", "groups/g0040"
	var mu sync.Mutex // groups are written beside each other
	b.store.Before = func(ws []commit.Write) error {
		mu.Lock()
		defer mu.Unlock()
		switch ws[len(ws)-1].Path {
		case broken:
			return errors.New("permission denied")
		case short:
			short = ""
			return fault.New(fault.Unavailable, "for a while")
		}
		return nil
	}
	failures := 0
	for len(b.waiting) > 0 {
		ev := b.waiting[0]
		if err := b.takes(); err != nil {
			failures++
			b.waiting = append(b.waiting, ev)
		}
	}
	if left := b.behind(); fmt.Sprint(left) != "[g0003]" || failures != 1 {
		t.Errorf("%v are behind, and %d events failed", left, failures)
	}
	b.store.Calm()
	b.ok(b.puts("ann", "phone=1"))
	for len(b.waiting) > 0 {
		b.ok(b.takes())
	}
	if left := b.behind(); len(left) > 0 {
		t.Errorf("asked again, %v are behind", left)
	}
}

// TestALevelOfOneGroupWaitsForNoEvent sets one for a user in many groups.
func TestALevelOfOneGroupWaitsForNoEvent(t *testing.T) {
	b := newBusy(t, 60)
	b.ok(b.puts("ann", "phone=1"))
	for len(b.waiting) > 0 {
		b.ok(b.takes())
	}
	b.ok(b.users.SetLevel(t.Context(), "ann", "g0007", notify.Nothing))
	if got := copies(t, b.groups, b.store, "g0007", "ann"); got.Level != notify.Nothing || len(b.waiting) > 0 {
		t.Errorf("the copy is %+v, with %d events", got, len(b.waiting))
	}
}

// TestCopiesOfWhoLeftEverything ends an event for a user who is in no group.
func TestCopiesOfWhoLeftEverything(t *testing.T) {
	b := newBusy(t, 30)
	b.ok(b.puts("ann", "phone=1"))
	b.ok(b.groups.Sync(t.Context(), "ann", nil))
	b.ok(b.takes())
	if len(b.waiting) > 0 {
		t.Errorf("%d events go on", len(b.waiting))
	}
	var none group.Targets
	if got := copies(t, b.groups, b.store, "both", "ann"); fmt.Sprint(got) != fmt.Sprint(none) {
		t.Errorf("a copy was made: %+v", got)
	}
}
