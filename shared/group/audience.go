package group

import (
	"context"
	"maps"
	"slices"
	"sync"
	"time"

	lru "github.com/hashicorp/golang-lru/v2"

	"github.com/throng-im/throng/shared/id"
)

// Roster is who is in a group and where to reach them, as of some version. It
// is shared and must not be changed.
type Roster struct{ shards []*shard }

// Each calls visit for everyone the roster knows, members and those who left a
// short while ago. targets is nil when this user's devices were never looked up, and
// otherwise good for the time of the visit: a large group takes no memory to walk.
func (r *Roster) Each(visit func(u id.User, m Member, targets *Targets)) {
	var t Targets
	for i, s := range r.shards {
		for u, m := range s.members {
			if shardOf(u, len(r.shards)) != i {
				continue // moved to a shard that was split off meanwhile
			}
			var known bool
			if t, known = s.targets[u]; known {
				visit(u, m, &t)
			} else {
				visit(u, m, nil)
			}
		}
	}
}

// Member is a user's record; the zero Member where there is none.
func (r *Roster) Member(u id.User) Member {
	if len(r.shards) == 0 {
		return Member{}
	}
	return r.shards[shardOf(u, len(r.shards))].members[u]
}

// Roster returns the roster of a group at the given shard versions or newer,
// as a timeline event carries them. A process that has these versions reads
// nothing; otherwise only the shards that changed are read.
func (g *Groups) Roster(ctx context.Context, group id.Group, versions []int64) (*Roster, error) {
	known := g.rosters.get(group)
	if known.covers(versions) {
		return known, nil
	}
	n := len(versions)
	if known != nil {
		n = max(n, len(known.shards))
	}
	fresh := &Roster{shards: make([]*shard, n)}
	var missing []int
	for i := range n {
		if known != nil && i < len(known.shards) && (i >= len(versions) || known.shards[i].version >= versions[i]) {
			fresh.shards[i] = known.shards[i]
		} else {
			missing = append(missing, i)
		}
	}
	if err := g.fill(ctx, group, fresh, missing); err != nil {
		return nil, err
	}
	return g.rosters.change(group, fresh.or), nil
}

// fill reads the missing shards, whole or some fields with "of" among them, and those
// that were split off since.
func (g *Groups) fill(ctx context.Context, group id.Group, r *Roster, missing []int, fields ...string) error {
	for len(missing) > 0 {
		paths := make([]string, len(missing))
		for k, i := range missing {
			paths[k] = shardPath(headPath(group), i)
		}
		docs, err := g.store.Get(ctx, paths, fields...)
		if err != nil {
			return err
		}
		grown := len(r.shards)
		for k, d := range docs {
			s, err := readShard(d)
			if err != nil {
				return err
			}
			r.shards[missing[k]] = s
			grown = max(grown, s.of)
		}
		missing = nil
		for i := len(r.shards); i < grown; i++ {
			r.shards = append(r.shards, nil)
			missing = append(missing, i)
		}
	}
	return nil
}

func (r *Roster) covers(versions []int64) bool {
	if r == nil || len(r.shards) < len(versions) {
		return false
	}
	for i, v := range versions {
		if r.shards[i].version < v {
			return false
		}
	}
	return true
}

func (r *Roster) size() int {
	n := 256
	for _, s := range r.shards {
		n += 3 * s.bytes
	}
	return n
}

// rosterCache keeps the rosters used last within a bound of memory.
type rosterCache struct {
	mu    sync.Mutex
	byID  *lru.Cache[id.Group, *Roster]
	bytes int
	limit int
}

func newRosterCache(limit int) *rosterCache {
	if limit == 0 {
		limit = 64 << 20
	}
	c := &rosterCache{limit: limit}
	// The count is no bound of its own: every roster counts at least 256 bytes.
	c.byID, _ = lru.NewWithEvict(limit/256+1, func(_ id.Group, r *Roster) { c.bytes -= r.size() })
	return c
}

func (c *rosterCache) get(g id.Group) *Roster {
	c.mu.Lock()
	defer c.mu.Unlock()
	r, _ := c.byID.Get(g)
	return r
}

// change puts in the place of the roster that is known, or nil, what by makes of it.
func (c *rosterCache) change(g id.Group, by func(known *Roster) *Roster) *Roster {
	c.mu.Lock()
	defer c.mu.Unlock()
	known, _ := c.byID.Peek(g)
	r := by(known)
	c.byID.Remove(g)
	c.byID.Add(g, r)
	c.bytes += r.size()
	for c.bytes > c.limit && c.byID.Len() > 1 {
		c.byID.RemoveOldest()
	}
	return r
}

// Learn stores copies of what users set that a roster lacks or doubts, as SetTargets
// does, and returns the roster with them. This process need not read them again.
func (g *Groups) Learn(ctx context.Context, group id.Group, r *Roster, found map[id.User]Targets) (*Roster, error) {
	if err := g.SetTargets(ctx, group, len(r.shards), found); err != nil {
		return nil, err
	}
	return g.rosters.change(group, func(known *Roster) *Roster { return r.or(known).with(found, g.now()) }), nil
}

// or returns the roster with what is known better: of a shard that is as new as what
// was read, this process may have learnt more since.
func (r *Roster) or(known *Roster) *Roster {
	if known == nil {
		return r
	}
	out := &Roster{shards: slices.Clone(known.shards)}
	for i, s := range r.shards {
		switch {
		case i == len(out.shards):
			out.shards = append(out.shards, s)
		case s.version > out.shards[i].version:
			out.shards[i] = s
		}
	}
	return out
}

// with returns the roster with copies of what members set. One that is no newer than
// what is there changes nothing.
func (r *Roster) with(found map[id.User]Targets, now time.Time) *Roster {
	out := &Roster{shards: make([]*shard, len(r.shards))}
	for i, s := range r.shards {
		c := *s
		c.targets = maps.Clone(s.targets)
		for u := range s.members {
			t, asked := found[u]
			if old, known := s.targets[u]; asked && (!known || t.outdates(old, now)) {
				c.setTargets(u, t)
			}
		}
		out.shards[i] = &c
	}
	return out
}
