package watch

import (
	"context"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/throng-im/throng/shared/event"
	"github.com/throng-im/throng/shared/fault"
	"github.com/throng-im/throng/shared/group"
	"github.com/throng-im/throng/shared/id"
	"github.com/throng-im/throng/shared/presence"
)

const (
	// usersAtOnce are made up for together: a group is then read once for all of
	// them. What was done stays done when the next of them fail.
	usersAtOnce = 500
	// listsAtOnce and groupsAtOnce bound what is read at the same time.
	listsAtOnce, groupsAtOnce = 64, 16
	// segments bounds how far back one group is read: some 800 entries.
	segments = 16
)

// span is when what was said may not have reached who was connected: from and to
// are in Unix milliseconds, both included.
type span struct{ from, to int64 }

// lost is the span of what an instance that died may not have brought to anybody.
// What was said after its lease was fanned out as to people who are not connected.
func lost(last presence.Last) span {
	return span{last.SpokeAt.Add(-margin).UnixMilli(), last.Until.Add(margin).UnixMilli()}
}

// bury has the users of an instance that died notified of what they missed, and
// takes them off the board, some at a time. Of two that do so at the same time one
// fails when it takes users off, and finds nothing left to do when it comes again.
func (f *function) bury(ctx context.Context, last presence.Last) error {
	slog.WarnContext(ctx, "an instance of the stream died without a word", "instance", last.Instance, "users", len(last.Users),
		"spokeAt", last.SpokeAt, "for", f.now().Sub(last.SpokeAt).Round(time.Millisecond).String())
	when := lost(last)
	for {
		n := min(len(last.Users), usersAtOnce)
		if err := f.makeUp(ctx, last.Users[:n], when); err != nil {
			return err
		}
		if err := f.gone(ctx, last.Instance, last.Users[:n]); err != nil {
			return err
		}
		rest := last.Users[n:]
		if err := f.Presence.Bury(ctx, &last, rest); err != nil || len(rest) == 0 {
			return err
		}
	}
}

// gone says that users of an instance that died went with it, where the app's server
// is to be told. It comes before they are taken off the board, so that it is not
// lost when the next of them fail; said twice, it is the same.
func (f *function) gone(ctx context.Context, instance string, users []id.User) error {
	if f.Settings.Callbacks.Status == "" {
		return nil
	}
	ev := event.Presence{Dead: instance}
	for _, u := range users {
		ev.Changes = append(ev.Changes, event.Change{User: u, Status: event.Offline, At: f.now().UnixMilli()})
	}
	return event.Publish(ctx, f.publish, event.TopicPresence, ev)
}

// makeUp has those of the users who are connected nowhere else notified of what
// was said in their groups.
func (f *function) makeUp(ctx context.Context, users []id.User, when span) error {
	online, err := f.Presence.Online(ctx, users...)
	if err != nil {
		return err
	}
	users = slices.DeleteFunc(slices.Clone(users), func(u id.User) bool { return online[u] })
	members, err := f.groupsOf(ctx, users)
	if err != nil {
		return err
	}
	heads, err := f.Groups.Changed(ctx, slices.Collect(maps.Keys(members)), when.from-1)
	if err != nil {
		return err
	}
	work, ctx := errgroup.WithContext(ctx)
	work.SetLimit(groupsAtOnce)
	for _, h := range heads {
		work.Go(func() error {
			r := f.Groups.Reader(h)
			missed, err := missedIn(ctx, r, when)
			if err != nil || len(missed) == 0 {
				return passable(ctx, err, "group", h.ID)
			}
			slog.InfoContext(ctx, "some missed what was said", "group", h.ID, "entries", len(missed), "users", len(members[h.ID]))
			return r.AnnounceMissed(ctx, missed, members[h.ID])
		})
	}
	return work.Wait()
}

// groupsOf lists the users by the groups that they are in, for a read of each
// user's own copy. Fan-out asks the rosters, which are the truth.
func (f *function) groupsOf(ctx context.Context, users []id.User) (map[id.Group][]id.User, error) {
	var mu sync.Mutex
	members := map[id.Group][]id.User{}
	work, ctx := errgroup.WithContext(ctx)
	work.SetLimit(listsAtOnce)
	for _, u := range users {
		work.Go(func() error {
			list, err := f.Conversations.List(ctx, u)
			if err != nil {
				return passable(ctx, err, "user", u)
			}
			mu.Lock()
			defer mu.Unlock()
			for g, c := range list.Conversations {
				if c.Present() {
					members[g] = append(members[g], u)
				}
			}
			return nil
		})
	}
	err := work.Wait()
	return members, err
}

// missedIn reads the entries of a group within the span that may notify anybody.
func missedIn(ctx context.Context, r *group.Reader, when span) (missed []group.Entry, err error) {
	all, err := r.Backward(ctx, 0, when.from, segments, func(e group.Entry) bool {
		if notifies(e, when) {
			missed = append(missed, e)
		}
		return true
	})
	if err == nil && !all {
		slog.WarnContext(ctx, "more was said than is looked through", "group", r.ID, "entries", len(missed))
	}
	slices.Reverse(missed)
	return missed, err
}

// notifies says whether an entry may notify somebody who missed the span: messages
// that still are there, and recalls of those that a phone may show.
func notifies(e group.Entry, when span) bool {
	switch {
	case e.At < when.from || e.At > when.to:
		return false
	case e.Kind == group.KindMessage:
		return e.Recalled == 0
	default:
		return e.Kind == group.KindRecall && e.TargetAt < when.from
	}
}

// passable passes over what cannot be read and no retry would cure: one broken
// document must not hold up what everybody else missed.
func passable(ctx context.Context, err error, what string, name any) error {
	if err == nil || fault.Is(err, fault.Unavailable) || ctx.Err() != nil {
		return err
	}
	slog.ErrorContext(ctx, "what was missed cannot be found out", what, name, "error", err)
	return nil
}
