package group_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/throng-im/throng/shared/commit"
	"github.com/throng-im/throng/shared/event"
	"github.com/throng-im/throng/shared/fault"
	"github.com/throng-im/throng/shared/group"
	"github.com/throng-im/throng/shared/id"
)

func TestAMessageBoundToAChange(t *testing.T) {
	h := newHouse(t)
	g := h.process(group.Options{})
	ctx := t.Context()
	note := func(content string) group.Bound { return group.Bound{Message: text("app", content)} }
	expect := func(what string, out group.Outcome, err error, members int, kinds ...group.Kind) {
		t.Helper()
		h.ok(err)
		entries := h.timeline(g, "g")
		var got []group.Kind
		for _, e := range entries[len(entries)-len(kinds):] {
			got = append(got, e.Kind)
			if e.Kind == group.KindMessage && (out.Seq != e.Seq || e.Content != what) {
				t.Errorf("%s: %+v is the outcome of %+v", what, out, e)
			}
		}
		if !slices.Equal(got, kinds) || out.Members != members || len(out.UID) != 19 {
			t.Errorf("%s: %+v with %v, want %v and %d members", what, out, got, kinds, members)
		}
		if last := h.announced[len(h.announced)-1]; len(kinds) > 0 && len(last.Entries) != len(kinds) {
			t.Errorf("%s was announced in %d entries: it was not one commit", what, len(last.Entries))
		}
	}
	out, err := g.JoinBound(ctx, "g", []id.User{"ann", "bob"}, "G", note("created"))
	expect("created", out, err, 2, group.KindJoined, group.KindMessage)
	out, err = g.JoinBound(ctx, "g", []id.User{"cem"}, "H", note("joined"))
	expect("joined", out, err, 3, group.KindJoined, group.KindRenamed, group.KindMessage)
	out, err = g.RenameBound(ctx, "g", "I", note("renamed"))
	expect("renamed", out, err, 3, group.KindRenamed, group.KindMessage)
	out, err = g.QuitBound(ctx, "g", []id.User{"bob"}, note("quit"))
	expect("quit", out, err, 2, group.KindMessage, group.KindLeft)
	// Whoever leaves was told; the roster says so even after they left.
	roster, err := g.Roster(ctx, "g", h.announced[len(h.announced)-1].Shards)
	h.ok(err)
	if !roster.Member("bob").At(out.Seq) {
		t.Error("who leaves does not receive the message that says so")
	}
	if _, found, err := g.Find(ctx, out.UID); err != nil || found.Content != "quit" {
		t.Errorf("%s names %+v, %v", out.UID, found, err)
	}
	out, err = g.DismissBound(ctx, "g", "ann", note("dismissed"))
	expect("dismissed", out, err, 0, group.KindMessage, group.KindDismissed)

	before := len(h.timeline(g, "g"))
	for what, call := range map[string]func(id.Group) (group.Outcome, error){
		"quit":    func(n id.Group) (group.Outcome, error) { return g.QuitBound(ctx, n, []id.User{"ann"}, note("x")) },
		"dismiss": func(n id.Group) (group.Outcome, error) { return g.DismissBound(ctx, n, "ann", note("x")) },
		"rename":  func(n id.Group) (group.Outcome, error) { return g.RenameBound(ctx, n, "J", note("x")) },
	} {
		for _, name := range []id.Group{"g", "never"} {
			out, err := call(name)
			h.ok(err)
			if out.Seq != 0 || out.Members != 0 || len(out.UID) != 19 || len(h.timeline(g, name)) != map[id.Group]int{"g": before}[name] {
				t.Errorf("%s of %s, which takes no messages: %+v", what, name, out)
			}
		}
	}
}

func TestABoundMessageIsThereOrNothingIs(t *testing.T) {
	h := newHouse(t)
	g := h.process(group.Options{MaxMembers: 5})
	ctx := t.Context()
	h.ok(g.Join(ctx, "g", users("u", 2), "G"))
	before := len(h.timeline(g, "g"))
	h.store.Before = func([]commit.Write) error { t.Error("a refused change wrote"); return nil }
	for what, c := range map[string]struct {
		users, most int
		content     string
		want        fault.Kind
	}{
		"beyond the call's limit":   {2, 3, "x", fault.GroupFull},
		"beyond the group's limit":  {4, 0, "x", fault.GroupFull},
		"a call's limit that is no": {4, 100, "x", fault.GroupFull},
		"too large":                 {1, 0, strings.Repeat("x", group.MaxEntryBytes), fault.TooLarge},
	} {
		_, err := g.JoinBound(ctx, "g", users("new", c.users), "Other", group.Bound{Message: text("app", c.content), MaxMembers: c.most})
		if !fault.Is(err, c.want) {
			t.Errorf("%s: %v", what, err)
		}
	}
	h.store.Calm()
	out, err := g.JoinBound(ctx, "g", users("new", 1), "", group.Bound{Message: text("app", "x"), MaxMembers: 3})
	if h.ok(err); out.Members != 3 || len(h.timeline(g, "g")) != before+2 {
		t.Errorf("what just fits: %+v", out)
	}
}

// TestAnsweredIsAnnouncedOnARetry loses announcements and repeats each call
// until it is answered. Whatever is in the timeline was then announced.
func TestAnsweredIsAnnouncedOnARetry(t *testing.T) {
	for what, call := range map[string]func(g *group.Groups) error{
		"create":          func(g *group.Groups) error { return g.Join(t.Context(), "new", []id.User{"ann", "bob"}, "N") },
		"join":            func(g *group.Groups) error { return g.Join(t.Context(), "g", []id.User{"dan", "ann"}, "") },
		"join and rename": func(g *group.Groups) error { return g.Join(t.Context(), "g", []id.User{"dan"}, "New name") },
		"come back":       func(g *group.Groups) error { return g.Join(t.Context(), "dead", []id.User{"ann"}, "") },
		"come back later": func(g *group.Groups) error { return g.Join(t.Context(), "revived", []id.User{"ann"}, "") },
		"quit":            func(g *group.Groups) error { return g.Quit(t.Context(), "g", []id.User{"ann", "bob"}) },
		"rename":          func(g *group.Groups) error { return g.Rename(t.Context(), "g", "New name") },
		"dismiss":         func(g *group.Groups) error { return g.Dismiss(t.Context(), "g", "ann") },
	} {
		for _, retry := range []string{"here", "elsewhere", "in company", "late"} {
			h := newHouse(t)
			g := h.process(group.Options{})
			ctx := t.Context()
			for _, name := range []id.Group{"g", "dead", "revived"} {
				h.ok(g.Join(ctx, name, []id.User{"ann", "bob", "cem"}, "G"))
			}
			h.ok(g.Dismiss(ctx, "dead", "ann"))
			h.ok(g.Dismiss(ctx, "revived", "ann"))
			h.ok(g.Join(ctx, "revived", []id.User{"bob"}, ""))
			told := func() (seqs []string) {
				for _, ev := range h.announced {
					entries, err := group.DecodeEntries(ev.Entries)
					h.ok(err)
					for _, e := range entries {
						seqs = append(seqs, fmt.Sprint(ev.Group, e.Seq, e.Kind))
					}
				}
				slices.Sort(seqs)
				return seqs
			}
			stored := func() (seqs []string) {
				for _, name := range []id.Group{"g", "dead", "revived", "new"} {
					for _, e := range h.timeline(g, name) {
						seqs = append(seqs, fmt.Sprint(name, e.Seq, e.Kind))
					}
				}
				slices.Sort(seqs)
				return seqs
			}
			before := len(stored())
			h.deaf = true
			h.fails(call(g), fault.Unavailable)
			h.deaf = false
			after := len(stored())
			if after == before {
				t.Fatalf("%s: nothing was stored", what)
			}
			if retry == "elsewhere" {
				g = h.process(group.Options{})
			}
			if retry == "late" {
				h.clock = h.clock.Add(event.RetellFor)
			}
			if retry == "in company" {
				many(8, 8, func(int) { h.ok(call(g)) })
			}
			h.ok(call(g))
			lost := len(slices.Compact(told())) < after
			if lost != (retry == "late") || len(stored()) != after {
				t.Errorf("%s, asked for again %s: announced %v, stored %v", what, retry, told(), stored())
			}
		}
	}
}
