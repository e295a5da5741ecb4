package receipt

import (
	"context"
	"math"

	"github.com/throng-im/throng/shared/commit"
	"github.com/throng-im/throng/shared/id"
)

// Answer is that a user has read a message of a group.
type Answer struct {
	Seq int64
	Reader
}

// Answers visits what people have read in a group; nil are all people. It costs a read
// for each document of receipts there is, and one where there is none.
func (r *Receipts) Answers(ctx context.Context, g id.Group, people id.People, visit func(Answer) error) error {
	q := commit.Query{Collection: "groups/" + id.Document(string(g)) + "/receipts", Limit: mostListed, Select: []string{"data"}}
	return commit.Each(ctx, r.store, q, func(d commit.Doc) error {
		p, err := readPart(d, 0)
		if err != nil {
			return err
		}
		for u, at := range p.readers {
			if people != nil && !people[u] {
				continue
			}
			if err := visit(Answer{seqOf(d.Path), Reader{u, at}}); err != nil {
				return err
			}
		}
		return nil
	})
}

// EraseFrom visits and takes what people have read in a group, and takes all answers to
// the messages with the seqs gone. Nobody is told.
func (r *Receipts) EraseFrom(ctx context.Context, g id.Group, people id.People, gone []int64, visit func(Answer) error) error {
	messages := map[int64]bool{}
	err := r.Answers(ctx, g, people, func(a Answer) error {
		messages[a.Seq] = true
		return visit(a)
	})
	if err != nil {
		return err
	}
	for seq := range messages {
		_, err := r.loop.Do(ctx, path(g, seq), commit.Command[state]{Apply: func(s *state) (any, error) { s.erase(people); return nil, nil }})
		if err != nil {
			return err
		}
	}
	if len(gone) == 0 {
		return nil
	}
	over := map[int64]bool{}
	for _, seq := range gone {
		over[seq] = true
	}
	return r.drop(ctx, g, func(seq int64) bool { return over[seq] })
}

// EraseAll takes all answers to the messages of a group up to a seq.
func (r *Receipts) EraseAll(ctx context.Context, g id.Group, last int64) error {
	return r.drop(ctx, g, func(seq int64) bool { return seq <= last })
}

func (r *Receipts) drop(ctx context.Context, g id.Group, over func(seq int64) bool) error {
	all, _, err := r.UpTo(ctx, g, math.MaxInt64, commit.Doc{})
	if err != nil {
		return err
	}
	var paths []string
	for _, path := range all {
		if over(seqOf(path)) {
			paths = append(paths, path)
		}
	}
	return commit.Delete(ctx, r.store, paths)
}

func (s *state) erase(people id.People) {
	for u := range people {
		i := partOf(u, len(s.parts))
		if _, answered := s.parts[i].readers[u]; answered {
			p := s.own(i)
			delete(p.readers, u)
			p.bytes -= len(u) + readerBytes
		}
	}
}
