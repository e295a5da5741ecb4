package live

import (
	"fmt"
	"maps"

	"github.com/throng-im/throng/shared/id"
)

// Rooms says how many groups the hub knows.
func (h *Hub) Rooms() int {
	h.mu.RLock()
	defer h.mu.RUnlock()
	return len(h.rooms)
}

// Cut says whether a user has a connection that was cut off for being slow.
func (h *Hub) Cut(u id.User) bool {
	h.mu.RLock()
	defer h.mu.RUnlock()
	for _, c := range h.users[u] {
		c.mu.Lock()
		slow := c.slow
		c.mu.Unlock()
		if slow {
			return true
		}
	}
	return false
}

// Cursor and ParseCursor are for fuzzing.
type Cursor struct{ cursor }

func ParseCursor(text string) (Cursor, bool) {
	c, ok := parseCursor(text)
	return Cursor{c}, ok
}

func (c Cursor) Text() string { return string(c.append(nil)) }

func (c Cursor) Seqs() map[id.Serial]int64 {
	out := map[id.Serial]int64{}
	for s, p := range c.at {
		out[s] = p.seq
	}
	return out
}

// Resting says whether no room waits for anything that is still to be read.
func (h *Hub) Resting() bool {
	h.mu.RLock()
	rooms := maps.Clone(h.rooms)
	h.mu.RUnlock()
	for _, r := range rooms {
		r.mu.Lock()
		busy := len(r.held) > 0 || r.catching > 0 || r.mending
		r.mu.Unlock()
		if busy {
			return false
		}
	}
	return true
}

// Dump tells what the hub knows, for whoever looks for the cause of a failure.
func (h *Hub) Dump() string {
	h.mu.RLock()
	rooms := maps.Clone(h.rooms)
	out := fmt.Sprintf("%d connections, %d unsettled", h.count, len(h.unsettled))
	h.mu.RUnlock()
	for g, r := range rooms {
		r.mu.Lock()
		out += fmt.Sprintf("\n%s at %d since %d, %d held, %d catching up, mending %v:", g, r.last, r.base, len(r.held), r.catching, r.mending)
		for _, s := range r.members {
			s.conn.mu.Lock()
			out += fmt.Sprintf(" %s as of %d, from %d, waiting %d, deaf %v;", s.conn.user, s.asOf, s.from, len(s.conn.queue), s.conn.deaf)
			s.conn.mu.Unlock()
		}
		r.mu.Unlock()
	}
	return out
}
