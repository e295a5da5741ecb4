package group

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/throng-im/throng/shared/commit"
	"github.com/throng-im/throng/shared/event"
	"github.com/throng-im/throng/shared/id"
)

// eventBytes is where one timeline event is cut; a push body grows by a third
// in base64, and a fan-out must be done in well under a second.
const eventBytes = 1 << 20

// model teaches the commit loop what a group is.
type model struct {
	now      func() time.Time
	announce event.Announcer
}

func (m model) Load(ctx context.Context, r commit.Reader, key string, old *state) (*state, error) {
	docs, err := r.Get(ctx, []string{headPath(id.Group(key))})
	if err != nil {
		return nil, err
	}
	s := readHead(id.Group(key), docs[0])
	if old != nil {
		for i, sh := range old.shards {
			if i < len(s.shards) && sh != nil && sh.version == s.versions[i] {
				s.shards[i] = sh
			}
		}
	}
	return s, nil
}

func (m model) Draft(s *state) *state {
	return s.draft(m.now().UnixMilli())
}

func (m model) Weight(d *state) int {
	n := len(d.tail.data) + d.rewritten
	for _, raw := range d.again {
		n += len(raw)
	}
	for _, g := range d.loaded {
		if g.owned {
			n += g.lines.bytes()
		}
	}
	for _, s := range d.shards {
		if s != nil && s.owned {
			n += s.bytes
		}
	}
	return n
}

func (m model) Journal(s *state) *commit.Journal { return &s.journal }

func (m model) Root(s *state) (string, time.Time) { return s.path(), s.version }

func (m model) Size(s *state) int {
	n := 1024 + cap(s.tail.data) + 24*len(s.recent.items)
	for _, sh := range s.shards {
		if sh != nil {
			n += 3 * sh.bytes // maps and strings take about thrice their JSON
		}
	}
	for _, g := range s.loaded {
		n += cap(g.lines.data) + 8*cap(g.lines.ends)
	}
	return n
}

// Plan seals what has outgrown the tail, splits the roster where it has grown,
// and lists the documents to write: the head, on the condition that it is
// unchanged, and with it everything that hangs on it.
func (m model) Plan(d *state) (commit.Plan, error) {
	plan := commit.Plan{Announce: m.announcement(d)}
	if !d.changed {
		return plan, nil
	}
	d.grow()
	var err error
	if plan.Writes, err = d.flatten(); err != nil {
		return plan, err
	}
	segments, rest := d.tail.sealed(d.tailFirst())
	d.tail = rest
	d.sealed, d.sealedAt = d.sealed.with(segments, segment.lastSeq), d.sealedAt.with(segments, segment.lastAt)
	for i, s := range d.shards {
		if s == nil || !s.membersDirty && !s.targetsDirty {
			if d.renamed {
				plan.Writes = append(plan.Writes, commit.Write{Path: shardPath(d.path(), i), Fields: commit.Fields{"name": d.name}, Merge: true})
			}
			continue
		}
		d.versions[i]++
		s.version, s.of, d.sizes[i] = d.versions[i], len(d.shards), int64(s.bytes)
		w, err := s.write(d.path(), i, d.name)
		if err != nil {
			return plan, err
		}
		plan.Writes = append(plan.Writes, w)
	}
	if !d.exists() {
		// The serial is reserved in the same commit, so that no two groups
		// ever make the same message id.
		plan.Writes = append(plan.Writes, commit.Write{Path: serialPath(d.serial), Fields: commit.Fields{"group": string(d.id)}, If: commit.Condition{Absent: true}})
	}
	for _, s := range segments {
		w, err := s.write(d.path())
		if err != nil {
			return plan, err
		}
		plan.Writes = append(plan.Writes, w)
	}
	for _, path := range d.removed {
		plan.Writes = append(plan.Writes, commit.Write{Path: path, Delete: true})
	}
	plan.Writes = append(plan.Writes, d.headWrite())
	return plan, nil
}

func serialPath(s id.Serial) string { return fmt.Sprintf("serials/%d", s) }

func (m model) Settle(d *state, version time.Time) *state {
	s := *d
	s.version, s.changed, s.renamed, s.added, s.again, s.removed = version, false, false, nil, nil, nil
	for i, sh := range s.shards {
		if sh != nil && (sh.owned || sh.membersDirty || sh.targetsDirty) {
			c := *sh
			c.owned, c.membersDirty, c.targetsDirty = false, false, false
			s.shards[i] = &c
		}
	}
	for i, g := range s.loaded {
		if g.owned {
			c := *g
			c.owned, c.rekey, c.version = false, false, version
			s.loaded[i] = &c
		}
	}
	return &s
}

// announcement is what the draft has to tell the world, as timeline events.
func (m model) announcement(d *state) func(context.Context) error {
	raws := append(d.again, d.added...)
	if len(raws) == 0 {
		return nil
	}
	return func(ctx context.Context) error { return announceEntries(ctx, m.announce, d, raws) }
}

func announceEntries(ctx context.Context, announce event.Announcer, s *state, raws [][]byte) error {
	head, err := json.Marshal(s.event())
	if err != nil {
		return err
	}
	// The entries are JSON already; marshalling them again would cost more
	// than everything else on this path.
	prefix := bytes.TrimSuffix(head, []byte("]}"))
	var payloads [][]byte
	for len(raws) > 0 {
		n := fitting(raws)
		payloads = append(payloads, slices.Concat(prefix, bytes.Join(raws[:n], []byte(",")), []byte("]}")))
		raws = raws[n:]
	}
	return announce(ctx, payloads...)
}

// event is a timeline event of the group that has no entries yet.
func (s *state) event() event.Timeline {
	return event.Timeline{Group: s.id, Name: s.name, Serial: s.serial, Shards: s.versions, Entries: []json.RawMessage{}}
}

// fitting is how many of the entries go into one event, one at the least.
func fitting[E ~[]byte](raws []E) int {
	n, size := 0, 0
	for n < len(raws) && (n == 0 || size+len(raws[n]) <= eventBytes) {
		size += len(raws[n])
		n++
	}
	return n
}
