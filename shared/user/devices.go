package user

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"time"

	"github.com/throng-im/throng/shared/commit"
	"github.com/throng-im/throng/shared/event"
	"github.com/throng-im/throng/shared/group"
	"github.com/throng-im/throng/shared/id"
	"github.com/throng-im/throng/shared/notify"
)

const (
	// MaxDevices is how many devices a user keeps; registering one more forgets
	// the one that was not seen for the longest.
	MaxDevices = 20
	// refreshDays is how old the day may be on which a device was seen last. FCM
	// advises to refresh it once a month; more often would be writes for nothing.
	refreshDays = 30
)

// Device is a device as registered.
type Device struct {
	ID       id.Device `json:"id"`
	Platform string    `json:"platform"`
	Token    string    `json:"token"`
	Language string    `json:"language,omitempty"`
	TimeZone string    `json:"timeZone,omitempty"`
	// Seen is the group.Day on which the device registered last, to refreshDays. It
	// is not the caller's to set.
	Seen int64 `json:"seen,omitempty"`
}

// PutDevice registers a device for push, or changes it. When it returns, the
// device's token is this user's and nobody else's, and pushing knows, but for
// users in so many groups that these follow a moment later.
func (u *Users) PutDevice(ctx context.Context, user id.User, d Device) error {
	var freed []id.User
	for {
		s, err := u.doWith(ctx, user, claimOf(d.Token), func(s *state) error { s.putDevice(d, freed); return nil })
		if err != nil {
			return err
		}
		c := s.claims[claimPath(d.Token)]
		if c.owner != user {
			return nil // somebody else has registered the token meanwhile
		}
		if len(c.former) == 0 {
			return u.spread(ctx, s)
		}
		for _, who := range c.former {
			if err := u.release(ctx, who, d.Token); err != nil {
				return err
			}
		}
		freed = c.former
	}
}

// release takes a push token from a user whom it does not belong to any more.
func (u *Users) release(ctx context.Context, user id.User, token string) error {
	return u.changeTargets(ctx, user, claimOf(token), func(s *state) error {
		if s.claims[claimPath(token)].owner != user {
			s.dropDevices(func(d Device) bool { return d.Token == token })
		}
		return nil
	})
}

// StillTheirs returns those of a push job's devices whose token is in their user's
// document still: neither were they removed, nor has somebody else the token now. It
// costs a read for each user, all in one.
func (u *Users) StillTheirs(ctx context.Context, targets []event.PushTarget) ([]event.PushTarget, error) {
	asked := map[id.User]bool{}
	for _, t := range targets {
		asked[t.User] = true
	}
	profiles, err := u.Profiles(ctx, slices.Sorted(maps.Keys(asked)))
	if err != nil {
		return nil, err
	}
	var out []event.PushTarget
	for _, t := range targets {
		if slices.ContainsFunc(profiles[t.User].of.devices, func(d Device) bool { return d.Token == t.Token }) {
			out = append(out, t)
		}
	}
	return out, nil
}

// RemoveDevice ends push to a device. An unknown device is no error.
func (u *Users) RemoveDevice(ctx context.Context, user id.User, device id.Device) error {
	return u.changeTargets(ctx, user, nil, func(s *state) error {
		s.dropDevices(func(d Device) bool { return d.ID == device })
		return nil
	})
}

// ForgetToken ends push to a token that FCM says is dead.
func (u *Users) ForgetToken(ctx context.Context, user id.User, token string) error {
	return u.changeTargets(ctx, user, nil, func(s *state) error {
		s.dropDevices(func(d Device) bool { return d.Token == token })
		return nil
	})
}

// ForgetSilent drops the devices of a user that were not seen for so long that FCM
// has let go of them. Rosters need not be told: a copy says itself when it is that
// old. One that was stored before there were dates counts as seen now, and that is
// copied. It writes nothing for a user who has neither.
func (u *Users) ForgetSilent(ctx context.Context, user id.User) error {
	return u.changeTargets(ctx, user, nil, func(s *state) error {
		today := s.today()
		s.changed = s.changed || len(live(s.devices, today)) < len(s.devices)
		if slices.ContainsFunc(s.devices, undated) {
			s.devices = slices.Clone(s.devices)
			for i, d := range s.devices {
				if undated(d) {
					s.devices[i].Seen = today
				}
			}
			s.revise("")
		}
		return nil
	})
}

// Silent says of a user's document as stored whether ForgetSilent has something to do.
func Silent(doc commit.Doc, now time.Time) bool {
	s, err := read(userOf(doc.Path), doc)
	if err != nil {
		return false // whoever reads it for pushing says so
	}
	return len(live(s.devices, group.Day(now.UnixMilli()))) < len(s.devices) || slices.ContainsFunc(s.devices, undated)
}

func undated(d Device) bool { return d.Seen == 0 }

// live are the devices that are still to be pushed to.
func live(devices []Device, today int64) []Device {
	silent := func(d Device) bool { return group.Silent(d.Seen, today) }
	if !slices.ContainsFunc(devices, silent) {
		return devices
	}
	return slices.DeleteFunc(slices.Clone(devices), silent)
}

func (s *state) today() int64 { return group.Day(s.now) }

// putDevice keeps one entry per device and per push token, newest last. A token that
// others may still have is only claimed, until it is known of all of them that they
// have let go of it: freed are those of whom it is. Whoever comes to know that after
// the token has gone on to somebody else changes nothing.
//
// A device that is there as it should be is only noted as seen, about which no copy
// needs to hear, unless they have given it up, or do not say when it was seen.
func (s *state) putDevice(d Device, freed []id.User) {
	if !s.claim(d.Token, freed) {
		return
	}
	d.Seen = s.today()
	i := slices.IndexFunc(s.devices, func(old Device) bool { old.Seen = d.Seen; return old == d })
	if i >= 0 && !undated(s.devices[i]) && !group.Silent(s.devices[i].Seen, d.Seen) {
		if d.Seen-s.devices[i].Seen >= refreshDays {
			s.devices = slices.Clone(s.devices)
			s.devices[i] = d
			s.renew(d.Token)
		}
		return
	}
	s.renew(d.Token)
	s.devices = slices.DeleteFunc(slices.Clone(s.devices), func(old Device) bool { return old.ID == d.ID || old.Token == d.Token })
	if len(s.devices) == MaxDevices {
		oldest := slices.MinFunc(s.devices, func(a, b Device) int { return cmp.Compare(a.Seen, b.Seen) })
		s.devices = slices.DeleteFunc(s.devices, func(d Device) bool { return d == oldest })
	}
	s.devices = append(s.devices, d)
	s.revise("")
}

func (s *state) dropDevices(drop func(Device) bool) {
	kept := slices.DeleteFunc(slices.Clone(s.devices), drop)
	if len(kept) != len(s.devices) {
		s.devices = kept
		s.revise("")
	}
}

// targets is what the roster of a group copies.
func (s *state) targets(g id.Group) group.Targets {
	t := group.Targets{Version: s.revision, Level: notify.First(s.notices.Groups[g], s.notices.Type), Quiet: s.notices.Quiet}
	for _, d := range live(s.devices, s.today()) {
		t.Devices = append(t.Devices, group.Device{ID: d.ID, Platform: d.Platform, Token: d.Token, Language: d.Language, Seen: d.Seen})
	}
	return t
}
