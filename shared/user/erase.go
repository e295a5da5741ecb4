package user

import (
	"context"
	"slices"

	"github.com/throng-im/throng/shared/commit"
	"github.com/throng-im/throng/shared/id"
	"github.com/throng-im/throng/shared/notify"
)

// Holding is what is kept of a user, for whoever may see it: the user themselves and
// those who answer for it.
type Holding struct {
	Name     string   `json:"name,omitempty"`
	Portrait string   `json:"portrait,omitempty"`
	Created  int64    `json:"createdAt,omitempty"`
	Devices  []Device `json:"devices,omitempty"`
	// Settings are about notifications, nil where there are none.
	Settings *Settings `json:"settings,omitempty"`
	// GagUntil is until when the user is muted in all groups, in Unix milliseconds.
	GagUntil int64 `json:"mutedUntil,omitempty"`
}

// Holding reads what is kept of a user. held is false when there is nothing, or only
// what Erase leaves.
func (u *Users) Holding(ctx context.Context, user id.User) (h Holding, held bool, err error) {
	docs, err := u.store.Get(ctx, []string{path(user)})
	if err != nil {
		return h, false, err
	}
	s, err := read(user, docs[0])
	if err != nil {
		return h, false, err
	}
	h = Holding{Name: s.name, Portrait: s.portrait, Created: s.createdAt, Devices: s.devices, GagUntil: s.standing.gagUntil}
	if !s.notices.same(notices{}) {
		settings := s.settings()
		h.Settings = &settings
	}
	return h, !s.erased(), nil
}

// erased says whether there is nothing of the user but when tokens ended.
func (s *state) erased() bool {
	return s.name == "" && s.portrait == "" && s.createdAt == 0 && len(s.devices) == 0 && s.notices.same(notices{}) && s.standing.gagUntil == 0
}

// Erase takes all that is kept of a user and ends every token there is, of which
// whoever is connected hears. What is left says when tokens ended and how often copies
// changed, so that nothing old counts again. It does not touch the groups.
func (u *Users) Erase(ctx context.Context, user id.User) error {
	_, err := u.do(ctx, user, func(s *state) error {
		if !s.exists() {
			return nil
		}
		if s.ended = true; s.erased() {
			return nil
		}
		*s = state{
			id: s.id, version: s.version, journal: s.journal, now: s.now, ended: true, changed: true,
			revision: s.revision + 1, copied: s.revision + 1, standing: Standing{expiredBefore: max(s.standing.expiredBefore, s.now)},
		}
		return nil
	})
	return err
}

// listed is how many documents one query of those that follow brings.
const listed = 500

// Claims visits the tokens that belong to people or belonged to them, by the names of
// their documents, which are hashes. It costs a read for each token of the app.
func (u *Users) Claims(ctx context.Context, people id.People, visit func(path string) error) error {
	return u.claims(ctx, people, func(d commit.Doc, _ string, _ []string) error { return visit(d.Path) })
}

// EraseClaims visits what Claims does, and forgets that the tokens belong to people or
// belonged to them. Of others who may not have let go of such a token it keeps that they
// had it: nothing else says so, and whoever registers the token next has to take it from
// them. Errors: commit.ErrConflict where one was registered meanwhile; then it may be
// repeated.
func (u *Users) EraseClaims(ctx context.Context, people id.People, visit func(path string) error) error {
	return u.claims(ctx, people, func(d commit.Doc, owner string, former []string) error {
		if err := visit(d.Path); err != nil {
			return err
		}
		if people[id.User(owner)] {
			owner = ""
		}
		former = slices.DeleteFunc(slices.Clone(former), func(u string) bool { return people[id.User(u)] })
		w := commit.Write{Path: d.Path, If: commit.Condition{Version: d.Version}}
		if owner == "" && len(former) == 0 {
			w.Delete = true
		} else {
			w.Merge, w.Fields = true, commit.Fields{"user": owner, "former": former}
		}
		_, err := u.store.Commit(ctx, []commit.Write{w})
		return err
	})
}

func (u *Users) claims(ctx context.Context, people id.People, visit func(d commit.Doc, owner string, former []string) error) error {
	return commit.Each(ctx, u.store, commit.Query{Collection: "tokens", Limit: listed, Select: []string{"user", "former"}}, func(d commit.Doc) error {
		owner, _ := d.Fields["user"].(string)
		former, _ := d.Fields["former"].([]string)
		if people[id.User(owner)] || slices.ContainsFunc(former, func(u string) bool { return people[id.User(u)] }) {
			return visit(d, owner, former)
		}
		return nil
	})
}

// Levels visits the users who have a level of notifications of their own for a group.
// It costs a read for each user of the app.
func (u *Users) Levels(ctx context.Context, g id.Group, visit func(id.User, notify.Level) error) error {
	return commit.Each(ctx, u.store, commit.Query{Collection: "users", Limit: listed, Select: []string{"notices"}}, func(d commit.Doc) error {
		s, err := read(userOf(d.Path), d)
		if err != nil {
			return err
		}
		if level, set := s.notices.Groups[g]; set {
			return visit(s.id, level)
		}
		return nil
	})
}

// EraseLevel forgets a user's level for a group that was erased.
func (u *Users) EraseLevel(ctx context.Context, user id.User, g id.Group) error {
	_, err := u.do(ctx, user, func(s *state) error {
		followed := s.copied == s.revision
		err := s.setNotices(s.notices.in(g, notify.Unset), g)
		if followed {
			s.copied = s.revision // the roster that had a copy is gone
		}
		return err
	})
	return err
}
