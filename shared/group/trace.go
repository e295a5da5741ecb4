package group

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"

	"github.com/throng-im/throng/shared/commit"
	"github.com/throng-im/throng/shared/id"
)

// Trace is what a group keeps of people.
type Trace struct {
	Head
	// Members are their records in the roster.
	Members map[id.User]Member
	// Gone are the seqs of messages that EraseFrom takes, rising.
	Gone []int64
	// Bare are the seqs of places that somebody was erased from before, with the times
	// of their entries in Unix milliseconds.
	Bare map[int64]int64

	trail trail
	// places are the seqs of the entries that EraseFrom changes, rising.
	places []int64
}

// None says that there is nothing to erase.
func (t Trace) None() bool { return len(t.Members) == 0 && len(t.places) == 0 }

// trail is what is known of people's entries while a timeline is read from its
// begin: what stands there of them, and what others said about that.
type trail struct {
	people id.People
	// gone are entries of which only the seq and the time are left.
	gone map[int64]bool
	// keys are the extension keys that people gave to messages of others, with the
	// time at which they did.
	keys map[int64]map[string]int64
}

// TraceOf goes through the whole of a group and visits each entry that is of or about
// people, as it is and, where something of it stays when they are erased, as it will
// be. It costs a read for each segment and one for each shard of the roster that may
// have one of them.
func (g *Groups) TraceOf(ctx context.Context, h Head, people id.People, visit func(e Entry, stays bool) error) (Trace, error) {
	t := Trace{Head: h, Members: map[id.User]Member{}, Bare: map[int64]int64{}, trail: trail{people: people, gone: map[int64]bool{}, keys: map[int64]map[string]int64{}}}
	if h.Err != nil {
		return t, h.Err
	}
	roster := &Roster{shards: make([]*shard, len(h.Shards))}
	theirs := h.state.shardsOf(slices.Collect(maps.Keys(people))...)
	slices.Sort(theirs)
	if err := g.fill(ctx, h.ID, roster, slices.Compact(theirs), "of", "data"); err != nil {
		return t, err
	}
	for u := range people {
		if m := roster.Member(u); !m.empty() {
			t.Members[u] = m
		}
	}
	err := g.Whole(ctx, h, func(e Entry) error {
		if e.Kind == KindErased {
			t.Bare[e.Seq] = e.At
		}
		t.places = append(t.places, t.trail.follow(e)...)
		out, changed := t.trail.without(e)
		if !changed {
			return nil
		}
		t.places = append(t.places, e.Seq)
		if e.Kind == KindMessage && out.Kind == KindErased {
			t.Gone = append(t.Gone, e.Seq)
		}
		return visit(e, out.Kind != KindErased)
	})
	slices.Sort(t.places)
	t.places = slices.Compact(t.places)
	return t, err
}

// follow takes note of the next entry. It returns the seqs of earlier ones that are
// concerned.
func (t *trail) follow(e Entry) (earlier []int64) {
	gone := e.Kind == KindErased || t.goes(e)
	if gone {
		t.gone[e.Seq] = true
	}
	if e.Kind != KindExpansion || t.gone[e.Target] {
		return nil
	}
	for key := range e.Expansion {
		if !gone {
			// A key that others set after them is not theirs, whenever that was: times
			// may be the same.
			delete(t.keys[e.Target], key)
			continue
		}
		if t.keys[e.Target] == nil {
			t.keys[e.Target] = map[string]int64{}
		}
		t.keys[e.Target][key] = e.At
		earlier = []int64{e.Target}
	}
	return earlier
}

// goes says whether nothing of an entry is left but its place: what people said, what
// became of it since, and what is about them alone.
func (t *trail) goes(e Entry) bool {
	if t.gone[e.Seq] || e.Target > 0 && t.gone[e.Target] {
		return true
	}
	switch e.Kind {
	case KindJoined, KindLeft:
		return t.people.All(e.Users)
	case KindMessage, KindEdit, KindExpansion, KindReceiptRequest:
		return t.people[e.From]
	default:
		return false
	}
}

// without is an entry as it stays. What was said to people alone stays for who said
// it, and nobody else comes to see it.
func (t *trail) without(e Entry) (out Entry, changed bool) {
	if e.Kind == KindErased {
		return e, false
	}
	if t.goes(e) {
		return Entry{Seq: e.Seq, At: e.At, Kind: KindErased}, true
	}
	out = e
	if t.people[e.From] {
		// They dismissed the group, or took back what somebody else had said.
		out.From, out.Extra, out.ClientID, out.Source, changed = "", "", "", "", true
	}
	for _, users := range []*[]id.User{&out.Users, &out.To} {
		if t.people.Any(*users) {
			*users, changed = t.people.Without(*users), true
		}
	}
	if len(e.To) > 0 && len(out.To) == 0 {
		out.To = []id.User{cmp.Or(out.From, slices.Concat(out.Users, []id.User{""})[0])}
	}
	if m, other := t.mention(e.Mention); other {
		out.Mention, changed = m, true
	}
	if e.Push != nil && e.Push.Of != nil {
		if m, other := t.mention(e.Push.Of.Mention); other {
			push, of := *e.Push, *e.Push.Of
			of.Mention, push.Of, out.Push, changed = m, &of, &push, true
		}
	}
	if content, other := unmention(e.Content, t.people); other {
		out.Content, changed = content, true
	}
	if keys := t.keys[e.Seq]; len(keys) > 0 {
		out.Expansion = map[string]Value{}
		for k, v := range e.Expansion {
			if at, theirs := keys[k]; !theirs || at != v.TS {
				out.Expansion[k] = v
			}
		}
		changed = changed || len(out.Expansion) < len(e.Expansion)
	}
	return out, changed
}

// mention is a mention of others.
func (t *trail) mention(m *Mention) (out *Mention, changed bool) {
	switch {
	case m == nil || !t.people.Any(m.Users):
		return m, false
	case t.people.All(m.Users):
		return nil, true
	}
	return &Mention{Type: m.Type, Users: t.people.Without(m.Users), Text: m.Text}, true
}

// Unmention takes people off the list of those whom a content mentions, which the
// contract has in content.mentionedInfo.userIdList. Whatever else a content says of
// anybody is its sender's word.
func Unmention(content string, people id.People) string {
	out, _ := unmention(content, people)
	return out
}

func unmention(content string, people id.People) (out string, changed bool) {
	var c, info map[string]json.RawMessage
	var users []id.User
	if json.Unmarshal([]byte(content), &c) != nil || json.Unmarshal(c["mentionedInfo"], &info) != nil || json.Unmarshal(info["userIdList"], &users) != nil || !people.Any(users) {
		return content, false
	}
	var err error
	if info["userIdList"], err = plain(people.Without(users)); err != nil {
		return content, false
	}
	if c["mentionedInfo"], err = plain(info); err != nil {
		return content, false
	}
	text, err := plain(c)
	return string(text), err == nil
}

// plain is a value as JSON without HTML's escapes.
func plain(v any) ([]byte, error) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	err := enc.Encode(v)
	return bytes.TrimSuffix(b.Bytes(), []byte("\n")), err
}

// All lists groups in the order of their documents, behind one that it listed before
// and at most limit, those that were dismissed, too. One that cannot be read says so
// in its Head: it must not hold up all others. It costs a read for each.
func (g *Groups) All(ctx context.Context, after id.Group, limit int) ([]Head, error) {
	q := commit.Query{Collection: "groups", Limit: limit}
	if after != "" {
		q.After = commit.Doc{Path: headPath(after)}
	}
	docs, err := g.store.Query(ctx, q)
	if err != nil {
		return nil, err
	}
	heads := make([]Head, len(docs))
	for i, d := range docs {
		h, err := head(groupOf(d.Path), d)
		if err != nil {
			h.Err = fmt.Errorf("group %q cannot be read: %w", h.ID, err)
		}
		heads[i] = h
	}
	return heads, nil
}

// Head reads one group, known is false where there is none. It fails where All would
// list a Head with an Err.
func (g *Groups) Head(ctx context.Context, group id.Group) (h Head, known bool, err error) {
	docs, err := g.store.Get(ctx, []string{headPath(group)})
	if err != nil || !docs[0].Exists() {
		return Head{}, false, err
	}
	h, err = head(group, docs[0])
	return h, true, err
}
