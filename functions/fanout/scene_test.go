package fanout

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/throng-im/throng/shared/cloud"
	"github.com/throng-im/throng/shared/commit"
	"github.com/throng-im/throng/shared/conversation"
	"github.com/throng-im/throng/shared/event"
	"github.com/throng-im/throng/shared/group"
	"github.com/throng-im/throng/shared/id"
	"github.com/throng-im/throng/shared/inbox"
	"github.com/throng-im/throng/shared/presence"
	"github.com/throng-im/throng/shared/pubsub"
	"github.com/throng-im/throng/shared/user"
)

// board is a store that counts how often presence was read, and may fail it.
type board struct {
	commit.Memory
	mu    sync.Mutex
	asked int
	fail  error
}

func (b *board) Query(ctx context.Context, q commit.Query) ([]commit.Doc, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if q.Collection == "presence" {
		b.asked++
		if b.fail != nil {
			return nil, b.fail
		}
	}
	return b.Memory.Query(ctx, q)
}

// scene is a group of four with a phone each, and the events of what happens.
type scene struct {
	*testing.T
	*function
	store  *board
	clock  time.Time
	events []event.Timeline
	// published is what the function published, by topic; refused are the topics
	// that take nothing.
	mu        sync.Mutex
	published map[string][][]byte
	refused   string
}

func newScene(t *testing.T) *scene { return newSceneWith(t, group.Options{}) }

func newSceneWith(t *testing.T, o group.Options) *scene {
	s := &scene{T: t, store: new(board), clock: time.Now()}
	now := func() time.Time { return s.clock }
	groups := group.New(s.store, s.hear, o)
	users := user.New(s.store, groups, nil, 0, now)
	conversations := conversation.New(s.store, nil, 0, now)
	s.function = newFunction(&cloud.Cloud{
		Groups: groups, Users: users, Presence: presence.New(s.store, now),
		Inbox: inbox.New(groups, users, conversations, inbox.Options{Now: now}),
	})
	s.function.now, s.function.publish = now, s.take
	for _, u := range []id.User{"ann", "bob", "cem", "dan", "eve"} {
		s.ok(s.Users.Register(t.Context(), u, strings.ToUpper(string(u[:1]))+string(u[1:]), ""))
		s.ok(s.Users.PutDevice(t.Context(), u, user.Device{ID: "phone", Platform: "android", Token: "token-" + string(u)}))
	}
	s.ok(groups.Join(t.Context(), "g", []id.User{"ann", "bob", "cem", "dan"}, "Team"))
	return s
}

// another is one more process of the function.
func (s *scene) another() *function {
	f := newFunction(s.Cloud)
	f.now, f.publish = s.now, s.take
	return f
}

// hear takes what groups announce.
func (s *scene) hear(_ context.Context, payloads ...[]byte) error {
	for _, p := range payloads {
		var e event.Timeline
		if err := json.Unmarshal(p, &e); err != nil {
			return err
		}
		s.events = append(s.events, e)
	}
	return nil
}

// take is Pub/Sub.
func (s *scene) take(_ context.Context, topic string, payloads ...[]byte) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if topic == s.refused {
		return fmt.Errorf("%s takes nothing", topic)
	}
	if s.published == nil {
		s.published = map[string][][]byte{}
	}
	s.published[topic] = append(s.published[topic], payloads...)
	return nil
}

// taken is what was published to a topic since it was asked last.
func taken[E any](s *scene, topic string) (out []E) {
	s.Helper()
	for _, p := range s.published[topic] {
		var e E
		s.ok(json.Unmarshal(p, &e))
		out = append(out, e)
	}
	delete(s.published, topic)
	return out
}

// deliver hands an event to the function.
func (s *scene) deliver(ev event.Timeline) error {
	s.Helper()
	data, err := json.Marshal(ev)
	s.ok(err)
	return s.handle(s.Context(), pubsub.Delivery{Data: data})
}

// newest is the event of what happened last.
func (s *scene) newest() event.Timeline { return s.events[len(s.events)-1] }

// notified are who the published jobs reach.
func (s *scene) notified() (reached []id.User) {
	s.Helper()
	for _, j := range taken[event.Push](s, event.TopicPush) {
		for _, t := range j.Targets {
			reached = append(reached, t.User)
		}
	}
	slices.Sort(reached)
	return reached
}

func (s *scene) ok(err error) {
	s.Helper()
	if err != nil {
		s.Fatal(err)
	}
}

func (s *scene) publishes(m group.Entry) id.Message {
	s.Helper()
	m.Type, m.Content = "RC:TxtMsg", `{"content":"hi"}`
	r, err := s.Groups.Publish(s.Context(), "g", m)
	s.ok(err)
	return r.UID
}

// last makes the jobs of the newest event, and says whom they reach.
func (s *scene) last() (jobs []event.Push, reached []id.User) {
	s.Helper()
	ev := s.newest()
	entries, err := group.DecodeEntries(ev.Entries)
	s.ok(err)
	notices, err := s.notices(s.Context(), &ev, entries)
	s.ok(err)
	for _, n := range notices {
		some, err := s.jobs(s.Context(), &ev, n)
		s.ok(err)
		jobs = append(jobs, some...)
	}
	for _, j := range jobs {
		for _, t := range j.Targets {
			reached = append(reached, t.User)
		}
	}
	slices.Sort(reached)
	return jobs, reached
}
