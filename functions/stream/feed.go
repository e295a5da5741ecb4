package stream

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/throng-im/throng/shared/cloud"
	"github.com/throng-im/throng/shared/event"
	"github.com/throng-im/throng/shared/group"
	"github.com/throng-im/throng/shared/id"
	"github.com/throng-im/throng/shared/live"
	"github.com/throng-im/throng/shared/pubsub"
)

const (
	// missedFor is how old what a connection missed may be to be notified of.
	missedFor = 10 * time.Minute
	// missedMost bounds what one user is notified of in one group: nobody looks at
	// more notifications.
	missedMost = 200
)

// feed brings this instance what happens in groups and what concerns single
// users, through subscriptions of its own.
type feed struct {
	*cloud.Cloud
	name string
	hub  *live.Hub
}

func (f *feed) follow(ctx context.Context, liveNow func(), deliver func(context.Context, *event.Timeline) error) error {
	// A subscription that is deleted may not come back at once by the same name.
	name := fmt.Sprintf("%s-%08x", f.name, rand.Uint32())
	ready := make(chan struct{}, 2)
	began := func() { ready <- struct{}{} }
	work, ctx := errgroup.WithContext(ctx)
	work.Go(func() error {
		return f.PubSub.Follow(ctx, name, event.TopicTimeline, began, func(ctx context.Context, d pubsub.Delivery) error {
			var ev event.Timeline
			if err := json.Unmarshal(d.Data, &ev); err != nil {
				return unreadable(ctx, d, err)
			}
			return deliver(ctx, &ev)
		})
	})
	work.Go(func() error {
		return f.PubSub.Follow(ctx, name+"-users", event.TopicConversation, began, func(ctx context.Context, d pubsub.Delivery) error {
			return f.tell(ctx, d, deliver)
		})
	})
	for range cap(ready) {
		select {
		case <-ready:
		case <-ctx.Done():
			return work.Wait() // one of them could not begin
		}
	}
	liveNow()
	return work.Wait()
}

// tell hands what concerns one user to the user's connections, and which
// memberships were copied to the hub.
func (f *feed) tell(ctx context.Context, d pubsub.Delivery, deliver func(context.Context, *event.Timeline) error) error {
	var ev struct {
		User        id.User         `json:"user"`
		Update      json.RawMessage `json:"update"`
		Receipt     json.RawMessage `json:"receipt"`
		Memberships *event.Timeline `json:"memberships"`
		TokensEnded int64           `json:"tokensEnded"`
	}
	if err := json.Unmarshal(d.Data, &ev); err != nil {
		return unreadable(ctx, d, err)
	}
	if ev.Update != nil {
		f.hub.Tell(ev.User, "conversation", ev.Update)
	}
	if ev.Receipt != nil {
		f.hub.Tell(ev.User, "receipt", ev.Receipt)
	}
	if ev.TokensEnded > 0 {
		f.hub.Recheck(ev.User)
	}
	if ev.Memberships != nil {
		return deliver(ctx, ev.Memberships)
	}
	return nil
}

// missed has the fan-out notify a user of entries that a connection may not have
// brought, and that nobody was to be notified of because it was there. Who is
// connected to another instance by now has resumed, and got them there.
func (f *feed) missed(ctx context.Context, user id.User, g id.Group, spans []live.Span) {
	if online, err := f.Presence.Online(ctx, user); err == nil && online[user] {
		return
	}
	if err := f.republish(ctx, user, g, spans); err != nil {
		slog.WarnContext(ctx, "what a user may have missed was not announced", "user", user, "group", g, "error", err)
	}
}

func (f *feed) republish(ctx context.Context, user id.User, g id.Group, spans []live.Span) error {
	heads, err := f.Groups.Heads(ctx, []id.Group{g})
	if err != nil || len(heads) == 0 {
		return err
	}
	var entries []group.Entry
	reader, since := f.Groups.Reader(heads[0]), time.Now().Add(-missedFor).UnixMilli()
	slices.SortFunc(spans, func(a, b live.Span) int { return cmp.Compare(a.After, b.After) })
	for _, span := range spans {
		_, err := reader.Forward(ctx, span.After, since, missedMost, func(e group.Entry) bool {
			if e.Seq > span.Last || len(entries) == missedMost {
				return false
			}
			entries = append(entries, e)
			return true
		})
		if err != nil {
			return err
		}
	}
	return reader.AnnounceMissed(ctx, entries, []id.User{user})
}

// unreadable gives up on an event: no retry can cure it.
func unreadable(ctx context.Context, d pubsub.Delivery, err error) error {
	slog.ErrorContext(ctx, "an event cannot be read", "event", d.ID, "error", err)
	return nil
}
