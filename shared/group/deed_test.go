package group_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/throng-im/throng/shared/fault"
	"github.com/throng-im/throng/shared/group"
	"github.com/throng-im/throng/shared/id"
)

// deeds is what a device can do to a message.
var deeds = map[string]func(ctx context.Context, g *group.Groups, uid id.Message, by group.Actor, key string) (group.Receipt, error){
	"recall": func(ctx context.Context, g *group.Groups, uid id.Message, by group.Actor, key string) (group.Receipt, error) {
		return g.RecallAs(ctx, "g", uid, by, key, group.Recall{Extra: "sorry"})
	},
	"edit": func(ctx context.Context, g *group.Groups, uid id.Message, by group.Actor, key string) (group.Receipt, error) {
		return g.EditAs(ctx, "g", uid, by, key, group.Edit{Content: "better"})
	},
	"set": func(ctx context.Context, g *group.Groups, uid id.Message, by group.Actor, key string) (group.Receipt, error) {
		return g.SetExpansionAs(ctx, "g", uid, by, key, map[string]string{"k": "v"})
	},
	"remove": func(ctx context.Context, g *group.Groups, uid id.Message, by group.Actor, key string) (group.Receipt, error) {
		return g.DeleteExpansionAs(ctx, "g", uid, by, key, []string{"old"})
	},
	"ask": func(ctx context.Context, g *group.Groups, uid id.Message, by group.Actor, key string) (group.Receipt, error) {
		return g.AskReceipts(ctx, "g", uid, by, key)
	},
}

// open is a message that everything can be done to.
func open(from id.User) group.Entry {
	m := text(from, "hi")
	m.Expandable, m.Expansion = true, map[string]group.Value{"old": {V: "1"}}
	return m
}

// TestWhoMayDoWhat tries every deed as everybody. What is not named gives no error.
func TestWhoMayDoWhat(t *testing.T) {
	ctx := t.Context()
	type errs map[string]fault.Kind
	all := func(k fault.Kind) errs { return errs{"recall": k, "edit": k, "set": k, "remove": k, "ask": k} }
	speech := func(k fault.Kind) errs { return errs{"edit": k, "set": k, "remove": k} }
	foreign := errs{"recall": fault.PermissionDenied, "edit": fault.PermissionDenied, "ask": fault.PermissionDenied}
	allowedRecall := func(e errs) errs { delete(e, "recall"); return e }
	for name, c := range map[string]struct {
		by     group.Actor
		before func(h *house, g *group.Groups)
		want   errs
	}{
		"the sender":             {by: group.Actor{User: "ann"}},
		"another member":         {by: group.Actor{User: "bob"}, want: foreign},
		"a stranger":             {by: group.Actor{User: "eve"}, want: all(fault.NotMember)},
		"who muted for all does": {by: group.Actor{User: "ann", Gagged: true}, want: speech(fault.Muted)},
		"an administrator": {by: group.Actor{User: "bob", Admin: true},
			want: errs{"edit": fault.PermissionDenied, "ask": fault.PermissionDenied}},
		"an administrator from outside": {by: group.Actor{User: "boss", Admin: true}, want: allowedRecall(all(fault.NotMember))},
		"who has left": {by: group.Actor{User: "ann"}, want: all(fault.NotMember),
			before: func(h *house, g *group.Groups) { h.ok(g.Quit(ctx, "g", []id.User{"ann"})) }},
		"who came back": {by: group.Actor{User: "ann"}, want: all(fault.NotFound),
			before: func(h *house, g *group.Groups) {
				h.ok(g.Quit(ctx, "g", []id.User{"ann"}))
				h.ok(g.Join(ctx, "g", []id.User{"ann"}, ""))
			}},
		"who came back, where history shows": {by: group.Actor{User: "ann", BeforeJoin: true},
			before: func(h *house, g *group.Groups) {
				h.ok(g.Quit(ctx, "g", []id.User{"ann"}))
				h.ok(g.Join(ctx, "g", []id.User{"ann"}, ""))
			}},
		"the gagged": {by: group.Actor{User: "ann"}, want: speech(fault.Muted),
			before: func(h *house, g *group.Groups) { h.ok(g.Gag(ctx, "g", []id.User{"ann"}, time.Time{})) }},
		"in a muted group": {by: group.Actor{User: "ann"}, want: speech(fault.GroupMuted),
			before: func(h *house, g *group.Groups) { h.ok(g.Mute(ctx, "g", true)) }},
		"the allowed": {by: group.Actor{User: "ann"},
			before: func(h *house, g *group.Groups) {
				h.ok(g.Mute(ctx, "g", true))
				h.ok(g.Allow(ctx, "g", []id.User{"ann"}))
			}},
		"of a dismissed group": {by: group.Actor{User: "ann"}, want: all(fault.GroupDismissed),
			before: func(h *house, g *group.Groups) { h.ok(g.Dismiss(ctx, "g", "ann")) }},
		"an administrator, of a dismissed group": {by: group.Actor{User: "boss", Admin: true}, want: allowedRecall(all(fault.GroupDismissed)),
			before: func(h *house, g *group.Groups) { h.ok(g.Dismiss(ctx, "g", "ann")) }},
	} {
		for _, place := range places {
			w := newChanged(t, open("ann"))
			if c.before != nil {
				c.before(w.house, w.Groups)
			}
			for _, deed := range []string{"edit", "set", "remove", "ask", "recall"} {
				do := deeds[deed]
				before := w.newest().Seq
				r, err := do(ctx, w.Groups, w.uids[place], c.by, "")
				want := c.want[deed]
				if want == "" && err != nil || want != "" && !fault.Is(err, want) {
					t.Errorf("%s, %s, %s: %v, want %q", name, place, deed, err, want)
					continue
				}
				made := w.newest().Seq - before
				if want != "" {
					if made != 0 || r != (group.Receipt{}) {
						t.Errorf("%s, %s, %s: refused, and made %d entries and %+v", name, place, deed, made, r)
					}
					continue
				}
				news := w.newest()
				if made != 1 || news.Target != w.seqs[place] || news.From != c.by.User || r.Seq != news.Seq || r.At != news.At {
					t.Errorf("%s, %s, %s: made %d entries, %+v, and answered %+v", name, place, deed, made, news, r)
				}
				if deed == "recall" && news.Admin != (c.by.User != "ann") {
					t.Errorf("%s: the recall is an administrator's: %v", name, news.Admin)
				}
			}
		}
	}
}

// TestWhatIsNotThereForOne does deeds to messages that are nothing for who does them.
func TestWhatIsNotThereForOne(t *testing.T) {
	ctx := t.Context()
	h := newHouse(t)
	g := h.process(group.Options{})
	send := func(name id.Group, change func(*group.Entry)) id.Message {
		h.ok(g.Join(ctx, name, []id.User{"ann", "bob"}, "G"))
		m := open("ann")
		change(&m)
		r, err := g.Publish(ctx, name, m)
		h.ok(err)
		return r.UID
	}
	recalled := send("g", func(*group.Entry) {})
	h.ok(g.Recall(ctx, "g", recalled, group.Recall{From: "ann"}))
	_, seq, _ := recalled.Parse()
	serial, _, _ := recalled.Parse()
	for what, c := range map[string]struct {
		uid    id.Message
		by     id.User
		except string
	}{
		"nothing like an id":      {"nonsense", "ann", ""},
		"a seq to come":           {id.NewMessage(serial, 1000), "ann", ""},
		"no seq":                  {id.NewMessage(serial, 0), "ann", ""},
		"an entry, not a message": {id.NewMessage(serial, seq+1), "ann", ""},
		"of another group":        {send("other", func(*group.Entry) {}), "ann", ""},
		"for others":              {send("g", func(m *group.Entry) { m.To = []id.User{"cem"} }), "bob", ""},
		"hidden from the sender":  {send("g", func(m *group.Entry) { m.HideFromSender = true }), "ann", ""},
		"recalled":                {recalled, "ann", "recall"},
	} {
		for deed, do := range deeds {
			if deed == c.except {
				continue
			}
			before := len(h.timeline(g, "g"))
			if _, err := do(ctx, g, c.uid, group.Actor{User: c.by}, "key"); !fault.Is(err, fault.NotFound) {
				t.Errorf("%s, %s: %v", what, deed, err)
			}
			if n := len(h.timeline(g, "g")); n != before {
				t.Errorf("%s, %s: refused, and made an entry", what, deed)
			}
		}
	}
}

// TestADeedAgainIsTheSame repeats deeds, with and without a key, at another
// process, when their entries are in the tail and when they are sealed.
func TestADeedAgainIsTheSame(t *testing.T) {
	ctx := t.Context()
	for deed, do := range deeds {
		for _, key := range []string{"", "key"} {
			for _, later := range []int{0, 200, 700} {
				c := newChanged(t, open("ann"))
				ann := group.Actor{User: "ann"}
				first, err := do(ctx, c.Groups, c.uids["near"], ann, key)
				c.ok(err)
				for n := range later {
					_, err := c.Send(ctx, "g", group.Entry{From: "bob", Type: "t", Content: "x", ClientID: fmt.Sprint(n)})
					c.ok(err)
				}
				if key != "" {
					// A key is enough, whatever became of the actor.
					ann.Gagged = true
					c.ok(c.Quit(ctx, "g", []id.User{"ann"}))
				}
				c.announced = nil
				for _, g := range []*group.Groups{c.Groups, c.process(group.Options{})} {
					var again group.Receipt
					if _, writes := c.store.costs(func() { again, err = do(ctx, g, c.uids["near"], ann, key) }); writes > 0 {
						t.Errorf("%s, %q, %d later: made %d writes", deed, key, later, writes)
					}
					if err != nil || again != first {
						t.Errorf("%s, %q, %d later: %+v, first %+v (%v)", deed, key, later, again, first, err)
					}
				}
				if later == 0 && len(c.heard()) == 0 {
					t.Errorf("%s, %q: repeated at once, and not announced again", deed, key)
				}
			}
		}
	}
}

// TestADeedOfNothing asks for what the message is already.
func TestADeedOfNothing(t *testing.T) {
	ctx := t.Context()
	m := open("ann")
	m.Receipt = true
	c := newChanged(t, m)
	ann := group.Actor{User: "ann"}
	for what, do := range map[string]func(uid id.Message) (group.Receipt, error){
		"ask": func(uid id.Message) (group.Receipt, error) { return c.AskReceipts(ctx, "g", uid, ann, "1") },
		"edit": func(uid id.Message) (group.Receipt, error) {
			return c.EditAs(ctx, "g", uid, ann, "2", group.Edit{Content: "hi"})
		},
		"set": func(uid id.Message) (group.Receipt, error) {
			return c.SetExpansionAs(ctx, "g", uid, ann, "3", map[string]string{"old": "1"})
		},
		"remove": func(uid id.Message) (group.Receipt, error) {
			return c.DeleteExpansionAs(ctx, "g", uid, ann, "4", []string{"new"})
		},
	} {
		for _, place := range places {
			sent := c.at(c.seqs[place])
			var r group.Receipt
			var err error
			if _, writes := c.store.costs(func() { r, err = do(c.uids[place]) }); writes > 0 {
				t.Errorf("%s, %s: made %d writes", what, place, writes)
			}
			if want := (group.Receipt{UID: c.uids[place], Seq: sent.Seq, At: sent.At}); err != nil || r != want {
				t.Errorf("%s, %s: %+v, want the message's own %+v (%v)", what, place, r, want, err)
			}
		}
	}
	closed := newChanged(t, text("ann", "hi"))
	_, err := closed.SetExpansionAs(ctx, "g", closed.uids["tail"], ann, "", map[string]string{"k": "v"})
	closed.fails(err, fault.InvalidArgument)
}

// TestAnEditKeepsTheMention edits with and without a mention.
func TestAnEditKeepsTheMention(t *testing.T) {
	ctx := t.Context()
	m := text("ann", "hi")
	m.Mention = &group.Mention{Type: group.MentionAll}
	c := newChanged(t, m)
	by := group.Actor{User: "ann"}
	_, err := c.EditAs(ctx, "g", c.uids["tail"], by, "", group.Edit{Content: "1"})
	c.ok(err)
	if now := c.at(c.seqs["tail"]); now.Mention == nil || now.Mention.Type != group.MentionAll || now.Content != "1" {
		t.Errorf("the message is %+v", now)
	}
	_, err = c.EditAs(ctx, "g", c.uids["tail"], by, "", group.Edit{Content: "2", Mention: &group.Mention{Type: group.MentionUsers, Users: []id.User{"bob"}}})
	c.ok(err)
	if now := c.at(c.seqs["tail"]); now.Mention == nil || now.Mention.Type != group.MentionUsers {
		t.Errorf("the message is %+v", now)
	}
}

// TestAKnownKeyComesBeforeEveryRule repeats a send of somebody who may send no
// more, when the key is in the head and when it is known to segments only.
func TestAKnownKeyComesBeforeEveryRule(t *testing.T) {
	ctx := t.Context()
	for name, after := range map[string]func(h *house, g *group.Groups){
		"gagged everywhere": func(*house, *group.Groups) {},
		"gagged":            func(h *house, g *group.Groups) { h.ok(g.Gag(ctx, "g", []id.User{"ann"}, time.Time{})) },
		"muted":             func(h *house, g *group.Groups) { h.ok(g.Mute(ctx, "g", true)) },
		"left":              func(h *house, g *group.Groups) { h.ok(g.Quit(ctx, "g", []id.User{"ann"})) },
		"dismissed":         func(h *house, g *group.Groups) { h.ok(g.Dismiss(ctx, "g", "ann")) },
	} {
		for _, later := range []int{0, 700} {
			h := newHouse(t)
			g := h.process(group.Options{})
			h.ok(g.Join(ctx, "g", []id.User{"ann", "bob"}, "G"))
			send := func(g *group.Groups, by group.Actor, key string) (group.Receipt, error) {
				return g.SendAs(ctx, "g", by, group.Entry{Type: "t", Content: "x", ClientID: key})
			}
			first, err := send(g, group.Actor{User: "ann"}, "key")
			h.ok(err)
			for n := range later {
				_, err := send(g, group.Actor{User: "bob"}, fmt.Sprint(n))
				h.ok(err)
			}
			after(h, g)
			for _, g := range []*group.Groups{g, h.process(group.Options{})} {
				if again, err := send(g, group.Actor{User: "ann", Gagged: true}, "key"); err != nil || again != first {
					t.Errorf("%s, %d later: %+v, first %+v (%v)", name, later, again, first, err)
				}
				if _, err := send(g, group.Actor{User: "ann", Gagged: true}, "new"); err == nil {
					t.Errorf("%s, %d later: a new message was let in", name, later)
				}
			}
		}
	}
}

// TestNoDeedOvertakesAChangeOfTheGroup has one process judge by what it remembers
// and another change that first.
func TestNoDeedOvertakesAChangeOfTheGroup(t *testing.T) {
	ctx := t.Context()
	for deed, do := range deeds {
		c := newChanged(t, open("ann"))
		_, err := c.SendAs(ctx, "g", group.Actor{User: "ann"}, group.Entry{Type: "t", Content: "x", ClientID: "warm"})
		c.ok(err)
		c.ok(c.process(group.Options{}).Quit(ctx, "g", []id.User{"ann"}))
		if _, err := do(ctx, c.Groups, c.uids["tail"], group.Actor{User: "ann"}, ""); !fault.Is(err, fault.NotMember) {
			t.Errorf("%s: %v", deed, err)
		}
	}
}

// TestAStatusFromADevice goes by the rules of sending and leaves no trace.
func TestAStatusFromADevice(t *testing.T) {
	ctx := t.Context()
	h := newHouse(t)
	g := h.process(group.Options{})
	h.ok(g.Join(ctx, "g", []id.User{"ann", "bob"}, "G"))
	h.ok(g.Gag(ctx, "g", []id.User{"bob"}, time.Time{}))
	before := len(h.announced)
	r, err := g.SendStatus(ctx, "g", group.Actor{User: "ann"}, group.Entry{Type: "RC:TypSts", Content: "{}"})
	h.ok(err)
	heard := entriesOf(t, h.announced[before:])
	if len(heard) != 1 || heard[0].Kind != group.KindStatus || heard[0].From != "ann" || heard[0].Seq != 0 || heard[0].UID != r.UID || r.UID == "" {
		t.Errorf("announced %+v, answered %+v", heard, r)
	}
	for by, want := range map[group.Actor]fault.Kind{
		{User: "ann", Gagged: true}: fault.Muted, {User: "bob"}: fault.Muted, {User: "eve"}: fault.NotMember, {User: "eve", Admin: true}: fault.NotMember,
	} {
		if _, err := g.SendStatus(ctx, "g", by, group.Entry{Type: "RC:TypSts", Content: "{}"}); !fault.Is(err, want) {
			t.Errorf("%+v: %v, want %s", by, err, want)
		}
	}
	h.ok(g.Mute(ctx, "g", true))
	_, err = g.SendStatus(ctx, "g", group.Actor{User: "ann"}, group.Entry{Type: "RC:TypSts", Content: "{}"})
	h.fails(err, fault.GroupMuted)
	if n := len(h.timeline(g, "g")); n != 1 {
		t.Errorf("the timeline has %d entries", n)
	}
}
