package live

import (
	"sync"

	"github.com/throng-im/throng/shared/event"
	"github.com/throng-im/throng/shared/group"
	"github.com/throng-im/throng/shared/id"
)

// unknown is a seq that has yet to be found out.
const unknown = -1

// keptRuns bounds what a room keeps for seats that catch up. They read again where
// that is not enough.
const keptRuns = 1024

// room is a group with members who are connected here. It begins with its first
// event, or with the first seat that has caught up.
//
// Locks are taken in this order: a room's, the hub's, a connection's.
type room struct {
	hub *Hub
	id  id.Group

	mu      sync.Mutex
	members []*seat
	// last is the seq of the newest entry delivered, in order; unknown until the
	// room begins. What came after base, at the time baseAt, it has seen.
	last, base, baseAt int64
	// parted is the seq of the newest entry here that ended memberships.
	parted int64
	// name, serial and shards are the group's, as of the entry newest.
	name   string
	serial id.Serial
	shards []int64
	newest int64
	// held are the runs that came before those they follow, by seq.
	held []*run
	// catching counts the seats that are on their way here; kept is what was
	// delivered meanwhile, without a gap.
	catching int
	kept     []*run
	mending  bool
	// attempts counts the reads that have failed in a row.
	attempts int
	// dead marks a room that everybody has left; the hub has forgotten it.
	dead bool
}

// inRoom does something in a group's room; a new one where there is none.
func (h *Hub) inRoom(g id.Group, do func(*room)) {
	for {
		h.mu.Lock()
		r := h.rooms[g]
		if r == nil {
			r = &room{hub: h, id: g, last: unknown}
			h.rooms[g] = r
		}
		h.mu.Unlock()
		if r.locked(do) {
			return
		}
	}
}

// locked does something in the room, unless it is dead.
func (r *room) locked(do func(*room)) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.dead {
		return false
	}
	do(r)
	r.leaveEmpty()
	return true
}

// leaveEmpty ends a room that nobody is in or on the way to. r.mu is held, as in
// all that follow.
func (r *room) leaveEmpty() {
	for len(r.members) == 0 && r.catching == 0 && len(r.held) > 0 {
		// What nobody waits for any more may still say that somebody joined.
		in := r.held[0]
		r.held = r.held[1:]
		r.late(in)
	}
	if len(r.members) > 0 || r.catching > 0 || r.dead {
		return
	}
	r.dead = true
	r.hub.mu.Lock()
	delete(r.hub.rooms, r.id)
	r.hub.mu.Unlock()
}

// about takes in what an event or a head says of the group as of a seq.
func (r *room) about(name string, serial id.Serial, shards []int64, seq int64) {
	if seq >= r.newest || r.serial == 0 {
		r.name, r.serial, r.newest = name, serial, seq
		if len(shards) > 0 {
			// A roster of no shards would have no members.
			r.shards = shards
		}
	}
}

// event is what a timeline event would say of the group.
func (r *room) event() *event.Timeline {
	return &event.Timeline{Group: r.id, Name: r.name, Serial: r.serial}
}

// seat makes a seat a member, which needs nothing up to from. Nor is anything theirs up
// to the entry that let them in, to which the room may have yet to come.
func (r *room) seat(s *seat, from int64) {
	s.conn.mu.Lock()
	closed := s.conn.closed
	s.conn.mu.Unlock()
	if closed || s.at >= 0 {
		return
	}
	if from != unknown {
		from = max(from, s.asOf)
	}
	s.from, s.at = from, len(r.members)
	r.members = append(r.members, s)
	if r.last == unknown && len(r.held) > 0 {
		r.mendIn(0)
	}
}

// unseat takes a seat out of the room.
func (r *room) unseat(s *seat) {
	if s.at < 0 {
		return
	}
	last := len(r.members) - 1
	r.members[s.at] = r.members[last]
	r.members[s.at].at = s.at
	r.members[last] = nil
	r.members = r.members[:last]
	s.at = -1
}

// expect counts a seat that is on its way.
func (r *room) expect(s *seat) {
	r.unseat(s)
	s.catching = true
	r.catching++
}

// arrived ends what expect began.
func (r *room) arrived(s *seat) {
	s.catching, s.reserved = false, false
	if r.catching--; r.catching == 0 {
		r.kept = nil
	}
}

// accept delivers a run if it is next, and whatever waited for it.
func (r *room) accept(in *run) {
	switch {
	case len(r.members) == 0 && r.catching == 0:
		if r.late(in); r.catching > 0 {
			r.hold(in)
		}
	case r.last == unknown:
		r.hold(in)
		if len(r.members) > 0 {
			r.mendIn(0)
		}
	case in.after > r.last:
		r.hold(in)
		r.mendIn(r.hub.o.GapWait)
	default:
		r.take(in)
		r.release()
	}
}

// release delivers what is held and has become next. What still lacks something
// before it waits, and then has that read.
func (r *room) release() {
	for len(r.held) > 0 && r.held[0].after <= r.last {
		in := r.held[0]
		r.held = r.held[1:]
		r.take(in)
	}
	if len(r.held) > 0 && r.last != unknown {
		r.mendIn(r.hub.o.GapWait)
	}
}

// take delivers of a run what is new. Nothing is missing before.
func (r *room) take(in *run) {
	if n := int(min(r.last, in.last) - in.after); n > 0 {
		if in.changes {
			r.late(in.cut(0, n))
		}
		if in.last <= r.last {
			return
		}
		in = in.cut(n, len(in.entries))
	}
	r.next(in)
}

// next delivers a run that follows what was delivered.
func (r *room) next(in *run) {
	start := 0
	deliver := func(to int) {
		if start < to {
			r.deliver(in.cut(start, to))
		}
		start = to
	}
	if in.changes {
		for i, e := range in.entries {
			switch e.Kind {
			case group.KindJoined:
				if joining := r.hub.concerned(e); len(joining) > 0 {
					deliver(i + 1)
					r.join(joining, in, e)
				}
			case group.KindLeft, group.KindDismissed:
				r.parted = e.Seq
				deliver(i)
				r.part(in, e)
			}
		}
	}
	deliver(len(in.entries))
	r.last = in.last
	r.keep(in)
}

// keep keeps a run for seats that are on their way.
func (r *room) keep(in *run) {
	if r.catching == 0 {
		return
	}
	if len(r.kept) == keptRuns {
		r.kept = append(r.kept[:0:0], r.kept[keptRuns/2:]...)
	}
	r.kept = append(r.kept, in)
}

// join has connections enter whose user an entry let in.
func (r *room) join(conns []*Conn, in *run, e group.Entry) {
	for _, c := range conns {
		s := c.newSeat(r.id)
		if s.catching || e.Seq <= s.asOf || s.at < 0 && c.joinLater(r.id, e.Seq) {
			continue
		}
		if at, had := c.had[in.serial]; s.asOf > 0 && !s.in || had && !at.out && at.seq >= e.Seq {
			// Who was here before may get back what was theirs: the roster knows. So it
			// does of who came with more than the room has.
			r.catchUp(s, e.Seq-1)
			continue
		}
		s.know(e.Seq, true)
		s.joined, s.away = e.Seq, nil
		c.push(membership(in, e))
		if s.at >= 0 {
			s.from = max(s.from, e.Seq)
		}
		r.seat(s, e.Seq)
	}
}

// part has those leave whom an entry took out.
func (r *room) part(in *run, e group.Entry) {
	if e.Kind == group.KindDismissed {
		for i := len(r.members) - 1; i >= 0; i-- { // from the end: unseat moves the last
			r.out(r.members[i], in, e)
		}
	}
	for _, c := range r.hub.concerned(e) {
		r.out(c.newSeat(r.id), in, e)
	}
}

func (r *room) out(s *seat, in *run, e group.Entry) {
	was := s.in
	if s.catching || !s.know(e.Seq, false) {
		return
	}
	if was {
		s.conn.push(membership(in, e))
	}
	r.unseat(s)
}

// late takes in entries that the room has gone past, or has no place for. What
// they say of memberships may be news all the same; the seat then catches up from
// there.
func (r *room) late(in *run) {
	if !in.changes {
		return
	}
	for _, e := range in.entries {
		if !changesMembers(e) {
			continue
		}
		joins := e.Kind == group.KindJoined
		if e.Kind == group.KindDismissed {
			for i := len(r.members) - 1; i >= 0; i-- {
				if s := r.members[i]; e.Seq > s.asOf {
					r.catchUp(s, e.Seq-1)
				}
			}
		}
		for _, c := range r.hub.concerned(e) {
			s := c.newSeat(r.id)
			switch {
			case s.catching, e.Seq <= s.asOf, joins && s.at < 0 && c.joinLater(r.id, e.Seq):
			case joins || s.in:
				r.catchUp(s, e.Seq-1)
			default:
				s.know(e.Seq, false)
			}
		}
	}
}

// deliver queues a run for every member who needs something of it.
func (r *room) deliver(in *run) {
	size := 0
	for i := range in.entries {
		size += len(in.entries[i].Content) + 256
	}
	in.wave.begin(&r.hub.flow, len(r.members), len(in.entries), size)
	for _, s := range r.members {
		if s.from >= in.last {
			in.wave.done()
			continue
		}
		s.conn.push(in.batchFor(s))
		s.from = in.last
	}
}

// pass hands a message without a seq to who is here, as it comes.
func (r *room) pass(ev *event.Timeline, e group.Entry) {
	b := status(ev.Group, ev.Serial, e)
	for _, s := range r.members {
		if e.ShownTo(s.conn.user) {
			s.conn.push(b)
		}
	}
}
