package group

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"

	"github.com/throng-im/throng/shared/commit"
	"github.com/throng-im/throng/shared/fault"
	"github.com/throng-im/throng/shared/id"
)

// What a privacy law asks. An entry that is erased keeps its seq and its time, so
// that every other has the place that it had, and is shown to nobody. Members are
// told that people left as of anybody who leaves; of what is erased then, nobody
// hears: a device keeps what it has.

// EraseFrom takes from a group what a trace found. Those who are members stay so, with
// their records; they have to Quit before. What is said of people after the trace was
// made stays. It may be repeated, and stopped at any point: another trace finds what
// is left.
func (g *Groups) EraseFrom(ctx context.Context, t Trace) error {
	for rest := t.places; len(rest) > 0; {
		last, err := g.eraseAround(ctx, t.ID, rest[0], &t.trail)
		if err != nil {
			return err
		}
		n, _ := slices.BinarySearch(rest, last+1)
		rest = rest[n:]
	}
	if len(t.Members) == 0 {
		return nil
	}
	users := make([]id.User, 0, len(t.Members))
	for u := range t.Members {
		users = append(users, u)
	}
	_, err := g.loop.Do(ctx, string(t.ID), commit.Command[state]{
		Need:  need(users...),
		Apply: func(s *state) (any, error) { s.forget(users); return nil, nil },
	})
	return err
}

// eraseAround erases all that a trail says of the segment, or the tail, that holds an
// entry. It returns the last seq of it.
func (g *Groups) eraseAround(ctx context.Context, group id.Group, seq int64, t *trail) (last int64, err error) {
	for {
		v, err := g.loop.Do(ctx, string(group), commit.Command[state]{
			Need:  func(ctx context.Context, r commit.Reader, s *state) error { return s.fetchSegment(ctx, r, seq) },
			Apply: func(s *state) (any, error) { return s.eraseAround(seq, t) },
		})
		if errors.Is(err, errUnloaded) {
			continue
		}
		last, _ := v.(int64)
		return max(last, seq), err
	}
}

func (s *state) eraseAround(seq int64, t *trail) (last int64, err error) {
	if line, err := s.line(seq); line == nil || err != nil {
		return seq, err // removed with time
	}
	first, last := s.tailFirst(), s.lastSeq
	for _, g := range s.loaded {
		if g.holds(seq) && seq < first {
			first, last = g.first, g.last
		}
	}
	lines := map[int64][]byte{}
	for at := first; at <= last; at++ {
		line, err := s.line(at)
		if err != nil {
			return 0, err
		}
		e, err := DecodeEntry(line)
		if err != nil {
			return 0, fmt.Errorf("entry %d: %w", at, err)
		}
		out, changed := t.without(e)
		if !changed {
			continue
		}
		encoded, err := out.encode()
		if err != nil {
			return 0, err
		}
		lines[at] = stamp(nil, encoded, at, e.At)
	}
	for at, line := range lines {
		s.put(at, line, 0)
	}
	s.recent.drop(t.gone)
	s.changed = s.changed || len(lines) > 0
	return last, nil
}

// forget drops the records of users who are no members.
func (s *state) forget(users []id.User) {
	if !s.begun() {
		return
	}
	for _, u := range users {
		if m := s.member(u); !m.Present() && !m.empty() {
			s.changeFor(u).drop(u)
		}
	}
}

// Erase ends a group, which its members are told, and takes all that it was. What is
// left is a head that goes on counting where the group was, should it be created
// again. It returns the seq and the time, in Unix milliseconds, of the group's last
// entry. The receipts of its messages are not the group's. Errors: fault.Unavailable
// where somebody created the group again before anything was taken, so that it lives
// on as it was; then it may be repeated, which ends that group, too.
func (g *Groups) Erase(ctx context.Context, group id.Group) (seq, at int64, err error) {
	if err := g.Dismiss(ctx, group, ""); err != nil {
		return 0, 0, err
	}
	type end struct{ seq, at int64 }
	v, err := g.loop.Do(ctx, string(group), commit.Command[state]{Apply: func(s *state) (any, error) {
		if s.live() {
			// Its end is not where it was dismissed any more: what there is up to here
			// is of those, too, who are members now.
			return nil, fault.New(fault.Unavailable, "the group was created again while it was erased, do it again")
		}
		if s.begun() && !s.bared() {
			s.strip()
		}
		return end{s.lastSeq, s.lastAt}, nil
	}})
	if err != nil {
		return 0, 0, err
	}
	last := v.(end)
	for after := (commit.Doc{}); ; {
		found, err := g.Segments(ctx, group, after, segmentsListed)
		if err != nil || len(found) == 0 {
			return last.seq, last.at, err
		}
		var over []string
		for _, s := range found {
			// Whoever creates the group again meanwhile begins behind the end.
			if after = s.Doc; s.Last <= last.seq {
				over = append(over, s.Doc.Path)
			}
		}
		if err := commit.Delete(ctx, g.store, over); err != nil {
			return 0, 0, err
		}
	}
}

// segmentsListed is how many segments Erase looks at and deletes at a time.
const segmentsListed = 200

// bared says whether there is nothing to the group but its counters.
func (s *state) bared() bool {
	return s.dismissed && s.name == "" && s.members == 0 && s.dismissal == 0 && s.tail.len() == 0 && len(s.versions) == 1 && s.sizes[0] == 0
}

// Erased says of a group that All or Head read whether nothing is kept but its counters.
func (h Head) Erased() bool { return h.state.bared() && len(h.state.sealed) == 0 }

// Whole visits the whole timeline of a group, as of its head.
func (g *Groups) Whole(ctx context.Context, h Head, visit func(Entry) error) error {
	return g.Span(ctx, h, 0, math.MaxInt64, visit)
}
