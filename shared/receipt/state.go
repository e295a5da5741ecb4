package receipt

import (
	"context"
	"encoding/json"
	"fmt"
	"hash/fnv"
	"maps"
	"slices"
	"time"

	"github.com/throng-im/throng/shared/commit"
	"github.com/throng-im/throng/shared/event"
	"github.com/throng-im/throng/shared/fault"
	"github.com/throng-im/throng/shared/id"
	"github.com/throng-im/throng/shared/pack"
)

const (
	// MaxReaders bounds the readers of one message. When the parts of so many with
	// the longest ids are split, a commit writes 2 MB, of the 3 MiB that it may.
	MaxReaders = 50_000
	// splitReaders is the average number of readers of a part at which the number
	// of parts doubles. With the longest ids a part takes some 650 KB, and two
	// thirds of that compressed; Firestore's documents take 1 MiB.
	splitReaders = 8_000
	// maxPlain bounds what a document may unpack to.
	maxPlain = 4 << 20
)

var packer = pack.New(maxPlain)

// part is the readers with one hash, counted by the number of parts, which is a
// power of two. rev counts the commits that changed it.
type part struct {
	rev     int64
	readers map[id.User]int64
	// bytes estimates what the readers take before they are compressed.
	bytes int
	// owned says that the map is a draft's own and was changed.
	owned bool
}

// state is the receipts of one message. The part with the hash zero is in the
// root document, with the revs of all.
type state struct {
	path    string
	version time.Time
	journal commit.Journal
	parts   []*part
	// last is the newest time; it never falls.
	last int64

	// The rest belongs to a draft. tell says that there is something to announce
	// of the message.
	now     int64
	tell    bool
	message Message
}

func partOf(u id.User, n int) int {
	h := fnv.New32a()
	_, _ = h.Write([]byte(u))
	return int(h.Sum32()) & (n - 1)
}

func partPath(root string, i int) string {
	if i == 0 {
		return root
	}
	return fmt.Sprintf("%s-%d", root, i)
}

func (s *state) count() (n int) {
	for _, p := range s.parts {
		n += len(p.readers)
	}
	return n
}

// read is the command.
func (s *state) read(m Message, u id.User) error {
	i := partOf(u, len(s.parts))
	if at, known := s.parts[i].readers[u]; known {
		if s.now-at < event.RetellFor.Milliseconds() {
			s.tell, s.message = true, m
		}
		return nil
	}
	if s.count() >= MaxReaders {
		return fault.New(fault.TooLarge, "message %s has %d readers, more are not counted", m.UID, MaxReaders)
	}
	s.tell, s.message, s.last = true, m, max(s.last, s.now)
	s.own(i).add(u, s.last)
	if s.count() > splitReaders*len(s.parts) {
		s.split()
	}
	return nil
}

// own returns a part to change.
func (s *state) own(i int) *part {
	if !s.parts[i].owned {
		s.parts[i] = &part{rev: s.parts[i].rev + 1, readers: maps.Clone(s.parts[i].readers), bytes: s.parts[i].bytes, owned: true}
	}
	return s.parts[i]
}

// readerBytes is what a reader takes beside the id: a time and the signs between.
const readerBytes = 17

func (p *part) add(u id.User, at int64) {
	if p.readers == nil {
		p.readers = map[id.User]int64{}
	}
	p.readers[u] = at
	p.bytes += len(u) + readerBytes
}

func (s *state) split() {
	old := s.parts
	s.parts = make([]*part, 2*len(old))
	for i := range s.parts {
		s.parts[i] = &part{rev: 1, owned: true}
		if i < len(old) {
			s.parts[i].rev = old[i].rev + 1
		}
	}
	for _, p := range old {
		for u, at := range p.readers {
			s.parts[partOf(u, len(s.parts))].add(u, at)
		}
	}
}

func readPart(d commit.Doc, rev int64) (*part, error) {
	p := &part{rev: rev}
	packed, _ := d.Fields["data"].([]byte)
	if len(packed) == 0 {
		return p, nil
	}
	plain, err := packer.Unpack(packed)
	if err == nil {
		err = json.Unmarshal(plain, &p.readers)
		p.bytes = len(plain)
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", d.Path, err)
	}
	return p, nil
}

// readParts reads the parts that the root document names, but for those that are
// known at the same rev.
func readParts(ctx context.Context, r commit.Reader, root commit.Doc, known []*part) ([]*part, error) {
	revs, _ := root.Fields["revs"].([]int64)
	if len(revs) == 0 {
		return []*part{{}}, nil
	}
	parts := make([]*part, len(revs))
	var err error
	if parts[0], err = readPart(root, revs[0]); err != nil {
		return nil, err
	}
	var paths []string
	var index []int
	for i := 1; i < len(revs); i++ {
		if i < len(known) && known[i].rev == revs[i] && len(known) == len(revs) {
			parts[i] = known[i]
			continue
		}
		paths, index = append(paths, partPath(root.Path, i)), append(index, i)
	}
	if len(paths) == 0 {
		return parts, nil
	}
	docs, err := r.Get(ctx, paths)
	if err != nil {
		return nil, err
	}
	for k, d := range docs {
		rev, _ := d.Fields["rev"].(int64)
		if parts[index[k]], err = readPart(d, rev); err != nil {
			return nil, err
		}
	}
	return parts, nil
}

// model teaches the commit loop what the receipts of a message are.
type model struct {
	now      func() time.Time
	announce event.Announcer
}

func (m model) Load(ctx context.Context, r commit.Reader, key string, old *state) (*state, error) {
	docs, err := r.Get(ctx, []string{key})
	if err != nil {
		return nil, err
	}
	var known []*part
	if old != nil {
		known = old.parts
	}
	s := &state{path: key, version: docs[0].Version}
	if s.parts, err = readParts(ctx, r, docs[0], known); err != nil {
		return nil, err
	}
	revs, _ := docs[0].Fields["revs"].([]int64)
	for i, rev := range revs {
		if s.parts[i].rev != rev {
			return nil, fmt.Errorf("%s has rev %d, the root says %d: %w", partPath(key, i), s.parts[i].rev, rev, commit.ErrConflict)
		}
	}
	s.last, _ = docs[0].Fields["last"].(int64)
	s.journal = commit.ReadJournal(docs[0])
	return s, nil
}

func (m model) Draft(s *state) *state {
	d := *s
	d.parts, d.journal = slices.Clone(s.parts), s.journal.Clone()
	d.now, d.tell, d.message = m.now().UnixMilli(), false, Message{}
	return &d
}

// Weight counts what is left when even random ids are compressed.
func (m model) Weight(d *state) (n int) {
	for _, p := range d.parts {
		if p.owned {
			n += p.bytes - p.bytes/4
		}
	}
	return n
}

func (m model) Journal(s *state) *commit.Journal { return &s.journal }

func (m model) Root(s *state) (string, time.Time) { return s.path, s.version }

func (m model) Size(s *state) int {
	n := 1024
	for _, p := range s.parts {
		n += 2*p.bytes + 32*len(p.readers)
	}
	return n
}

func (m model) Plan(d *state) (commit.Plan, error) {
	var plan commit.Plan
	if d.tell {
		payload, err := json.Marshal(event.Receipt{User: d.message.From, Receipt: event.ReadCount{Group: d.message.Group, MessageUID: d.message.UID, Read: d.count()}})
		if err != nil {
			return plan, err
		}
		plan.Announce = func(ctx context.Context) error { return m.announce(ctx, payload) }
	}
	if !slices.ContainsFunc(d.parts, func(p *part) bool { return p.owned }) {
		return plan, nil
	}
	revs := make([]int64, len(d.parts))
	for i, p := range d.parts {
		revs[i] = p.rev
		if i > 0 && !p.owned {
			continue
		}
		plain, err := json.Marshal(p.readers)
		if err != nil {
			return plan, err
		}
		w := commit.Write{Path: partPath(d.path, i), Fields: commit.Fields{"data": packer.Pack(plain)}}
		if i > 0 {
			w.Fields["rev"] = p.rev
		}
		plan.Writes = append(plan.Writes, w)
	}
	root := &plan.Writes[0]
	root.Fields["revs"], root.Fields["last"] = revs, d.last
	return plan, nil
}

func (m model) Settle(d *state, version time.Time) *state {
	s := *d
	s.version, s.tell, s.message = version, false, Message{}
	for i, p := range s.parts {
		if p.owned {
			s.parts[i] = &part{rev: p.rev, readers: p.readers, bytes: p.bytes}
		}
	}
	return &s
}
