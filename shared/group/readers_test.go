package group_test

import (
	"slices"
	"testing"
	"time"

	"github.com/throng-im/throng/shared/commit/committest"
	"github.com/throng-im/throng/shared/fault"
	"github.com/throng-im/throng/shared/group"
	"github.com/throng-im/throng/shared/id"
)

// TestWhoseReceiptsAreAwaited asks for every kind of message, wherever it is.
func TestWhoseReceiptsAreAwaited(t *testing.T) {
	ctx := t.Context()
	asking := text("ann", "hi")
	asking.Receipt = true
	c := newChanged(t, asking)
	put := func(change func(*group.Entry)) (id.Message, int64) {
		m := asking
		change(&m)
		r, err := c.Publish(ctx, "g", m)
		c.ok(err)
		return r.UID, r.Seq
	}
	targeted, targetedSeq := put(func(m *group.Entry) { m.To = []id.User{"bob"} })
	others, _ := put(func(m *group.Entry) { m.To = []id.User{"cem"} })
	plain, plainSeq := put(func(m *group.Entry) { m.Receipt = false })
	recalled, _ := put(func(*group.Entry) {})
	c.ok(c.Recall(ctx, "g", recalled, group.Recall{From: "ann"}))
	own, _ := put(func(m *group.Entry) { m.From = "bob" })
	c.ok(c.Join(ctx, "other", []id.User{"ann", "bob"}, "G"))
	foreign, err := c.Publish(ctx, "other", asking)
	c.ok(err)
	uids := []id.Message{c.uids["tail"], targeted, others, plain, recalled, own, foreign.UID, "nonsense", c.uids["far"], c.uids["near"], c.uids["far"]}
	expect := func(by group.Actor, want ...int64) {
		t.Helper()
		p, err := c.Awaiting(ctx, "g", by, uids)
		c.ok(err)
		if got := seqs(p); !slices.Equal(got, want) {
			t.Errorf("%+v: %v are awaited, want %v", by, got, want)
		}
		for _, e := range p.Entries {
			if !slices.Contains(uids, p.UID(e.Seq)) {
				t.Errorf("%d is %s, which nobody named", e.Seq, p.UID(e.Seq))
			}
		}
	}
	far, near, tail := c.seqs["far"], c.seqs["near"], c.seqs["tail"]
	expect(group.Actor{User: "bob"}, far, near, tail, targetedSeq)
	expect(group.Actor{User: "bob", Gagged: true}, far, near, tail, targetedSeq)
	_, ownSeq, _ := own.Parse()
	expect(group.Actor{User: "ann"}, ownSeq)
	_, err = c.AskReceipts(ctx, "g", plain, group.Actor{User: "ann"}, "")
	c.ok(err)
	expect(group.Actor{User: "bob"}, far, near, tail, targetedSeq, plainSeq)
	// Who came later has nothing to say of it, unless history shows it.
	c.ok(c.Join(ctx, "g", []id.User{"dan"}, ""))
	expect(group.Actor{User: "dan"})
	expect(group.Actor{User: "dan", BeforeJoin: true}, far, near, tail, plainSeq, ownSeq)
	_, err = c.Awaiting(ctx, "g", group.Actor{User: "eve"}, uids)
	c.fails(err, fault.NotMember)
	// The old ones are a segment each, and the head is asked once.
	c.Groups = group.New(c.store, c.hear, group.Options{Now: c.now})
	if reads, writes := c.store.costs(func() { expect(group.Actor{User: "bob"}, far, near, tail, targetedSeq, plainSeq) }); reads > 4 || writes > 0 {
		t.Errorf("cost %d reads and %d writes", reads, writes)
	}
	c.ok(c.Dismiss(ctx, "g", "ann"))
	_, err = c.Awaiting(ctx, "g", group.Actor{User: "bob"}, uids)
	c.fails(err, fault.GroupDismissed)
}

// TestThousandsWhoHaveReadShareTheReading has many ask at once.
func TestThousandsWhoHaveReadShareTheReading(t *testing.T) {
	h := newHouse(t)
	store := &tally{Counting: committest.Counting{Memory: h.store}}
	g := group.New(store, h.hear, group.Options{Now: h.now})
	members := users("u", 3000)
	h.ok(g.Join(t.Context(), "g", members, "G"))
	m := text("ann", "hi")
	m.Receipt = true
	r, err := g.Publish(t.Context(), "g", m)
	h.ok(err)
	reads, _ := store.costs(func() {
		many(len(members), len(members), func(i int) {
			if p, err := g.Awaiting(t.Context(), "g", group.Actor{User: members[i]}, []id.Message{r.UID}); err != nil || len(p.Entries) != 1 {
				t.Errorf("%s: %+v, %v", members[i], p, err)
			}
		})
	})
	if reads > 300 {
		t.Errorf("3,000 readers cost %d reads", reads)
	}
}

// TestWhomAMessageConcerns says who is asked whether they have read, as members
// come and go.
func TestWhomAMessageConcerns(t *testing.T) {
	ctx := t.Context()
	for _, place := range places {
		m := text("ann", "hi")
		m.Receipt = true
		c := newChanged(t, m)
		ann := group.Actor{User: "ann"}
		expect := func(by group.Actor, uid id.Message, want ...id.User) {
			t.Helper()
			e, meant, err := c.Audience(ctx, "g", uid, by)
			c.ok(err)
			slices.Sort(meant)
			if !slices.Equal(meant, want) || e.From != "ann" {
				t.Errorf("%s: %v are concerned by %+v, want %v", place, meant, e, want)
			}
		}
		fails := func(by group.Actor, uid id.Message, want fault.Kind) {
			t.Helper()
			_, _, err := c.Audience(ctx, "g", uid, by)
			c.fails(err, want)
		}
		uid := c.uids[place]
		expect(ann, uid, "bob")
		c.ok(c.Join(ctx, "g", []id.User{"cem", "dan"}, "")) // after it
		expect(ann, uid, "bob")
		expect(group.Actor{User: "boss", Admin: true}, uid, "bob")
		late, err := c.Publish(ctx, "g", m)
		c.ok(err)
		m.To = []id.User{"ann", "bob", "cem", "eve"}
		targeted, err := c.Publish(ctx, "g", m)
		c.ok(err)
		expect(ann, late.UID, "bob", "cem", "dan")
		expect(ann, targeted.UID, "bob", "cem")
		c.ok(c.Quit(ctx, "g", []id.User{"cem"}))
		expect(ann, late.UID, "bob", "dan")
		c.ok(c.Join(ctx, "g", []id.User{"cem"}, "")) // and is a new member
		expect(ann, late.UID, "bob", "dan")

		fails(group.Actor{User: "bob"}, uid, fault.PermissionDenied)
		fails(group.Actor{User: "dan"}, uid, fault.NotFound)
		fails(group.Actor{User: "dan"}, targeted.UID, fault.NotFound)
		fails(group.Actor{User: "eve"}, uid, fault.NotMember)
		fails(ann, "nonsense", fault.NotFound)
		plain, err := c.Publish(ctx, "g", text("ann", "x"))
		c.ok(err)
		fails(ann, plain.UID, fault.NotFound)
		c.ok(c.Recall(ctx, "g", late.UID, group.Recall{From: "ann"}))
		fails(ann, late.UID, fault.NotFound)
		c.ok(c.Dismiss(ctx, "g", "ann"))
		fails(ann, uid, fault.GroupDismissed)
		// What a dismissed group's members have read, an administrator may know.
		expect(group.Actor{User: "boss", Admin: true}, uid)
		// Its members come back and are who they were.
		c.clock = c.clock.Add(time.Minute)
		c.ok(c.Join(ctx, "g", []id.User{"ann", "bob"}, ""))
		expect(ann, uid, "bob")
	}
}
