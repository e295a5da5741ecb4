package group

import (
	"encoding/json"
	"fmt"
	"hash/fnv"
	"maps"
	"math/bits"
	"slices"
	"strconv"
	"time"

	"github.com/throng-im/throng/shared/commit"
	"github.com/throng-im/throng/shared/id"
	"github.com/throng-im/throng/shared/notify"
)

// The roster keeps many members in one document and grows by linear hashing:
// one shard at a time is split in two, in turn, so that growth touches two
// documents however large the group is.
const (
	// splitBytes is the average size of a shard at which the next split
	// happens. 3,000 members with one device each come to eight shards.
	splitBytes = 96 << 10
	// maxSplits bounds the splits in one commit.
	maxSplits = 4
	// leftKept is how long someone who left is remembered, so that messages
	// sent before still reach them.
	leftKept = time.Hour
	// maxAway bounds the absences that a record remembers, as pairs of numbers.
	maxAway = 16
)

// Member is one member's record. It outlives membership for a while, and for
// as long as it carries something that does.
type Member struct {
	// Joined is the seq of the entry that let the member in. What came before
	// is not theirs to see.
	Joined int64 `json:"j"`
	// Left is the seq of the entry that took them out, zero while they are in;
	// LeftAt is its time in Unix milliseconds.
	Left   int64 `json:"l,omitempty"`
	LeftAt int64 `json:"la,omitempty"`
	// Away has a pair for each time the group was dismissed and the member came
	// back: the seqs of the dismissal and of the entry that let them in again. It
	// is never changed in place.
	Away []int64 `json:"aw,omitempty"`
	// Before is the membership before this one, by the seqs of the entries that
	// began and ended it; zero where there was none. Nobody reads by it: it is for
	// what was said then and is announced only now.
	Before [2]int64 `json:"b,omitzero"`
	// GagStart and GagUntil bound a gag in Unix milliseconds; GagUntil is forever
	// for one without an end.
	GagStart int64 `json:"gs,omitempty"`
	GagUntil int64 `json:"gu,omitempty"`
	// Allowed members may speak while the group is muted.
	Allowed bool `json:"al,omitempty"`
	// Remark is what notifications of this group call the user.
	Remark string `json:"r,omitempty"`
}

// Present says whether the record is a membership now.
func (m Member) Present() bool { return m.Joined > 0 && m.Left == 0 }

// At says whether the record was a membership when entry seq was committed.
func (m Member) At(seq int64) bool {
	if m.Joined == 0 || seq <= m.Joined || m.Left > 0 && seq >= m.Left {
		return false
	}
	for gap := range slices.Chunk(m.Away, 2) {
		if gap[0] <= seq && seq <= gap[1] {
			return false
		}
	}
	return true
}

// WasAt says whether the user was a member when entry seq was committed, in this
// membership or the one before.
func (m Member) WasAt(seq int64) bool {
	return m.At(seq) || m.Before[0] < seq && seq < m.Before[1]
}

// In says whether the user was a member right after entry seq, in this membership
// or the one before. An entry that took the user out has them in before it.
func (m Member) In(seq int64) bool {
	if m.Before[0] > 0 && m.Before[0] <= seq && seq < m.Before[1] {
		return true
	}
	if m.Joined == 0 || m.Joined > seq || m.Left > 0 && m.Left <= seq {
		return false
	}
	for gap := range slices.Chunk(m.Away, 2) {
		if gap[0] <= seq && seq < gap[1] {
			return false
		}
	}
	return true
}

// LeftBy is the seq of the newest entry up to seq that took the user out, zero where
// the record does not know of one.
func (m Member) LeftBy(seq int64) (left int64) {
	ends := []int64{m.Left, m.Before[1]}
	for gap := range slices.Chunk(m.Away, 2) {
		ends = append(ends, gap[0])
	}
	for _, end := range ends {
		if end <= seq {
			left = max(left, end)
		}
	}
	return left
}

// EndedBy says whether the dismissal at seq ended the membership, for good or
// until the member came back.
func (m Member) EndedBy(dismissal int64) bool {
	for gap := range slices.Chunk(m.Away, 2) {
		if gap[0] == dismissal {
			return true
		}
	}
	return m.Left == dismissal
}

// Within says whether the user may have been a member at one of the entries from
// first to last.
func (m Member) Within(first, last int64) bool {
	return m.Joined > 0 && m.Joined < last && (m.Left == 0 || m.Left > first) || m.Before[0] < last && m.Before[1] > first
}

// entered is the seq of the entry that let the member in last.
func (m Member) entered() int64 {
	if n := len(m.Away); n > 0 {
		return m.Away[n-1]
	}
	return m.Joined
}

// enter returns the record of a user whom entry seq lets in. Who was a member
// when the group was dismissed gets back what was theirs to see; dismissal is
// the seq of the last one.
func (m Member) enter(seq, dismissal int64) Member {
	if m.Left > 0 && m.Left == dismissal {
		m.Away = slices.Concat(m.Away, []int64{dismissal, seq})
		if len(m.Away) > maxAway {
			m.Joined, m.Away = m.Away[1], m.Away[2:]
		}
	} else {
		m.Before = [2]int64{m.Joined, m.Left}
		m.Joined, m.Away = seq, nil
	}
	m.Left, m.LeftAt = 0, 0
	return m
}

// After returns the record of a user after an entry that may concern it.
// dismissal is the seq of the last dismissal before the entry, as far as known.
func (m Member) After(user id.User, e Entry, dismissal int64) Member {
	switch {
	case !e.Moves(user):
	case e.Kind == KindJoined:
		return m.enter(e.Seq, dismissal)
	case e.Kind == KindLeft, m.Present():
		m.Left, m.LeftAt = e.Seq, e.At
	}
	return m
}

// empty says whether the record says nothing.
func (m Member) empty() bool {
	return m.Joined == 0 && m.GagUntil == 0 && !m.Allowed && m.Remark == ""
}

// Targets are copies of what a user set for push: the devices, and what may
// notify the user of this group. users/{userId} is the truth.
type Targets struct {
	// Version is the user document's revision; a copy never goes back.
	Version int64    `json:"v"`
	Devices []Device `json:"d,omitempty"`
	// Level is the user's for this group or else for all groups. Quiet is shared
	// and must not be changed. Most users set neither, and pay no byte for it.
	Level notify.Level  `json:"l,omitempty"`
	Quiet *notify.Quiet `json:"q,omitempty"`
}

// Device is one push target.
type Device struct {
	ID       id.Device `json:"i"`
	Platform string    `json:"p"`
	Token    string    `json:"t"`
	Language string    `json:"l,omitempty"`
	// Seen is the Day on which the device had last been seen when the copy was made.
	Seen int64 `json:"s,omitempty"`
}

type shard struct {
	version int64
	// of is the number of shards when this one was last written.
	of      int
	members map[id.User]Member
	targets map[id.User]Targets
	bytes   int
	// What a draft changed; owned says that the maps are its own.
	owned, membersDirty, targetsDirty bool
}

func hashUser(u id.User) uint64 {
	h := fnv.New64a()
	_, _ = h.Write([]byte(u))
	return h.Sum64()
}

// shardOf says which of n shards holds the user: linear hashing's address.
func shardOf(u id.User, n int) int {
	if n <= 1 {
		return 0
	}
	level := uint64(1) << (bits.Len(uint(n)) - 1)
	i := hashUser(u) % (2 * level)
	if i >= uint64(n) {
		i -= level
	}
	return int(i)
}

// nextSplit is the shard that is split when shard n is added.
func nextSplit(n int) int { return n - 1<<(bits.Len(uint(n))-1) }

func shardPath(group string, i int) string { return group + "/roster/" + strconv.Itoa(i) }

type memberRecord struct {
	User id.User `json:"u"`
	Member
}

type targetRecord struct {
	User id.User `json:"u"`
	Targets
}

func readShard(d commit.Doc) (*shard, error) {
	s := &shard{members: map[id.User]Member{}, targets: map[id.User]Targets{}}
	if !d.Exists() {
		return s, nil
	}
	s.version, _ = d.Fields["version"].(int64)
	of, _ := d.Fields["of"].(int64)
	s.of = int(of)
	var members []memberRecord
	var targets []targetRecord
	for field, into := range map[string]any{"data": &members, "targets": &targets} {
		raw, _ := d.Fields[field].([]byte)
		if len(raw) == 0 {
			continue
		}
		if err := json.Unmarshal(raw, into); err != nil {
			return nil, fmt.Errorf("%s %s: %w", d.Path, field, err)
		}
	}
	for _, m := range members {
		s.members[m.User] = m.Member
		s.bytes += m.Member.bytes(m.User)
	}
	for _, t := range targets {
		s.targets[t.User] = t.Targets
		s.bytes += t.Targets.bytes(t.User)
	}
	return s, nil
}

// bytes estimates what a record adds to its document.
func (m Member) bytes(u id.User) int {
	n := 2*len(u) + 32 + 12*len(m.Away)
	if m.GagUntil != 0 {
		n += 40
	}
	if m.Allowed {
		n += 10
	}
	if m.Remark != "" {
		quoted, _ := json.Marshal(m.Remark) // a text always has a JSON form
		n += 5 + len(quoted)
	}
	return n
}

func (t Targets) bytes(u id.User) int {
	n := len(u) + 24
	for _, d := range t.Devices {
		n += d.bytes()
	}
	if t.Level != notify.Unset {
		n += 8
	}
	if t.Quiet != nil {
		n += len(t.Quiet.Start) + len(t.Quiet.Zone) + 36
	}
	return n
}

func (s *shard) clone() *shard {
	c := *s
	c.members, c.targets, c.owned = maps.Clone(s.members), maps.Clone(s.targets), true
	return &c
}

// setMember stores a record; an empty one is dropped.
func (s *shard) setMember(u id.User, m Member) {
	if m.empty() {
		s.drop(u)
		return
	}
	if old, known := s.members[u]; known {
		s.bytes -= old.bytes(u)
	}
	s.bytes += m.bytes(u)
	s.members[u], s.membersDirty = m, true
}

func (s *shard) setTargets(u id.User, t Targets) {
	if old, known := s.targets[u]; known {
		s.bytes -= old.bytes(u)
	}
	s.bytes += t.bytes(u)
	s.targets[u], s.targetsDirty = t, true
}

func (s *shard) drop(u id.User) {
	if m, known := s.members[u]; known {
		s.bytes -= m.bytes(u)
		delete(s.members, u)
		s.membersDirty = true
	}
	s.dropTargets(u)
}

func (s *shard) dropTargets(u id.User) {
	if t, known := s.targets[u]; known {
		s.bytes -= t.bytes(u)
		delete(s.targets, u)
		s.targetsDirty = true
	}
}

// sweep forgets gags that are over and memberships that ended long ago, but for
// those that the last dismissal ended: whoever creates the group again gives
// them back, however late. A record stays while it carries anything.
func (s *shard) sweep(now, dismissal int64) {
	for u, m := range s.members {
		over := m.GagUntil != 0 && !m.Gagged(now)
		if over {
			m.GagStart, m.GagUntil = 0, 0
		}
		gone := m.Left > 0 && now-m.LeftAt > leftKept.Milliseconds()
		if gone {
			s.dropTargets(u)
		}
		if gone = gone && m.Left != dismissal; gone {
			m.Joined, m.Left, m.LeftAt, m.Away = 0, 0, 0, nil
		}
		if over || gone {
			s.setMember(u, m)
		}
	}
}

// write is the shard's document; only the fields that changed travel.
func (s *shard) write(group string, i int, name string) (commit.Write, error) {
	fields := commit.Fields{"version": s.version, "of": int64(s.of), "name": name}
	if s.membersDirty {
		records := make([]memberRecord, 0, len(s.members))
		present := make([]string, 0, len(s.members))
		for _, u := range slices.Sorted(maps.Keys(s.members)) {
			records = append(records, memberRecord{u, s.members[u]})
			if s.members[u].Present() {
				present = append(present, string(u))
			}
		}
		data, err := json.Marshal(records)
		if err != nil {
			return commit.Write{}, err
		}
		fields["members"], fields["data"] = present, data
	}
	if s.targetsDirty {
		records := make([]targetRecord, 0, len(s.targets))
		for _, u := range slices.Sorted(maps.Keys(s.targets)) {
			records = append(records, targetRecord{u, s.targets[u]})
		}
		data, err := json.Marshal(records)
		if err != nil {
			return commit.Write{}, err
		}
		fields["targets"] = data
	}
	return commit.Write{Path: shardPath(group, i), Fields: fields, Merge: true}, nil
}
