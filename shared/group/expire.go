package group

import (
	"context"
	"slices"
	"strings"

	"github.com/throng-im/throng/shared/commit"
	"github.com/throng-im/throng/shared/fault"
	"github.com/throng-im/throng/shared/id"
)

// What time takes away. Segments are deleted without the commit loop: no head need
// say so, for whoever reads passes over a segment that is named and gone, and
// whoever changes one does so on the condition that it is there. Seqs go on where
// they were, whatever is removed, for devices and users' documents hold them.

// MaxOfflineDays is the longest offline window that a group may have of its own.
const MaxOfflineDays = 7

// dayMillis is a day in Unix milliseconds.
const dayMillis = 24 * 60 * 60 * 1000

// Day is the day of a time in Unix milliseconds, counted from 1970 in UTC. A
// segment carries that of its newest entry, and is found by it: an index on the
// time itself would have all groups write to its end, while the entries of one day
// lie apart by group. Devices are dated by it, too.
func Day(at int64) int64 { return at / dayMillis }

// Segment is a sealed run of a group's timeline, as retention looks at it.
type Segment struct {
	Group id.Group
	// Last is the seq of its newest entry, Day that entry's Day.
	Last, Day int64
	// Doc is the document to delete and to continue behind.
	Doc commit.Doc
}

// SegmentsUntil lists segments of all groups whose newest entry is not of a later
// day, the oldest day first and in each day group by group, behind a document that
// it returned before. It costs a read for each, and one when there is none.
func (g *Groups) SegmentsUntil(ctx context.Context, day int64, after commit.Doc, limit int) ([]Segment, error) {
	docs, err := g.store.Query(ctx, commit.Query{
		Collection: "segments", AllGroups: true, Field: "day", AtLeast: int64(0), AtMost: day,
		After: after, Limit: limit, Select: []string{"day"},
	})
	return segmentsOf(docs), err
}

// Segments lists the segments of one group, the oldest first, behind a document that
// it returned before.
func (g *Groups) Segments(ctx context.Context, group id.Group, after commit.Doc, limit int) ([]Segment, error) {
	docs, err := g.store.Query(ctx, commit.Query{Collection: headPath(group) + "/segments", After: after, Limit: limit, Select: []string{"day"}})
	return segmentsOf(docs), err
}

func segmentsOf(docs []commit.Doc) []Segment {
	out := make([]Segment, len(docs))
	for i, d := range docs {
		out[i] = Segment{Group: groupOf(d.Path), Last: lastOf(d.Path), Doc: d}
		out[i].Day, _ = d.Fields["day"].(int64)
	}
	return out
}

// groupOf is the group that a document hangs on.
func groupOf(path string) id.Group { return id.Group(id.FromDocument(strings.Split(path, "/")[1])) }

// lastOf reads the name of a segment's document.
func lastOf(path string) (last int64) {
	for _, digit := range path[strings.LastIndexByte(path, '/')+1:] {
		last = last*10 + int64(digit-'0')
	}
	return last
}

// SetOffline gives a group an offline window of its own, in days, or with 0 the
// app's again. Errors: fault.InvalidArgument, fault.NotFound for a group that was
// never created.
func (g *Groups) SetOffline(ctx context.Context, group id.Group, days int) error {
	if days < 0 || days > MaxOfflineDays {
		return fault.New(fault.InvalidArgument, "the offline window of a group is 1 to %d days, or 0 for the app's", MaxOfflineDays)
	}
	_, err := g.loop.Do(ctx, string(group), commit.Command[state]{Apply: func(s *state) (any, error) {
		if !s.exists() {
			return nil, fault.New(fault.NotFound, "there is no group %q", group)
		}
		if s.offlineDays != int64(days) {
			s.offlineDays, s.changed = int64(days), true
		}
		return nil, nil
	}})
	return err
}

// OwnOffline lists the groups that have an offline window of their own, in days. It
// costs a read for each.
func (g *Groups) OwnOffline(ctx context.Context) (map[id.Group]int, error) {
	own := map[id.Group]int{}
	for after := (commit.Doc{}); ; {
		docs, err := g.store.Query(ctx, commit.Query{
			Collection: "groups", Field: "offlineDays", AtLeast: int64(1), After: after, Limit: 1000, Select: []string{"offlineDays"},
		})
		if err != nil {
			return nil, err
		}
		for _, d := range docs {
			days, _ := d.Fields["offlineDays"].(int64)
			own[groupOf(d.Path)] = int(days)
		}
		if len(docs) < 1000 {
			return own, nil
		}
		after = docs[len(docs)-1]
	}
}

// Ended lists groups that were dismissed and in which nothing happened since a time
// in Unix milliseconds, the longest ago first, behind a document that it returned
// before.
func (g *Groups) Ended(ctx context.Context, before int64, after commit.Doc, limit int) ([]commit.Doc, error) {
	return g.store.Query(ctx, commit.Query{
		Collection: "groups", Field: "endedAt", AtLeast: int64(0), AtMost: before, After: after, Limit: limit,
		Select: []string{"endedAt", "shards", "tail"},
	})
}

// Bare takes from a group that Ended all that it was, its roster, its name and the
// newest entries, unless something happened in it since that time. What is left is
// a head that goes on counting where the group was, should it be created again.
func (g *Groups) Bare(ctx context.Context, group id.Group, before int64) error {
	_, err := g.loop.Do(ctx, string(group), commit.Command[state]{
		Apply: func(s *state) (any, error) { s.bare(before); return nil, nil },
	})
	return err
}

// ended says whether the group was dismissed, and not only spoken of before it was
// created.
func (s *state) ended() bool { return s.begun() && s.dismissed && s.dismissal > 0 }

func (s *state) bare(before int64) {
	if s.ended() && s.lastAt <= before {
		s.strip()
	}
}

// strip leaves what reserve makes, and the counters. Versions of roster shards go on
// rising, so that nobody takes a copy from before for what is there now.
func (s *state) strip() {
	for i := 1; i < len(s.versions); i++ {
		s.removed = append(s.removed, shardPath(s.path(), i))
	}
	s.versions = []int64{slices.Max(s.versions)}
	s.sizes = []int64{0}
	s.shards = []*shard{newShard()}
	s.name, s.muted, s.members, s.dismissal, s.offlineDays = "", false, 0, 0, 0
	s.tail, s.recent, s.burst, s.sealed, s.sealedAt, s.loaded = lines{}, recent{}, burst{}, nil, nil, nil
	s.changed = true
}

// newShard is a shard without members that will be written whole.
func newShard() *shard {
	return &shard{owned: true, members: map[id.User]Member{}, targets: map[id.User]Targets{}, membersDirty: true, targetsDirty: true}
}
