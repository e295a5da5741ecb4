package live_test

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

	"github.com/throng-im/throng/shared/event"
	"github.com/throng-im/throng/shared/fault"
	"github.com/throng-im/throng/shared/group"
	"github.com/throng-im/throng/shared/id"
	"github.com/throng-im/throng/shared/live"
)

func TestEachSeesWhatIsTheirs(t *testing.T) {
	s := play(t)
	h := s.hub()
	s.ok(s.groups.Join(s.ctx, "g", []id.User{"ann", "bob", "cem"}, "G"))
	ann, bob, cem := s.phone(h, "ann"), s.phone(h, "bob"), s.phone(h, "cem")
	dee := s.phone(h, "dee")
	s.say("g", group.Entry{From: "ann"})                                                    // 2: everybody
	s.say("g", group.Entry{From: "ann", To: []id.User{"bob"}})                              // 3: bob, and ann who sent it
	s.say("g", group.Entry{From: "bob", HideFromSender: true})                              // 4: not bob
	s.ok(s.groups.Join(s.ctx, "g", []id.User{"dee"}, ""))                                   // 5
	s.say("g", group.Entry{From: "cem", To: []id.User{"cem", "dee"}, HideFromSender: true}) // 6: dee only
	s.ok(s.groups.Quit(s.ctx, "g", []id.User{"cem"}))                                       // 7
	s.say("g", group.Entry{From: "app"})                                                    // 8
	s.ok(s.groups.Dismiss(s.ctx, "g", "ann"))                                               // 9
	s.ok(s.groups.Join(s.ctx, "g", []id.User{"cem"}, ""))                                   // 10
	s.deliverAll(h)
	s.hears(ann, "g(1,8]:2,3,4,5,7,8; dismissed g@9")
	s.hears(bob, "g(1,8]:2,3,5,7,8; dismissed g@9")
	s.hears(cem, "g(1,6]:2,4,5; left g@7; joined g@10")
	s.hears(dee, "joined g@5; g(5,8]:6,7,8; dismissed g@9")
}

// TestOneEventOfManyEntries also cuts at the memberships inside.
func TestOneEventOfManyEntries(t *testing.T) {
	s := play(t)
	h := s.hub()
	s.ok(s.groups.Join(s.ctx, "g", []id.User{"ann", "bob"}, "G"))
	ann, bob := s.phone(h, "ann"), s.phone(h, "bob")
	for range 3 {
		s.say("g", group.Entry{From: "app"}) // 2..4
	}
	s.ok(s.groups.Quit(s.ctx, "g", []id.User{"bob"}))     // 5
	s.say("g", group.Entry{From: "app"})                  // 6
	s.ok(s.groups.Join(s.ctx, "g", []id.User{"bob"}, "")) // 7
	s.say("g", group.Entry{From: "app"})                  // 8
	s.mu.Lock()
	all := s.heard[h][0]
	for _, ev := range s.heard[h][1:] {
		all.Entries = append(all.Entries, ev.Entries...)
	}
	// An event may carry old entries again beside the new ones.
	all.Entries = append(all.Entries, all.Entries[0])
	s.heard[h] = []event.Timeline{all, all}
	s.mu.Unlock()
	s.deliverAll(h)
	s.hears(ann, "g(1,8]:2,3,4,5,6,7,8")
	s.hears(bob, "g(1,4]:2,3,4; left g@5; joined g@7; g(7,8]:8")
}

func TestEventsInAnyOrderArriveInOrder(t *testing.T) {
	s := play(t)
	h := s.hub(func(o *live.Options) { o.GapWait = time.Hour })
	s.ok(s.groups.Join(s.ctx, "g", []id.User{"ann", "bob"}, "G"))
	ann := s.phone(h, "ann")
	for range 4 {
		s.say("g", group.Entry{From: "app"}) // 2..5
	}
	for _, i := range []int{0, 2, 3, 0, 1, 0, 2} { // 2, 4, 5, 2, 3 and some again
		s.deliver(h, i, true)
	}
	s.hears(ann, "g(1,5]:2,3,4,5")
}

func TestAnEventThatNeverComesIsReadInstead(t *testing.T) {
	s := play(t)
	h := s.hub()
	s.ok(s.groups.Join(s.ctx, "g", []id.User{"ann", "bob"}, "G"))
	ann := s.phone(h, "ann")
	s.say("g", group.Entry{From: "app"}) // 2
	s.deliverAll(h)
	for range 3 {
		s.say("g", group.Entry{From: "app"}) // 3..5
	}
	s.deliver(h, 2, false)
	s.hears(ann, "g(1,5]:2,3,4,5")
	s.deliver(h, 0, false)
	s.say("g", group.Entry{From: "app"}) // 6
	s.deliverAll(h)
	s.hears(ann, "g(1,6]:2,3,4,5,6")
}

// TestAnEventThatOvertakesALeaving must not show its message to who left.
func TestAnEventThatOvertakesALeaving(t *testing.T) {
	s := play(t)
	h := s.hub()
	s.ok(s.groups.Join(s.ctx, "g", []id.User{"ann", "bob"}, "G"))
	ann, bob := s.phone(h, "ann"), s.phone(h, "bob")
	s.ok(s.groups.Quit(s.ctx, "g", []id.User{"bob"})) // 2
	s.say("g", group.Entry{From: "ann"})              // 3
	s.deliver(h, 1, false)
	s.hears(ann, "g(1,3]:2,3")
	s.hears(bob, "left g@2")
	s.deliver(h, 0, false)
	s.say("g", group.Entry{From: "ann"}) // 4
	s.deliverAll(h)
	s.hears(ann, "g(1,4]:2,3,4")
	s.hears(bob, "left g@2")
}

// TestAJoinThatComesVeryLate comes when the room has long gone past it, and its
// user may be gone again. Of too much that came since, the device has to ask.
func TestAJoinThatComesVeryLate(t *testing.T) {
	for n, want := range map[int]string{20: "joined g@2; g(2,23]:3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23", 520: "resync g"} {
		s := play(t)
		h := s.hub()
		s.ok(s.groups.Join(s.ctx, "g", []id.User{"ann"}, "G"))
		ann, bob, cem := s.phone(h, "ann"), s.phone(h, "bob"), s.phone(h, "cem")
		s.later.Add(int64(time.Minute))
		s.ok(s.groups.Join(s.ctx, "g", []id.User{"bob", "cem"}, "")) // 2
		s.ok(s.groups.Quit(s.ctx, "g", []id.User{"cem"}))            // 3
		s.mu.Lock()
		joined := s.heard[h][0]
		s.heard[h] = nil
		s.mu.Unlock()
		for range n {
			s.say("g", group.Entry{From: "app"})
		}
		s.mu.Lock()
		s.heard[h] = []event.Timeline{s.heard[h][n-1], joined}
		s.mu.Unlock()
		last := int64(n + 3)
		joinedAlready := n < 100 // the room looks back as far as that
		s.deliver(h, 0, false)
		if joinedAlready {
			s.eventually(func() string { return "ann has the newest: " + ann.story() }, func() bool { return ann.newest("g") == last })
		} else {
			s.eventually(func() string { return "ann is told to ask: " + ann.story() }, func() bool { return ann.story() == "resync g" })
		}
		s.deliver(h, 0, false)
		s.hears(bob, want)
		s.say("g", group.Entry{From: "app"})
		s.deliverAll(h)
		s.eventually(func() string { return "bob goes on: " + bob.story() }, func() bool { return bob.newest("g") == last+1 })
		h.Tell("cem", "end", []byte("{}"))
		s.eventually(func() string { return "cem saw " + cem.story() }, func() bool { return strings.HasSuffix(cem.story(), "end") })
		if story := cem.story(); story != "end" && story != "joined g@2; left g@3; end" && story != "resync g; end" {
			t.Errorf("cem heard %s", story)
		}
	}
}

func TestStatusMessagesPassAtOnce(t *testing.T) {
	s := play(t)
	h := s.hub()
	s.ok(s.groups.Join(s.ctx, "g", []id.User{"ann", "bob", "cem"}, "G"))
	ann, bob, cem := s.phone(h, "ann"), s.phone(h, "bob"), s.phone(h, "cem")
	raw := []byte(`{"at":5,"kind":"status","from":"ann","type":"RC:TypSts","content":"{}","to":["bob"]}`)
	s.ok(h.Deliver(s.ctx, &event.Timeline{Group: "g", Serial: 1, Entries: []json.RawMessage{raw}}))
	s.hears(ann, "status g")
	s.hears(bob, "status g")
	s.hears(cem, "")
	h.Tell("cem", "receipt", []byte(`{}`))
	s.hears(cem, "receipt")
}

func TestASlowReaderIsCutOffAndResumes(t *testing.T) {
	s := play(t)
	h := s.hub()
	s.ok(s.groups.Join(s.ctx, "g", []id.User{"ann", "bob"}, "G"))
	ann := s.phone(h, "ann")
	bob := s.phone(h, "bob")
	gate := make(chan struct{})
	s.eventually(func() string { return "bob has an id" }, func() bool {
		bob.mu.Lock()
		defer bob.mu.Unlock()
		if bob.lastID != "" {
			bob.gate = gate
		}
		return bob.gate != nil
	})
	n := 0
	for content := fmt.Sprintf("%q", strings.Repeat("x", 100<<10)); !h.Cut("bob"); n++ {
		s.say("g", group.Entry{From: "app", Content: content})
		s.deliverAll(h)
		if n > 1000 {
			t.Fatal("a reader who never reads is still waited for")
		}
	}
	s.eventually(func() string { return "ann has everything" }, func() bool { return ann.newest("g") == int64(n)+1 })
	close(gate)
	s.eventually(func() string { return "bob's connection ended" }, bob.away)
	if len(s.missedBy("bob")) == 0 {
		t.Error("what bob missed was not reported")
	}
	s.ok(s.connect(h, bob, -1))
	s.eventually(func() string { return "bob resumed: " + bob.story() }, func() bool { return bob.newest("g") == int64(n)+1 })
}

func TestWhoBreaksAwayIsPushedTo(t *testing.T) {
	s := play(t)
	h := s.hub(func(o *live.Options) { o.Linger = time.Millisecond })
	s.ok(s.groups.Join(s.ctx, "g", []id.User{"ann", "bob"}, "G"))
	for _, u := range []id.User{"ann", "bob"} {
		d := s.phone(h, u)
		first := s.say("g", group.Entry{From: "app"})
		s.deliverAll(h)
		s.eventually(func() string { return "the first message came" }, func() bool { return d.newest("g") == first })
		d.mu.Lock()
		d.budget = 10
		d.mu.Unlock()
		var other *device
		if u == "bob" {
			other = s.phone(h, u)
		}
		second := s.say("g", group.Entry{From: "app"})
		s.deliverAll(h)
		s.eventually(func() string { return "the connection ended" }, d.away)
		want := []int64{first, second}
		if other != nil {
			want = nil // another device of bob's was there
		}
		if got := s.missedBy(u); !slices.Equal(got, want) {
			t.Errorf("%s was reported to have missed %v, want %v", u, got, want)
		}
	}
}

func TestLimits(t *testing.T) {
	s := play(t)
	h := s.hub(func(o *live.Options) { o.Connections, o.PerUser = 4, 3 })
	phones := []*device{s.phone(h, "ann"), s.phone(h, "ann"), s.phone(h, "ann"), s.phone(h, "ann")}
	s.hears(phones[0], "goodbye replaced")
	s.eventually(func() string { return "the oldest went" }, func() bool { return h.Connections() == 3 })
	s.phone(h, "bob")
	err := s.connect(h, &device{user: "cem"}, -1)
	if f := fault.Of(err); f.Kind != fault.Unavailable || f.RetryAfter == 0 {
		t.Errorf("a full instance answered %v", err)
	}
	phones[1].stop()
	s.eventually(func() string { return "one went" }, func() bool { return h.Connections() == 3 })
	s.phone(h, "cem")
	s.hears(phones[2], "")
}

func TestNothingIsLeftWhenEverybodyHasGone(t *testing.T) {
	s := play(t)
	var mu sync.Mutex
	var present [][]id.User
	removed := 0
	h := s.hub(func(o *live.Options) {
		o.Presence = live.Presence{
			Set: func(_ context.Context, users []id.User) error {
				mu.Lock()
				defer mu.Unlock()
				present = append(present, users)
				return nil
			},
			Renew:  func(context.Context) error { return nil },
			Remove: func(context.Context) error { mu.Lock(); defer mu.Unlock(); removed++; return nil },
		}
	})
	s.ok(s.groups.Join(s.ctx, "g", []id.User{"ann", "bob"}, "G"))
	for round := range 3 {
		var storm sync.WaitGroup
		for i := range 50 {
			storm.Go(func() {
				d := &device{user: id.User([]string{"ann", "bob"}[i%2])}
				if err := s.connect(h, d, i*10); err != nil {
					s.Errorf("%v", err)
					return
				}
				s.say("g", group.Entry{From: "app"})
				s.mu.Lock()
				events := slices.Clone(s.heard[h])
				s.mu.Unlock()
				for _, ev := range events {
					_ = h.Deliver(s.ctx, &ev)
				}
				d.stop()
				<-d.on
			})
		}
		storm.Wait()
		s.mu.Lock()
		following := len(s.lives)
		s.mu.Unlock()
		if h.Connections() != 0 || following != 0 {
			t.Fatalf("round %d: %d connections, %d feeds are left", round, h.Connections(), following)
		}
		s.eventually(func() string { return h.Dump() }, func() bool { return h.Rooms() == 0 })
		mu.Lock()
		if removed == 0 || len(present) < removed {
			t.Errorf("presence was set %d times and removed %d times", len(present), removed)
		}
		mu.Unlock()
	}
}

func TestAFeedThatFails(t *testing.T) {
	s := play(t)
	fails := make(chan error, 1)
	starts := 0
	h := s.hub(func(o *live.Options) {
		o.Feed = func(ctx context.Context, live func(), _ func(context.Context, *event.Timeline) error) error {
			if starts++; starts == 1 {
				return errors.New("no such topic")
			}
			live()
			select {
			case err := <-fails:
				return err
			case <-ctx.Done():
				return nil
			}
		}
	})
	if err := s.connect(h, &device{user: "ann"}, -1); !fault.Is(err, fault.Unavailable) {
		t.Fatalf("without events a connection answered %v", err)
	}
	ann := s.phone(h, "ann")
	fails <- errors.New("gone")
	s.hears(ann, "goodbye interrupted")
	s.phone(h, "ann")
	s.eventually(func() string { return "only the new one is there" }, func() bool { return h.Connections() == 1 })
}

// TestACopyThatIsBehind has ann, whom the copy of her membership still lets in,
// connect after she left, and others talk. She is shown nothing of it, however far
// back her leaving is, in a room that begins with it as in one that is there.
func TestACopyThatIsBehind(t *testing.T) {
	for _, since := range []int{0, 3, 200} {
		s := play(t)
		h := s.hub()
		s.ok(s.groups.Join(s.ctx, "g", []id.User{"ann", "bob", "cem"}, "G"))
		s.byHand = true
		s.ok(s.groups.Quit(s.ctx, "g", []id.User{"ann"})) // 2
		for range since {
			s.say("g", group.Entry{From: "bob"})
		}
		s.later.Add(int64(time.Minute)) // that was before anybody connected
		before := s.phone(h, "ann")
		cem := s.phone(h, "cem")
		last := s.say("g", group.Entry{From: "bob"})
		s.deliverAll(h)
		s.eventually(func() string { return "cem: " + cem.story() }, func() bool { return cem.newest("g") == last })
		after := s.phone(h, "ann")
		last = s.say("g", group.Entry{From: "bob"})
		s.deliverAll(h)
		s.eventually(func() string { return "cem: " + cem.story() }, func() bool { return cem.newest("g") == last })
		s.fanOutAll() // and now the hub is told
		s.deliverAll(h)
		h.Tell("ann", "end", []byte("{}"))
		for _, d := range []*device{before, after} {
			s.eventually(func() string { return "ann: " + d.story() }, func() bool { return strings.HasSuffix(d.story(), "end") })
			if story := d.story(); strings.Contains(story, "g(") {
				t.Errorf("%d entries after she left, ann heard %s", since, story)
			}
		}
	}
}

// TestACopyThatIsBehindAnID is the same for a device that comes back, with an id
// that does not name the group.
func TestACopyThatIsBehindAnID(t *testing.T) {
	s := play(t)
	h := s.hub()
	s.ok(s.groups.Join(s.ctx, "g", []id.User{"ann", "bob"}, "G"))
	s.byHand = true
	s.ok(s.groups.Quit(s.ctx, "g", []id.User{"ann"})) // 2
	for range 200 {
		s.say("g", group.Entry{From: "bob"})
	}
	s.later.Add(int64(time.Minute))
	ann := s.phone(h, "ann")
	s.eventually(func() string { return "an id" }, func() bool { ann.mu.Lock(); defer ann.mu.Unlock(); return ann.lastID != "" })
	ann.stop()
	<-ann.on
	s.say("g", group.Entry{From: "bob"})
	s.ok(s.connect(h, ann, -1))
	s.say("g", group.Entry{From: "bob"})
	s.deliverAll(h)
	h.Tell("ann", "end", []byte("{}"))
	s.hears(ann, "left g@2; end")
}

// TestWhoHasJustGoneIsPushedTo: the others take ann for connected for a while yet.
// What is said to her meanwhile is reported, also in a group that she joins then, and
// after she came back and was cut off before she was told anything.
func TestWhoHasJustGoneIsPushedTo(t *testing.T) {
	s := play(t)
	h := s.hub(func(o *live.Options) { o.Linger = time.Second })
	s.ok(s.groups.Join(s.ctx, "old", []id.User{"ann"}, "Old"))
	s.fanOutAll()
	misses := func(seq int64) {
		t.Helper()
		s.deliverAll(h)
		s.eventually(func() string {
			return fmt.Sprintf("ann was reported to have missed %v, not %d", s.missedBy("ann"), seq)
		},
			func() bool { return slices.Contains(s.missedBy("ann"), seq) })
	}
	ann, last := s.phone(h, "ann"), ""
	s.eventually(func() string { return "an id came" }, func() bool { ann.mu.Lock(); defer ann.mu.Unlock(); last = ann.lastID; return last != "" })
	ann.stop()
	s.eventually(func() string { return "ann went" }, func() bool { return h.Connections() == 0 })
	s.ok(s.groups.Join(s.ctx, "new", []id.User{"ann"}, "New"))
	misses(s.say("new", group.Entry{From: "app"}))

	s.say("old", group.Entry{From: "app"})
	s.ok(s.connect(h, &device{user: "ann", lastID: last}, 1))
	s.eventually(func() string { return "ann went again" }, func() bool { return h.Connections() == 0 })
	misses(s.say("old", group.Entry{From: "app"}))
}

// TestARoomThatIsBehindAMembership has yet to come to the entry that let a user in who
// connects: what is before it, from the first or a former stay, is not theirs to see.
func TestARoomThatIsBehindAMembership(t *testing.T) {
	s := play(t)
	h := s.hub()
	s.ok(s.groups.Join(s.ctx, "g", []id.User{"ann", "bob"}, "G"))
	ann := s.phone(h, "ann")
	s.say("g", group.Entry{From: "ann"}) // 2
	s.deliverAll(h)
	s.hears(ann, "g(1,2]:2")
	s.ok(s.groups.Quit(s.ctx, "g", []id.User{"bob"}))            // 3
	s.say("g", group.Entry{From: "ann"})                         // 4
	s.ok(s.groups.Join(s.ctx, "g", []id.User{"bob", "cem"}, "")) // 5
	bob, cem := s.phone(h, "bob"), s.phone(h, "cem")
	s.say("g", group.Entry{From: "ann"}) // 6
	s.deliverAll(h)
	s.hears(ann, "g(1,6]:2,3,4,5,6")
	s.hears(bob, "g(5,6]:6")
	s.hears(cem, "g(5,6]:6")
}
