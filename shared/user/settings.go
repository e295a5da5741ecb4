package user

import (
	"context"
	"encoding/json"
	"maps"

	"github.com/throng-im/throng/shared/event"
	"github.com/throng-im/throng/shared/id"
	"github.com/throng-im/throng/shared/notify"
)

// Settings are what a user set about notifications, as the user's devices see it:
// all of it, so that what is not there was not set.
type Settings struct {
	// Version counts changes: of two it tells which is newer.
	Version int64      `json:"version"`
	Notify  TypeLevels `json:"notify"`
	// QuietHours are nil when there are none.
	QuietHours *QuietHours `json:"quietHours"`
	// Levels are those of the groups that have one of their own.
	Levels map[id.Group]notify.Level `json:"conversations"`
}

// TypeLevels are the levels of conversations that have none of their own, by type.
type TypeLevels struct {
	Group notify.Level `json:"group"`
}

// QuietHours is a notify.Quiet as devices spell it.
type QuietHours struct {
	Start   string       `json:"start"`
	Minutes int          `json:"minutes"`
	Zone    string       `json:"timeZone"`
	Level   notify.Level `json:"level"`
}

// Quiet is the same as notifications are judged by.
func (q QuietHours) Quiet() notify.Quiet {
	return notify.Quiet{Start: q.Start, Minutes: q.Minutes, Zone: q.Zone, Level: q.Level}
}

func (s *state) settings() Settings {
	out := Settings{Version: s.revision, Notify: TypeLevels{s.notices.Type}, Levels: s.notices.Groups}
	if out.Levels == nil {
		out.Levels = map[id.Group]notify.Level{}
	}
	if q := s.notices.Quiet; q != nil {
		out.QuietHours = &QuietHours{Start: q.Start, Minutes: q.Minutes, Zone: q.Zone, Level: q.Level}
	}
	return out
}

// Settings returns what a user set, with one read.
func (u *Users) Settings(ctx context.Context, user id.User) (Settings, error) {
	docs, err := u.store.Get(ctx, []string{path(user)}, "notices", "revision")
	if err != nil {
		return Settings{}, err
	}
	s, err := read(user, docs[0])
	if err != nil {
		return Settings{}, err
	}
	return s.settings(), nil
}

// Wishes change settings; what is nil stays as it is.
type Wishes struct {
	// Type is the level for all groups that have none of their own.
	Type *notify.Level
	// Quiet are the quiet hours; NoQuiet ends them.
	Quiet   *notify.Quiet
	NoQuiet bool
}

// Configure changes settings all at once. When it returns, pushing knows.
func (u *Users) Configure(ctx context.Context, user id.User, w Wishes) error {
	if w.Type != nil {
		if err := w.Type.Check("level"); err != nil {
			return err
		}
	}
	if w.Quiet != nil {
		if err := w.Quiet.Check(); err != nil {
			return err
		}
	}
	return u.changeTargets(ctx, user, nil, func(s *state) error {
		n := s.notices
		if w.Type != nil {
			n.Type = *w.Type
		}
		switch {
		case w.NoQuiet:
			n.Quiet = nil
		case w.Quiet != nil && (n.Quiet == nil || *n.Quiet != *w.Quiet):
			n.Quiet = w.Quiet
		}
		return s.setNotices(n, "")
	})
}

// same says whether two notices say the same.
func (n notices) same(m notices) bool {
	return n.Type == m.Type && maps.Equal(n.Groups, m.Groups) &&
		(n.Quiet == nil) == (m.Quiet == nil) && (n.Quiet == nil || *n.Quiet == *m.Quiet)
}

// announcement tells the user's devices what the settings are now, when a command
// was about them: also when it found them as they should be, for whoever set them
// may not have come to announce it. Of tokens that were ended it tells, too.
func (m *model) announcement(d *state) (func(context.Context) error, error) {
	if m.announce == nil || !d.set && !d.ended {
		return nil, nil
	}
	var events []any
	if d.set {
		encoded, err := json.Marshal(struct {
			Settings Settings `json:"settings"`
		}{d.settings()})
		if err != nil {
			return nil, err
		}
		events = append(events, event.Conversation{User: d.id, Settings: d.revision, Update: encoded})
	}
	if d.ended {
		events = append(events, event.TokensEnded{User: d.id, TokensEnded: d.standing.expiredBefore})
	}
	payloads := make([][]byte, len(events))
	for i, ev := range events {
		var err error
		if payloads[i], err = json.Marshal(ev); err != nil {
			return nil, err
		}
	}
	return func(ctx context.Context) error { return m.announce(ctx, payloads...) }, nil
}
