package inbox

import (
	"context"
	"log/slog"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/throng-im/throng/shared/conversation"
	"github.com/throng-im/throng/shared/event"
	"github.com/throng-im/throng/shared/fault"
	"github.com/throng-im/throng/shared/group"
	"github.com/throng-im/throng/shared/id"
)

const (
	// followAtOnce bounds the users whose copies one event brings up to date at the
	// same time.
	followAtOnce = 64
	// trusted is for how long a copy may be behind although nobody asks the roster.
	// Within that time, and for as long as it shows in the tail, a device is never
	// sent what its user may not see, whatever it asks for. Later it still is not
	// when it asks for what follows what it has: it then meets the entry that ended
	// the membership.
	trusted = 10 * time.Minute
)

// Follow brings the copies of memberships up to date that entries of a timeline
// changed. It may be given the same entries twice, late and in any order.
func (b *Inbox) Follow(ctx context.Context, ev *event.Timeline, entries []group.Entry) error {
	changed, dismissals := changes(entries)
	if len(changed) == 0 && len(dismissals) == 0 {
		return nil
	}
	roster, err := b.groups.Roster(ctx, ev.Group, ev.Shards)
	if err != nil {
		return err
	}
	// The record is the truth, and may be newer than the entry: whoever came back
	// after a dismissal, for one, has kept what was theirs before.
	roster.Each(func(u id.User, m group.Member, _ *group.Targets) {
		c, named := changed[u]
		for _, d := range dismissals {
			if m.EndedBy(d.Seq) {
				c.At, named = max(c.At, d.At), true
			}
		}
		if m.Joined > 0 && named {
			c.Membership = membership(m)
			changed[u] = c
		}
	})
	work, ctx := errgroup.WithContext(ctx)
	work.SetLimit(followAtOnce)
	for u, m := range changed {
		if !m.Known() {
			continue // joined long ago and left since: another entry says so
		}
		work.Go(func() error { return b.copy(ctx, u, ev.Group, m) })
	}
	return work.Wait()
}

// changes lists the users whom the entries name, with what is known of those whom
// no roster remembers, and the dismissals.
func changes(entries []group.Entry) (changed map[id.User]conversation.Copied, dismissals []group.Entry) {
	changed = map[id.User]conversation.Copied{}
	for _, e := range entries {
		switch e.Kind {
		case group.KindDismissed:
			dismissals = append(dismissals, e)
		case group.KindJoined, group.KindLeft:
			for _, u := range e.Users {
				m := conversation.Copied{At: e.At}
				if e.Kind == group.KindLeft {
					m.Left, m.LeftAt = e.Seq, e.At
				}
				changed[u] = m
			}
		}
	}
	return changed, dismissals
}

func membership(m group.Member) conversation.Membership {
	return conversation.Membership{Joined: m.Joined, Left: m.Left, LeftAt: m.LeftAt, Away: m.Away}
}

// copy stores a copy. A user whose document takes no more, or cannot be read, must
// not hold up everybody else's: no retry would cure that.
func (b *Inbox) copy(ctx context.Context, u id.User, g id.Group, m conversation.Copied) error {
	err := b.conversations.SetMembership(ctx, u, g, m)
	if err != nil && !fault.Is(err, fault.Unavailable) {
		slog.ErrorContext(ctx, "a membership was not copied", "user", u, "group", g, "error", err)
		return nil
	}
	return err
}

// doubtful says whether the copy of the membership may be behind the roster. The
// tail shows what happened lately; where it does not reach back far enough to
// know, the roster must be asked.
func (p place) doubtful(u id.User, now int64) bool {
	if !p.Known() {
		return true
	}
	for _, e := range p.Tail {
		if e.Seq > p.AsOf() && e.Moves(u) {
			return true
		}
	}
	return !p.shown() && (len(p.Tail) == 0 || now-p.Tail[0].At < trusted.Milliseconds())
}

// shown says whether the head shows everything since the copy was made.
func (p place) shown() bool {
	return p.LastSeq <= p.AsOf() || len(p.Tail) > 0 && p.Tail[0].Seq <= p.AsOf()+1
}

// settle asks the roster for the user's membership, for one read, and corrects
// the copy where that says something else.
func (b *Inbox) settle(ctx context.Context, u id.User, p *place) error {
	m, err := p.Member(ctx, u)
	if err != nil {
		return err
	}
	truth := membership(m)
	switch {
	case truth.Known():
	case p.Present():
		// The roster has forgotten them, so they left, at some time until now.
		truth = conversation.Membership{Joined: p.Joined, Left: p.LastSeq, LeftAt: b.o.Now().UnixMilli(), Away: p.Away}
	default:
		return nil
	}
	if truth.AsOf() <= p.AsOf() {
		return nil
	}
	p.Membership = truth
	return b.copy(ctx, u, p.ID, conversation.Copied{Membership: truth, At: b.o.Now().UnixMilli()})
}

// Repair brings all copies of a user's memberships up to date from the rosters. It
// costs a read for each group, and two more for each that the copy alone has.
func (b *Inbox) Repair(ctx context.Context, u id.User) error {
	records, err := b.groups.Records(ctx, u)
	if err != nil {
		return err
	}
	list, err := b.conversations.List(ctx, u)
	if err != nil {
		return err
	}
	behind := map[id.Group]conversation.Copied{}
	for g, m := range records {
		if truth := membership(m); truth.AsOf() > list.Conversations[g].AsOf() {
			behind[g] = conversation.Copied{Membership: truth, At: b.o.Now().UnixMilli()}
		}
	}
	if len(behind) > 0 {
		if err := b.conversations.SetMemberships(ctx, u, behind); err != nil {
			return err
		}
	}
	work, ctx := errgroup.WithContext(ctx)
	work.SetLimit(readAtOnce)
	for g, c := range list.Conversations {
		if _, in := records[g]; in || !c.Present() {
			continue
		}
		work.Go(func() error {
			heads, err := b.groups.Heads(ctx, []id.Group{g})
			if err != nil || len(heads) == 0 {
				return err
			}
			return b.settle(ctx, u, &place{c, b.groups.Reader(heads[0])})
		})
	}
	return work.Wait()
}
