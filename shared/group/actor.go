package group

import (
	"context"

	"github.com/throng-im/throng/shared/commit"
	"github.com/throng-im/throng/shared/fault"
	"github.com/throng-im/throng/shared/id"
)

// Actor is the user in whose name a device acts, and what the group itself does
// not know of them.
type Actor struct {
	User id.User
	// Gagged says that the user is muted in all groups.
	Gagged bool
	// Admin may take back any message of any group, and see who has read it.
	Admin bool
	// BeforeJoin shows members what came before they joined.
	BeforeJoin bool
	// Source is what kind of device it is.
	Source string
}

// need loads what the rules ask of the actor.
func (a Actor) need(ctx context.Context, r commit.Reader, s *state) error {
	return s.fetch(ctx, r, s.shardsOf(a.User))
}

// enter lets in members of a group that was not dismissed.
func (s *state) enter(a Actor) error {
	switch {
	case s.dismissed && s.dismissal > 0:
		return errDismissed
	case !s.member(a.User).Present():
		return errNotMember
	}
	return nil
}

var (
	errDismissed = fault.New(fault.GroupDismissed, "the group was dismissed")
	errNotMember = fault.New(fault.NotMember, "the user is not a member of the group")
)

// speak lets those say something who may.
func (s *state) speak(a Actor) error {
	if err := s.enter(a); err != nil {
		return err
	}
	m := s.member(a.User)
	switch {
	case a.Gagged:
		return fault.New(fault.Muted, "the user is muted in all groups")
	case m.Gagged(s.now):
		return fault.New(fault.Muted, "the user is muted in the group")
	case s.muted && !m.Allowed:
		return fault.New(fault.GroupMuted, "the group is muted and the user is not on its allowlist")
	}
	return nil
}

// sees says whether the actor may see a message.
func (s *state) sees(a Actor, e Entry) bool {
	return View{User: a.User, BeforeJoin: a.BeforeJoin}.Of(s.member(a.User)).Sees(e)
}

// missing is the answer for a message that is not there, and for one that is
// nothing for who asks.
func missing(uid id.Message) error {
	return fault.New(fault.NotFound, "the group has no message %s", uid)
}
