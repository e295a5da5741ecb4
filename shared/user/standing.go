package user

import (
	"context"
	"math"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/throng-im/throng/shared/commit"
	"github.com/throng-im/throng/shared/group"
	"github.com/throng-im/throng/shared/id"
)

// standingAtOnce bounds the users that one call changes at the same time.
const standingAtOnce = 20

// Standing is what every call of a user's devices must know of the user.
type Standing struct {
	expiredBefore, gagStart, gagUntil int64
}

// forever is the end of a gag that has none, as it is stored.
const forever = math.MaxInt64

// Accepts says whether a token issued at that time still counts.
func (s Standing) Accepts(issued time.Time) bool { return issued.UnixMilli() >= s.expiredBefore }

// Gagged says whether the user is muted in all groups.
func (s Standing) Gagged(now time.Time) bool { return now.UnixMilli() < s.gagUntil }

func (s Standing) gag(user id.User) group.Gag {
	g := group.Gag{User: user, Start: time.UnixMilli(s.gagStart)}
	if s.gagUntil != forever {
		g.Until = time.UnixMilli(s.gagUntil)
	}
	return g
}

// standingFields are the fields of a user's document that make a Standing. Who
// is not gagged has no gagUntil, so that its index holds only those who are.
var standingFields = []string{"expiredBefore", "gagStart", "gagUntil"}

func readStanding(f commit.Fields) Standing {
	number := func(field string) int64 { n, _ := f[field].(int64); return n }
	return Standing{number("expiredBefore"), number("gagStart"), number("gagUntil")}
}

func (s Standing) write(f commit.Fields) {
	for i, n := range []int64{s.expiredBefore, s.gagStart, s.gagUntil} {
		if n != 0 {
			f[standingFields[i]] = n
		}
	}
}

// Standing reads what a device's call must know. A user nobody has heard of is
// in good standing.
func (u *Users) Standing(ctx context.Context, user id.User) (Standing, error) {
	docs, err := u.store.Get(ctx, []string{path(user)}, standingFields...)
	if err != nil {
		return Standing{}, err
	}
	return readStanding(docs[0].Fields), nil
}

// ExpireTokens ends every token of the users that was issued before a point in
// time, and has who is connected with one hear of it. An earlier point than one
// given before changes nothing.
func (u *Users) ExpireTokens(ctx context.Context, users []id.User, before time.Time) error {
	return u.change(ctx, users, func(s *state) {
		if ms := before.UnixMilli(); ms > s.standing.expiredBefore {
			s.standing.expiredBefore, s.changed = ms, true
		}
		s.ended = true // said again, for whoever ended them may not have come to announce it
	})
}

// GagEverywhere mutes users in all groups until a point in time, or without end
// when it is zero. A mute that is there gets the new end.
func (u *Users) GagEverywhere(ctx context.Context, users []id.User, until time.Time) error {
	end := int64(forever)
	if !until.IsZero() {
		end = until.UnixMilli()
	}
	return u.change(ctx, users, func(s *state) {
		if s.standing.gagUntil == end {
			return
		}
		if !s.standing.Gagged(time.UnixMilli(s.now)) {
			s.standing.gagStart = s.now
		}
		s.standing.gagUntil, s.changed = end, true
	})
}

// UngagEverywhere lifts the mutes of GagEverywhere.
func (u *Users) UngagEverywhere(ctx context.Context, users []id.User) error {
	return u.change(ctx, users, func(s *state) {
		if s.standing.gagUntil != 0 {
			s.standing.gagStart, s.standing.gagUntil, s.changed = 0, 0, true
		}
	})
}

// GaggedEverywhere lists who is muted in all groups, the next to be free first.
func (u *Users) GaggedEverywhere(ctx context.Context) ([]group.Gag, error) {
	now := u.now()
	docs, err := u.store.Query(ctx, commit.Query{Collection: "users", Field: "gagUntil", AtLeast: now.UnixMilli(), Select: standingFields})
	if err != nil {
		return nil, err
	}
	gags := make([]group.Gag, 0, len(docs))
	for _, d := range docs {
		if s := readStanding(d.Fields); s.Gagged(now) {
			gags = append(gags, s.gag(userOf(d.Path)))
		}
	}
	return gags, nil
}

// change does the same to several users.
func (u *Users) change(ctx context.Context, users []id.User, apply func(*state)) error {
	work, ctx := errgroup.WithContext(ctx)
	work.SetLimit(standingAtOnce)
	for _, user := range users {
		work.Go(func() error {
			_, err := u.do(ctx, user, func(s *state) error { apply(s); return nil })
			return err
		})
	}
	return work.Wait()
}
