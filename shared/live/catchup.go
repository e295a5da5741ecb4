package live

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"github.com/throng-im/throng/shared/event"
	"github.com/throng-im/throng/shared/group"
	"github.com/throng-im/throng/shared/id"
)

// replay shows one connection what happened in a group after a seq, as its user
// may see it, until it is where the group's room is.
type replay struct {
	hub  *Hub
	seat *seat
	user id.User
	id   id.Group
	// after is up to where it came, in whether the user was in the group then, as
	// far as the device knows.
	after int64
	in    bool
	// view is what the user may see as of the newest change that is known of, which
	// is the entry asOf; dismissal is the last one met.
	view            group.View
	asOf, dismissal int64
	// asks says that only the roster knows what the user may see: who was in the group
	// before, and out of it, may get something back.
	asks bool
	// at is the time of the group's newest entry that it knows of.
	at int64
	// add takes the events.
	add func(*batch)
}

// catchUp has a seat read what happened after a seq, or since its connection began
// where that is unknown, and then enter the room.
func (r *room) catchUp(s *seat, after int64) {
	r.expect(s)
	c := s.conn
	at, had := c.had[r.serial]
	if had = had && !s.in && after != unknown && !at.out && at.seq > after; had {
		// The device came with this membership, of which the copy knew nothing yet.
		after = at.seq
	}
	p := &replay{
		hub: r.hub, seat: s, user: c.user, id: r.id, after: after, in: s.in || had, asOf: after, add: c.push,
		view: group.View{User: c.user, Since: r.hub.windowStart()},
	}
	if after == unknown {
		p.asOf = s.asOf
	}
	if s.in {
		p.view.Joined, p.view.Away = s.joined, s.away
	}
	p.asks = had || s.asOf > 0 && !s.in || after == unknown
	ctx, cancel := c.reading()
	go func() {
		defer cancel()
		if err := p.run(ctx, r, nil); err != nil && c.ctx.Err() == nil {
			slog.WarnContext(c.ctx, "a group could not be read for a connection", "group", r.id, "error", err)
			// It comes back, and reads again.
			c.End("interrupted")
		}
	}()
}

func (h *Hub) windowStart() int64 { return h.o.Now().Add(-h.o.Window).UnixMilli() }

// run brings the seat into the room. head is the group's, where it is known.
func (p *replay) run(ctx context.Context, r *room, head *group.Head) (err error) {
	defer func() {
		if err != nil {
			r.locked(func(r *room) { p.giveUp(r) })
		}
	}()
	for done := false; !done; head = nil {
		if head == nil {
			if head, err = p.head(ctx); err != nil {
				return err
			}
		}
		p.at, p.view.Since = head.ActiveAt, head.OfflineSince(p.hub.o.Now(), p.hub.o.Window)
		if p.asks {
			if err = p.ask(ctx, head); err != nil {
				return err
			}
		}
		if err = p.through(ctx, head); err != nil {
			return err
		}
		r.locked(func(r *room) {
			r.about(head.Name, head.Serial, head.Shards, head.LastSeq)
			done = p.arrive(r)
		})
	}
	return nil
}

// ask has the roster say what the user may see, and where nobody knew where to start,
// whether the user was in the group there. Who was taken out before that heard of it.
func (p *replay) ask(ctx context.Context, head *group.Head) error {
	m, err := p.hub.o.Groups.Reader(*head).Member(ctx, p.user)
	if err != nil {
		return err
	}
	if p.after == unknown {
		if p.after, err = p.start(ctx, head); err != nil {
			return err
		}
		p.in = m.In(p.after)
	}
	p.asks, p.view, p.asOf = false, p.view.Of(m), max(p.asOf, head.LastSeq)
	return nil
}

// head reads the group's head, again where that fails.
func (p *replay) head(ctx context.Context) (head *group.Head, err error) {
	for n := range readAttempts {
		once, cancel := context.WithTimeout(ctx, readTimeout)
		head, err = p.hub.head(once, p.id)
		cancel()
		if err == nil || ctx.Err() != nil {
			return head, err
		}
		select {
		case <-time.After(p.hub.o.GapWait << n):
		case <-ctx.Done():
		}
	}
	return head, err
}

// start is the seq after which the head's entries are not older than the connection.
// What is known of the membership is known to the device, too.
func (p *replay) start(ctx context.Context, head *group.Head) (after int64, err error) {
	since := p.seat.conn.started - clockSkew.Milliseconds()
	entries, all := head.Tail, true
	if len(entries) == 0 || entries[0].At >= since && entries[0].Seq > 1 {
		if entries, all, err = p.hub.read(ctx, head, 0, since, readMost); err != nil {
			return 0, err
		}
	}
	if !all {
		return p.asOf, nil // too much to be told, which the device hears
	}
	base := head.LastSeq
	if len(entries) > 0 {
		base = entries[0].Seq - 1
	}
	return max(p.seat.conn.startIn(entries, base), p.asOf), nil
}

// through replays what the head knows of. Where that is too much, the device is
// asked to synchronise the group.
func (p *replay) through(ctx context.Context, head *group.Head) error {
	entries, all, err := p.hub.read(ctx, head, p.after, 0, readMost)
	if err != nil {
		return err
	}
	// Entries that are not kept any more are missing honestly in a synchronisation.
	if all && !p.lacks(head, entries) {
		for _, in := range runs(&event.Timeline{Group: p.id, Name: head.Name, Serial: head.Serial}, entries) {
			p.entries(in)
		}
		p.after = max(p.after, head.LastSeq)
		return nil
	}
	return p.skip(ctx, head)
}

// lacks says whether entries after where the replay is were removed with time, or
// are older than the group's own offline window.
func (p *replay) lacks(head *group.Head, entries []group.Entry) bool {
	if len(entries) == 0 {
		return p.after < head.LastSeq
	}
	return entries[0].Seq > p.after+1 || head.OfflineDays > 0 && entries[0].At < p.view.Since
}

// skip asks the device to synchronise the group, and goes on after the head.
func (p *replay) skip(ctx context.Context, head *group.Head) error {
	m, err := p.hub.o.Groups.Reader(*head).Member(ctx, p.user)
	if err != nil {
		return err
	}
	// The roster may be ahead of the head; what is after it comes in order.
	p.in = m.In(head.LastSeq)
	p.view, p.after, p.asOf = p.view.Of(m), head.LastSeq, head.LastSeq
	b := resyncOf(p.id)
	b.serial, b.last, b.at, b.out = head.Serial, head.LastSeq, head.ActiveAt, !p.in
	p.add(b)
	return nil
}

// resyncOf asks the device to synchronise a group.
func resyncOf(g id.Group) *batch {
	return &batch{wire: block("resync", fmt.Appendf(nil, `{"groupId":%q}`, g)), group: g}
}

// entries replays a run. Who is what at its end decides what of it is shown, as
// in a synchronisation.
func (p *replay) entries(in *run) {
	p.learn(in.entries)
	start := 0
	for i, e := range in.entries {
		if !e.Moves(p.user) {
			continue
		}
		joins := e.Kind == group.KindJoined
		if p.in {
			p.show(in, start, i)
		}
		if p.in || joins {
			p.add(membership(in, e))
		}
		p.in, start = joins, i+1
	}
	if p.in {
		p.show(in, start, len(in.entries))
	}
	p.after, p.at = max(p.after, in.last), max(p.at, in.at())
}

// learn takes in what entries say of the membership.
func (p *replay) learn(entries []group.Entry) {
	m := p.view.Member()
	for _, e := range entries {
		if e.Seq > p.asOf && e.Moves(p.user) {
			m, p.asOf = m.After(p.user, e, p.dismissal), e.Seq
		}
		if e.Kind == group.KindDismissed {
			p.dismissal = e.Seq
		}
	}
	p.view = p.view.Of(m)
}

func (p *replay) show(in *run, from, to int) {
	if from == to {
		return
	}
	// Encoded for this one only: what is shown may differ from what others see.
	p.add(in.cut(from, to).encode(in.entries[from].Seq-1, p.view.Sees))
}

// arrive seats the connection if that is where the room is.
func (p *replay) arrive(r *room) bool {
	s := p.seat
	if s.conn.gone() {
		p.giveUp(r)
		return true
	}
	if r.last != unknown && p.after < r.last {
		if len(r.kept) == 0 || r.kept[0].after > p.after {
			return false
		}
		for _, in := range r.kept {
			if in.last > p.after {
				p.entries(in.cut(int(max(p.after-in.after, 0)), len(in.entries)))
			}
		}
		if p.after < r.last {
			return false
		}
	}
	r.arrived(s)
	s.know(p.asOf, p.in)
	s.joined, s.away = p.view.Joined, p.view.Away
	if s.in = p.in; s.in {
		r.seat(s, p.after)
	}
	if r.last == unknown && !r.waits(p.after) {
		r.last, r.base, r.baseAt = p.after, p.after, p.at
	}
	r.release()
	return true
}

// waits says whether somebody in the room is owed something up to a seq, or
// something that nobody knows yet. A room that began there would not bring it.
func (r *room) waits(upTo int64) bool {
	for _, s := range r.members {
		if s.from < upTo {
			return true
		}
	}
	return false
}

// giveUp ends the wait for a seat that does not come.
func (p *replay) giveUp(r *room) {
	if p.seat.catching {
		r.arrived(p.seat)
	}
}
