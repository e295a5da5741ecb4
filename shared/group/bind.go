package group

import (
	"context"

	"github.com/throng-im/throng/shared/commit"
	"github.com/throng-im/throng/shared/id"
)

// Bound is a message that goes with a change of a group, in one commit: both
// are there, or neither.
type Bound struct {
	Message Entry
	// MaxMembers, when not zero, bounds the group for this change only, within
	// the limit that every group has.
	MaxMembers int
}

// Outcome is what a change with a bound message comes to.
type Outcome struct {
	// UID and Seq are the message's. A group that takes no messages leaves Seq
	// zero, and the message goes to nobody.
	UID id.Message
	Seq int64
	// Members counts the members after the change.
	Members int
}

// JoinBound is Join and then the message, so that who joins receives it.
func (g *Groups) JoinBound(ctx context.Context, group id.Group, users []id.User, name string, b Bound) (Outcome, error) {
	limit := g.limit
	if b.MaxMembers > 0 {
		limit = min(limit, b.MaxMembers)
	}
	return g.bound(ctx, group, b, need(users...), func(s *state, speak func()) error {
		err := s.join(users, name, limit)
		if err == nil {
			speak()
		}
		return err
	})
}

// QuitBound is the message and then Quit, so that who leaves receives it.
func (g *Groups) QuitBound(ctx context.Context, group id.Group, users []id.User, b Bound) (Outcome, error) {
	return g.bound(ctx, group, b, need(users...), func(s *state, speak func()) error {
		speak()
		return s.quit(users)
	})
}

// DismissBound is the message and then Dismiss.
func (g *Groups) DismissBound(ctx context.Context, group id.Group, by id.User, b Bound) (Outcome, error) {
	return g.bound(ctx, group, b, needAll, func(s *state, speak func()) error {
		speak()
		return s.dismiss(by)
	})
}

// RenameBound is Rename and then the message.
func (g *Groups) RenameBound(ctx context.Context, group id.Group, name string, b Bound) (Outcome, error) {
	return g.bound(ctx, group, b, nil, func(s *state, speak func()) error {
		err := s.renameLive(name)
		if err == nil {
			speak()
		}
		return err
	})
}

// bound runs a change that says when its message is added.
func (g *Groups) bound(ctx context.Context, group id.Group, b Bound, need func(context.Context, commit.Reader, *state) error, change func(s *state, speak func()) error) (Outcome, error) {
	m, err := g.saying(b.Message)
	if err != nil {
		return Outcome{}, err
	}
	v, err := g.loop.Do(ctx, string(group), commit.Command[state]{Need: need, Apply: func(s *state) (any, error) {
		var out Outcome
		err := change(s, func() {
			if r := s.publish(m); r != nil {
				out.UID, out.Seq = r.UID, r.Seq
			}
		})
		out.Members = int(s.members)
		return out, err
	}})
	if err != nil {
		return Outcome{}, err
	}
	out := v.(Outcome)
	if out.Seq == 0 {
		out.UID = id.NewMessage(id.NewSerial(), 0)
	}
	return out, nil
}
