package fanout

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/throng-im/throng/shared/event"
	"github.com/throng-im/throng/shared/group"
	"github.com/throng-im/throng/shared/id"
	"github.com/throng-im/throng/shared/presence"
)

// expect holds whom the delivery of an event notified.
func (s *scene) expect(what string, want ...id.User) {
	s.Helper()
	if got := s.notified(); !slices.Equal(got, want) {
		s.Errorf("%s: notified are %v, want %v", what, got, want)
	}
}

func TestWhoIsConnectedIsPassedOver(t *testing.T) {
	s := newScene(t)
	s.ok(s.Presence.Set(t.Context(), "one", []id.User{"bob", "stranger"}))
	uid := s.publishes(group.Entry{From: "ann"})
	s.ok(s.deliver(s.newest()))
	s.expect("bob is connected", "cem", "dan")
	s.publishes(group.Entry{From: "ann", Mention: &group.Mention{Type: group.MentionAll}})
	s.ok(s.deliver(s.newest()))
	s.expect("bob is mentioned and connected", "cem", "dan")
	s.ok(s.Groups.Recall(t.Context(), "g", uid, group.Recall{From: "ann"}))
	s.ok(s.deliver(s.newest()))
	s.expect("a recall", "cem", "dan")

	s.clock = s.clock.Add(presence.Lease)
	s.publishes(group.Entry{From: "ann"})
	s.ok(s.deliver(s.newest()))
	s.expect("the lease is over", "bob", "cem", "dan")
}

// TestPresenceIsAskedWhenItMatters counts: once a second at most, and only when
// there is somebody to notify.
func TestPresenceIsAskedWhenItMatters(t *testing.T) {
	s := newScene(t)
	s.ok(s.Groups.Rename(t.Context(), "g", "Crew"))
	s.ok(s.deliver(s.newest()))
	s.publishes(group.Entry{From: "ann", Push: &group.Push{Disabled: true}})
	s.ok(s.deliver(s.newest()))
	s.publishes(group.Entry{From: "ann", To: []id.User{"eve"}})
	s.ok(s.deliver(s.newest()))
	if s.store.asked != 0 {
		t.Errorf("presence was read %d times for what notifies nobody", s.store.asked)
	}
	for range 3 {
		s.publishes(group.Entry{From: "ann"})
		s.ok(s.deliver(s.newest()))
	}
	s.clock = s.clock.Add(time.Second)
	s.publishes(group.Entry{From: "ann"})
	s.ok(s.deliver(s.newest()))
	if s.store.asked != 2 {
		t.Errorf("presence was read %d times in two seconds", s.store.asked)
	}
}

func TestEverybodyIsNotifiedWhenNobodyKnows(t *testing.T) {
	s := newScene(t)
	s.ok(s.Presence.Set(t.Context(), "one", []id.User{"bob"}))
	s.store.fail = errors.New("permission denied")
	s.publishes(group.Entry{From: "ann"})
	s.ok(s.deliver(s.newest()))
	s.expect("nobody knows", "bob", "cem", "dan")
	if w := taken[event.Watch](s, event.TopicWatch); len(w) > 0 {
		t.Errorf("%+v are to be watched", w)
	}
}

// TestInstancesAreWatchedOnceAHeartbeat: every instance that somebody was passed
// over for, and no other.
func TestInstancesAreWatchedOnceAHeartbeat(t *testing.T) {
	s := newScene(t)
	s.ok(s.Presence.Set(t.Context(), "one", []id.User{"bob", "cem"}))
	s.ok(s.Presence.Set(t.Context(), "two", []id.User{"bob"}))
	s.ok(s.Presence.Set(t.Context(), "three", []id.User{"ann", "eve"}))
	round := func(want ...string) {
		t.Helper()
		s.publishes(group.Entry{From: "ann"})
		s.ok(s.deliver(s.newest()))
		var got []string
		for _, w := range taken[event.Watch](s, event.TopicWatch) {
			got = append(got, w.Instance)
			if w.At != s.clock.UnixMilli() {
				t.Errorf("%s is watched from %d on, want %d", w.Instance, w.At, s.clock.UnixMilli())
			}
		}
		if slices.Sort(got); !slices.Equal(got, want) {
			t.Errorf("%v are watched, want %v", got, want)
		}
	}
	round("one", "two")
	s.clock = s.clock.Add(presence.Heartbeat - 1)
	round()
	s.clock = s.clock.Add(1)
	round("one", "two")

	// What could not be asked for is asked for when the event comes again.
	s.clock = s.clock.Add(presence.Heartbeat)
	s.refused = event.TopicWatch
	s.notified()
	s.publishes(group.Entry{From: "ann"})
	if err := s.deliver(s.newest()); err == nil {
		t.Error("nobody watches, and the event is done")
	}
	s.expect("nobody watches", nil...)
	s.refused = ""
	s.ok(s.deliver(s.newest()))
	s.expect("it came again", "dan")
	if n := len(taken[event.Watch](s, event.TopicWatch)); n != 2 {
		t.Errorf("%d instances are watched, want 2", n)
	}
}

// TestManyAtOnceWatchOnce: messages that are fanned out together ask once.
func TestManyAtOnceWatchOnce(t *testing.T) {
	s := newScene(t)
	s.ok(s.Presence.Set(t.Context(), "one", []id.User{"bob"}))
	var wg sync.WaitGroup
	for range 50 {
		wg.Go(func() {
			if err := s.watch(context.WithoutCancel(t.Context()), []string{"one"}); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if n := len(taken[event.Watch](s, event.TopicWatch)); n != 1 {
		t.Errorf("%d events ask for one instance", n)
	}
}

// TestWhatWasMissedIsMadeUpFor: just for those who missed it, connected or not,
// and under a name of its own.
func TestWhatWasMissedIsMadeUpFor(t *testing.T) {
	s := newScene(t)
	s.ok(s.Presence.Set(t.Context(), "one", []id.User{"ann", "bob", "cem"}))
	uid := s.publishes(group.Entry{From: "ann", To: []id.User{"bob", "cem"}})
	ev := s.newest()
	s.ok(s.deliver(ev))
	s.expect("all are connected", nil...)

	jobs := func(missed ...id.User) string {
		t.Helper()
		again := ev
		again.Missed = missed
		s.ok(s.deliver(again))
		got := taken[event.Push](s, event.TopicPush)
		if len(got) != 1 || got[0].MessageUID != uid || len(got[0].Targets) != 1 || got[0].Targets[0].User != "cem" {
			t.Fatalf("%v missed it: %+v", missed, got)
		}
		return got[0].Job
	}
	// The sender, who it was not for, and who is no member, missed nothing.
	first := jobs("cem", "ann", "dan", "eve")
	if again := jobs("dan", "eve", "cem", "ann"); again != first {
		t.Errorf("the same event again is job %s, was %s", again, first)
	}
	if other := jobs("cem"); other == first {
		t.Errorf("what others missed is job %s, too", other)
	}
	s.refused = event.TopicPush
	again := ev
	again.Missed = []id.User{"cem"}
	if err := s.deliver(again); err == nil {
		t.Error("nothing could be handed out, and the event is done")
	}
}

// TestWhatWasMissedIsNoNews: such an event changes no membership, and does not
// count as the entry's fan-out.
func TestWhatWasMissedIsNoNews(t *testing.T) {
	s := newScene(t)
	ev := s.newest() // who joined
	ev.Missed = []id.User{"bob"}
	s.ok(s.deliver(ev))
	if n := len(s.published); n > 0 || s.done.Len() > 0 {
		t.Errorf("%d topics and %d done entries", n, s.done.Len())
	}
	s.publishes(group.Entry{From: "ann"})
	first := s.newest()
	first.Missed = []id.User{"bob"}
	s.ok(s.deliver(first))
	s.expect("missed before it was fanned out", "bob")
	s.ok(s.deliver(s.newest()))
	s.expect("fanned out", "bob", "cem", "dan")
	s.ok(s.deliver(s.newest()))
	s.expect("the same again", nil...)
}

// TestCopiedMembershipsAreTold: one event for each that changed some, after the
// copies are written.
func TestCopiedMembershipsAreTold(t *testing.T) {
	s := newScene(t)
	told := func() []event.Memberships {
		t.Helper()
		return taken[event.Memberships](s, event.TopicConversation)
	}
	s.publishes(group.Entry{From: "ann"})
	s.ok(s.deliver(s.newest()))
	if got := told(); len(got) > 0 {
		t.Errorf("a message told %+v", got)
	}
	s.ok(s.Groups.Join(t.Context(), "g", []id.User{"eve"}, ""))
	mixed := s.newest()
	s.ok(s.Groups.Rename(t.Context(), "g", "Crew"))
	s.ok(s.Groups.Quit(t.Context(), "g", []id.User{"dan"}))
	mixed.Entries = append(mixed.Entries, s.events[len(s.events)-2].Entries...)
	mixed.Entries = append(mixed.Entries, s.newest().Entries...)
	s.refused = event.TopicConversation
	if err := s.deliver(mixed); err == nil {
		t.Error("nobody was told, and the event is done")
	}
	s.refused = ""
	s.ok(s.deliver(mixed))
	got := told()
	if len(got) != 1 || got[0].Memberships.Group != "g" || got[0].Memberships.Name != mixed.Name || got[0].Memberships.Serial != mixed.Serial {
		t.Fatalf("told %+v", got)
	}
	var kinds []group.Kind
	entries, err := group.DecodeEntries(got[0].Memberships.Entries)
	s.ok(err)
	for _, e := range entries {
		kinds = append(kinds, e.Kind)
	}
	if !slices.Equal(kinds, []group.Kind{group.KindJoined, group.KindLeft}) {
		t.Errorf("told of %v", kinds)
	}
	s.ok(s.Groups.Dismiss(t.Context(), "g", "ann"))
	s.ok(s.deliver(s.newest()))
	if got := told(); len(got) != 1 || len(got[0].Memberships.Entries) != 1 {
		t.Errorf("a dismissal told %+v", got)
	}
}
