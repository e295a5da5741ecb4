package group

import (
	"bytes"
	"context"
	"encoding/json"
	"slices"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/throng-im/throng/shared/commit"
	"github.com/throng-im/throng/shared/id"
)

// Head is what a group's head document says of its timeline.
type Head struct {
	ID     id.Group
	Name   string
	Serial id.Serial
	// LastSeq and ActiveAt are the newest entry's seq and time in Unix
	// milliseconds.
	LastSeq, ActiveAt int64
	// OfflineDays is the group's own offline window, zero for the app's.
	OfflineDays int
	// Shards is the version of each roster shard; see Groups.Roster.
	Shards []int64
	// Tail are the newest entries, in order; what is older is in segments.
	Tail []Entry
	// Err says of a group that All lists why its newest entries cannot be read: Tail
	// has none of them, and whoever visits its timeline gets no further than there.
	Err error

	state *state
}

// OfflineSince is the time in Unix milliseconds from which on devices get what they
// missed of the group; window is the app's.
func (h Head) OfflineSince(now time.Time, window time.Duration) int64 {
	if h.OfflineDays > 0 {
		window = time.Duration(h.OfflineDays) * 24 * time.Hour
	}
	return now.Add(-window).UnixMilli()
}

// headFields are what a Head is made of.
var headFields = []string{"groupId", "name", "serial", "lastSeq", "activeAt", "shards", "tail", "sealed", "sealedAt", "offlineDays"}

func head(group id.Group, d commit.Doc) (Head, error) {
	s := readHead(group, d)
	h := Head{ID: s.id, Name: s.name, Serial: s.serial, LastSeq: s.lastSeq, Shards: s.versions, OfflineDays: int(s.offlineDays), state: s}
	h.ActiveAt, _ = d.Fields["activeAt"].(int64)
	var err error
	h.Tail, err = s.tail.entries(s.tailFirst(), 0, s.tail.len())
	return h, err
}

// Heads reads the heads of those of the groups that exist, in the order asked. It
// costs one read for each that is asked for.
func (g *Groups) Heads(ctx context.Context, groups []id.Group) ([]Head, error) {
	if len(groups) == 0 {
		return nil, nil
	}
	paths := make([]string, len(groups))
	for i, name := range groups {
		paths[i] = headPath(name)
	}
	docs, err := g.store.Get(ctx, paths, headFields...)
	if err != nil {
		return nil, err
	}
	heads := make([]Head, 0, len(docs))
	for i, d := range docs {
		if !d.Exists() {
			continue
		}
		h, err := head(groups[i], d)
		if err != nil {
			return nil, err
		}
		heads = append(heads, h)
	}
	return heads, nil
}

// changedAtOnce bounds the queries that one Changed has under way.
const changedAtOnce = 16

// Changed returns those of the groups that had an entry after the time since, in
// Unix milliseconds and in no particular order. It costs one read for each group
// it returns, and one for every commit.MaxIn groups of which none has changed.
func (g *Groups) Changed(ctx context.Context, groups []id.Group, since int64) ([]Head, error) {
	chunks := slices.Collect(slices.Chunk(groups, commit.MaxIn))
	found := make([][]Head, len(chunks))
	work, ctx := errgroup.WithContext(ctx)
	work.SetLimit(changedAtOnce)
	for i, chunk := range chunks {
		work.Go(func() (err error) {
			found[i], err = g.changed(ctx, chunk, since)
			return err
		})
	}
	err := work.Wait()
	return slices.Concat(found...), err
}

func (g *Groups) changed(ctx context.Context, groups []id.Group, since int64) ([]Head, error) {
	q := commit.Query{
		Collection: "groups", InField: "groupId", Field: "activeAt", AtLeast: since + 1,
		Select: headFields,
	}
	for _, name := range groups {
		q.In = append(q.In, string(name))
	}
	docs, err := g.store.Query(ctx, q)
	if err != nil {
		return nil, err
	}
	heads := make([]Head, len(docs))
	for i, d := range docs {
		name, _ := d.Fields["groupId"].(string)
		if heads[i], err = head(id.Group(name), d); err != nil {
			return nil, err
		}
	}
	return heads, nil
}

// Records returns the records of a user in the rosters of all groups that the user
// is a member of. It costs one read for each.
func (g *Groups) Records(ctx context.Context, user id.User) (map[id.Group]Member, error) {
	docs, err := g.store.Query(ctx, commit.Query{
		Collection: "roster", AllGroups: true, Field: "members", Contains: string(user), Select: []string{"data"},
	})
	if err != nil {
		return nil, err
	}
	records := make(map[id.Group]Member, len(docs))
	for _, d := range docs {
		m, err := memberIn(d, user)
		if err != nil {
			return nil, err
		}
		records[id.Group(id.FromDocument(strings.Split(d.Path, "/")[1]))] = m
	}
	return records, nil
}

// memberIn finds one member's record in a roster shard. A record begins with the
// user's id, whose letters JSON leaves as they are, so the others need not be
// decoded.
func memberIn(d commit.Doc, user id.User) (Member, error) {
	raw, _ := d.Fields["data"].([]byte)
	var m memberRecord
	if at := bytes.Index(raw, []byte(`{"u":"`+string(user)+`"`)); at >= 0 {
		err := json.NewDecoder(bytes.NewReader(raw[at:])).Decode(&m)
		return m.Member, err
	}
	s, err := readShard(d)
	if err != nil {
		return m.Member, err
	}
	return s.members[user], nil
}
