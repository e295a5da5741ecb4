package watch

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/throng-im/throng/shared/cloud"
	"github.com/throng-im/throng/shared/commit"
	"github.com/throng-im/throng/shared/commit/committest"
	"github.com/throng-im/throng/shared/conversation"
	"github.com/throng-im/throng/shared/event"
	"github.com/throng-im/throng/shared/fault"
	"github.com/throng-im/throng/shared/group"
	"github.com/throng-im/throng/shared/id"
	"github.com/throng-im/throng/shared/presence"
	"github.com/throng-im/throng/shared/pubsub"
)

// scene is the function on a store in memory, with the clock in hand.
type scene struct {
	*testing.T
	*function
	store *committest.Counting
	clock time.Time
	// missed are the events that ask to make up for something; refuse may fail
	// their announcement.
	mu     sync.Mutex
	missed []event.Timeline
	refuse func() error
	waited time.Duration
	during func()
}

func newScene(t *testing.T) *scene {
	s := &scene{T: t, store: &committest.Counting{Memory: new(commit.Memory)}, clock: time.UnixMilli(1_800_000_000_000)}
	now := func() time.Time { return s.clock }
	s.function = &function{
		Cloud: &cloud.Cloud{
			Groups:        group.New(s.store, s.hear, group.Options{Linger: -1, Now: now}),
			Conversations: conversation.New(s.store, nil, 0, now),
			Presence:      presence.New(s.store, now),
		},
		now: now,
		wait: func(_ context.Context, d time.Duration) error {
			s.waited += d
			s.clock = s.clock.Add(d)
			if s.during != nil {
				s.during()
			}
			return nil
		},
	}
	return s
}

func (s *scene) hear(_ context.Context, payloads ...[]byte) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, p := range payloads {
		var ev event.Timeline
		if err := json.Unmarshal(p, &ev); err != nil {
			return err
		}
		if len(ev.Missed) == 0 {
			continue
		}
		if s.refuse != nil {
			if err := s.refuse(); err != nil {
				return err
			}
		}
		s.missed = append(s.missed, ev)
	}
	return nil
}

func (s *scene) ok(err error) {
	s.Helper()
	if err != nil {
		s.Fatal(err)
	}
}

// join makes users members, and writes their copies as fan-out would.
func (s *scene) join(g id.Group, users ...id.User) {
	s.Helper()
	s.ok(s.Groups.Join(s.Context(), g, users, "The "+string(g)))
	for _, u := range users {
		s.ok(s.Conversations.SetMembership(s.Context(), u, g, conversation.Copied{Membership: conversation.Membership{Joined: 1}, At: 1}))
	}
}

func (s *scene) say(g id.Group, m group.Entry) id.Message {
	s.Helper()
	m.Type, m.Content = "RC:TxtMsg", `{"content":"hi"}`
	r, err := s.Groups.Publish(s.Context(), g, m)
	s.ok(err)
	return r.UID
}

// watch delivers an event about an instance.
func (s *scene) watch(instance string, at time.Time) error {
	s.Helper()
	data, err := json.Marshal(event.Watch{Instance: instance, At: at.UnixMilli()})
	s.ok(err)
	return s.handle(s.Context(), pubsub.Delivery{Data: data})
}

// expect holds what is made up for since it was asked last: "group: users: seqs".
func (s *scene) expect(what string, want ...string) {
	s.Helper()
	var got []string
	for _, ev := range s.missed {
		slices.Sort(ev.Missed)
		var seqs []int64
		entries, err := group.DecodeEntries(ev.Entries)
		s.ok(err)
		for _, e := range entries {
			seqs = append(seqs, e.Seq)
		}
		if ev.Name != "The "+string(ev.Group) || ev.Serial == 0 || len(ev.Shards) == 0 {
			s.Errorf("%s: an event is %+v", what, ev)
		}
		got = append(got, fmt.Sprint(ev.Group, ": ", ev.Missed, ": ", seqs))
	}
	s.missed = nil
	if slices.Sort(got); !slices.Equal(got, want) {
		s.Errorf("%s: made up for %q, want %q", what, got, want)
	}
}

func (s *scene) onBoard(instance string) bool {
	s.Helper()
	_, said, err := s.Presence.Last(s.Context(), instance)
	s.ok(err)
	return said
}

// TestTheVerdict is about an instance that somebody was passed over for at the
// time 0, in seconds.
func TestTheVerdict(t *testing.T) {
	start := time.UnixMilli(1_800_000_000_000)
	at := func(s float64) time.Time { return start.Add(time.Duration(s * float64(time.Second))) }
	for _, c := range []struct {
		spoke, now float64
		want       verdict
	}{
		{-5, 0, unknown}, {-5, 14.9, unknown}, {-5, 15, silent}, {-5, 39.9, silent}, {-5, 40, dead}, {-5, 4000, dead},
		{0, 1, unknown}, {10, 11, unknown}, {29.9, 30, unknown}, {29.9, 60, silent}, {29.9, 74.9, dead},
		{30, 30, lives}, {30, 75, lives}, {40, 4000, lives},
	} {
		last := presence.Last{SpokeAt: at(c.spoke), Until: at(c.spoke).Add(presence.Lease)}
		if got := judge(last, start, at(c.now)); got != c.want {
			t.Errorf("spoke at %v, at %v the verdict is %d, want %d", c.spoke, c.now, got, c.want)
		}
	}
}

// TestTheAnswerComesBeforeTheDeadLetter adds up how long Pub/Sub tries: the last
// word after which an instance does not count as alive is answersFor after the
// event, and then its lease must run out.
func TestTheAnswerComesBeforeTheDeadLetter(t *testing.T) {
	var tries time.Duration
	backoff := pubsub.MinBackoff
	for range pubsub.MaxAttempts - 1 {
		tries += backoff
		backoff = min(2*backoff, pubsub.MaxBackoff)
	}
	if needed := answersFor + presence.Lease; tries < 3*needed {
		t.Errorf("Pub/Sub tries for %s, an answer may take %s and should have some room", tries, needed)
	}
	if left := presence.Lease - presence.Heartbeat; waitAtMost >= left {
		t.Errorf("an instance that speaks every heartbeat is waited for: %s is not below %s", waitAtMost, left)
	}
}

func TestWhoStoppedOrLivesIsLeftAlone(t *testing.T) {
	s := newScene(t)
	s.join("g", "ann", "bob")
	skipped := s.clock
	s.ok(s.watch("gone", skipped))
	s.ok(s.Presence.Set(t.Context(), "one", []id.User{"bob"}))
	s.say("g", group.Entry{From: "ann"})
	for range 2 {
		if err := s.watch("one", skipped); !errors.Is(err, pubsub.ErrLater) {
			t.Errorf("nobody can know yet: %v", err)
		}
		s.clock = s.clock.Add(presence.Heartbeat)
		s.ok(s.Presence.Renew(t.Context(), "one"))
	}
	s.ok(s.watch("one", skipped))
	s.ok(s.Presence.Remove(t.Context(), "one"))
	s.ok(s.watch("one", s.clock))
	if s.expect("nobody died"); s.waited > 0 {
		t.Errorf("waited for %s", s.waited)
	}
	for _, bad := range []string{"", "{}", "[]"} {
		if err := s.handle(t.Context(), pubsub.Delivery{Data: []byte(bad)}); !fault.Is(err, fault.InvalidArgument) {
			t.Errorf("%q: %v", bad, err)
		}
	}
}

// TestASilentInstanceIsWaitedFor: to the end of its lease and no longer, and when
// it speaks after all it is left alone.
func TestASilentInstanceIsWaitedFor(t *testing.T) {
	s := newScene(t)
	s.join("g", "ann", "bob")
	s.ok(s.Presence.Set(t.Context(), "one", []id.User{"bob"}))
	skipped := s.clock
	s.say("g", group.Entry{From: "ann"})
	s.clock = s.clock.Add(presence.Lease - 20*time.Second)
	s.during = func() { s.ok(s.Presence.Set(t.Context(), "one", []id.User{"bob"})) }
	s.ok(s.watch("one", skipped))
	if s.expect("it spoke after all"); s.waited != 20*time.Second || !s.onBoard("one") {
		t.Errorf("waited for %s", s.waited)
	}
	s.during, s.waited, skipped = nil, 0, s.clock
	s.say("g", group.Entry{From: "ann"})
	s.clock = s.clock.Add(presence.Lease - 20*time.Second)
	s.ok(s.watch("one", skipped))
	if s.expect("it stayed silent", "g: [bob]: [3]"); s.waited != 20*time.Second || s.onBoard("one") {
		t.Errorf("waited for %s", s.waited)
	}
}

// die is a scene in which one and two had users and one is dead, and the time at
// which bob, cem and dan were passed over.
func die(t *testing.T) (*scene, time.Time) {
	t.Helper()
	s := newScene(t)
	s.join("g", "ann", "bob", "cem", "dan")
	s.join("h", "bob", "dan", "eve")
	s.join("quiet", "bob", "dan")
	s.join("left", "bob")
	s.ok(s.Conversations.SetMembership(t.Context(), "bob", "left", conversation.Copied{Membership: conversation.Membership{Joined: 1, Left: 9}, At: 1}))
	for _, g := range []id.Group{"g", "h", "quiet"} {
		s.say(g, group.Entry{From: "ann"})
	}
	s.clock = s.clock.Add(time.Hour)
	early := s.say("g", group.Entry{From: "ann"}) // 3
	s.clock = s.clock.Add(margin + time.Millisecond)
	s.ok(s.Presence.Set(t.Context(), "one", []id.User{"bob", "cem", "dan"}))
	skipped := s.clock
	s.say("g", group.Entry{From: "ann"})                                                  // 4
	taken := s.say("g", group.Entry{From: "ann"})                                         // 5
	s.ok(s.Groups.Recall(t.Context(), "g", taken, group.Recall{From: "ann"}))             // 6: nobody saw it
	s.ok(s.Groups.Recall(t.Context(), "g", early, group.Recall{From: "ann"}))             // 7: a phone may show it
	s.ok(s.Groups.Rename(t.Context(), "g", "The g"))                                      // no change, no entry
	s.say("h", group.Entry{From: "eve", Mention: &group.Mention{Type: group.MentionAll}}) // 3
	s.say("left", group.Entry{From: "ann"})
	s.clock = s.clock.Add(presence.Lease)
	s.ok(s.Presence.Set(t.Context(), "two", []id.User{"cem"}))
	return s, skipped
}

var all = []string{"g: [bob dan]: [4 7]", "h: [bob dan]: [3]"}

func TestWhatTheDeadDidNotBringIsMadeUpFor(t *testing.T) {
	s, skipped := die(t)
	s.clock = s.clock.Add(margin + time.Millisecond)
	s.say("g", group.Entry{From: "ann"}) // after the lease: bob and dan were notified
	s.ok(s.watch("one", skipped))
	s.expect("one died", all...)
	if s.onBoard("one") || !s.onBoard("two") {
		t.Error("the dead are on the board, or the living are not")
	}
	s.ok(s.watch("one", skipped))
	s.expect("the event came twice")
}

// TestTheAppIsToldWhoWentWithTheDead, where it wants to be, and before nobody knows
// any more who they were.
func TestTheAppIsToldWhoWentWithTheDead(t *testing.T) {
	s, skipped := die(t)
	s.clock = s.clock.Add(margin + time.Millisecond)
	s.Settings.Callbacks.Status = "https://app.example.com"
	broken := errors.New("no topic")
	s.publish = func(context.Context, string, ...[]byte) error { return broken }
	if err := s.watch("one", skipped); !errors.Is(err, broken) || !s.onBoard("one") {
		t.Errorf("nobody was told, and the dead are buried: %v", err)
	}
	var told []string
	s.publish = func(_ context.Context, topic string, payloads ...[]byte) error {
		for _, p := range payloads {
			told = append(told, topic+string(p))
		}
		return nil
	}
	s.ok(s.watch("one", skipped))
	at := s.clock.UnixMilli()
	want := fmt.Sprintf(`presence{"changes":[{"user":"bob","status":"1","at":%d},{"user":"cem","status":"1","at":%d},{"user":"dan","status":"1","at":%d}],"dead":"one"}`, at, at, at)
	if !slices.Equal(told, []string{want}) || s.onBoard("one") {
		t.Errorf("told %q", told)
	}
}

// TestAHandlerThatFailsIsNoLoss: what fails comes again and does what is left.
func TestAHandlerThatFailsIsNoLoss(t *testing.T) {
	s, skipped := die(t)
	broken := errors.New("no topic")
	s.refuse = func() error { return broken }
	if err := s.watch("one", skipped); !errors.Is(err, broken) || !s.onBoard("one") {
		t.Fatalf("nothing could be announced: %v", err)
	}
	s.refuse = nil
	s.ok(s.watch("one", skipped))
	s.expect("again", all...)

	// It dies between the last announcement and taking the users off the board.
	s, skipped = die(t)
	s.store.Before = func([]commit.Write) error { return commit.ErrUnknown }
	if err := s.watch("one", skipped); !fault.Is(err, fault.Unavailable) {
		t.Errorf("the board could not be written: %v", err)
	}
	s.expect("for the first time", all...)
	s.store.Calm()
	s.ok(s.watch("one", skipped))
	s.expect("once more", all...)
}

// TestWhoSpeaksInTimeIsNotBuried: an instance that was silent and comes back keeps
// its place.
func TestWhoSpeaksInTimeIsNotBuried(t *testing.T) {
	s, skipped := die(t)
	s.refuse = func() error {
		s.refuse = nil
		return s.Presence.Set(t.Context(), "one", []id.User{"bob", "dan"})
	}
	if err := s.watch("one", skipped); !errors.Is(err, commit.ErrConflict) || !s.onBoard("one") {
		t.Errorf("one spoke: %v", err)
	}
	s.ok(s.watch("one", skipped))
}

// TestAThousandUsers measures what a crowded instance costs, and that what was
// done stays done when it fails half way.
func TestAThousandUsers(t *testing.T) {
	s := newScene(t)
	const users, groups, each, busy = 1000, 200, 20, 10
	var everybody []id.User
	for i := range users {
		everybody = append(everybody, id.User(fmt.Sprintf("user%04d", i)))
	}
	for g := range groups {
		var in []id.User
		for i := range users * each / groups {
			in = append(in, everybody[(g*7+i*(groups/each))%users])
		}
		s.join(id.Group(fmt.Sprint("g", g)), in...)
	}
	s.clock = s.clock.Add(time.Hour)
	s.ok(s.Presence.Set(t.Context(), "one", everybody))
	skipped := s.clock
	for g := range busy {
		for range 3 {
			s.say(id.Group(fmt.Sprint("g", g)), group.Entry{From: "app"})
		}
	}
	s.clock = s.clock.Add(presence.Lease)
	var commits int
	s.store.After = func([]commit.Write) error { commits++; return nil }
	s.store.Reads.Store(0)
	started := time.Now()
	s.ok(s.watch("one", skipped))
	t.Logf("%d users of %d groups of which %d had news: %d reads, %d commits, %d events, %s", users, groups, busy, s.store.Reads.Load(), commits, len(s.missed), time.Since(started))
	if s.store.Reads.Load() > users+2*(busy+groups/commit.MaxIn+1)+4 || commits != users/usersAtOnce || len(s.missed) > 2*busy {
		t.Errorf("%d reads, %d commits, %d events", s.store.Reads.Load(), commits, len(s.missed))
	}
	reached := 0
	for _, ev := range s.missed {
		reached += len(ev.Missed)
	}
	if want := busy * users * each / groups; reached != want {
		t.Errorf("%d users of groups are told, want %d", reached, want)
	}
	if s.onBoard("one") {
		t.Error("the dead is on the board")
	}

	// Half way through the second batch nothing can be written any more.
	s.ok(s.Presence.Set(t.Context(), "one", everybody))
	skipped, s.clock = s.clock, s.clock.Add(presence.Lease)
	commits = 0
	s.store.Before = func([]commit.Write) error {
		if commits++; commits > 1 {
			return commit.ErrUnknown
		}
		return nil
	}
	if err := s.watch("one", skipped); !fault.Is(err, fault.Unavailable) {
		t.Errorf("the board could not be written: %v", err)
	}
	s.store.Calm()
	last, _, err := s.Presence.Last(t.Context(), "one")
	s.ok(err)
	if !slices.Equal(last.Users, everybody[usersAtOnce:]) {
		t.Errorf("%d users are left", len(last.Users))
	}
}
