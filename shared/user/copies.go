package user

import (
	"context"
	"encoding/json"
	"log/slog"

	"golang.org/x/sync/errgroup"

	"github.com/throng-im/throng/shared/event"
	"github.com/throng-im/throng/shared/fault"
	"github.com/throng-im/throng/shared/group"
	"github.com/throng-im/throng/shared/id"
)

const (
	// copyAtOnce bounds the groups that copies are written to at the same time.
	copyAtOnce = 16
	// copiedBefore is in how many groups a user may be to have all copies written
	// before a call is answered. For users in more, events do it.
	copiedBefore = 20
	// copiesPerEvent and spreadAtOnce bound what events copy: the groups of one
	// event, and those of them that are written to at the same time.
	copiesPerEvent = 25
	spreadAtOnce   = 4
)

// changeTargets commits a change of what the rosters copy and has the copies
// brought up to date. The document remembers up to which revision the copies have
// followed, so that a caller who got no answer repairs them by asking again.
func (u *Users) changeTargets(ctx context.Context, user id.User, need needs, change func(*state) error) error {
	s, err := u.doWith(ctx, user, need, change)
	if err != nil {
		return err
	}
	return u.spread(ctx, s)
}

// revise counts a change of what the rosters copy. One that concerns a single
// group may leave the other copies alone when none of them is behind: they do
// not differ between the two revisions.
func (s *state) revise(only id.Group) {
	s.only = ""
	if s.copied == s.revision {
		s.only = only
	}
	s.revision++
	s.changed = true
}

// spread brings the copies up to date, or asks for that where they are many.
func (u *Users) spread(ctx context.Context, s *state) error {
	if s.copied == s.revision {
		return nil
	}
	groups := []id.Group{s.only}
	if s.only == "" {
		limit := 0
		if u.Later != nil {
			limit = u.few + 1
		}
		var err error
		if groups, err = u.groupsOf(ctx, s.id, limit); err != nil {
			return err
		}
		if u.Later != nil && len(groups) > u.few {
			return u.later(ctx, event.Copies{User: s.id, Revision: s.revision})
		}
	}
	work, workCtx := errgroup.WithContext(ctx)
	work.SetLimit(copyAtOnce)
	for _, g := range groups {
		work.Go(func() error { return u.copyTo(workCtx, g, s) })
	}
	if err := work.Wait(); err != nil {
		return err
	}
	return u.followed(ctx, s.id, s.revision)
}

// followed notes that all copies have followed up to a revision.
func (u *Users) followed(ctx context.Context, user id.User, revision int64) error {
	_, err := u.do(ctx, user, func(s *state) error {
		if s.copied < revision {
			s.copied, s.changed = revision, true
		}
		return nil
	})
	return err
}

func (u *Users) copyTo(ctx context.Context, g id.Group, s *state) error {
	return u.groups.SetTargets(ctx, g, 1, map[id.User]group.Targets{s.id: s.targets(g)})
}

func (u *Users) groupsOf(ctx context.Context, user id.User, limit int) ([]id.Group, error) {
	of, err := u.groups.Of(ctx, user, 0, limit)
	groups := make([]id.Group, len(of))
	for i, g := range of {
		groups[i] = g.ID
	}
	return groups, err
}

func (u *Users) later(ctx context.Context, ev event.Copies) error {
	payload, err := json.Marshal(ev)
	if err != nil {
		return err
	}
	if err := u.Later(ctx, payload); err != nil {
		slog.ErrorContext(ctx, "copies could not be asked for", "user", ev.User, "revision", ev.Revision, "error", err)
		return fault.New(fault.Unavailable, "stored, but not yet known everywhere, try again")
	}
	return nil
}

// Copy does some of what an event asks for, and asks for the rest. It copies what
// the user's document says now, so that events may come twice, late and in any
// order: no copy ever goes back. When a newer change has its own events under way
// the two go side by side, for nobody knows whether those were ever announced. pace
// is asked before each group.
func (u *Users) Copy(ctx context.Context, ev event.Copies, pace func(context.Context) error) error {
	states, err := u.read(ctx, []id.User{ev.User})
	if err != nil {
		return err
	}
	s := states[0]
	if s.copied >= ev.Revision {
		return nil
	}
	if len(ev.Groups) == 0 {
		ev.Revision = s.revision
		if ev.Groups, err = u.groupsOf(ctx, ev.User, 0); err != nil {
			return err
		}
	}
	n := min(copiesPerEvent, len(ev.Groups))
	skipped, err := u.copyPaced(ctx, ev.Groups[:n], s, pace)
	if err != nil {
		return err
	}
	ev.Groups, ev.Skipped = ev.Groups[n:], ev.Skipped || skipped
	switch {
	case len(ev.Groups) > 0:
		return u.later(ctx, ev)
	case ev.Skipped:
		return nil
	}
	return u.followed(ctx, ev.User, ev.Revision)
}

// copyPaced copies to groups one after the other, more or less. A group that no
// retry would help is passed over: it must not keep the others waiting.
func (u *Users) copyPaced(ctx context.Context, groups []id.Group, s *state, pace func(context.Context) error) (skipped bool, err error) {
	failed := make([]error, len(groups))
	work, workCtx := errgroup.WithContext(ctx)
	work.SetLimit(spreadAtOnce)
	for i, g := range groups {
		work.Go(func() error {
			if err := pace(workCtx); err != nil {
				return err
			}
			err := u.copyTo(workCtx, g, s)
			if err == nil || fault.Is(err, fault.Unavailable) {
				return err
			}
			failed[i] = err
			return nil
		})
	}
	if err := work.Wait(); err != nil {
		return false, err
	}
	for i, err := range failed {
		if err != nil {
			skipped = true
			slog.ErrorContext(ctx, "a roster cannot be brought up to date", "user", s.id, "group", groups[i], "error", err)
		}
	}
	return skipped, nil
}
