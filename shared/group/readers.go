package group

import (
	"context"
	"slices"

	"github.com/throng-im/throng/shared/commit"
	"github.com/throng-im/throng/shared/fault"
	"github.com/throng-im/throng/shared/id"
)

// Awaiting returns those of the messages that ask for read receipts and that the
// actor, who is not their sender, may see. Others are passed over. Errors:
// fault.NotMember, fault.GroupDismissed.
//
// It goes through the commit loop, though it changes nothing: of thousands who
// have read the same message at once, a few read the group for all.
func (g *Groups) Awaiting(ctx context.Context, group id.Group, by Actor, uids []id.Message) (Page, error) {
	type found struct {
		entries []Entry
		// older are seqs that are no longer in the tail of head.
		older []int64
		head  *state
		view  View
	}
	v, err := g.loop.Do(ctx, string(group), commit.Command[state]{Need: by.need, Apply: func(s *state) (any, error) {
		if err := s.enter(by); err != nil {
			return nil, err
		}
		f := found{head: &state{id: s.id, serial: s.serial, sealed: s.sealed}, view: View{User: by.User, BeforeJoin: by.BeforeJoin}.Of(s.member(by.User))}
		for _, seq := range s.seqsOf(uids) {
			if seq < s.tailFirst() {
				f.older = append(f.older, seq)
				continue
			}
			e, err := DecodeEntry(s.tail.at(int(seq - s.tailFirst())))
			if err != nil {
				return nil, err
			}
			f.entries = append(f.entries, e)
		}
		return f, nil
	}})
	if err != nil {
		return Page{}, err
	}
	f := v.(found)
	older, err := g.entriesAt(ctx, f.head, f.older)
	if err != nil {
		return Page{}, err
	}
	return Page{Serial: f.head.serial, Entries: slices.DeleteFunc(append(older, f.entries...), func(e Entry) bool {
		return e.Kind != KindMessage || !e.Receipt || e.Recalled > 0 || e.From == by.User || !f.view.Sees(e)
	})}, nil
}

// seqsOf are the seqs of those messages that are the group's, rising.
func (s *state) seqsOf(uids []id.Message) []int64 {
	seqs := make([]int64, 0, len(uids))
	for _, uid := range uids {
		if serial, seq, ok := uid.Parse(); ok && serial == s.serial && seq > 0 && seq <= s.lastSeq {
			seqs = append(seqs, seq)
		}
	}
	slices.Sort(seqs)
	return slices.Compact(seqs)
}

// entriesAt reads sealed entries, each segment once. seqs rise; those that were
// removed with time are left out.
func (g *Groups) entriesAt(ctx context.Context, head *state, seqs []int64) ([]Entry, error) {
	var out []Entry
	for len(seqs) > 0 {
		docs, err := g.segments(ctx, head, seqs[0]-1, 1, 1)
		if err != nil {
			return nil, err
		}
		if len(docs) == 0 {
			return out, nil
		}
		s, err := readSegment(docs[0])
		if err != nil {
			return nil, err
		}
		n, _ := slices.BinarySearch(seqs, s.last+1)
		for _, seq := range seqs[:n] {
			if s.holds(seq) {
				e, err := DecodeEntry(s.lines.at(int(seq - s.first)))
				if err != nil {
					return nil, err
				}
				out = append(out, e)
			}
		}
		seqs = seqs[max(n, 1):]
	}
	return out, nil
}

// Audience returns a message that asks for read receipts, and whom it still
// concerns: who could see it when it was sent, is a member to this day and did
// not send it. Only its sender and administrators may know. Errors:
// fault.NotMember, fault.GroupDismissed, fault.PermissionDenied, and
// fault.NotFound also for a message that asks for none.
func (g *Groups) Audience(ctx context.Context, group id.Group, uid id.Message, by Actor) (Entry, []id.User, error) {
	head, err := g.readHead(ctx, group)
	if err != nil {
		return Entry{}, nil, err
	}
	if head.dismissed && head.dismissal > 0 && !by.Admin {
		return Entry{}, nil, errDismissed
	}
	roster, err := g.Roster(ctx, group, head.versions)
	if err != nil {
		return Entry{}, nil, err
	}
	me := roster.Member(by.User)
	if !me.Present() && !by.Admin {
		return Entry{}, nil, errNotMember
	}
	e, err := g.askedFor(ctx, head, uid)
	view := View{User: by.User, BeforeJoin: by.BeforeJoin}.Of(me)
	switch {
	case err != nil:
		return Entry{}, nil, err
	case by.Admin, e.From == by.User && view.Sees(e):
	case !view.Sees(e):
		return Entry{}, nil, missing(uid)
	default:
		return Entry{}, nil, fault.New(fault.PermissionDenied, "only the sender of a message and administrators may see who has read it")
	}
	if !e.Receipt {
		return Entry{}, nil, fault.New(fault.NotFound, "message %s does not ask for read receipts", uid)
	}
	var meant []id.User
	roster.Each(func(u id.User, m Member, _ *Targets) {
		if u != e.From && m.Present() && m.At(e.Seq) && (len(e.To) == 0 || slices.Contains(e.To, u)) {
			meant = append(meant, u)
		}
	})
	return e, meant, nil
}

// askedFor reads a message of the group.
func (g *Groups) askedFor(ctx context.Context, head *state, uid id.Message) (Entry, error) {
	seqs := head.seqsOf([]id.Message{uid})
	if len(seqs) == 0 {
		return Entry{}, missing(uid)
	}
	entries, err := g.timeline(ctx, head, seqs[0]-1, 1)
	if err != nil {
		return Entry{}, err
	}
	if len(entries) == 0 || entries[0].Seq != seqs[0] || entries[0].Kind != KindMessage || entries[0].Recalled > 0 {
		return Entry{}, missing(uid)
	}
	return entries[0], nil
}
