package user

import (
	"context"
	"encoding/json"
	"maps"

	"github.com/throng-im/throng/shared/fault"
	"github.com/throng-im/throng/shared/id"
	"github.com/throng-im/throng/shared/notify"
)

// maxNotices bounds the notices of a user in bytes, to half of what a Firestore
// document takes: some 7,000 groups with the longest of names.
const maxNotices = 512 << 10

// notices are what a user set about notifications. A draft shares them with the
// state that it came from, so a change makes new ones.
type notices struct {
	// Type is the level for all groups, Groups the levels of those that have one
	// of their own.
	Type   notify.Level              `json:"t,omitempty"`
	Groups map[id.Group]notify.Level `json:"g,omitempty"`
	Quiet  *notify.Quiet             `json:"q,omitempty"`
}

// bytes encodes the notices; there are none for a user who set nothing.
func (n notices) bytes() ([]byte, error) {
	if n.Type == notify.Unset && len(n.Groups) == 0 && n.Quiet == nil {
		return nil, nil
	}
	return json.Marshal(n)
}

// in returns the notices with the level of one group changed.
func (n notices) in(g id.Group, level notify.Level) notices {
	levels := maps.Clone(n.Groups)
	if levels == nil {
		levels = map[id.Group]notify.Level{}
	}
	levels[g] = level
	if level == notify.Unset {
		delete(levels, g)
	}
	n.Groups = levels
	return n
}

// setNotices takes changed notices. only is the group that the change concerns,
// empty for all of the user's groups.
func (s *state) setNotices(n notices, only id.Group) error {
	encoded, err := n.bytes()
	if err != nil {
		return err
	}
	if len(encoded) > maxNotices {
		return fault.New(fault.TooLarge, "the user has notification levels for too many groups: they take more than %d bytes", maxNotices)
	}
	s.set = true
	if !s.notices.same(n) {
		s.notices = n
		s.revise(only)
	}
	return nil
}

// SetLevel says which messages of one group notify a user; notify.Unset leaves
// that to the level for all groups. When it returns, pushing knows.
func (u *Users) SetLevel(ctx context.Context, user id.User, g id.Group, level notify.Level) error {
	if err := level.Check("level"); err != nil {
		return err
	}
	return u.changeTargets(ctx, user, nil, func(s *state) error {
		return s.setNotices(s.notices.in(g, level), g)
	})
}

// Level returns what SetLevel stored.
func (u *Users) Level(ctx context.Context, user id.User, g id.Group) (notify.Level, error) {
	n, err := u.notices(ctx, user)
	return n.Groups[g], err
}

// SetTypeLevel says which messages notify a user in groups that have no level of
// their own. When it returns, pushing knows.
func (u *Users) SetTypeLevel(ctx context.Context, user id.User, level notify.Level) error {
	return u.Configure(ctx, user, Wishes{Type: &level})
}

// TypeLevel returns what SetTypeLevel stored.
func (u *Users) TypeLevel(ctx context.Context, user id.User) (notify.Level, error) {
	n, err := u.notices(ctx, user)
	return n.Type, err
}

// SetQuiet sets the hours in which only some messages notify a user. When it
// returns, pushing knows.
func (u *Users) SetQuiet(ctx context.Context, user id.User, q notify.Quiet) error {
	return u.Configure(ctx, user, Wishes{Quiet: &q})
}

// ClearQuiet ends the quiet hours. Having none is no error.
func (u *Users) ClearQuiet(ctx context.Context, user id.User) error {
	return u.Configure(ctx, user, Wishes{NoQuiet: true})
}

// Quiet returns the quiet hours, nil when there are none.
func (u *Users) Quiet(ctx context.Context, user id.User) (*notify.Quiet, error) {
	n, err := u.notices(ctx, user)
	return n.Quiet, err
}

func (u *Users) notices(ctx context.Context, user id.User) (notices, error) {
	docs, err := u.store.Get(ctx, []string{path(user)}, "notices")
	if err != nil {
		return notices{}, err
	}
	s, err := read(user, docs[0])
	if err != nil {
		return notices{}, err
	}
	return s.notices, nil
}
