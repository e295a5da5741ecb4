package live

import (
	"context"
	"maps"
	"sync"
	"time"

	"github.com/throng-im/throng/shared/conversation"
	"github.com/throng-im/throng/shared/id"
)

const (
	// unsureFor and unsureKept bound what a connection may have written in vain: to
	// a phone that went out of reach, without a word.
	unsureFor  = 30 * time.Second
	unsureKept = 256
)

// Conn is one device's connection.
type Conn struct {
	hub    *Hub
	user   id.User
	ctx    context.Context
	cancel context.CancelFunc
	// started is when it was registered, in Unix milliseconds.
	started int64
	// returns says that the device came with an id; old is what that says, nil
	// where it is of no use. list is the user's document as of the start.
	returns bool
	old     *cursor
	list    conversation.List
	// had is how far the device was when it came, of groups by their serials.
	had map[id.Serial]place
	// check says whether the token still counts; see Recheck.
	check func(context.Context) error

	wake chan struct{}

	mu    sync.Mutex
	seats map[id.Group]*seat
	// later are the joins, from before the first to the last of each group, of which
	// the connection learns while it resumes; nil when it has. What a resume writes
	// must come first.
	later  map[id.Group]Span
	queue  []*batch
	bytes  int
	parted string // the reason of the goodbye that is to be said
	// slow marks a connection that was cut off; deaf one that writes nothing any
	// more and only notes what it misses. A closed one enters no room.
	slow, deaf, closed bool
	unsure             []note
}

// note is entries that may not have been seen.
type note struct {
	group id.Group
	span  Span
	at    int64
	// sent ones were written, and may well have arrived.
	sent bool
}

func newConn(ctx context.Context, h *Hub, user id.User) *Conn {
	c := &Conn{hub: h, user: user, started: h.o.Now().UnixMilli(), seats: map[id.Group]*seat{}, wake: make(chan struct{}, 1)}
	c.ctx, c.cancel = context.WithCancel(ctx)
	return c
}

// Recheck has Run ask now and then whether the connection may go on. It ends with
// the goodbye "token" when that is answered with fault.TokenExpired.
func (c *Conn) Recheck(check func(context.Context) error) { c.check = check }

// joinLater has the connection take a seat once it has resumed, where it does.
func (c *Conn) joinLater(g id.Group, seq int64) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.later == nil {
		return false
	}
	joins, known := c.later[g]
	if !known {
		joins.After = seq - 1
	}
	c.later[g] = Span{min(joins.After, seq-1), max(joins.Last, seq)}
	return true
}

// resumed takes the seats that joinLater put off.
func (c *Conn) resumed() {
	for {
		c.mu.Lock()
		later := c.later
		if c.later = map[id.Group]Span{}; len(later) == 0 {
			c.later = nil
		}
		c.mu.Unlock()
		if len(later) == 0 {
			return
		}
		for g, joins := range later {
			c.hub.inRoom(g, func(r *room) {
				if s := c.newSeat(g); !s.catching && s.at < 0 && joins.Last > s.asOf {
					r.catchUp(s, max(joins.After, s.asOf))
				}
			})
		}
	}
}

// Context ends when the connection must not be written to any more: its request
// is over, or it was too slow. It is a part of the request's.
func (c *Conn) Context() context.Context { return c.ctx }

// push queues a batch, or notes that it will not be written.
func (c *Conn) push(b *batch) {
	c.mu.Lock()
	if !c.deaf && (len(c.queue) >= queueBatches || len(c.queue) > 0 && c.bytes+len(b.wire) > queueBytes) {
		c.slow = true
		c.silence()
		c.cancel()
	}
	if c.deaf {
		c.noteLocked(b, false)
		c.mu.Unlock()
		b.done()
		return
	}
	c.queue = append(c.queue, b)
	c.bytes += len(b.wire)
	first := len(c.queue) == 1
	c.mu.Unlock()
	if first {
		c.rouse()
	}
}

func (c *Conn) rouse() {
	select {
	case c.wake <- struct{}{}:
	default:
	}
}

// silence gives up what waits. c.mu is held.
func (c *Conn) silence() {
	c.deaf = true
	for _, b := range c.queue {
		c.noteLocked(b, false)
		b.done()
	}
	c.queue, c.bytes = nil, 0
}

// take hands over what waits, and the reason of the goodbye that is to follow.
// empty is a slice to use next.
func (c *Conn) take(empty []*batch) ([]*batch, string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	batches := c.queue
	c.queue, c.bytes = empty[:0], 0
	return batches, c.parted
}

// End has the connection say goodbye after what waits, for a reason that the
// device is told. The first reason counts.
func (c *Conn) End(reason string) {
	c.mu.Lock()
	if c.parted == "" {
		c.parted = reason
	}
	c.mu.Unlock()
	c.rouse()
}

// gone says that the connection enters no room any more.
func (c *Conn) gone() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.closed
}

// noteLocked remembers for a while what a batch told. c.mu is held.
func (c *Conn) noteLocked(b *batch, sent bool) {
	if !b.notifies {
		return
	}
	now := c.hub.o.Now().UnixMilli()
	if n := len(c.unsure); n > 0 {
		// A busy group's batches follow each other; one note is enough for a second.
		if last := &c.unsure[n-1]; last.group == b.group && last.span.Last == b.after && last.sent == sent && now-last.at < 1000 {
			last.span.Last = b.last
			return
		}
		if n == 2*unsureKept {
			c.unsure = append(c.unsure[:0], c.unsure[unsureKept:]...)
		}
	}
	c.unsure = append(c.unsure, note{b.group, Span{b.after, b.last}, now, sent})
}

// missed lists what nobody can be sure of: what was never written, and of what
// was, where the connection broke, what is young.
func (c *Conn) missed(broke bool) map[id.Group][]Span {
	c.mu.Lock()
	defer c.mu.Unlock()
	young := c.hub.o.Now().Add(-unsureFor).UnixMilli()
	out := map[id.Group][]Span{}
	for _, n := range c.unsure {
		if !n.sent || broke && n.at > young {
			out[n.group] = append(out[n.group], n.span)
		}
	}
	return out
}

// missedTimeout bounds the report of what a connection missed, whose request is
// over.
const missedTimeout = 5 * time.Second

// leave ends a connection. Where the user has no other one, what comes for the
// user is noted until the others know that nobody is connected.
func (h *Hub) leave(c *Conn, linger <-chan time.Time, broke bool) {
	c.mu.Lock()
	broke = broke || c.slow
	c.silence()
	c.mu.Unlock()
	h.unregister(c, linger != nil)
	h.tuner.changed()
	if linger != nil && !h.connected(c.user) {
		h.stayOn(c)
		<-linger
	}
	h.mu.Lock()
	without(h.lingering, c)
	h.mu.Unlock()
	c.mu.Lock()
	c.closed = true
	seats := maps.Clone(c.seats)
	c.mu.Unlock()
	c.cancel()
	for g, s := range seats {
		h.vacate(g, s)
	}
	if !h.connected(c.user) {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(c.ctx), missedTimeout)
		for g, spans := range c.missed(broke) {
			h.o.Missed(ctx, c.user, g, spans)
		}
		cancel()
	}
	h.untune()
}

// stayOn has a connection that has gone take the seats that it did not come to take:
// what is said there meanwhile is noted, too.
func (h *Hub) stayOn(c *Conn) {
	c.mu.Lock()
	seats := maps.Clone(c.seats)
	c.mu.Unlock()
	for g, s := range seats {
		h.inRoom(g, func(r *room) {
			if s.reserved {
				r.arrived(s)
			}
			if s.in && s.at < 0 && !s.catching {
				r.catchUp(s, unknown)
			}
		})
	}
}

// reading is the context of what is read for the connection. One that has gone reads
// on for as long as it lingers.
func (c *Conn) reading() (context.Context, context.CancelFunc) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.deaf {
		return context.WithCancel(c.ctx)
	}
	return context.WithTimeout(context.WithoutCancel(c.ctx), readTimeout)
}

// vacate gives up a seat. One that catches up sees for itself that it is not
// wanted any more.
func (h *Hub) vacate(g id.Group, s *seat) {
	h.mu.RLock()
	r := h.rooms[g]
	h.mu.RUnlock()
	if r == nil {
		return // rooms with seats taken or reserved live
	}
	r.locked(func(r *room) {
		r.unseat(s)
		if s.reserved {
			r.arrived(s)
		}
	})
}

// unregister takes a connection off the books. One that lingers is told of the
// groups that its user joins meanwhile.
func (h *Hub) unregister(c *Conn, lingers bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.count--
	delete(h.unsettled, c)
	without(h.users, c)
	if lingers {
		h.lingering[c.user] = append(h.lingering[c.user], c)
	}
}

// without takes a connection out of those of its user. The lists are never changed
// in place.
func without(all map[id.User][]*Conn, c *Conn) {
	kept := make([]*Conn, 0, len(all[c.user]))
	for _, other := range all[c.user] {
		if other != c {
			kept = append(kept, other)
		}
	}
	if all[c.user] = kept; len(kept) == 0 {
		delete(all, c.user)
	}
}
