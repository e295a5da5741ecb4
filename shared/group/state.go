package group

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/throng-im/throng/shared/commit"
	"github.com/throng-im/throng/shared/id"
)

// state is a group as one process knows it: the head document and those roster
// shards that some command has needed. The commit loop owns it.
type state struct {
	id id.Group
	// version is the head's; zero when the group was never created.
	version time.Time

	name string
	// dismissed groups take no messages. One that was never created is dismissed,
	// too, when there is a head at all: something was said of it beforehand.
	dismissed bool
	// dismissal is the seq of the last dismissal, zero before the first.
	dismissal int64
	// muted groups take messages from devices of allowed members only.
	muted bool
	// offlineDays is the group's own offline window, zero for the app's.
	offlineDays int64
	serial      id.Serial
	members     int64
	// lastSeq and lastAt are the newest entry's; the time never falls.
	lastSeq, lastAt int64
	createdAt       int64
	// versions has an element per roster shard, sizes its estimated bytes.
	versions, sizes []int64
	tail            lines
	// sealed are the last seqs of the newest segments: their documents' names.
	// sealedAt are the times of those entries.
	sealed   sealed
	sealedAt sealed
	recent   recent
	burst    burst
	journal  commit.Journal
	// shards are the roster shards; nil where not loaded.
	shards []*shard
	// loaded are segments that some change has needed, the first asked of them by
	// the commands that are about to be applied.
	loaded []*segment
	asked  int

	// The rest belongs to a draft.
	now     int64
	changed bool
	renamed bool
	// added are the entries of this draft, again those of earlier commits that
	// someone asked for once more; both are announced.
	added, again [][]byte
	// rewritten counts the bytes of changed entries, those changed again, too:
	// it bounds what a batch does.
	rewritten int
	// removed are documents of the group that are deleted with the commit.
	removed []string
}

func (s *state) path() string { return headPath(s.id) }

func headPath(g id.Group) string { return "groups/" + id.Document(string(g)) }

func (s *state) exists() bool { return !s.version.IsZero() }

// begun says whether there is a roster, stored or in this draft.
func (s *state) begun() bool { return len(s.versions) > 0 }

// live says whether the group takes messages.
func (s *state) live() bool { return s.begun() && !s.dismissed }

func (s *state) tailFirst() int64 { return s.lastSeq - int64(s.tail.len()) + 1 }

func readHead(g id.Group, d commit.Doc) *state {
	s := &state{id: g, version: d.Version}
	if !d.Exists() {
		return s
	}
	number := func(field string) int64 { n, _ := d.Fields[field].(int64); return n }
	raw := func(field string) []byte { b, _ := d.Fields[field].([]byte); return b }
	s.name, _ = d.Fields["name"].(string)
	s.dismissed, _ = d.Fields["dismissed"].(bool)
	s.dismissal = number("dismissal")
	s.muted, _ = d.Fields["muted"].(bool)
	s.offlineDays = number("offlineDays")
	s.serial = id.Serial(number("serial"))
	s.members, s.lastSeq, s.lastAt, s.createdAt = number("members"), number("lastSeq"), number("lastAt"), number("createdAt")
	s.versions, _ = d.Fields["shards"].([]int64)
	s.sizes, _ = d.Fields["sizes"].([]int64)
	s.tail = parseLines(raw("tail"))
	s.sealed, s.sealedAt = parseSealed(raw("sealed")), parseSealed(raw("sealedAt"))
	s.recent = parseRecent(raw("recent"))
	counts, _ := d.Fields["burst"].([]int64)
	s.burst = parseBurst(counts)
	s.journal = commit.ReadJournal(d)
	s.shards = make([]*shard, len(s.versions))
	return s
}

func (s *state) headWrite() commit.Write {
	w := commit.Write{Path: s.path(), Fields: commit.Fields{
		"groupId": string(s.id), "name": s.name, "dismissed": s.dismissed, "dismissal": s.dismissal, "serial": int64(s.serial), "members": s.members,
		"lastSeq": s.lastSeq, "lastAt": s.lastAt, "createdAt": s.createdAt,
		"shards": s.versions, "sizes": s.sizes,
		"tail": s.tail.data, "sealed": s.sealed.bytes(), "sealedAt": s.sealedAt.bytes(), "recent": s.recent.bytes(), "burst": s.burst.numbers(),
		// activeAt is when the newest entry came; Changed asks by it, and Active with
		// the lane in front.
		"activeAt": s.lastAt, "lane": laneOf(s.id),
	}}
	if s.muted {
		// Absent means no, so that the index has the muted groups only.
		w.Fields["muted"] = true
	}
	if s.offlineDays > 0 {
		w.Fields["offlineDays"] = s.offlineDays
	}
	if s.ended() {
		// Absent while it lives, so that the index has what Ended asks for only.
		w.Fields["endedAt"] = s.lastAt
	}
	return w
}

// append adds an encoded entry and returns its seq and time.
func (s *state) append(encoded []byte) (seq, at int64) {
	s.lastSeq++
	s.lastAt = max(s.lastAt, s.now)
	start := len(s.tail.data)
	s.tail.data = append(stamp(s.tail.data, encoded, s.lastSeq, s.lastAt), '\n')
	s.tail.ends = append(s.tail.ends, len(s.tail.data))
	s.added = append(s.added, s.tail.data[start:len(s.tail.data)-1:len(s.tail.data)-1])
	s.changed = true
	return s.lastSeq, s.lastAt
}

// shardFor returns the shard of a user to read.
func (s *state) shardFor(u id.User) *shard { return s.shards[shardOf(u, len(s.shards))] }

// change returns shard i to write.
func (s *state) change(i int) *shard {
	if !s.shards[i].owned {
		s.shards[i] = s.shards[i].clone()
	}
	s.changed = true
	return s.shards[i]
}

func (s *state) changeFor(u id.User) *shard { return s.change(shardOf(u, len(s.shards))) }

// shardsOf names the shards of users; a group without a roster has none.
func (s *state) shardsOf(users ...id.User) []int {
	if len(s.shards) == 0 {
		return nil
	}
	out := make([]int, len(users))
	for i, u := range users {
		out[i] = shardOf(u, len(s.shards))
	}
	return out
}

// sweep forgets in the shards that this draft changes what nobody needs.
func (s *state) sweep() {
	for _, sh := range s.shards {
		if sh != nil && sh.owned {
			sh.sweep(s.now, s.dismissal)
		}
	}
}

// nextSplit names the shard that is divided next.
func (s *state) nextSplit() []int {
	if len(s.shards) == 0 {
		return nil
	}
	return []int{nextSplit(len(s.shards))}
}

// fetch loads shards that are not there yet. A shard at another version than
// the head names means that the head is stale.
func (s *state) fetch(ctx context.Context, r commit.Reader, wanted []int) error {
	slices.Sort(wanted)
	var index []int
	var paths []string
	for _, i := range slices.Compact(wanted) {
		if s.shards[i] == nil {
			index = append(index, i)
			paths = append(paths, shardPath(s.path(), i))
		}
	}
	if len(paths) == 0 {
		return nil
	}
	docs, err := r.Get(ctx, paths)
	if err != nil {
		return err
	}
	for k, d := range docs {
		sh, err := readShard(d)
		if err != nil {
			return err
		}
		if i := index[k]; sh.version != s.versions[i] {
			return fmt.Errorf("%s has version %d, the head says %d: %w", d.Path, sh.version, s.versions[i], commit.ErrConflict)
		}
		s.shards[index[k]] = sh
	}
	return nil
}

// grow splits shards until their average size is within bounds, as far as the
// shards to split are loaded; what is left is done by a later commit.
func (s *state) grow() {
	for range maxSplits {
		total := int64(0)
		for i, sh := range s.shards {
			if sh != nil {
				s.sizes[i] = int64(sh.bytes)
			}
			total += s.sizes[i]
		}
		n := len(s.shards)
		if n == 0 || total <= int64(n)*splitBytes {
			return
		}
		i := nextSplit(n)
		if s.shards[i] == nil {
			return
		}
		from := s.change(i)
		to := newShard()
		// Its versions go on from the other's, for there may have been such a shard
		// before the group was bared.
		s.shards, s.versions, s.sizes = append(s.shards, to), append(s.versions, s.versions[i]), append(s.sizes, 0)
		for u, m := range from.members {
			if shardOf(u, n+1) == n {
				to.setMember(u, m)
				if t, ok := from.targets[u]; ok {
					to.setTargets(u, t)
				}
				from.drop(u)
			}
		}
		from.membersDirty, from.targetsDirty = true, true
	}
}

func (s *state) draft(now int64) *state {
	d := *s
	d.versions, d.sizes, d.shards = slices.Clone(s.versions), slices.Clone(s.sizes), slices.Clone(s.shards)
	d.tail, d.journal = s.tail.clone(), s.journal.Clone()
	d.recent.owned = false
	d.loaded, d.asked, s.asked = slices.Clone(s.loaded), 0, 0
	d.now, d.changed, d.renamed, d.added, d.again, d.rewritten, d.removed = now, false, false, nil, nil, 0, nil
	if !s.exists() {
		d.serial, d.createdAt = id.NewSerial(), now
	}
	return &d
}
