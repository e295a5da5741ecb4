package group

import (
	"context"
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
		return nil, unavailable(err)
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
			return nil, unavailable(err)
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
	docs, err := g.store.Query(ctx, commit.Query{
		Collection: "roster", AllGroups: true, Field: "members", Contains: string(user),
		Offset: offset, Limit: limit, Select: []string{"name"},
	})
	if err != nil {
		return nil, unavailable(err)
	}
	groups := make([]Summary, 0, len(docs))
	for _, d := range docs {
		name, _ := d.Fields["name"].(string)
		groups = append(groups, Summary{ID: id.Group(id.FromDocument(strings.Split(d.Path, "/")[1])), Name: name})
	}
	return groups, nil
}

// Timeline reads entries after the seq after, in order, at most limit of them.
// It costs one read when they are still in the tail.
func (g *Groups) Timeline(ctx context.Context, group id.Group, after int64, limit int) ([]Entry, error) {
	docs, err := g.store.Get(ctx, []string{headPath(group)})
	if err != nil {
		return nil, unavailable(err)
	}
	head := readHead(group, docs[0])
	var out []Entry
	for after < head.tailFirst()-1 && len(out) < limit {
		docs, err := g.store.Query(ctx, commit.Query{Collection: headPath(group) + "/segments", IDAtLeast: segmentID(after + 1), Limit: 1})
		if err != nil {
			return nil, unavailable(err)
		}
		if len(docs) == 0 {
			break // what came before was removed with time
		}
		s := readSegment(docs[0])
		run, err := s.lines.entries(s.first, after, limit-len(out))
		if err != nil {
			return nil, err
		}
		out, after = append(out, run...), s.last
	}
	run, err := head.tail.entries(head.tailFirst(), after, limit-len(out))
	return append(out, run...), err
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
		return "", Entry{}, unavailable(err)
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

// findKeyed looks for an idempotency key among the sealed entries. asOf is the
// seq up to which it has surely looked.
func (g *Groups) findKeyed(ctx context.Context, group id.Group, key int64, message Entry) (found *Receipt, asOf int64, err error) {
	docs, err := g.store.Get(ctx, []string{headPath(group)}, "lastSeq", "tail", "serial")
	if err != nil {
		return nil, 0, unavailable(err)
	}
	head := readHead(group, docs[0])
	segments, err := g.store.Query(ctx, commit.Query{Collection: headPath(group) + "/segments", Field: "keys", Contains: key, Limit: 1})
	if err != nil {
		return nil, 0, unavailable(err)
	}
	runs := []lines{head.tail}
	for _, d := range segments {
		runs = append(runs, readSegment(d).lines)
	}
	for _, run := range runs {
		for i := range run.len() {
			e, err := DecodeEntry(run.at(i))
			if err != nil {
				return nil, 0, err
			}
			if e.ClientID == message.ClientID && e.From == message.From {
				r := &Receipt{UID: id.NewMessage(head.serial, e.Seq), Seq: e.Seq, At: e.At}
				return r, head.lastSeq, g.announceAgain(ctx, group, e.Seq)
			}
		}
	}
	return nil, head.lastSeq, nil
}

// announceAgain repeats the announcement of an entry whose sender asks for it.
func (g *Groups) announceAgain(ctx context.Context, group id.Group, seq int64) error {
	docs, err := g.store.Get(ctx, []string{headPath(group)}, "name", "serial", "shards")
	if err != nil {
		return unavailable(err)
	}
	entries, err := g.Timeline(ctx, group, seq-1, 1)
	if err != nil || len(entries) == 0 {
		return err
	}
	encoded, err := entries[0].encode()
	if err != nil {
		return err
	}
	raw := stamp(nil, encoded, entries[0].Seq, entries[0].At)
	if err := announceEntries(ctx, g.announce, readHead(group, docs[0]), [][]byte{raw}); err != nil {
		return fault.New(fault.Unavailable, "stored but not announced, try again with the same idempotency key")
	}
	return nil
}

// unavailable makes a failed read the caller's to repeat.
func unavailable(err error) error {
	if fault.Of(err).Kind == fault.Internal {
		return &readError{fault.New(fault.Unavailable, "the store could not be read, try again"), err}
	}
	return err
}

// readError shows callers a fault and logs the cause.
type readError struct {
	shown *fault.Error
	cause error
}

func (e *readError) Error() string   { return e.shown.Error() + ": " + e.cause.Error() }
func (e *readError) Unwrap() []error { return []error{e.shown, e.cause} }
