package conversation

import (
	"slices"
	"time"

	"github.com/throng-im/throng/shared/id"
)

// leftKept is how long a conversation remembers that the user left: as long as
// the longest offline window, so that every device that comes back within it
// learns of it.
const leftKept = 7 * 24 * time.Hour

// Membership is a user's place in a group, copied from the group's roster.
type Membership struct {
	// Joined is the seq of the entry that let the user in. Left is the seq of the
	// entry that took them out, zero while they are in, and LeftAt its time in Unix
	// milliseconds.
	Joined int64 `json:"j,omitempty"`
	Left   int64 `json:"l,omitempty"`
	LeftAt int64 `json:"la,omitempty"`
	// Away has a pair for each time the group was dismissed and the user came back:
	// the seqs of the dismissal and of the entry that let them in again. The list
	// is shared and must not be changed.
	Away []int64 `json:"w,omitempty"`
}

// Present says whether the user is in the group.
func (m Membership) Present() bool { return m.Joined > 0 && m.Left == 0 }

// Known says whether anything is known of the user and the group.
func (m Membership) Known() bool { return m.Joined > 0 || m.Left > 0 }

// AsOf is the seq of the entry that made the membership what it is. Of two copies
// of the same membership the one with the higher seq is newer.
func (m Membership) AsOf() int64 {
	last := max(m.Joined, m.Left)
	if n := len(m.Away); n > 0 {
		last = max(last, m.Away[n-1])
	}
	return last
}

// member takes a copy of a membership. One of which only the end is known keeps
// the beginning that was known before.
func (s *state) member(g id.Group, copied Copied) {
	m, c := copied.Membership, s.Conversations[g]
	if m.AsOf() <= c.AsOf() || copied.At <= s.ErasedAt {
		return
	}
	if m.Joined == 0 {
		m.Joined, m.Away = c.Joined, c.Away
	}
	s.touch()
	c.Membership, c.Moved = m, s.Changed
	s.keep(g, c)
}

// sweep forgets memberships that ended longer ago than any device may be away
// without beginning anew. What the user set stays, and since when they are out:
// they may come back, until expire takes that, too.
func (s *state) sweep() {
	for g, c := range s.Conversations {
		if c.Left > 0 && s.now-c.LeftAt > leftKept.Milliseconds() {
			c.Membership, c.Moved = Membership{LeftAt: c.LeftAt}, 0
			s.keep(g, c)
		}
	}
}

// keys are the idempotency keys used last, eight bytes of hash each.
type keys []byte

// keysKept is how many keys a user's document remembers. A device repeats a call
// within seconds, and no user changes so many conversations meanwhile.
const keysKept = 64

func (k keys) has(key string) bool {
	h := hash(key)
	return slices.ContainsFunc(slices.Collect(slices.Chunk(k, len(h))), func(known keys) bool { return slices.Equal(known, h[:]) })
}

// with returns the keys with one more at their end. It does not change k.
func (k keys) with(key string) keys {
	h := hash(key)
	out := slices.Concat(k, h[:])
	return out[max(0, len(out)-keysKept*len(h)):]
}
