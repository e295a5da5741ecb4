// Package group is what a group is: a timeline, a roster, and the rules.
//
// A group is one head document with what hangs on it. Everything that changes
// it is a command on the commit loop, conditioned on the head's version:
//
//	groups/{group}                  name, state, counters, roster versions, and
//	                                the tail: the newest entries of the timeline
//	groups/{group}/segments/{last}  a sealed run of older entries
//	groups/{group}/roster/{shard}   many members: joined seq, mutes, push targets
//	serials/{serial}                which group a message id belongs to
//
// Nothing is written per member when a message is sent.
package group

import (
	"context"
	"maps"
	"slices"
	"time"

	lru "github.com/hashicorp/golang-lru/v2"
	"golang.org/x/sync/errgroup"

	"github.com/throng-im/throng/shared/commit"
	"github.com/throng-im/throng/shared/event"
	"github.com/throng-im/throng/shared/id"
)

// Options are the settings of the groups of an app.
type Options struct {
	// MaxMembers bounds a group: 3000 when zero.
	MaxMembers int
	// CacheBytes bounds the groups kept in memory while nobody changes them.
	CacheBytes int
	// Linger bounds how long a busy group's commits wait for company; see
	// commit.Options.
	Linger time.Duration
	// Patience bounds how long a change is tried that other processes keep
	// getting ahead of, or whose store does not answer; see commit.Options.
	Patience time.Duration
	// ClaimAfter is how many commits in a row are lost to other processes before a
	// claim; see commit.Options.
	ClaimAfter int
	// Burst is how many messages a minute notify one by one; the others are
	// counted, and members are told the count. Zero is any number.
	Burst int
	// Now is the clock: time.Now when nil.
	Now func() time.Time
}

// DefaultMaxMembers is the contract's limit of a group.
const DefaultMaxMembers = 3000

// Groups is all groups of the app, as this process works on them.
type Groups struct {
	store    commit.Store
	announce event.Announcer
	loop     *commit.Loop[state]
	rosters  *rosterCache
	// busy are groups whose keys leave the ring, with the newest seq this
	// process knows to be committed: their messages are looked for first.
	busy  *lru.Cache[id.Group, int64]
	limit int
	burst int
	now   func() time.Time
}

// busyKept is how many busy groups a process remembers.
const busyKept = 4096

// New returns the groups kept in store.
func New(store commit.Store, announce event.Announcer, o Options) *Groups {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.MaxMembers == 0 {
		o.MaxMembers = DefaultMaxMembers
	}
	loop := commit.New[state](store, model{now: o.Now, announce: announce}, commit.Options{CacheBytes: o.CacheBytes, Linger: o.Linger, Patience: o.Patience, ClaimAfter: o.ClaimAfter})
	busy, _ := lru.New[id.Group, int64](busyKept) // fails for a size of zero only
	return &Groups{store: store, announce: announce, loop: loop, rosters: newRosterCache(o.CacheBytes), busy: busy, limit: o.MaxMembers, burst: o.Burst, now: o.Now}
}

// Join makes users members, creating or reviving the group where needed. A
// name that is not empty becomes the group's. Errors: fault.GroupFull when the
// new members do not all fit, and then nobody joins.
func (g *Groups) Join(ctx context.Context, group id.Group, users []id.User, name string) error {
	_, err := g.loop.Do(ctx, string(group), commit.Command[state]{
		Need:  need(users...),
		Apply: func(s *state) (any, error) { return nil, s.join(users, name, g.limit) },
	})
	return err
}

// Quit ends the memberships of users. Who is not a member is passed over.
func (g *Groups) Quit(ctx context.Context, group id.Group, users []id.User) error {
	_, err := g.loop.Do(ctx, string(group), commit.Command[state]{
		Need:  need(users...),
		Apply: func(s *state) (any, error) { return nil, s.quit(users) },
	})
	return err
}

// Dismiss ends the group and all memberships. Its timeline is kept.
func (g *Groups) Dismiss(ctx context.Context, group id.Group, by id.User) error {
	_, err := g.loop.Do(ctx, string(group), commit.Command[state]{
		Need:  needAll,
		Apply: func(s *state) (any, error) { return nil, s.dismiss(by) },
	})
	return err
}

// Rename changes the name that pushes show. An unknown or dismissed group
// stays as it is.
func (g *Groups) Rename(ctx context.Context, group id.Group, name string) error {
	_, err := g.loop.Do(ctx, string(group), commit.Command[state]{
		Apply: func(s *state) (any, error) { return nil, s.renameLive(name) },
	})
	return err
}

// SetTargets stores copies of what users set in a group's roster. Older copies
// than those there, and users who are not members, are passed over. shards is
// how many roster shards the caller knows of: the work is cut along them, so
// that no commit carries a whole large roster.
func (g *Groups) SetTargets(ctx context.Context, group id.Group, shards int, targets map[id.User]Targets) error {
	parts := map[int]map[id.User]Targets{}
	for u, t := range targets {
		i := shardOf(u, shards)
		if parts[i] == nil {
			parts[i] = map[id.User]Targets{}
		}
		parts[i][u] = t
	}
	work, ctx := errgroup.WithContext(ctx)
	for _, part := range parts {
		users := slices.Collect(maps.Keys(part))
		work.Go(func() error {
			_, err := g.loop.Do(ctx, string(group), commit.Command[state]{
				Need:  need(users...),
				Apply: func(s *state) (any, error) { s.setTargets(part); return nil, nil },
			})
			return err
		})
	}
	return work.Wait()
}

// need loads the roster shards of users for a change, and the one that a split
// would divide.
func need(users ...id.User) func(context.Context, commit.Reader, *state) error {
	return func(ctx context.Context, r commit.Reader, s *state) error {
		return s.fetch(ctx, r, append(s.shardsOf(users...), s.nextSplit()...))
	}
}

// needAll loads the whole roster.
func needAll(ctx context.Context, r commit.Reader, s *state) error {
	all := make([]int, len(s.shards))
	for i := range all {
		all[i] = i
	}
	return s.fetch(ctx, r, all)
}

// syncAtOnce bounds the groups one Sync works on at the same time.
const syncAtOnce = 16

// Sync makes want the whole membership of a user: groups in it are joined, and
// renamed where their name is not empty, all others are left. It may be
// repeated; after an error some groups may be done and others not. A membership
// that is as it should be, but was written a moment ago, is stated once more:
// whoever wrote it may not have come to announce it.
func (g *Groups) Sync(ctx context.Context, user id.User, want map[id.Group]string) error {
	current, err := g.shardsWith(ctx, user, 0, 0)
	if err != nil {
		return err
	}
	work, ctx := errgroup.WithContext(ctx)
	work.SetLimit(syncAtOnce)
	settled := make(map[id.Group]bool, len(current))
	for _, d := range current {
		s := summaryOf(d)
		name, stays := want[s.ID]
		if !stays {
			work.Go(func() error { return g.Quit(ctx, s.ID, []id.User{user}) })
		}
		settled[s.ID] = (name == "" || name == s.Name) && g.now().Sub(d.Version) > event.RetellFor
	}
	for group, name := range want {
		if settled[group] {
			continue
		}
		work.Go(func() error { return g.Join(ctx, group, []id.User{user}, name) })
	}
	return work.Wait()
}
