package live

import (
	"context"
	"fmt"
	"time"

	"github.com/throng-im/throng/shared/conversation"
	"github.com/throng-im/throng/shared/group"
	"github.com/throng-im/throng/shared/id"
)

const (
	// clockSkew is what the clocks of two processes may differ by.
	clockSkew = 2 * time.Second
	// trusted is how old what is known of a group must be for the copy of a
	// membership to be trusted that does not show it: the fan-out, which keeps the
	// copies up, is never so far behind.
	trusted = 10 * time.Minute
)

// seat is a connection's place in a group. The lock of the group's room guards it.
type seat struct {
	conn *Conn
	// asOf is the seq of the newest change of the membership that is known; in says
	// whether it left the user in the group.
	asOf int64
	in   bool
	// joined and away are those of the membership while the user is in: who does not
	// know a message is not shown what becomes of it.
	joined int64
	away   []int64
	// at is where in the room's members it is, below zero where it is not.
	at int
	// from is up to where it needs nothing more of the room, unknown where that
	// shows when the room begins. Of one that is reserved it is where the room was.
	from int64
	// catching seats are on their way into the room: something reads what they
	// lack. reserved ones wait for their connection's resume to do so.
	catching, reserved bool
}

// seat returns the connection's seat in a group, nil where it has none.
func (c *Conn) seat(g id.Group) *seat {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.seats[g]
}

// newSeat returns the connection's seat in a group, a new one if need be.
func (c *Conn) newSeat(g id.Group) *seat {
	c.mu.Lock()
	defer c.mu.Unlock()
	s := c.seats[g]
	if s == nil {
		s = &seat{conn: c, at: -1}
		c.seats[g] = s
	}
	return s
}

// settle takes the seats that the user's document knows of. What the topics have
// said meanwhile counts where it is newer.
func (h *Hub) settle(c *Conn, list conversation.List) error {
	if c.old != nil {
		c.list = list
	}
	for g, m := range list.Conversations {
		if !m.Known() {
			continue
		}
		enter := m.Present()
		if c.old != nil && (enter || m.LeftAt > c.old.since-overlap.Milliseconds()) {
			h.inRoom(g, func(r *room) { r.reserve(c, m.Membership) })
			continue
		}
		if !enter {
			// That is known to whoever starts now.
			h.inRoom(g, func(*room) { c.newSeat(g).know(m.AsOf(), false) })
			continue
		}
		if err := h.enter(c, g, m.Membership); err != nil {
			return err
		}
	}
	h.mu.Lock()
	delete(h.unsettled, c)
	h.mu.Unlock()
	return nil
}

// know takes in what is known of a seat; it says whether that is news.
func (s *seat) know(asOf int64, in bool) bool {
	if asOf <= s.asOf {
		return false
	}
	s.asOf, s.in = asOf, in
	return true
}

// reserve keeps a seat for a connection that will resume: the room keeps what
// comes until it has read what it lacks.
func (r *room) reserve(c *Conn, m conversation.Membership) {
	s := c.newSeat(r.id)
	if s.catching || s.at >= 0 {
		return // an event said that the user joined, later than the document knows
	}
	if s.know(m.AsOf(), m.Present()) {
		s.joined, s.away = m.Joined, m.Away
	}
	s.from, s.reserved = r.last, true
	r.expect(s)
}

// enter has a connection that starts now take a seat that the user's document
// knows of, and goes on from where the room is.
func (h *Hub) enter(c *Conn, g id.Group, m conversation.Membership) error {
	var roster *group.Roster
	asOf := m.AsOf()
	for {
		var ask []int64
		doubt := false
		h.inRoom(g, func(r *room) {
			s := c.newSeat(g)
			switch {
			case s.catching, s.at >= 0, asOf < s.asOf:
				return
			case r.last != unknown && roster == nil && r.doubts(asOf):
				doubt, ask = true, r.shards
				return
			}
			if s.know(asOf, true) {
				s.joined, s.away = m.Joined, m.Away
			}
			if roster != nil && r.last != unknown && !s.check(roster, r.last) {
				return
			}
			r.seat(s, r.last)
		})
		if !doubt {
			return nil
		}
		var err error
		if roster, err = h.roster(c.ctx, g, ask); err != nil {
			return err
		}
	}
}

// check corrects a seat by the roster, as of the seq last: what the roster knows
// beyond, the room has yet to come to. It says whether the user is in.
func (s *seat) check(roster *group.Roster, last int64) bool {
	m := roster.Member(s.conn.user)
	in := m.In(last)
	if s.know(last, in) {
		if s.joined, s.away = m.Joined, m.Away; m.Joined > last {
			s.joined, s.away = m.Before[0], nil
		}
	}
	return in
}

// sees says whether the user may see an entry that the room delivers.
func (s *seat) sees(e group.Entry) bool {
	return group.View{User: s.conn.user, Joined: s.joined, Away: s.away}.Sees(e)
}

// doubts says whether a copy of a membership may be behind what the room knows:
// somebody went since, or what came before the room began is too young.
func (r *room) doubts(asOf int64) bool {
	return asOf < r.parted || asOf < r.base && r.hub.o.Now().UnixMilli()-r.baseAt < trusted.Milliseconds()
}

// roster reads who is in a group, as of versions of its shards or newer. Those who
// ask at the same time share one reading.
func (h *Hub) roster(ctx context.Context, g id.Group, versions []int64) (*group.Roster, error) {
	read, err, _ := h.rosters.Do(fmt.Sprint(g, versions), func() (any, error) {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), readTimeout)
		defer cancel()
		return h.o.Groups.Roster(ctx, g, versions)
	})
	if err != nil {
		return nil, err
	}
	return read.(*group.Roster), nil
}

// concerned returns the connections of the users whom a change of membership
// names. A dismissal names nobody; it concerns, besides who is in the room, those
// whose documents are being read.
func (h *Hub) concerned(e group.Entry) (conns []*Conn) {
	h.mu.RLock()
	defer h.mu.RUnlock()
	if e.Kind == group.KindDismissed {
		for c := range h.unsettled {
			conns = append(conns, c)
		}
	}
	for _, u := range e.Users {
		conns = append(append(conns, h.users[u]...), h.lingering[u]...)
	}
	return conns
}

// concerns says whether one of the entries changes a membership of somebody here.
func (h *Hub) concerns(entries []group.Entry) bool {
	for _, e := range entries {
		if changesMembers(e) && len(h.concerned(e)) > 0 {
			return true
		}
	}
	return false
}

func changesMembers(e group.Entry) bool {
	return e.Kind == group.KindJoined || e.Kind == group.KindLeft || e.Kind == group.KindDismissed
}
