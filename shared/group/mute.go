package group

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"time"

	"github.com/throng-im/throng/shared/commit"
	"github.com/throng-im/throng/shared/id"
)

// forever is the end of a gag that has none.
const forever = -1

// Gagged says whether the member may not speak at a time in Unix milliseconds.
func (m Member) Gagged(now int64) bool { return m.GagUntil == forever || m.GagUntil > now }

// Gag keeps one user from sending. A zero Until is for ever.
type Gag struct {
	User         id.User
	Start, Until time.Time
}

// Gag keeps users from sending to the group, until a time or, when it is zero,
// for ever. Gagging again replaces the end. Like all mutes it may be said of
// anybody and of any group, outlives membership and dismissal, is announced to
// nobody, and does not bind the app's server.
func (g *Groups) Gag(ctx context.Context, group id.Group, users []id.User, until time.Time) error {
	end := int64(forever)
	if !until.IsZero() {
		end = until.UnixMilli()
	}
	return g.mark(ctx, group, users, true, func(m Member, now int64) Member {
		switch {
		case end != forever && end <= now:
			m.GagStart, m.GagUntil = 0, 0
		case m.Gagged(now):
			m.GagUntil = end
		default:
			m.GagStart, m.GagUntil = now, end
		}
		return m
	})
}

// Ungag ends gags before their time.
func (g *Groups) Ungag(ctx context.Context, group id.Group, users []id.User) error {
	return g.mark(ctx, group, users, false, func(m Member, _ int64) Member {
		m.GagStart, m.GagUntil = 0, 0
		return m
	})
}

// Allow lets users speak while the group is muted. A gag still binds them.
func (g *Groups) Allow(ctx context.Context, group id.Group, users []id.User) error {
	return g.mark(ctx, group, users, true, func(m Member, _ int64) Member { m.Allowed = true; return m })
}

// Disallow takes users off the allowlist.
func (g *Groups) Disallow(ctx context.Context, group id.Group, users []id.User) error {
	return g.mark(ctx, group, users, false, func(m Member, _ int64) Member { m.Allowed = false; return m })
}

// mark changes what users' records carry. reserve keeps it for a group that was
// never created, which otherwise stays as it is.
func (g *Groups) mark(ctx context.Context, group id.Group, users []id.User, reserve bool, change func(m Member, now int64) Member) error {
	_, err := g.loop.Do(ctx, string(group), commit.Command[state]{
		Need: need(users...),
		Apply: func(s *state) (any, error) {
			s.mark(users, reserve, change)
			return nil, nil
		},
	})
	return err
}

func (s *state) mark(users []id.User, reserve bool, change func(m Member, now int64) Member) {
	changed := false
	for _, u := range users {
		old := s.member(u)
		m := change(old, s.now)
		if m.carriesLike(old) {
			continue
		}
		if reserve {
			s.reserve()
		}
		if !s.begun() {
			return
		}
		s.changeFor(u).setMember(u, m)
		changed = true
	}
	if changed {
		s.sweep()
	}
}

// carriesLike says whether two records carry the same.
func (m Member) carriesLike(o Member) bool {
	return m.GagStart == o.GagStart && m.GagUntil == o.GagUntil && m.Allowed == o.Allowed && m.Remark == o.Remark
}

// Mute keeps everybody from sending who is not on the allowlist, or no longer.
func (g *Groups) Mute(ctx context.Context, group id.Group, on bool) error {
	_, err := g.loop.Do(ctx, string(group), commit.Command[state]{
		Apply: func(s *state) (any, error) { s.mute(on); return nil, nil },
	})
	return err
}

func (s *state) mute(on bool) {
	if s.muted == on {
		return
	}
	s.reserve()
	s.muted, s.changed = on, true
}

// Gagged lists the gags of a group that have not ended, ordered by user.
func (g *Groups) Gagged(ctx context.Context, group id.Group) ([]Gag, error) {
	now := g.now().UnixMilli()
	var gags []Gag
	err := g.records(ctx, group, func(u id.User, m Member) {
		if m.Gagged(now) {
			gag := Gag{User: u, Start: time.UnixMilli(m.GagStart)}
			if m.GagUntil != forever {
				gag.Until = time.UnixMilli(m.GagUntil)
			}
			gags = append(gags, gag)
		}
	})
	slices.SortFunc(gags, func(a, b Gag) int { return cmp.Compare(a.User, b.User) })
	return gags, err
}

// Allowed lists who may speak while the group is muted, in order.
func (g *Groups) Allowed(ctx context.Context, group id.Group) ([]id.User, error) {
	var users []id.User
	err := g.records(ctx, group, func(u id.User, m Member) {
		if m.Allowed {
			users = append(users, u)
		}
	})
	slices.Sort(users)
	return users, err
}

// records visits everybody of whom the group keeps a record, member or not.
func (g *Groups) records(ctx context.Context, group id.Group, visit func(id.User, Member)) error {
	docs, err := g.store.Get(ctx, []string{headPath(group)}, "shards")
	if err != nil {
		return err
	}
	docs, err = g.readShards(ctx, group, len(readHead(group, docs[0]).versions), "of", "data")
	if err != nil {
		return err
	}
	for i, d := range docs {
		s, err := readShard(d)
		if err != nil {
			return err
		}
		for u, m := range s.members {
			if shardOf(u, len(docs)) == i {
				visit(u, m)
			}
		}
	}
	return nil
}

// Muted says of each group whether it is muted. It reads one document of each.
func (g *Groups) Muted(ctx context.Context, groups []id.Group) (map[id.Group]bool, error) {
	paths := make([]string, len(groups))
	for i, name := range groups {
		paths[i] = headPath(name)
	}
	docs, err := g.store.Get(ctx, paths, "muted")
	if err != nil {
		return nil, err
	}
	muted := make(map[id.Group]bool, len(groups))
	for i, name := range groups {
		muted[name], _ = docs[i].Fields["muted"].(bool)
	}
	return muted, nil
}

// MutedGroups lists the muted groups, ordered by id, from offset on, at most
// limit of them.
func (g *Groups) MutedGroups(ctx context.Context, offset, limit int) ([]id.Group, error) {
	docs, err := g.store.Query(ctx, commit.Query{
		Collection: "groups", Field: "muted", Equals: true, Offset: offset, Limit: limit, Select: []string{"muted"},
	})
	if err != nil {
		return nil, err
	}
	groups := make([]id.Group, len(docs))
	for i, d := range docs {
		groups[i] = id.Group(id.FromDocument(strings.TrimPrefix(d.Path, "groups/")))
	}
	return groups, nil
}
