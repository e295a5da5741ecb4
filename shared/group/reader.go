package group

import (
	"context"
	"encoding/json"
	"slices"

	"github.com/throng-im/throng/shared/commit"
	"github.com/throng-im/throng/shared/id"
)

// Reader reads the timeline of one group on from a head. It reads no segment
// twice, and none for what is in the head. One goroutine uses it.
type Reader struct {
	Head
	g        *Groups
	segments map[int64]segment // by their last seq
}

// Reader returns a reader of the group whose head this is.
func (g *Groups) Reader(h Head) *Reader {
	return &Reader{Head: h, g: g, segments: map[int64]segment{}}
}

// Member reads a user's record from the roster, which is the truth of who is a
// member. It costs one read.
func (r *Reader) Member(ctx context.Context, user id.User) (Member, error) {
	return r.g.member(ctx, r.state, user)
}

// Forward visits the entries after a seq that are not older than since, in Unix
// milliseconds, in order. It stops before an entry for which visit says no, and
// after some 16 segments. enough is how many entries the caller may want. It
// returns the seq up to which there is nothing left to visit.
func (r *Reader) Forward(ctx context.Context, after, since int64, enough int, visit func(Entry) bool) (int64, error) {
	tail := r.state.tailFirst()
	known, listed := r.state.before(since)
	listed = listed || len(r.state.sealed) > 0 && after >= r.state.sealed[0]
	after = max(after, known)
	for left := segmentsAtOnce; after < tail-1; listed = true {
		if left <= 0 {
			return after, nil
		}
		run, err := r.next(ctx, after, since, enough, listed)
		if err != nil {
			return after, err
		}
		if len(run) == 0 {
			after = tail - 1 // what came before was removed with time
		}
		for _, s := range run {
			left, enough = left-1, max(enough-s.lines.len(), 1)
			for i := range s.lines.len() {
				seq := s.first + int64(i)
				if seq <= after || timeOf(s.lines.at(i)) < since {
					after = max(after, seq)
					continue
				}
				e, err := DecodeEntry(s.lines.at(i))
				if err != nil {
					return after, err
				}
				if !visit(e) {
					return after, nil
				}
				after = seq
			}
		}
	}
	for _, e := range r.Tail {
		if e.Seq > after && e.At >= since && !visit(e) {
			return after, nil
		}
		after = max(after, e.Seq)
	}
	return after, nil
}

// next reads the segments after a seq; listed is false when the one to begin
// with is to be found by time.
func (r *Reader) next(ctx context.Context, after, since int64, enough int, listed bool) ([]segment, error) {
	if names, ok := r.state.sealed.after(after, enough); ok {
		if run, err := r.fetch(ctx, names); err != nil || len(run) > 0 {
			return run, err
		}
	}
	if !listed {
		run, err := r.query(ctx, commit.Query{Field: "lastAt", AtLeast: since, Limit: 1})
		if err != nil || len(run) == 0 || run[0].last > after {
			return run, err
		}
	}
	return r.query(ctx, commit.Query{IDAtLeast: segmentID(after + 1), Limit: min(max(enough/tailEntries, 1), segmentsAtOnce)})
}

// Backward visits entries from the newest down to the first after a seq that is
// not older than since, in Unix milliseconds, until visit says no. It reads no
// more segments than limit. all says that it came to the end.
func (r *Reader) Backward(ctx context.Context, after, since int64, limit int, visit func(Entry) bool) (all bool, err error) {
	for i := len(r.Tail) - 1; i >= 0; i-- {
		if e := r.Tail[i]; e.Seq <= after || e.At < since {
			return true, nil
		} else if !visit(e) {
			return false, nil
		}
	}
	for last := r.state.tailFirst() - 1; last > after; {
		if limit <= 0 {
			return false, nil
		}
		run, err := r.fetch(ctx, r.state.namesBack(last, int(min(last-after, int64(limit*tailEntries))), limit))
		if err != nil || len(run) == 0 {
			return err == nil, err // the rest was removed with time
		}
		for _, s := range run {
			for i := s.lines.len() - 1; i >= 0; i-- {
				seq := s.first + int64(i)
				if seq > last {
					continue
				}
				if seq <= after || timeOf(s.lines.at(i)) < since {
					return true, nil
				}
				e, err := DecodeEntry(s.lines.at(i))
				if err != nil {
					return false, err
				}
				if !visit(e) {
					return false, nil
				}
			}
			last, limit = s.first-1, limit-1
		}
	}
	return true, nil
}

// namesBack names the segment that ends at last and those before it that the head
// names, as far as they are needed for so many entries, at most limit of them.
func (s *state) namesBack(last int64, entries, limit int) []int64 {
	names := []int64{last}
	i, found := slices.BinarySearch(s.sealed, last)
	for ; found && i > 0 && last-s.sealed[i-1] < int64(entries) && len(names) < min(segmentsAtOnce, limit); i-- {
		names = append(names, s.sealed[i-1])
	}
	return names
}

// fetch returns segments by their last seqs, those that are still there.
func (r *Reader) fetch(ctx context.Context, names []int64) ([]segment, error) {
	var paths []string
	for _, last := range names {
		if _, known := r.segments[last]; !known {
			paths = append(paths, segment{last: last}.path(r.state.path()))
		}
	}
	if len(paths) > 0 {
		docs, err := r.g.store.Get(ctx, paths)
		if err != nil {
			return nil, err
		}
		if _, err := r.keep(docs); err != nil {
			return nil, err
		}
	}
	run := make([]segment, 0, len(names))
	for _, last := range names {
		if s, known := r.segments[last]; known {
			run = append(run, s)
		}
	}
	return run, nil
}

func (r *Reader) query(ctx context.Context, q commit.Query) ([]segment, error) {
	q.Collection = r.state.path() + "/segments"
	docs, err := r.g.store.Query(ctx, q)
	if err != nil {
		return nil, err
	}
	return r.keep(docs)
}

func (r *Reader) keep(docs []commit.Doc) (run []segment, err error) {
	for _, d := range docs {
		if !d.Exists() {
			continue
		}
		s, err := readSegment(d)
		if err != nil {
			return nil, err
		}
		r.segments[s.last] = s
		run = append(run, s)
	}
	return run, nil
}

// AnnounceMissed asks the fan-out to notify users of entries of this group, as of
// its head, that were announced before and that these users may not have got.
func (r *Reader) AnnounceMissed(ctx context.Context, entries []Entry, users []id.User) error {
	raws := make([]json.RawMessage, len(entries))
	for i, e := range entries {
		encoded, err := e.encode()
		if err != nil {
			return err
		}
		raws[i] = stamp(nil, encoded, e.Seq, e.At)
	}
	var payloads [][]byte
	for len(raws) > 0 {
		n := fitting(raws)
		ev := r.state.event()
		ev.Entries, ev.Missed = raws[:n], users
		payload, err := json.Marshal(ev)
		if err != nil {
			return err
		}
		payloads, raws = append(payloads, payload), raws[n:]
	}
	return r.g.announce(ctx, payloads...)
}
