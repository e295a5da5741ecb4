package group

import (
	"context"
	"fmt"
	"hash/fnv"
	"slices"

	"github.com/throng-im/throng/shared/commit"
	"github.com/throng-im/throng/shared/id"
)

// Lanes is how many lanes all groups are spread over. The lane stands before the
// time of the newest entry in an index, so that a value that rises with time
// falls into so many places: one place takes about 500 writes a second.
const Lanes = 64

// laneOf is the lane of a group, for good.
func laneOf(g id.Group) string {
	h := fnv.New32a()
	_, _ = h.Write([]byte(g))
	return laneID(int(h.Sum32() % Lanes))
}

func laneID(n int) string { return fmt.Sprintf("%02d", n) }

// Active lists the groups of the lanes from first up to end that had an entry at a
// time, in Unix milliseconds, or later, ordered by id. It costs a read for each
// group it lists, and one where there is none. first and end are at most
// commit.MaxIn apart.
func (g *Groups) Active(ctx context.Context, first, end int, since int64) ([]id.Group, error) {
	q := commit.Query{Collection: "groups", InField: "lane", Field: "activeAt", AtLeast: since, Select: []string{"groupId"}}
	for n := first; n < end; n++ {
		q.In = append(q.In, laneID(n))
	}
	docs, err := g.store.Query(ctx, q)
	if err != nil {
		return nil, err
	}
	groups := make([]id.Group, len(docs))
	for i, d := range docs {
		name, _ := d.Fields["groupId"].(string)
		groups[i] = id.Group(name)
	}
	slices.Sort(groups)
	return groups, nil
}

// spanSegments is about how many segments a Span has in memory.
const spanSegments = 8

// Span visits the entries of a group, as of its head, from one time on up to
// before another, in Unix milliseconds and in order. It keeps nothing of what it has
// visited, however many there are. It costs a read for each segment with
// such entries, and sometimes one more to find the first.
func (g *Groups) Span(ctx context.Context, h Head, from, to int64, visit func(Entry) error) error {
	s := h.state
	after, listed := s.before(from)
	for ; after < s.tailFirst()-1; listed = true {
		docs, err := g.spanned(ctx, s, after, from, listed)
		if err != nil {
			return err
		}
		if len(docs) == 0 {
			break // what came before was removed with time
		}
		for _, d := range docs {
			run, err := readSegment(d)
			if err != nil {
				return err
			}
			if over, err := run.lines.span(from, to, visit); over || err != nil {
				return err
			}
			after = run.last
		}
	}
	_, err := s.tail.span(from, to, visit)
	return err
}

// spanned reads the next segments after a seq; listed is false when the one to
// begin with is to be found by time.
func (g *Groups) spanned(ctx context.Context, s *state, after, from int64, listed bool) ([]commit.Doc, error) {
	if listed {
		return g.segments(ctx, s, after, spanSegments*tailEntries, spanSegments)
	}
	return g.store.Query(ctx, commit.Query{Collection: s.path() + "/segments", Field: "lastAt", AtLeast: from, Limit: 1})
}

// span visits the lines of a time; over says that one of them was later.
func (l lines) span(from, to int64, visit func(Entry) error) (over bool, err error) {
	for i := range l.len() {
		at := timeOf(l.at(i))
		if at < from {
			continue
		}
		if at >= to {
			return true, nil
		}
		e, err := DecodeEntry(l.at(i))
		if err != nil {
			return false, fmt.Errorf("an entry of %d: %w", at, err)
		}
		if err := visit(e); err != nil {
			return false, err
		}
	}
	return false, nil
}
