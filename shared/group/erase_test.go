package group_test

import (
	"context"
	"encoding/binary"
	"fmt"
	"reflect"
	"slices"
	"testing"

	"github.com/throng-im/throng/shared/commit"
	"github.com/throng-im/throng/shared/commit/committest"
	"github.com/throng-im/throng/shared/fault"
	"github.com/throng-im/throng/shared/group"
	"github.com/throng-im/throng/shared/id"
)

// TestAGroupThatIsCreatedAgainWhileItIsErased lives on with all that there is of it.
// Who asks again erases it.
func TestAGroupThatIsCreatedAgainWhileItIsErased(t *testing.T) {
	h := newHouse(t)
	ctx := t.Context()
	others := h.process(group.Options{})
	h.ok(others.Join(ctx, "g", []id.User{"ann", "bob"}, "G"))
	for n := range 300 {
		_, err := others.Publish(ctx, "g", text("ann", fmt.Sprint(n)))
		h.ok(err)
	}
	said := others
	again := func(ctx context.Context, payloads ...[]byte) error {
		// The dismissal is announced. Others create the group before more happens.
		if said != nil {
			h.ok(said.Join(ctx, "g", []id.User{"ann"}, "anew"))
			for n := range 300 {
				_, err := said.Publish(ctx, "g", text("ann", fmt.Sprint("new ", n)))
				h.ok(err)
			}
			said = nil
		}
		return h.hear(ctx, payloads...)
	}
	eraser := group.New(h.store, again, group.Options{Now: h.now})
	_, _, err := eraser.Erase(ctx, "g")
	h.fails(err, fault.Unavailable)
	entries, messages := h.timeline(others, "g"), 0
	for _, e := range entries {
		if e.Kind == group.KindMessage {
			messages++
		}
	}
	if messages != 600 {
		t.Errorf("%d messages are left", messages)
	}
	if members, err := others.Members(ctx, "g"); err != nil || !reflect.DeepEqual(members, []id.User{"ann"}) {
		t.Errorf("members are %v, %v", members, err)
	}
	seq, _, err := eraser.Erase(ctx, "g")
	h.ok(err)
	if seq != int64(len(entries))+1 {
		t.Errorf("it ended at %d behind %d entries", seq, len(entries))
	}
	if left, err := others.Segments(ctx, "g", commit.Doc{}, 10); err != nil || len(left) > 0 {
		t.Errorf("left: %v, %v", left, err)
	}
}

// erased takes one user's entries out of a group.
func (h *house) erased(g *group.Groups, name id.Group, u id.User) {
	h.Helper()
	head, _, err := g.Head(h.Context(), name)
	h.ok(err)
	trace, err := g.TraceOf(h.Context(), head, id.People{u: true}, func(group.Entry, bool) error { return nil })
	h.ok(err)
	h.ok(g.EraseFrom(h.Context(), trace))
}

// keyed is a message of a device with its idempotency key.
func keyed(from id.User, key string) group.Entry {
	m := text(from, "keyed "+key)
	m.ClientID = key
	return m
}

// TestErasedKeysAreForgottenAndOthersAreNot has the keys of one user fill the ring, so
// that another's is known by a segment only, and erases that one.
func TestErasedKeysAreForgottenAndOthersAreNot(t *testing.T) {
	h := newHouse(t)
	g := h.process(group.Options{})
	ctx := t.Context()
	h.ok(g.Join(ctx, "g", []id.User{"bob", "zoe"}, "G"))
	first, err := g.Send(ctx, "g", keyed("bob", "1"))
	h.ok(err)
	last := first
	for n := range 513 {
		last, err = g.Send(ctx, "g", keyed("zoe", fmt.Sprint(n)))
		h.ok(err)
	}
	h.erased(g, "g", "zoe")

	docs, err := h.store.Get(ctx, []string{"groups/g"})
	h.ok(err)
	// Behind the time of the newest that fell out, each has its key, its seq and its time.
	ring := docs[0].Fields["recent"].([]byte)
	for at := 8; at < len(ring); at += 24 {
		if key, seq := binary.LittleEndian.Uint64(ring[at:]), binary.LittleEndian.Uint64(ring[at+8:]); key != 0 {
			t.Fatalf("the key of %d is left", seq)
		}
	}
	others := func() {
		t.Helper()
		for i, again := range []*group.Groups{h.process(group.Options{}), g} {
			if r, err := again.Send(ctx, "g", keyed("bob", "1")); err != nil || r != first {
				t.Fatalf("process %d answers %+v, %v, want %+v", i, r, err, first)
			}
		}
	}
	others()
	for n := range 100 {
		r, err := g.Send(ctx, "g", keyed("zoe", fmt.Sprint(n)))
		h.ok(err)
		if last.Seq++; r.Seq != last.Seq {
			t.Fatalf("an erased key gives %d, want %d", r.Seq, last.Seq)
		}
	}
	others() // now that places of erased keys fell out, too
}

// TestNoKeyIsOneThatWasForgotten sends with a key whose 64 bits are all zero.
func TestNoKeyIsOneThatWasForgotten(t *testing.T) {
	h := newHouse(t)
	g := h.process(group.Options{})
	ctx := t.Context()
	h.ok(g.Join(ctx, "g", []id.User{"bob", "zoe"}, "G"))
	theirs, err := g.Send(ctx, "g", keyed("zoe", "1"))
	h.ok(err)
	h.erased(g, "g", "zoe")
	zero := keyed("bob", "10\x07\x0f\x18\x0c<\x0c\x07\x06\x02\x18\x02\x01\x04=\x01\x01")
	first, err := g.Send(ctx, "g", zero)
	h.ok(err)
	if again, err := g.Send(ctx, "g", zero); first.Seq != theirs.Seq+1 || err != nil || again != first {
		t.Errorf("%+v and then %+v, %v, behind %d", first, again, err, theirs.Seq)
	}
}

// TestAnExtensionKeyIsWhoseSetItLast has several people set the keys of a message
// within a millisecond.
func TestAnExtensionKeyIsWhoseSetItLast(t *testing.T) {
	h := newHouse(t)
	g := h.process(group.Options{})
	ctx := t.Context()
	h.ok(g.Join(ctx, "g", []id.User{"ann", "bob", "zoe"}, "G"))
	m := text("ann", "hi")
	m.Expandable = true
	r, err := g.Publish(ctx, "g", m)
	h.ok(err)
	for _, set := range []struct {
		by   id.User
		keys []string
	}{
		{"bob", []string{"zoe's"}}, {"zoe", []string{"zoe's", "bob's", "again", "gone"}},
		{"bob", []string{"bob's", "again"}}, {"zoe", []string{"again"}},
	} {
		values := map[string]string{}
		for _, key := range set.keys {
			values[key] = string(set.by)
		}
		h.ok(g.SetExpansion(ctx, "g", r.UID, set.by, values, false))
	}
	h.ok(g.DeleteExpansion(ctx, "g", r.UID, "bob", []string{"gone"}, false))
	h.erased(g, "g", "zoe")
	left, err := g.Expansion(ctx, r.UID)
	h.ok(err)
	if want := map[string]group.Value{"bob's": {V: "bob", TS: r.At}}; !reflect.DeepEqual(left, want) {
		t.Errorf("left are %v, want %v", left, want)
	}
}

// TestATraceReadsAShardOnce looks for many people, in a roster of one shard and by a
// head from before that shard was split.
func TestATraceReadsAShardOnce(t *testing.T) {
	h := newHouse(t)
	store := &committest.Counting{Memory: h.store}
	g := group.New(store, h.hear, group.Options{Now: h.now, MaxMembers: 10_000})
	ctx := t.Context()
	wanted := users("u", 20)
	h.ok(g.Join(ctx, "g", wanted, "G"))
	head, _, err := g.Head(ctx, "g")
	h.ok(err)
	people := id.People{"nobody": true}
	for _, u := range wanted {
		people[u] = true
	}
	expect := func(reads int) {
		t.Helper()
		before := store.Reads.Load()
		trace, err := g.TraceOf(ctx, head, people, func(group.Entry, bool) error { return nil })
		h.ok(err)
		if n := store.Reads.Load() - before; n != int64(reads) {
			t.Errorf("%d people cost %d reads, want %d", len(people), n, reads)
		}
		for _, u := range wanted {
			if !trace.Members[u].Present() {
				t.Errorf("%s is not found", u)
			}
		}
		if len(trace.Members) != len(wanted) {
			t.Errorf("%d are found", len(trace.Members))
		}
	}
	expect(1)
	for n := range 4 {
		h.ok(g.Join(ctx, "g", users(fmt.Sprint("a-user-whose-name-is-not-a-short-one-", n), 1000), ""))
	}
	now, _, err := g.Head(ctx, "g")
	h.ok(err)
	if len(now.Shards) < 3 {
		t.Fatalf("there are %d shards", len(now.Shards))
	}
	expect(len(now.Shards))
	segments, err := g.Segments(ctx, "g", commit.Doc{}, 100)
	h.ok(err)
	wanted, people, head = wanted[:1], id.People{wanted[0]: true}, now
	expect(1 + len(segments))
}

// TestAGroupThatCannotBeReadIsListed among others, behind which the list goes on.
func TestAGroupThatCannotBeReadIsListed(t *testing.T) {
	h := newHouse(t)
	g := h.process(group.Options{})
	ctx := t.Context()
	for _, name := range []id.Group{"a", "b", "c"} {
		h.ok(g.Join(ctx, name, []id.User{"zoe"}, ""))
	}
	_, err := h.store.Commit(ctx, []commit.Write{{Path: "groups/b", Fields: commit.Fields{"tail": []byte("broken\n")}, Merge: true}})
	h.ok(err)
	var listed []id.Group
	for after := id.Group(""); len(listed) < 3; after = listed[len(listed)-1] {
		heads, err := g.All(ctx, after, 1)
		h.ok(err)
		if len(heads) == 0 {
			break
		}
		head := heads[0]
		listed = append(listed, head.ID)
		_, err = g.TraceOf(ctx, head, id.People{"zoe": true}, func(group.Entry, bool) error { return nil })
		if broken := head.ID == "b"; broken != (head.Err != nil) || broken != (err != nil) {
			t.Errorf("of %q are said %v and %v", head.ID, head.Err, err)
		}
	}
	if !slices.Equal(listed, []id.Group{"a", "b", "c"}) {
		t.Errorf("listed are %q", listed)
	}
}
