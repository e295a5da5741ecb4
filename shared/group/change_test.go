package group_test

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/throng-im/throng/shared/commit"
	"github.com/throng-im/throng/shared/commit/committest"
	"github.com/throng-im/throng/shared/event"
	"github.com/throng-im/throng/shared/fault"
	"github.com/throng-im/throng/shared/group"
	"github.com/throng-im/throng/shared/id"
)

// tally counts the documents that a store reads and writes.
type tally struct {
	committest.Counting
	writes atomic.Int64
}

func (c *tally) Commit(ctx context.Context, ws []commit.Write) (time.Time, error) {
	c.writes.Add(int64(len(ws)))
	return c.Memory.Commit(ctx, ws)
}

// costs says what one thing costs.
func (c *tally) costs(do func()) (reads, writes int64) {
	r, w := c.Reads.Load(), c.writes.Load()
	do()
	return c.Reads.Load() - r, c.writes.Load() - w
}

// changed is a group with a message of every place: sealed long ago, so that no
// head names its segment, sealed of late, and in the tail.
type changed struct {
	*house
	store *tally
	*group.Groups
	uids map[string]id.Message
	seqs map[string]int64
}

var places = []string{"far", "near", "tail"}

func newChanged(t *testing.T, m group.Entry) *changed {
	h := newHouse(t)
	c := &changed{house: h, store: &tally{Counting: committest.Counting{Memory: h.store}}, uids: map[string]id.Message{}, seqs: map[string]int64{}}
	c.Groups = group.New(c.store, h.hear, group.Options{Now: h.now})
	h.ok(c.Join(t.Context(), "g", []id.User{"ann", "bob"}, "G"))
	put := func(place string, others int) {
		r, err := c.Publish(t.Context(), "g", m)
		h.ok(err)
		c.uids[place], c.seqs[place] = r.UID, r.Seq
		for range others {
			_, err := c.Publish(t.Context(), "g", text("cem", "something else"))
			h.ok(err)
		}
	}
	put("far", 40*48)
	put("near", 120)
	put("tail", 0)
	h.announced = nil
	return c
}

// at reads one entry as it is stored now.
func (c *changed) at(seq int64) group.Entry {
	c.Helper()
	entries, err := c.Timeline(c.Context(), "g", seq-1, 1)
	c.ok(err)
	if len(entries) != 1 || entries[0].Seq != seq {
		c.Fatalf("there is no entry %d", seq)
	}
	return entries[0]
}

// newest reads the newest entry.
func (c *changed) newest() group.Entry {
	c.Helper()
	entries, err := c.Newest(c.Context(), "g", 1)
	c.ok(err)
	return entries[0]
}

func loaded(from id.User) group.Entry {
	return group.Entry{
		From: from, Type: "RC:TxtMsg", Content: `{"content":"secret"}`, To: []id.User{"ann", "bob"}, Uncounted: true, HideFromSender: true,
		Mention:    &group.Mention{Type: group.MentionUsers, Users: []id.User{"bob"}, Text: "secret"},
		Expandable: true, Expansion: map[string]group.Value{"k": {V: "secret"}}, Extra: "secret", Push: &group.Push{Content: "secret"},
	}
}

func TestARecallTakesTheContentAway(t *testing.T) {
	c := newChanged(t, loaded("ann"))
	for _, place := range places {
		before := c.at(c.seqs[place])
		c.ok(c.Recall(t.Context(), "g", c.uids[place], group.Recall{From: "boss", Admin: true, Delete: true, Extra: "sorry", KeepLast: true, PushDisabled: true}))
		news := c.newest()
		want := group.Entry{
			Seq: news.Seq, At: news.At, Kind: group.KindRecall, From: "boss", Target: c.seqs[place], TargetAt: before.At, Admin: true, Delete: true, Extra: "sorry", KeepLast: true,
			To: before.To, Users: []id.User{"ann"}, Push: &group.Push{Disabled: true},
		}
		if !reflect.DeepEqual(news, want) {
			t.Errorf("%s: the recall is %+v, want %+v", place, news, want)
		}
		want = before
		want.Recalled, want.Content, want.Extra, want.Expansion, want.Push = news.Seq, "", "", nil, nil
		want.Admin, want.Delete = true, true
		want.Mention = &group.Mention{Type: group.MentionUsers, Users: []id.User{"bob"}}
		if now := c.at(c.seqs[place]); !reflect.DeepEqual(now, want) {
			t.Errorf("%s: the message is %+v, want %+v", place, now, want)
		}
	}
	docs, err := c.store.Query(t.Context(), commit.Query{Collection: "groups/g/segments"})
	c.ok(err)
	head, err := c.store.Get(t.Context(), []string{"groups/g"})
	c.ok(err)
	for _, d := range append(docs, head...) {
		for field, v := range d.Fields {
			if b, ok := v.([]byte); ok && strings.Contains(group.Plain(b), "secret") {
				t.Errorf("%s still has the content in %s", d.Path, field)
			}
		}
	}
}

func TestWhoDidNotSeeTheMessageDoesNotSeeItsRecall(t *testing.T) {
	for _, c := range []struct {
		hidden bool
		by     id.User
		want   bool
	}{{true, "ann", true}, {true, "boss", false}, {false, "ann", false}} {
		m := text("ann", "hi")
		m.HideFromSender = c.hidden
		h := newHouse(t)
		g := h.process(group.Options{})
		h.ok(g.Join(t.Context(), "g", []id.User{"ann"}, "G"))
		r, err := g.Publish(t.Context(), "g", m)
		h.ok(err)
		h.ok(g.Recall(t.Context(), "g", r.UID, group.Recall{From: c.by}))
		entries := h.timeline(g, "g")
		if e := entries[len(entries)-1]; e.HideFromSender != c.want || (len(e.Users) == 0) != (c.by == "ann") {
			t.Errorf("%+v: %+v", c, e)
		}
	}
}

// TestNothingToChange asks for changes that cannot be made and must be neither
// an error nor a write.
func TestNothingToChange(t *testing.T) {
	c := newChanged(t, loaded("ann"))
	ctx := t.Context()
	c.ok(c.Join(ctx, "other", []id.User{"ann"}, "Other"))
	others, err := c.Publish(ctx, "other", loaded("ann"))
	c.ok(err)
	serial, _, _ := c.uids["tail"].Parse()
	for _, place := range places {
		c.ok(c.Recall(ctx, "g", c.uids[place], group.Recall{From: "ann"}))
	}
	for what, where := range map[string]struct {
		group id.Group
		uid   id.Message
	}{
		"nonsense":                {"g", "nonsense"},
		"an id that names nobody": {"g", id.NewMessage(7, 7)},
		"another group's":         {"g", others.UID},
		"a group that is not":     {"nowhere", c.uids["tail"]},
		"a group's first entry":   {"g", id.NewMessage(serial, 1)},
		"a recall":                {"g", id.NewMessage(serial, c.newest().Seq)},
		"no seq":                  {"g", id.NewMessage(serial, 0)},
		"a seq to come":           {"g", id.NewMessage(serial, 1<<30)},
		"recalled, far":           {"g", c.uids["far"]},
		"recalled, near":          {"g", c.uids["near"]},
		"recalled, tail":          {"g", c.uids["tail"]},
	} {
		for how, change := range map[string]func() error{
			"recall": func() error { return c.Recall(ctx, where.group, where.uid, group.Recall{From: "bob"}) },
			"edit":   func() error { return c.Edit(ctx, where.group, where.uid, group.Edit{From: "bob", Content: "x"}) },
			"set": func() error {
				return c.SetExpansion(ctx, where.group, where.uid, "bob", map[string]string{"a": "b"}, true)
			},
			"delete": func() error { return c.DeleteExpansion(ctx, where.group, where.uid, "bob", []string{"k"}, true) },
			"query": func() error {
				if what == "another group's" {
					return nil // an id names its group by itself
				}
				keys, err := c.Expansion(ctx, where.uid)
				if len(keys) > 0 {
					t.Errorf("%s: has keys %v", what, keys)
				}
				return err
			},
		} {
			if _, writes := c.store.costs(func() {
				if err := change(); err != nil {
					t.Errorf("%s: %s: %v", what, how, err)
				}
			}); writes > 0 {
				t.Errorf("%s: %s made %d writes", what, how, writes)
			}
		}
	}
}

func TestAnEditKeepsThePlace(t *testing.T) {
	c := newChanged(t, loaded("ann"))
	ctx := t.Context()
	for _, place := range places {
		before := c.at(c.seqs[place])
		edit := group.Edit{From: "ann", Type: "app:new", Content: "better", Mention: &group.Mention{Type: group.MentionAll}}
		c.fails(c.Edit(ctx, "g", c.uids[place], group.Edit{From: "bob", Content: "worse"}), fault.InvalidArgument)
		c.ok(c.Edit(ctx, "g", c.uids[place], edit))
		news := c.newest()
		want := group.Entry{Seq: news.Seq, At: news.At, Kind: group.KindEdit, From: "ann", Target: c.seqs[place], TargetAt: before.At, To: before.To,
			Type: "app:new", Content: "better", Mention: edit.Mention, HideFromSender: true}
		if !reflect.DeepEqual(news, want) {
			t.Errorf("%s: the edit is %+v, want %+v", place, news, want)
		}
		want = before
		want.Edited, want.Type, want.Content, want.Mention = news.Seq, "app:new", "better", edit.Mention
		if now := c.at(c.seqs[place]); !reflect.DeepEqual(now, want) {
			t.Errorf("%s: the message is %+v, want %+v", place, now, want)
		}
		edit.Type = ""
		if _, writes := c.store.costs(func() { c.ok(c.Edit(ctx, "g", c.uids[place], edit)) }); writes > 0 {
			t.Errorf("%s: the same edit made %d writes", place, writes)
		}
		c.ok(c.Edit(ctx, "g", c.uids[place], group.Edit{From: "ann", Content: "best"}))
		if now := c.at(c.seqs[place]); now.Type != "app:new" || now.Content != "best" || now.Edited != news.Seq+1 || now.Mention != nil {
			t.Errorf("%s: after another edit the message is %+v", place, now)
		}
	}
}

func TestExtensionKeysHaveTimes(t *testing.T) {
	c := newChanged(t, loaded("ann"))
	ctx := t.Context()
	for _, place := range places {
		sent := c.at(c.seqs[place])
		c.clock = c.clock.Add(time.Second)
		first := c.clock.UnixMilli()
		c.ok(c.SetExpansion(ctx, "g", c.uids[place], "bob", map[string]string{"b": "1", "c": "2"}, true))
		news := c.newest()
		want := group.Entry{Seq: news.Seq, At: first, Kind: group.KindExpansion, From: "bob", Target: c.seqs[place], TargetAt: sent.At, To: sent.To, HideFromSender: true,
			Expansion: map[string]group.Value{"b": {V: "1", TS: first}, "c": {V: "2", TS: first}}}
		if !reflect.DeepEqual(news, want) {
			t.Errorf("%s: the change is %+v, want %+v", place, news, want)
		}
		c.clock = c.clock.Add(time.Second)
		c.ok(c.SetExpansion(ctx, "g", c.uids[place], "ann", map[string]string{"c": "3"}, false))
		c.ok(c.DeleteExpansion(ctx, "g", c.uids[place], "bob", []string{"nothing", "b"}, false))
		if news = c.newest(); !slices.Equal(news.Removed, []string{"b"}) || len(news.Expansion) > 0 || news.HideFromSender {
			t.Errorf("%s: the deletion is %+v", place, news)
		}
		keys, err := c.Expansion(ctx, c.uids[place])
		c.ok(err)
		if want := map[string]group.Value{"k": {V: "secret", TS: sent.At}, "c": {V: "3", TS: c.clock.UnixMilli()}}; !maps.Equal(keys, want) {
			t.Errorf("%s: the keys are %v, want %v", place, keys, want)
		}
		if _, writes := c.store.costs(func() {
			c.ok(c.DeleteExpansion(ctx, "g", c.uids[place], "bob", []string{"b"}, false))
			c.ok(c.SetExpansion(ctx, "g", c.uids[place], "bob", nil, false))
		}); writes > 0 {
			t.Errorf("%s: changes of nothing made %d writes", place, writes)
		}
	}
}

// TestExtensionKeysHaveLimits refuses what is too much and changes nothing then.
func TestExtensionKeysHaveLimits(t *testing.T) {
	m := loaded("ann")
	m.Expansion = nil
	c := newChanged(t, m)
	ctx := t.Context()
	plain, err := c.Publish(ctx, "g", text("ann", "plain"))
	c.ok(err)
	c.fails(c.SetExpansion(ctx, "g", plain.UID, "ann", map[string]string{"k": "v"}, false), fault.InvalidArgument)
	c.fails(c.DeleteExpansion(ctx, "g", plain.UID, "ann", []string{"k"}, false), fault.InvalidArgument)
	keys := func(from, n int, value string) map[string]string {
		out := map[string]string{}
		for i := range n {
			out[fmt.Sprint("key", from+i)] = value
		}
		return out
	}
	for _, place := range places {
		for i := range 3 {
			c.ok(c.SetExpansion(ctx, "g", c.uids[place], "ann", keys(100*i, 100, "v"), false))
		}
		last := c.newest().Seq
		c.fails(c.SetExpansion(ctx, "g", c.uids[place], "ann", map[string]string{"key1": "new", "one more": "v"}, false), fault.InvalidArgument)
		c.ok(c.SetExpansion(ctx, "g", c.uids[place], "ann", map[string]string{"key1": "new"}, false))
		c.ok(c.SetExpansion(ctx, "g", c.uids[place], "ann", keys(0, 100, strings.Repeat("v", 4096)), false))
		c.ok(c.SetExpansion(ctx, "g", c.uids[place], "ann", keys(100, 100, strings.Repeat("v", 4096)), false))
		c.fails(c.SetExpansion(ctx, "g", c.uids[place], "ann", keys(200, 100, strings.Repeat("v", 4096)), false), fault.TooLarge)
		c.fails(c.SetExpansion(ctx, "g", c.uids[place], "ann", keys(0, 100, strings.Repeat("é", 4096)), false), fault.TooLarge)
		if n := c.newest().Seq; n != last+3 {
			t.Errorf("%s: %d entries were added, want 3", place, n-last)
		}
		found, err := c.Expansion(ctx, c.uids[place])
		c.ok(err)
		if len(found) != 300 || found["key200"].V != "v" || len(found["key0"].V) != 4096 {
			t.Errorf("%s: %d keys, key200 is %q", place, len(found), found["key200"].V)
		}
	}
}

// TestChangesKeepTheirBudget counts documents: a message in the tail costs one
// write, a sealed one a read and another write.
func TestChangesKeepTheirBudget(t *testing.T) {
	for _, place := range places {
		c := newChanged(t, loaded("ann"))
		ctx := t.Context()
		reads, writes := int64(1), int64(2)
		if place == "tail" {
			reads, writes = 0, 1
		}
		for what, do := range map[string]func() error{
			"a set": func() error {
				return c.SetExpansion(ctx, "g", c.uids[place], "ann", map[string]string{"a": "b"}, false)
			},
			"an edit": func() error { return c.Edit(ctx, "g", c.uids[place], group.Edit{From: "ann", Content: "x"}) },
		} {
			if r, w := c.store.costs(func() { c.ok(do()) }); r > reads || w != writes {
				t.Errorf("%s: %s cost %d reads and %d writes, the budget is %d and %d", place, what, r, w, reads, writes)
			}
		}
		cold := group.New(c.store, c.hear, group.Options{})
		if r, w := c.store.costs(func() { c.ok(cold.Recall(ctx, "g", c.uids[place], group.Recall{From: "ann"})) }); r != reads+1 || w != writes {
			t.Errorf("%s: a recall without anything in memory cost %d reads and %d writes, the budget is %d and %d", place, r, w, reads+1, writes)
		}
	}
}

// TestARepeatedChangeIsAnnouncedAgain makes changes that nobody hears of, and
// repeats them.
func TestARepeatedChangeIsAnnouncedAgain(t *testing.T) {
	for _, place := range places {
		for what, change := range map[string]func(c *changed) error{
			"recall": func(c *changed) error { return c.Recall(t.Context(), "g", c.uids[place], group.Recall{From: "ann"}) },
			"edit": func(c *changed) error {
				return c.Edit(t.Context(), "g", c.uids[place], group.Edit{From: "ann", Content: "x"})
			},
			"delete": func(c *changed) error {
				return c.DeleteExpansion(t.Context(), "g", c.uids[place], "ann", []string{"k"}, false)
			},
		} {
			c := newChanged(t, loaded("ann"))
			c.deaf = true
			c.fails(change(c), fault.Unavailable)
			c.fails(change(c), fault.Unavailable)
			c.deaf = false
			made := c.newest()
			if made.Target != c.seqs[place] {
				t.Fatalf("%s, %s: the newest entry is %+v", place, what, made)
			}
			c.ok(change(c))
			if heard := c.heard(); len(heard) != 1 || heard[0].Seq != made.Seq || c.newest().Seq != made.Seq {
				t.Errorf("%s, %s: heard %+v, want entry %d alone", place, what, heard, made.Seq)
			}
			c.clock, c.announced = c.clock.Add(time.Hour), nil
			c.ok(change(c))
			if len(c.announced) > 0 {
				t.Errorf("%s, %s: after an hour the change was announced again", place, what)
			}
		}
	}
}

// heard are the entries that were announced, in order.
func (h *house) heard() []group.Entry {
	h.Helper()
	h.mu.Lock()
	defer h.mu.Unlock()
	return entriesOf(h.T, h.announced)
}

func entriesOf(t *testing.T, events []event.Timeline) []group.Entry {
	t.Helper()
	var out []group.Entry
	for _, e := range events {
		for _, raw := range e.Entries {
			if !json.Valid(raw) {
				t.Fatalf("announced: %s", raw)
			}
			d, err := group.DecodeEntry(raw)
			if err != nil {
				t.Fatal(err)
			}
			out = append(out, d)
		}
	}
	return out
}
