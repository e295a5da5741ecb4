package conversation_test

import (
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/throng-im/throng/shared/commit"
	"github.com/throng-im/throng/shared/conversation"
	"github.com/throng-im/throng/shared/fault"
	"github.com/throng-im/throng/shared/id"
)

// simple is the conversations of one user as one would write them down by hand.
type simple struct {
	changed       int64
	tags          []conversation.Tag
	pinned        map[id.Group]int64
	seq, at, last map[id.Group]int64
	tagged        map[id.Group][]string
}

func newSimple() *simple {
	return &simple{pinned: map[id.Group]int64{}, seq: map[id.Group]int64{}, at: map[id.Group]int64{}, last: map[id.Group]int64{}, tagged: map[id.Group][]string{}}
}

func (m *simple) of(g id.Group) conversation.Conversation {
	c := conversation.Conversation{PinnedAt: m.pinned[g], Tags: m.tagged[g], ClearedSeq: m.seq[g], ClearedAt: m.at[g]}
	if c.PinnedAt != 0 || len(c.Tags) > 0 || c.ClearedSeq != 0 || c.ClearedAt != 0 {
		c.Changed = m.last[g]
	}
	return c
}

// list is what the model says the whole list is.
func (m *simple) list() conversation.List {
	l := conversation.List{Changed: m.changed, Tags: m.tags, Conversations: map[id.Group]conversation.Conversation{}}
	for _, g := range names {
		if c := m.of(g); c.Changed != 0 {
			l.Conversations[g] = c
		}
	}
	return l
}

// stamp counts a commit that changed something in some conversations.
func (m *simple) stamp(groups ...id.Group) {
	m.changed++
	for _, g := range groups {
		m.last[g] = m.changed
	}
}

func (m *simple) has(tag string) bool {
	return slices.ContainsFunc(m.tags, func(t conversation.Tag) bool { return t.ID == tag })
}

var names = []id.Group{"a", "b", "c", "d"}

// town is some processes on one store, and the model.
type town struct {
	r         *rapid.T
	processes []*conversation.Conversations
	model     *simple
	now       int64
}

func (w *town) process() *conversation.Conversations {
	return w.processes[rapid.IntRange(0, len(w.processes)-1).Draw(w.r, "process")]
}

func (w *town) group() id.Group { return rapid.SampledFrom(names).Draw(w.r, "group") }
func (w *town) groups() []id.Group {
	return rapid.SliceOfNDistinct(rapid.SampledFrom(names), 0, 3, rapid.ID).Draw(w.r, "groups")
}
func (w *town) tag() string {
	return fmt.Sprint("t", rapid.IntRange(0, conversation.MaxTags).Draw(w.r, "tag"))
}

func (w *town) ok(err error) {
	if err != nil {
		w.r.Fatal(err)
	}
}

func (w *town) pin(t *testing.T) {
	g, pinned := w.group(), rapid.Bool().Draw(w.r, "pinned")
	w.ok(w.process().Pin(t.Context(), "ann", g, pinned))
	if pinned != (w.model.pinned[g] > 0) {
		w.model.pinned[g] = 0
		if pinned {
			w.model.pinned[g] = w.now
		}
		w.model.stamp(g)
	}
}

func (w *town) clear(t *testing.T) {
	g, seq, at := w.group(), rapid.Int64Range(0, 5).Draw(w.r, "seq"), rapid.Int64Range(0, 5).Draw(w.r, "at")
	w.ok(w.process().Clear(t.Context(), "ann", g, seq, at))
	if seq > w.model.seq[g] || at > w.model.at[g] {
		w.model.seq[g], w.model.at[g] = max(seq, w.model.seq[g]), max(at, w.model.at[g])
		w.model.stamp(g)
	}
}

func (w *town) setTags(t *testing.T) {
	var given []conversation.Tag
	for range rapid.IntRange(1, 12).Draw(w.r, "tags") {
		given = append(given, conversation.Tag{ID: w.tag(), Name: rapid.SampledFrom([]string{"x", "y"}).Draw(w.r, "name")})
	}
	after := slices.Clone(w.model.tags)
	for _, g := range given {
		known := false
		for i := range after {
			if after[i].ID == g.ID {
				after[i].Name, known = g.Name, true
			}
		}
		if !known {
			after = append(after, conversation.Tag{ID: g.ID, Name: g.Name, CreatedAt: w.now})
		}
	}
	err := w.process().SetTags(t.Context(), "ann", given)
	if len(after) > conversation.MaxTags {
		if !fault.Is(err, fault.InvalidArgument) {
			w.r.Fatalf("%d tags: %v", len(after), err)
		}
		return
	}
	w.ok(err)
	if !slices.Equal(after, w.model.tags) {
		w.model.tags = after
		w.model.stamp()
	}
}

func (w *town) deleteTags(t *testing.T) {
	gone := []string{w.tag(), w.tag(), w.tag()}
	w.ok(w.process().DeleteTags(t.Context(), "ann", gone))
	if !slices.ContainsFunc(gone, w.model.has) {
		return
	}
	w.model.tags = slices.DeleteFunc(slices.Clone(w.model.tags), func(t conversation.Tag) bool { return slices.Contains(gone, t.ID) })
	var groups []id.Group
	for g, tags := range w.model.tagged {
		kept := slices.DeleteFunc(slices.Clone(tags), func(t string) bool { return slices.Contains(gone, t) })
		if len(kept) < len(tags) {
			w.model.tagged[g] = kept
			groups = append(groups, g)
		}
	}
	w.model.stamp(groups...)
}

func (w *town) tagSome(t *testing.T) {
	tag, groups := w.tag(), w.groups()
	err := w.process().TagConversations(t.Context(), "ann", tag, groups)
	if !w.model.has(tag) {
		if !fault.Is(err, fault.InvalidArgument) {
			w.r.Fatalf("an unknown tag: %v", err)
		}
		return
	}
	w.ok(err)
	w.retag(groups, func(has bool) bool { return !has }, func(tags []string) []string { return append(slices.Clone(tags), tag) }, tag)
}

func (w *town) untagSome(t *testing.T) {
	tag, groups := w.tag(), w.groups()
	w.ok(w.process().UntagConversations(t.Context(), "ann", tag, groups))
	w.retag(groups, func(has bool) bool { return has }, func(tags []string) []string {
		return slices.DeleteFunc(slices.Clone(tags), func(t string) bool { return t == tag })
	}, tag)
}

func (w *town) retag(groups []id.Group, changes func(has bool) bool, change func([]string) []string, tag string) {
	var changed []id.Group
	for _, g := range groups {
		if changes(slices.Contains(w.model.tagged[g], tag)) {
			w.model.tagged[g] = change(w.model.tagged[g])
			changed = append(changed, g)
		}
	}
	if len(changed) > 0 {
		w.model.stamp(changed...)
	}
}

// check compares all that can be read with the model.
func (w *town) check(t *testing.T) {
	p, ctx := w.process(), t.Context()
	list, err := p.List(ctx, "ann")
	w.ok(err)
	want := w.model.list()
	if list.Changed != want.Changed || !slices.Equal(list.Tags, want.Tags) || !maps.EqualFunc(list.Conversations, want.Conversations, same) {
		w.r.Fatalf("the list is %+v, want %+v", list, want)
	}
	tags, err := p.Tags(ctx, "ann")
	w.ok(err)
	if !slices.Equal(tags, want.Tags) {
		w.r.Fatalf("the tags are %v, want %v", tags, want.Tags)
	}
	g := w.group()
	if c, err := p.Of(ctx, "ann", g); err != nil || !same(c, w.model.of(g)) {
		w.r.Fatalf("%s is %+v, %v, want %+v", g, c, err, w.model.of(g))
	}
	tag := w.tag()
	found, err := p.Tagged(ctx, "ann", tag)
	w.ok(err)
	var tagged []id.Group
	for _, g := range names {
		if slices.Contains(w.model.tagged[g], tag) {
			tagged = append(tagged, g)
		}
	}
	if !slices.Equal(found, tagged) {
		w.r.Fatalf("%s is on %v, want %v", tag, found, tagged)
	}
}

func same(a, b conversation.Conversation) bool {
	tagged := slices.Equal(a.Tags, b.Tags)
	a.Tags, b.Tags = nil, nil
	return tagged && reflect.DeepEqual(a, b)
}

// TestConversationsAreAsInTheModel makes random calls through two processes on
// one store, which loses some of the answers, and compares with the model after
// each.
func TestConversationsAreAsInTheModel(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		store := new(commit.Memory)
		w := &town{r: r, model: newSimple(), now: 1_800_000_000_000}
		clock := func() time.Time { return time.UnixMilli(w.now) }
		for range 2 {
			w.processes = append(w.processes, conversation.New(store, nil, 0, clock))
		}
		calls := []func(*testing.T){w.pin, w.clear, w.setTags, w.deleteTags, w.tagSome, w.untagSome}
		for range rapid.IntRange(1, 30).Draw(r, "calls") {
			lost := rapid.IntRange(0, 9).Draw(r, "the answer is lost") == 0
			store.After = func([]commit.Write) error {
				if lost {
					lost = false
					return commit.ErrUnknown
				}
				return nil
			}
			calls[rapid.IntRange(0, len(calls)-1).Draw(r, "call")](t)
			w.check(t)
			w.now += 1000
		}
	})
}

// TestManyAtOnce has callers in two processes work on one user at the same time.
func TestManyAtOnce(t *testing.T) {
	store := new(commit.Memory)
	var wg sync.WaitGroup
	for p := range 2 {
		c := conversation.New(store, nil, 0, time.Now)
		for i := range 50 {
			wg.Go(func() {
				g := id.Group(fmt.Sprintf("g%d-%d", p, i))
				if err := c.Pin(t.Context(), "ann", g, true); err != nil {
					t.Error(err)
				}
				if err := c.Clear(t.Context(), "ann", g, int64(i), 0); err != nil {
					t.Error(err)
				}
			})
		}
	}
	wg.Wait()
	list, err := conversation.New(store, nil, 0, time.Now).List(t.Context(), "ann")
	if err != nil || len(list.Conversations) != 100 || list.Changed == 0 || list.Changed > 200 {
		t.Fatalf("%d conversations after %d changes, %v", len(list.Conversations), list.Changed, err)
	}
	for g, c := range list.Conversations {
		if c.PinnedAt == 0 || c.Changed < 1 || c.Changed > list.Changed {
			t.Errorf("%s is %+v", g, c)
		}
	}
}

func TestAThousandConversationsAreSmall(t *testing.T) {
	store := new(commit.Memory)
	c := conversation.New(store, nil, 0, time.Now)
	ctx := t.Context()
	if err := c.SetTags(ctx, "ann", []conversation.Tag{{ID: "work", Name: "Work"}}); err != nil {
		t.Fatal(err)
	}
	var groups []id.Group
	for i := range 1000 {
		groups = append(groups, id.Group(fmt.Sprintf("project-%d-general", i*7919%10007)))
	}
	if err := c.TagConversations(ctx, "ann", "work", groups); err != nil {
		t.Fatal(err)
	}
	docs, err := store.Get(ctx, []string{"users/ann/state/0"})
	if err != nil {
		t.Fatal(err)
	}
	if packed, _ := docs[0].Fields["data"].([]byte); len(packed) == 0 || len(packed) > 12<<10 {
		t.Errorf("1,000 conversations take %d bytes", len(packed))
	}
	if found, err := c.Tagged(ctx, "ann", "work"); err != nil || len(found) != 1000 {
		t.Errorf("%d conversations are tagged, %v", len(found), err)
	}
	if err := c.DeleteTags(ctx, "ann", []string{"work"}); err != nil {
		t.Fatal(err)
	}
	if list, err := c.List(ctx, "ann"); err != nil || len(list.Conversations) != 0 {
		t.Errorf("%d conversations are kept that are as they were, %v", len(list.Conversations), err)
	}
}

func TestTagsHaveANumber(t *testing.T) {
	c := conversation.New(new(commit.Memory), nil, 0, time.Now)
	tags := func(from, to int) (out []conversation.Tag) {
		for i := from; i < to; i++ {
			out = append(out, conversation.Tag{ID: fmt.Sprint("t", i), Name: "T"})
		}
		return out
	}
	for _, step := range []struct{ from, to, kept int }{{0, 15, 15}, {10, 21, 15}, {15, 20, 20}, {0, 20, 20}, {20, 21, 20}} {
		err := c.SetTags(t.Context(), "ann", tags(step.from, step.to))
		if full := step.to > conversation.MaxTags; full != fault.Is(err, fault.InvalidArgument) || !full && err != nil {
			t.Errorf("%+v: %v", step, err)
		}
		if kept, err := c.Tags(t.Context(), "ann"); err != nil || len(kept) != step.kept {
			t.Errorf("%+v: %d tags are kept, %v", step, len(kept), err)
		}
	}
}

// TestWhatDoesNotFitIsRefused fills a document, and holds that the call that
// does not fit changes nothing and that others still succeed.
func TestWhatDoesNotFitIsRefused(t *testing.T) {
	store := new(commit.Memory)
	c := conversation.New(store, nil, 64<<20, time.Now)
	ctx := t.Context()
	random := func(part, i int) id.Group {
		// Names that do not compress, as long as they may be.
		x := uint64(part*1_000_003+i) * 0x9e3779b97f4a7c15
		var b strings.Builder
		for b.Len() < id.MaxLength {
			x ^= x << 13
			x ^= x >> 7
			x ^= x << 17
			b.WriteByte("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"[x>>32%64])
		}
		return id.Group(b.String())
	}
	if err := c.SetTags(ctx, "ann", []conversation.Tag{{ID: "t", Name: "T"}}); err != nil {
		t.Fatal(err)
	}
	kept := 0
	for part := range 4 {
		var groups []id.Group
		for i := range 10_000 {
			groups = append(groups, random(part, i))
		}
		err := c.TagConversations(ctx, "ann", "t", groups)
		if err == nil {
			kept += len(groups)
			continue
		}
		if !fault.Is(err, fault.TooLarge) || kept < 10_000 {
			t.Fatalf("after %d conversations: %v", kept, err)
		}
		if found, err := c.Tagged(ctx, "ann", "t"); err != nil || len(found) != kept {
			t.Fatalf("%d conversations are tagged, %v, want %d", len(found), err, kept)
		}
		if err := c.UntagConversations(ctx, "ann", "t", []id.Group{random(0, 0)}); err != nil {
			t.Fatal(err)
		}
		return
	}
	t.Fatal("a document takes 40,000 conversations")
}

func TestWhatCannotBeReadIsNotLost(t *testing.T) {
	for what, data := range map[string]string{"half an object": `{"tags":[`, "neither packed nor JSON": "users", "half packed": "\x28\xb5\x2f\xfd", "not JSON": "\x28\xb5\x2f\xfd\x04\x00\x09\x00\x00x\x99\xe9\xd8\x51"} {
		store := new(commit.Memory)
		if _, err := store.Commit(t.Context(), []commit.Write{{Path: "users/ann/state/0", Fields: commit.Fields{"data": []byte(data)}}}); err != nil {
			t.Fatal(err)
		}
		c := conversation.New(store, nil, 0, time.Now)
		if _, err := c.List(t.Context(), "ann"); err == nil {
			t.Errorf("%s: a list was read", what)
		}
		if err := c.Pin(t.Context(), "ann", "g", true); err == nil {
			t.Errorf("%s: a pin was written over what could not be read", what)
		}
	}
}
