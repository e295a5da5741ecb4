package group_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/throng-im/throng/shared/group"
	"github.com/throng-im/throng/shared/id"
)

// TestWhoComesBackAfterADismissal dismisses a group and creates it again. Its
// members get back what they could see before; who had quit does not.
func TestWhoComesBackAfterADismissal(t *testing.T) {
	h := newHouse(t)
	g := h.process(group.Options{})
	ctx := t.Context()
	say := func() int64 {
		t.Helper()
		r, err := g.Publish(ctx, "g", text("app", "x"))
		h.ok(err)
		return r.Seq
	}
	expect := func(u id.User, sees, not []int64) {
		t.Helper()
		roster, err := g.Roster(ctx, "g", h.announced[len(h.announced)-1].Shards)
		h.ok(err)
		for _, seq := range sees {
			if !roster.Member(u).At(seq) {
				t.Errorf("%s does not get %d back: %+v", u, seq, roster.Member(u))
			}
		}
		for _, seq := range not {
			if roster.Member(u).At(seq) {
				t.Errorf("%s was no member at %d: %+v", u, seq, roster.Member(u))
			}
		}
	}
	h.ok(g.Join(ctx, "g", []id.User{"ann", "bob", "cem"}, "G"))
	first := say()
	h.ok(g.Quit(ctx, "g", []id.User{"cem"}))
	h.ok(g.Dismiss(ctx, "g", "ann"))
	h.clock = h.clock.Add(1000 * time.Hour) // however late
	g = h.process(group.Options{})
	h.ok(g.Join(ctx, "g", []id.User{"ann", "cem", "dan"}, "G"))
	between := say()
	h.ok(g.Quit(ctx, "g", []id.User{"dan"})) // and what is swept out then
	h.ok(g.Join(ctx, "g", []id.User{"bob"}, ""))
	after := say()
	expect("ann", []int64{first, between, after}, nil)
	expect("bob", []int64{first, after}, []int64{between})
	expect("cem", []int64{between, after}, []int64{first})
	if members, err := g.Members(ctx, "g"); err != nil || len(members) != 3 {
		t.Errorf("members are %v, %v", members, err)
	}
	// Who quits a group that was revived gives up what was before it, too.
	h.ok(g.Quit(ctx, "g", []id.User{"ann"}))
	h.ok(g.Join(ctx, "g", []id.User{"ann"}, ""))
	last := say()
	expect("ann", []int64{last}, []int64{first, between, after})

	// And so on, until the oldest absences are more than a record remembers.
	for range 20 {
		h.ok(g.Dismiss(ctx, "g", "ann"))
		h.ok(g.Join(ctx, "g", []id.User{"ann"}, ""))
		missed := say()
		h.ok(g.Join(ctx, "g", []id.User{"bob"}, ""))
		expect("bob", []int64{say()}, []int64{between, missed})
	}
}

// TestRostersFollowTheModel joins, quits, dismisses and creates again in any
// order, and compares who was a member when with what is remembered: nobody
// gets what they were not there for, or gave up, and members get the rest.
func TestRostersFollowTheModel(t *testing.T) {
	people := []id.User{"ann", "bob", "cem"}
	rapid.Check(t, func(r *rapid.T) {
		h := newHouse(t)
		g := h.process(group.Options{})
		ctx := t.Context()
		h.ok(g.Join(ctx, "g", people, "G"))
		present := map[id.User]bool{"ann": true, "bob": true, "cem": true}
		theirs := map[id.User][]int64{} // the messages of this membership
		dismissed := map[id.User]bool{} // who was in when the group was last dismissed
		var said []int64
		for range rapid.IntRange(1, 40).Draw(r, "steps") {
			u := rapid.SampledFrom(people).Draw(r, "user")
			switch rapid.SampledFrom([]string{"say", "say", "join", "join", "quit", "dismiss"}).Draw(r, "do") {
			case "say":
				receipt, err := g.Publish(ctx, "g", text("app", "x"))
				h.ok(err)
				if receipt.Seq == 0 && len(present) > 0 {
					r.Fatalf("a message to %v got %+v", present, receipt)
				}
				if receipt.Seq > 0 {
					said = append(said, receipt.Seq)
					for u := range present {
						theirs[u] = append(theirs[u], receipt.Seq)
					}
				}
			case "join":
				h.ok(g.Join(ctx, "g", []id.User{u}, ""))
				if !present[u] && !dismissed[u] {
					theirs[u] = nil
				}
				present[u] = true
				delete(dismissed, u)
			case "quit":
				h.ok(g.Quit(ctx, "g", []id.User{u}))
				delete(present, u)
			case "dismiss":
				before := len(h.timeline(g, "g"))
				h.ok(g.Dismiss(ctx, "g", u))
				if len(h.timeline(g, "g")) > before {
					dismissed = map[id.User]bool{}
				}
				for u := range present {
					dismissed[u] = true
				}
				clear(present)
			}
		}
		roster, err := h.process(group.Options{}).Roster(ctx, "g", h.announced[len(h.announced)-1].Shards)
		h.ok(err)
		members, err := g.Members(ctx, "g")
		h.ok(err)
		for _, u := range people {
			if m := roster.Member(u); m.Present() != present[u] || slices.Contains(members, u) != present[u] {
				r.Fatalf("%s is %+v, listed: %v; want %v", u, m, members, present[u])
			}
			if !present[u] {
				continue
			}
			var got []int64
			for _, seq := range said {
				if roster.Member(u).At(seq) {
					got = append(got, seq)
				}
			}
			// A record remembers so many absences; of those who were away more
			// often, what is oldest is forgotten.
			if want := theirs[u]; !slices.Equal(got, want) && (len(roster.Member(u).Away) < 16 || fmt.Sprint(got) != fmt.Sprint(want[max(0, len(want)-len(got)):])) {
				r.Fatalf("%s gets %v, want %v: %+v", u, got, want, roster.Member(u))
			}
		}
	})
}
