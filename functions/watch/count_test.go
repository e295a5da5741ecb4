package watch

import (
	"context"
	"encoding/json"
	"errors"
	"testing"
	"time"

	"github.com/throng-im/throng/shared/event"
	"github.com/throng-im/throng/shared/group"
	"github.com/throng-im/throng/shared/id"
	"github.com/throng-im/throng/shared/pubsub"
)

// TestTheCountOfABurstIsToldWhenItIsOver delivers the event that asks for it from the
// beginning on, and then twice.
func TestTheCountOfABurstIsToldWhenItIsOver(t *testing.T) {
	s := newScene(t)
	var told []event.Timeline
	s.Groups = group.New(s.store, func(_ context.Context, payloads ...[]byte) error {
		for _, p := range payloads {
			var ev event.Timeline
			if err := json.Unmarshal(p, &ev); err != nil {
				return err
			}
			if ev.Fold {
				told = append(told, ev)
			}
		}
		return nil
	}, group.Options{Linger: -1, Now: func() time.Time { return s.clock }, Burst: 2})
	s.ok(s.Groups.Join(t.Context(), "g", []id.User{"ann"}, "The g"))
	data, err := json.Marshal(event.Watch{Group: "g", At: s.clock.Add(time.Minute).UnixMilli()})
	s.ok(err)
	ask := func() error { return s.handle(t.Context(), pubsub.Delivery{Data: data}) }
	for range 5 {
		s.say("g", group.Entry{From: "ann"})
		s.clock = s.clock.Add(5 * time.Second)
		if err := ask(); !errors.Is(err, pubsub.ErrLater) || len(told) > 0 {
			t.Fatalf("asked too early: %v, told %+v", err, told)
		}
	}
	s.clock = s.clock.Add(50*time.Second - time.Millisecond)
	if err := ask(); !errors.Is(err, pubsub.ErrLater) {
		t.Errorf("a moment too early: %v", err)
	}
	s.clock = s.clock.Add(time.Millisecond)
	before := s.store.Reads.Load()
	s.ok(errors.Join(ask(), ask()))
	if len(told) != 2 || s.store.Reads.Load() != before+2 {
		t.Fatalf("told %+v for %d reads", told, s.store.Reads.Load()-before)
	}
	for _, ev := range told {
		e, err := group.DecodeEntry(ev.Entries[0])
		if s.ok(err); ev.Group != "g" || e.Folded != 3 || e.Seq != 6 {
			t.Errorf("told of %+v by %+v", e, ev)
		}
	}
}
