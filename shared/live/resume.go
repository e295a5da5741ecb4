package live

import (
	"cmp"
	"slices"

	"github.com/throng-im/throng/shared/conversation"
	"github.com/throng-im/throng/shared/group"
	"github.com/throng-im/throng/shared/id"
)

// resumeGroups bounds the groups of which a resume sends what the device missed,
// as readMost bounds the entries of one. A device that missed more is told to
// synchronise.
const resumeGroups = 200

// resume reads an id that the device came with.
func (c *Conn) resume(lastID string) {
	c.returns = lastID != ""
	old, ok := parseCursor(lastID)
	if ok && old.owner == ownerOf(c.user) && old.since >= c.hub.windowStart() && old.since <= c.started+overlap.Milliseconds() {
		c.old, c.later, c.had = &old, map[id.Group]Span{}, old.at
	}
}

// resume sends what the device missed since its last id. Where that cannot be
// told, an event asks the device to synchronise, and what follows is what comes
// from now on.
func (w *writer) resume() error {
	if w.old == nil {
		return w.resync()
	}
	defer w.resumed()
	reserved := w.reserved()
	names := make([]id.Group, 0, len(reserved))
	for g := range reserved {
		names = append(names, g)
	}
	heads, err := w.hub.o.Groups.Changed(w.ctx, names, w.old.since)
	if err != nil {
		return err
	}
	w.cursor = cursor{since: w.old.since, owner: w.old.owner, at: map[id.Serial]place{}}
	for s, p := range w.old.at {
		w.cursor.at[s] = place{p.seq, w.started, p.out}
	}
	tooMany := len(heads) > resumeGroups
	slices.SortFunc(heads, func(a, b group.Head) int { return cmp.Compare(a.ActiveAt, b.ActiveAt) })
	if !tooMany {
		for i := range heads {
			if err := w.catchUp(&heads[i]); err != nil {
				return err
			}
			delete(reserved, heads[i].ID)
		}
	}
	// What is left had nothing new, or the device asks for all that is.
	for g := range reserved {
		if err := w.hub.take(w.Conn, g); err != nil {
			return err
		}
	}
	if tooMany {
		return w.resync()
	}
	w.old, w.list = nil, conversation.List{} // which may be large
	// What was committed before the heads were read is known of all groups.
	w.cursor.advance(w.started - overlap.Milliseconds())
	return w.outWithID()
}

// reserved returns the groups in which the connection has a reserved seat.
func (c *Conn) reserved() map[id.Group]*seat {
	c.mu.Lock()
	defer c.mu.Unlock()
	out := map[id.Group]*seat{}
	for g, s := range c.seats {
		if s.reserved {
			out[g] = s
		}
	}
	return out
}

// resync asks the device to synchronise everything.
func (w *writer) resync() error {
	w.startNow()
	w.add(&batch{wire: block("resync", []byte("{}"))})
	return w.out()
}

// catchUp sends what the device missed in one group, and enters its room.
func (w *writer) catchUp(h *group.Head) error {
	s := w.seat(h.ID)
	c := w.list.Conversations[h.ID]
	p := &replay{
		hub: w.hub, seat: s, user: w.user, id: h.ID, add: w.add, asOf: c.AsOf(),
		view: group.View{
			User: w.user, Joined: c.Joined, Left: c.Left, Away: c.Away,
			ClearedSeq: c.ClearedSeq, ClearedAt: c.ClearedAt, Deleted: c.Deleted, Since: w.hub.windowStart(),
		},
	}
	var r *room
	w.hub.inRoom(h.ID, func(here *room) { r = here }) // it is alive, for the seat is reserved
	at, known := w.old.at[h.Serial]
	if p.after, p.in = at.seq, !at.out; !known {
		if err := p.since(w, h); err != nil {
			return err
		}
	}
	if p.after >= p.asOf && known {
		// The device knows better than the copy, which is behind.
		p.asOf = p.after
		if p.in && !p.view.Member().In(p.after) {
			p.view.Joined, p.view.Left, p.view.Away = p.after, 0, nil
		} else if !p.in && p.view.Left == 0 {
			p.view.Left = p.after
		}
	}
	if err := p.run(w.ctx, r, h); err != nil {
		return err
	}
	now := w.cursor.at[h.Serial]
	if now.seq < p.after {
		now.seq, now.out = p.after, !p.in
	}
	now.at = max(h.ActiveAt, p.at)
	w.cursor.at[h.Serial] = now
	if len(w.buf) >= writeBytes {
		return w.out()
	}
	return nil
}

// since finds out from when on the device lacks a group's entries that its id
// does not name, and whether the user was in it then.
func (p *replay) since(w *writer, h *group.Head) error {
	entries, all := h.Tail, true
	if len(entries) == 0 || entries[0].At > w.old.since && entries[0].Seq > 1 {
		var err error
		if entries, all, err = p.hub.read(w.ctx, h, 0, w.old.since+1, readMost); err != nil {
			return err
		}
	}
	if !all {
		return nil // from the start: that is too much to be told
	}
	p.after = h.LastSeq
	for i, e := range entries {
		if e.At > w.old.since {
			p.after, entries = e.Seq-1, entries[i:]
			break
		}
	}
	m := p.view.Member()
	first := slices.IndexFunc(entries, func(e group.Entry) bool { return e.Seq > p.after && e.Moves(p.user) })
	switch {
	case first >= 0:
		p.learn(entries[first:])
		switch e := entries[first]; e.Kind {
		case group.KindDismissed:
			// Who quit since, and came back, hears of that.
			p.in = p.view.Member().EndedBy(e.Seq)
		default:
			p.in = e.Kind == group.KindLeft
		}
		return nil
	case p.asOf <= p.after && p.asOf < h.LastSeq && !tailShows(h, p.asOf) && p.hub.o.Now().UnixMilli()-w.old.since < trusted.Milliseconds():
		// The copy may be behind what came before.
		var err error
		if m, err = p.hub.o.Groups.Reader(*h).Member(w.ctx, p.user); err != nil {
			return err
		}
		p.in = m.In(p.after)
		if !p.in {
			p.view.Left, p.asOf = p.after, p.after
			p.add(membership(&run{group: h.ID, name: h.Name, serial: h.Serial}, group.Entry{Seq: cmp.Or(m.LeftBy(p.after), p.after), At: w.old.since, Kind: group.KindLeft}))
		}
		return nil
	}
	p.in = m.Present()
	return nil
}

// tailShows says whether the head shows everything since a seq.
func tailShows(h *group.Head, seq int64) bool { return len(h.Tail) > 0 && h.Tail[0].Seq <= seq+1 }

// take has a connection take a reserved seat in a group that had nothing new: it
// goes on from where the room was when the seat was reserved.
func (h *Hub) take(c *Conn, g id.Group) error {
	s := c.seat(g)
	var doubt bool
	var ask []int64
	var roster *group.Roster
	for {
		h.inRoom(g, func(r *room) {
			known := s.in && s.from != unknown
			if doubt = known && roster == nil && r.doubts(s.asOf); doubt {
				ask = r.shards
				return
			}
			if known && roster != nil {
				s.check(roster, s.from)
			}
			r.settleIn(s)
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

// settleIn seats a reserved seat, and has it catch up with what came meanwhile.
func (r *room) settleIn(s *seat) {
	from := s.from
	switch {
	case r.last == unknown, from == r.last:
		r.arrived(s)
		if s.in {
			r.seat(s, r.last)
		}
		return
	}
	// From unknown: the room has begun meanwhile, with who knows which of the entries
	// that this one is owed.
	r.arrived(s)
	r.catchUp(s, from)
}
