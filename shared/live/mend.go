package live

import (
	"cmp"
	"context"
	"log/slog"
	"slices"
	"time"

	"github.com/throng-im/throng/shared/group"
	"github.com/throng-im/throng/shared/id"
)

const (
	// readMost bounds the entries that one reading takes.
	readMost    = 500
	readTimeout = 5 * time.Second
	// readAttempts is after how many failures in a row those who wait are told to
	// come back another time. Each waits twice as long as the one before.
	readAttempts = 5
)

// hold keeps a run until what comes before it is there, or was read.
func (r *room) hold(in *run) {
	at, known := slices.BinarySearchFunc(r.held, in, func(a, b *run) int { return int(a.after - b.after) })
	if known && r.held[at].last >= in.last {
		return
	}
	r.held = slices.Insert(r.held, at, in)
}

func (r *room) mendIn(wait time.Duration) {
	if !r.mending {
		r.mending = true
		time.AfterFunc(wait<<r.attempts, r.mend)
	}
}

// mend reads what is missing before the first run that is held.
func (r *room) mend() {
	var after int64
	var waiting []*seat
	needed := false
	if !r.locked(func(r *room) {
		needed = len(r.held) > 0 && (r.last == unknown && len(r.members) > 0 || r.last != unknown && r.held[0].after > r.last)
		if r.mending = needed; !needed {
			return
		}
		if after = r.last; after == unknown {
			waiting = slices.Clone(r.members)
		}
	}) || !needed {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), readTimeout)
	defer cancel()
	var err error
	if after == unknown {
		err = r.begin(ctx, waiting)
	} else {
		err = r.fill(ctx, after)
	}
	r.locked(func(r *room) {
		r.mending = false
		switch {
		case err == nil:
			r.attempts = 0
			r.release()
			return
		case r.attempts < readAttempts:
			r.attempts++
			r.mendIn(max(r.hub.o.GapWait, time.Millisecond))
			return
		}
		// To go on would show what follows to those who may have left in between.
		slog.ErrorContext(ctx, "a group cannot be read", "group", r.id, "error", err)
		for _, s := range r.members {
			s.conn.End("interrupted")
		}
		r.held, r.attempts = nil, 0
	})
}

// fill reads what comes after the room's last entry.
func (r *room) fill(ctx context.Context, after int64) error {
	h, err := r.hub.head(ctx, r.id)
	if err != nil {
		return err
	}
	entries, _, err := r.hub.read(ctx, h, after, 0, readMost)
	if err != nil {
		return err
	}
	r.locked(func(r *room) {
		r.about(h.Name, h.Serial, h.Shards, h.LastSeq)
		for _, in := range runs(r.event(), entries) {
			if in.after > r.last {
				r.last = in.after // removed with time
			}
			r.take(in)
		}
		if len(entries) == 0 {
			r.last = max(r.last, h.LastSeq)
		}
	})
	return nil
}

// begin finds out where the room begins for those who wait in it: each is owed
// what is not older than its connection. The entries before say who left lately.
func (r *room) begin(ctx context.Context, waiting []*seat) error {
	since := r.hub.o.Now().UnixMilli()
	for _, s := range waiting {
		since = min(since, s.conn.started-clockSkew.Milliseconds())
	}
	h, err := r.hub.head(ctx, r.id)
	if err != nil {
		return err
	}
	entries, all := h.Tail, true
	if len(entries) == 0 || entries[0].At >= since {
		if entries, all, err = r.hub.read(ctx, h, 0, since, readMost); err != nil {
			return err
		}
	}
	base, baseAt := h.LastSeq, h.ActiveAt
	if len(entries) > 0 {
		base, baseAt = entries[0].Seq-1, entries[0].At
	}
	var roster *group.Roster
	now := r.hub.o.Now().UnixMilli()
	if now-baseAt < trusted.Milliseconds() && r.anyBefore(base) {
		if roster, err = r.hub.roster(ctx, r.id, h.Shards); err != nil {
			return err
		}
	}
	r.locked(func(r *room) {
		if r.last != unknown {
			return
		}
		r.about(h.Name, h.Serial, h.Shards, h.LastSeq)
		r.last, r.base, r.baseAt = base, base, baseAt
		if roster != nil {
			r.check(roster)
		}
		for _, s := range r.members {
			if s.from == unknown {
				s.from = max(s.conn.startIn(entries, base), s.asOf)
			}
		}
		if !all {
			// More than readMost since somebody connected, and no event until now. Each
			// finds out for itself; the room begins where they end.
			r.last = unknown
			for _, s := range slices.Clone(r.members) {
				r.catchUp(s, s.from)
			}
			return
		}
		for _, in := range runs(r.event(), entries) {
			r.last = max(r.last, in.after)
			r.take(in)
		}
	})
	return nil
}

// anyBefore says whether a member's seat is older than the room's beginning.
func (r *room) anyBefore(base int64) (found bool) {
	r.locked(func(r *room) {
		found = slices.ContainsFunc(r.members, func(s *seat) bool { return s.asOf < base })
	})
	return found
}

// check corrects the seats of members that copies were made of which may have
// been behind, as of the room's last entry.
func (r *room) check(roster *group.Roster) {
	for _, s := range slices.Clone(r.members) {
		if s.from == unknown && s.asOf < r.last && !s.check(roster, r.last) {
			r.unseat(s)
			left := roster.Member(s.conn.user).LeftBy(r.last)
			e := group.Entry{Seq: cmp.Or(left, r.last), At: r.baseAt, Kind: group.KindLeft}
			s.conn.push(membership(&run{group: r.id, name: r.name, serial: r.serial}, e))
		}
	}
}

// startIn is the seq after which a connection is owed entries of a group, of which
// those given follow on base: what is not older than itself.
func (c *Conn) startIn(entries []group.Entry, base int64) int64 {
	for _, e := range entries {
		if e.At >= c.started-clockSkew.Milliseconds() {
			break
		}
		base = e.Seq
	}
	return base
}

// head reads the head of a group; one that there is not has no entries.
func (h *Hub) head(ctx context.Context, g id.Group) (*group.Head, error) {
	heads, err := h.o.Groups.Heads(ctx, []id.Group{g})
	if err != nil || len(heads) == 0 {
		return &group.Head{ID: g}, err
	}
	return &heads[0], nil
}

// read reads the entries of a head after a seq that are not older than since, at
// most limit of them. all says that there are no more.
func (h *Hub) read(ctx context.Context, head *group.Head, after, since int64, limit int) (entries []group.Entry, all bool, err error) {
	if head.LastSeq <= after {
		return nil, true, nil
	}
	r := h.o.Groups.Reader(*head)
	for full := false; after < head.LastSeq && !full; {
		after, err = r.Forward(ctx, after, since, limit, func(e group.Entry) bool {
			if full = len(entries) == limit; !full {
				entries = append(entries, e)
			}
			return !full
		})
		if err != nil {
			return nil, false, err
		}
	}
	return entries, after >= head.LastSeq, nil
}
