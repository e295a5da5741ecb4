package group

import (
	"context"
	"fmt"
	"slices"

	"github.com/throng-im/throng/shared/commit"
)

// maxLoaded is how many segments a group has in memory to change them, and so
// how many one commit changes. It bounds the memory of any number of changes
// that wait together, and keeps such a commit below 3 MiB.
const maxLoaded = 4

// fetchSegment loads the segment of an entry that is to be changed, unless the
// commands that wait beside this one need as many as there is room for.
func (s *state) fetchSegment(ctx context.Context, r commit.Reader, seq int64) error {
	if seq < 1 || seq >= s.tailFirst() {
		return nil
	}
	i := slices.IndexFunc(s.loaded, func(g *segment) bool { return g.holds(seq) })
	if i >= 0 && i < s.asked || s.asked == maxLoaded {
		return nil
	}
	var wanted *segment
	if i >= 0 {
		wanted = s.loaded[i]
	} else {
		var err error
		if wanted, err = s.readSegmentOf(ctx, r, seq); err != nil {
			return err
		}
	}
	// What was asked for is in front, the others stay for as long as there is room.
	kept := make([]*segment, 0, maxLoaded+1)
	kept = append(append(kept, s.loaded[:s.asked]...), wanted)
	for _, g := range s.loaded[s.asked:] {
		if g != wanted && len(kept) < maxLoaded {
			kept = append(kept, g)
		}
	}
	s.loaded = kept
	s.asked++
	return nil
}

// readSegmentOf reads the segment that holds an entry. An entry that was removed
// with time gives a segment without lines.
func (s *state) readSegmentOf(ctx context.Context, r commit.Reader, seq int64) (*segment, error) {
	var docs []commit.Doc
	var err error
	if names, ok := s.sealed.after(seq-1, 1); ok {
		docs, err = r.Get(ctx, []string{segment{last: names[0]}.path(s.path())})
	} else {
		docs, err = r.Query(ctx, commit.Query{Collection: s.path() + "/segments", IDAtLeast: segmentID(seq), Limit: 1})
	}
	if err != nil {
		return nil, err
	}
	gone := &segment{first: seq, last: seq}
	if len(docs) == 0 || !docs[0].Exists() {
		return gone, nil
	}
	g, err := readSegment(docs[0])
	switch {
	case err != nil:
		return nil, err
	case g.changed > s.lastSeq:
		return nil, fmt.Errorf("%s was changed at %d, the head knows of %d: %w", docs[0].Path, g.changed, s.lastSeq, commit.ErrConflict)
	case !g.holds(seq):
		return gone, nil
	}
	return &g, nil
}

func (s *segment) holds(seq int64) bool { return s.first <= seq && seq <= s.last }

// line returns an entry as it is stored, or nil when there is none.
func (s *state) line(seq int64) ([]byte, error) {
	if seq < 1 || seq > s.lastSeq {
		return nil, nil
	}
	if first := s.tailFirst(); seq >= first {
		return s.tail.at(int(seq - first)), nil
	}
	for _, g := range s.loaded {
		switch {
		case !g.holds(seq):
		case g.lines.len() == 0:
			return nil, nil
		default:
			return g.lines.at(int(seq - g.first)), nil
		}
	}
	return nil, errUnloaded
}

// segmentWith is the size of the segment of an entry when the entry grows, zero
// for one in the tail.
func (s *state) segmentWith(seq int64, more int) int {
	for _, g := range s.loaded {
		if g.holds(seq) {
			return g.lines.bytes() + more
		}
	}
	return 0
}

// replace puts a changed entry in the place of what it was; the entry that says so
// comes next.
func (s *state) replace(seq int64, line []byte) { s.put(seq, line, s.lastSeq+1) }

// put puts an entry in the place of what it was. by is the entry that says so, zero
// where none does and the keys of what was there are forgotten.
func (s *state) put(seq int64, line []byte, by int64) {
	s.rewritten += len(line)
	if first := s.tailFirst(); seq >= first {
		s.tail.replace(int(seq-first), line)
		return
	}
	for i, g := range s.loaded {
		if !g.holds(seq) {
			continue
		}
		if !g.owned {
			own := *g
			own.owned = true
			g, s.loaded[i] = &own, &own
		}
		g.changed, g.rekey = max(g.changed, by), g.rekey || by == 0
		g.lines.replace(int(seq-g.first), line)
		return
	}
}

// flatten puts the changed lines of a draft in their places and returns the
// writes of the segments among them. The other fields of a segment stay: they
// depend on nothing that a change touches.
func (s *state) flatten() (writes []commit.Write, err error) {
	s.tail = s.tail.flat()
	for _, g := range s.loaded {
		if !g.owned {
			continue
		}
		g.lines = g.lines.flat()
		w := commit.Write{
			Path: g.path(s.path()), Fields: commit.Fields{"data": packing.Pack(g.lines.data), "changed": g.changed},
			Merge: true, If: commit.Condition{Version: g.version},
		}
		if g.rekey {
			if w.Fields["keys"], err = keysIn(g.lines.data); err != nil {
				return nil, err
			}
		}
		writes = append(writes, w)
	}
	return writes, nil
}
