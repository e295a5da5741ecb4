package group

import (
	"context"
	"slices"
	"strings"

	"github.com/throng-im/throng/shared/commit"
	"github.com/throng-im/throng/shared/fault"
	"github.com/throng-im/throng/shared/id"
)

// Summary is a group in a list.
type Summary struct {
	ID   id.Group
	Name string
}

// Members lists the members of a group in no particular order; an unknown or
// dismissed group has none.
func (g *Groups) Members(ctx context.Context, group id.Group) ([]id.User, error) {
	docs, err := g.store.Get(ctx, []string{headPath(group)}, "shards", "dismissed")
	if err != nil {
		return nil, err
	}
	head := readHead(group, docs[0])
	if !head.live() {
		return nil, nil
	}
	shards, err := g.readShards(ctx, group, len(head.versions), "of", "members")
	if err != nil {
		return nil, err
	}
	var users []id.User
	for i, d := range shards {
		present, _ := d.Fields["members"].([]string)
		for _, u := range present {
			if shardOf(id.User(u), len(shards)) == i {
				users = append(users, id.User(u))
			}
		}
	}
	return users, nil
}

// readShards reads at least n shards, and more when one of them says that the
// roster has grown since n was known.
func (g *Groups) readShards(ctx context.Context, group id.Group, n int, fields ...string) ([]commit.Doc, error) {
	var docs []commit.Doc
	for len(docs) < n {
		paths := make([]string, 0, n-len(docs))
		for i := len(docs); i < n; i++ {
			paths = append(paths, shardPath(headPath(group), i))
		}
		more, err := g.store.Get(ctx, paths, fields...)
		if err != nil {
			return nil, err
		}
		docs = append(docs, more...)
		for _, d := range docs {
			if of, _ := d.Fields["of"].(int64); int(of) > n {
				n = int(of)
			}
		}
	}
	return docs, nil
}

// Of lists the groups a user is a member of, ordered by id, from offset on. A
// limit of 0 lists all.
func (g *Groups) Of(ctx context.Context, user id.User, offset, limit int) ([]Summary, error) {
	docs, err := g.shardsWith(ctx, user, offset, limit)
	if err != nil {
		return nil, err
	}
	groups := make([]Summary, len(docs))
	for i, d := range docs {
		groups[i] = summaryOf(d)
	}
	return groups, nil
}

// shardsWith reads the roster shards that a user is a member in.
func (g *Groups) shardsWith(ctx context.Context, user id.User, offset, limit int) ([]commit.Doc, error) {
	return g.store.Query(ctx, commit.Query{
		Collection: "roster", AllGroups: true, Field: "members", Contains: string(user),
		Offset: offset, Limit: limit, Select: []string{"name"},
	})
}

// summaryOf reads a group's summary from a shard of its roster.
func summaryOf(shard commit.Doc) Summary {
	name, _ := shard.Fields["name"].(string)
	return Summary{ID: id.Group(id.FromDocument(strings.Split(shard.Path, "/")[1])), Name: name}
}

// Timeline reads entries after the seq after, in order, at most limit of them.
// It costs one read when they are still in the tail.
func (g *Groups) Timeline(ctx context.Context, group id.Group, after int64, limit int) ([]Entry, error) {
	head, err := g.readHead(ctx, group)
	if err != nil {
		return nil, err
	}
	return g.timeline(ctx, head, after, limit)
}

// Newest reads the newest entries, in order, at most limit of them. It costs one
// read when they are still in the tail.
func (g *Groups) Newest(ctx context.Context, group id.Group, limit int) ([]Entry, error) {
	head, err := g.readHead(ctx, group)
	if err != nil {
		return nil, err
	}
	return g.timeline(ctx, head, max(head.lastSeq-int64(limit), 0), limit)
}

func (g *Groups) readHead(ctx context.Context, group id.Group) (*state, error) {
	docs, err := g.store.Get(ctx, []string{headPath(group)})
	if err != nil {
		return nil, err
	}
	return readHead(group, docs[0]), nil
}

func (g *Groups) timeline(ctx context.Context, head *state, after int64, limit int) ([]Entry, error) {
	var out []Entry
	for n := 1; after < head.tailFirst()-1 && len(out) < limit; {
		docs, err := g.segments(ctx, head, after, limit-len(out), n)
		if err != nil {
			return nil, err
		}
		if len(docs) == 0 {
			break // what came before was removed with time
		}
		for _, d := range docs {
			s, err := readSegment(d)
			if err != nil {
				return nil, err
			}
			run, err := s.lines.entries(s.first, after, limit-len(out))
			if err != nil {
				return nil, err
			}
			out, after = append(out, run...), s.last
			// What is left takes about so many segments like this one.
			n = min(max((limit-len(out))/s.lines.len(), 1), segmentsAtOnce)
		}
	}
	run, err := head.tail.entries(head.tailFirst(), after, limit-len(out))
	return append(out, run...), err
}

// segments reads the next segments after a seq: those that the head names by
// name, older ones by a query for n.
func (g *Groups) segments(ctx context.Context, head *state, after int64, missing, n int) ([]commit.Doc, error) {
	if names, ok := head.sealed.after(after, missing); ok {
		paths := make([]string, len(names))
		for i, last := range names {
			paths[i] = head.path() + "/segments/" + segmentID(last)
		}
		docs, err := g.store.Get(ctx, paths)
		docs = slices.DeleteFunc(docs, func(d commit.Doc) bool { return !d.Exists() })
		if err != nil || len(docs) > 0 {
			return docs, err
		}
	}
	return g.store.Query(ctx, commit.Query{Collection: head.path() + "/segments", IDAtLeast: segmentID(after + 1), Limit: n})
}

// Find returns the group and the entry that a message id names. Errors:
// fault.NotFound.
func (g *Groups) Find(ctx context.Context, uid id.Message) (id.Group, Entry, error) {
	missing := fault.New(fault.NotFound, "no message has the id %s", uid)
	serial, seq, ok := uid.Parse()
	if !ok || seq == 0 {
		return "", Entry{}, missing
	}
	docs, err := g.store.Get(ctx, []string{serialPath(serial)})
	if err != nil {
		return "", Entry{}, err
	}
	name, _ := docs[0].Fields["group"].(string)
	if name == "" {
		return "", Entry{}, missing
	}
	entries, err := g.Timeline(ctx, id.Group(name), seq-1, 1)
	if err != nil {
		return "", Entry{}, err
	}
	if len(entries) == 0 || entries[0].Seq != seq {
		return "", Entry{}, missing
	}
	return id.Group(name), entries[0], nil
}

// findKeyed looks for a message by its idempotency key among the sealed entries
// and returns its seq, or 0. The tail is not asked: its keys are in the ring.
func (g *Groups) findKeyed(ctx context.Context, group id.Group, o once) (seq int64, err error) {
	docs, err := g.store.Query(ctx, commit.Query{Collection: headPath(group) + "/segments", Field: "keys", Contains: o.key})
	if err != nil {
		return 0, err
	}
	for _, d := range docs {
		s, err := readSegment(d)
		if err != nil {
			return 0, err
		}
		entries, err := s.lines.entries(s.first, s.first-1, s.lines.len())
		if err != nil {
			return 0, err
		}
		for _, e := range entries {
			if o.is(e) {
				return e.Seq, nil
			}
		}
	}
	return 0, nil
}

// announceAgain repeats the announcement of an entry whose sender asks for it,
// and answers for it.
func (g *Groups) announceAgain(ctx context.Context, group id.Group, seq int64) (sent, error) {
	head, err := g.readHead(ctx, group)
	if err != nil {
		return sent{}, err
	}
	entries, err := g.timeline(ctx, head, seq-1, 1)
	if err != nil {
		return sent{}, err
	}
	if len(entries) == 0 || entries[0].Seq != seq {
		return sent{}, fault.New(fault.NotFound, "the message was removed since")
	}
	e := entries[0]
	encoded, err := e.encode()
	if err != nil {
		return sent{}, err
	}
	if err := announceEntries(ctx, g.announce, head, [][]byte{stamp(nil, encoded, e.Seq, e.At)}); err != nil {
		return sent{}, fault.New(fault.Unavailable, "stored but not announced, try again with the same idempotency key")
	}
	return sent{Receipt: Receipt{UID: id.NewMessage(head.serial, e.Seq), Seq: e.Seq, At: e.At, Repeated: true}}, nil
}
