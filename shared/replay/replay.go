// Package replay finds requests that come twice: it remembers which nonces were
// seen, for all instances, in documents on the commit loop.
//
// A nonce is kept with the others of its time slice, and the slice is that of
// the request's own timestamp, which the signature covers. A replay carries the
// same timestamp and so meets the same document; nobody has to look anywhere
// else, and a slice is never needed again once its timestamps are too old.
//
// nonces/{slice} is one document on the loop, so under load many nonces go into
// one commit. When it is full it stays as it is, and later nonces of the slice
// go to nonces/{slice}-{shard}, a shard by the nonce's hash: whoever finds the
// first document full, and not the nonce in it, looks into that one shard.
package replay

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"slices"
	"time"

	"github.com/throng-im/throng/shared/commit"
	"github.com/throng-im/throng/shared/fault"
)

const (
	// slice is the time that one document is for.
	slice = 10 * time.Second
	// firstHolds bounds a slice's first document, shardHolds each of its shards:
	// 32 KiB that nearly every slice stays within, and half of what a Firestore
	// document takes.
	firstHolds, shardHolds = 4096, 65536
	shards                 = 16
	// grace is how much longer than they are needed documents are kept, so that
	// a window that is made longer still finds what was seen before.
	grace = 24 * time.Hour
	// cacheBytes bounds the slices in memory: only the newest are ever needed.
	cacheBytes = 4 << 20
)

// Nonces is what was seen, as this process works on it.
type Nonces struct{ loop *commit.Loop[state] }

// New returns the nonces kept in store. window is how far a request's timestamp
// may be from now.
func New(store commit.Store, window time.Duration) *Nonces {
	return &Nonces{commit.New[state](store, model{keep: slice + window + grace}, commit.Options{CacheBytes: cacheBytes})}
}

// Once says whether a nonce is the first of its kind for its time, and remembers
// it. Only one caller on all instances is told so. A failure means that nobody
// knows; the nonce may be remembered.
func (n *Nonces) Once(ctx context.Context, at time.Time, nonce string) (bool, error) {
	sum := sha256.Sum256([]byte(nonce))
	hash, shard := binary.BigEndian.Uint64(sum[:]), sum[8]%shards
	name := fmt.Sprint(at.UnixMilli() / slice.Milliseconds())
	seen, err := n.mark(ctx, name, hash, firstHolds)
	if err == nil && seen == full {
		seen, err = n.mark(ctx, fmt.Sprintf("%s-%d", name, shard), hash, shardHolds)
	}
	if err == nil && seen == full {
		err = &fault.Error{Kind: fault.RateLimited, Message: "too many signed requests at once", RetryAfter: slice}
	}
	return seen == first, err
}

// outcome is what became of a nonce in one document.
type outcome int

const (
	first outcome = iota + 1
	again
	full
)

func (n *Nonces) mark(ctx context.Context, name string, hash uint64, holds int) (outcome, error) {
	v, err := n.loop.Do(ctx, name, commit.Command[state]{Apply: func(s *state) (any, error) { return s.mark(hash, holds), nil }})
	if err != nil {
		return 0, err
	}
	return v.(outcome), nil
}

// state is one document.
type state struct {
	name    string
	version time.Time
	// seen is what was committed, packed as it is stored; known has the same to
	// look into. A draft shares both and changes neither: added is its own.
	packed  []byte
	known   map[uint64]bool
	added   []uint64
	journal commit.Journal
}

func (s *state) mark(hash uint64, holds int) outcome {
	switch {
	case s.known[hash] || slices.Contains(s.added, hash):
		return again
	case len(s.known)+len(s.added) >= holds:
		return full
	}
	s.added = append(s.added, hash)
	return first
}

// model teaches the commit loop what a slice of nonces is.
type model struct{ keep time.Duration }

func path(name string) string { return "nonces/" + name }

func (m model) Load(ctx context.Context, r commit.Reader, name string, _ *state) (*state, error) {
	docs, err := r.Get(ctx, []string{path(name)})
	if err != nil {
		return nil, err
	}
	s := &state{name: name, version: docs[0].Version}
	s.packed, _ = docs[0].Fields["seen"].([]byte)
	if len(s.packed)%8 != 0 {
		return nil, fmt.Errorf("%s holds %d bytes, which are no whole hashes", path(name), len(s.packed))
	}
	s.known = make(map[uint64]bool, len(s.packed)/8)
	for b := s.packed; len(b) > 0; b = b[8:] {
		s.known[binary.BigEndian.Uint64(b)] = true
	}
	s.journal = commit.ReadJournal(docs[0])
	return s, nil
}

func (m model) Draft(s *state) *state {
	d := *s
	d.added, d.journal = nil, s.journal.Clone()
	return &d
}

func (m model) Weight(s *state) int               { return len(s.packed) + 8*len(s.added) }
func (m model) Journal(s *state) *commit.Journal  { return &s.journal }
func (m model) Root(s *state) (string, time.Time) { return path(s.name), s.version }
func (m model) Size(s *state) int                 { return 2048 + 32*len(s.known) }

func (m model) Plan(d *state) (commit.Plan, error) {
	if len(d.added) == 0 {
		return commit.Plan{}, nil
	}
	start, err := d.start()
	if err != nil {
		return commit.Plan{}, err
	}
	w := commit.Write{Path: path(d.name), Fields: commit.Fields{"seen": d.pack(), "expireAt": start.Add(m.keep)}}
	return commit.Plan{Writes: []commit.Write{w}}, nil
}

// start is when the document's slice begins, which its name says.
func (s *state) start() (time.Time, error) {
	var number int64
	if _, err := fmt.Sscanf(s.name, "%d", &number); err != nil {
		return time.Time{}, fmt.Errorf("%s: %w", path(s.name), err)
	}
	return time.UnixMilli(number * slice.Milliseconds()), nil
}

func (s *state) pack() []byte {
	out := slices.Grow(slices.Clone(s.packed), 8*len(s.added))
	for _, hash := range s.added {
		out = binary.BigEndian.AppendUint64(out, hash)
	}
	return out
}

// Settle hands what was known on to the next state, which takes the place of the
// one that it was shared with.
func (m model) Settle(d *state, version time.Time) *state {
	s := *d
	s.packed, s.version, s.added = d.pack(), version, nil
	for _, hash := range d.added {
		s.known[hash] = true
	}
	return &s
}
