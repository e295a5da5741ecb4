package inbox_test

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/throng-im/throng/shared/commit"
	"github.com/throng-im/throng/shared/conversation"
	"github.com/throng-im/throng/shared/fault"
	"github.com/throng-im/throng/shared/group"
	"github.com/throng-im/throng/shared/id"
	"github.com/throng-im/throng/shared/inbox"
)

func (w *world) join(g id.Group, users ...id.User) { w.ok(w.groups.Join(w.ctx, g, users, "G")) }

func (w *world) say(g id.Group, n int) {
	for range n {
		_, err := w.groups.Publish(w.ctx, g, group.Entry{From: "bob", Type: "RC:TxtMsg", Content: "x"})
		w.ok(err)
	}
}

// sync lets a device ask until there is no more, and says what that read.
func (w *world) sync(d *device) (answers []inbox.Answer, reads int) {
	before := w.cost()
	for {
		a, err := w.inbox.Sync(w.ctx, "ann", d.request(inbox.DefaultLimit))
		w.ok(err)
		w.ok(d.take(a, false))
		if answers = append(answers, a); !a.More {
			return answers, w.cost() - before
		}
	}
}

// TestSyncCostsWhatChanged holds the budget of a user with 1,000 groups.
func TestSyncCostsWhatChanged(t *testing.T) {
	w := newWorld(t, 6)
	copies := map[id.Group]conversation.Copied{}
	for i := range 1000 {
		g := id.Group(fmt.Sprintf("group-%03d", i))
		w.join(g, "ann", "bob")
		copies[g] = conversation.Copied{Membership: conversation.Membership{Joined: 1}, At: 1}
	}
	w.ok(w.conversations.SetMemberships(w.ctx, "ann", copies))
	w.now += time.Hour.Milliseconds()
	d := newDevice()
	if _, reads := w.sync(d); len(d.groups) != 1000 || reads > 1000+34+11*2 {
		t.Fatalf("a new device read %d documents for %d groups", reads, len(d.groups))
	}
	w.now += time.Hour.Milliseconds()
	if _, reads := w.sync(d); reads > 36 {
		t.Errorf("a sync without news reads %d documents", reads)
	}
	w.now += time.Hour.Milliseconds()
	for i := range 10 {
		w.say(id.Group(fmt.Sprintf("group-%03d", i*97)), 3)
	}
	answers, reads := w.sync(d)
	if len(answers) != 1 || len(answers[0].Groups) != 10 || reads > 48 {
		t.Errorf("10 changed groups took %d answers and %d reads", len(answers), reads)
	}
	for _, g := range answers[0].Groups {
		if len(g.Entries) != 3 || g.Unread != 3 {
			t.Errorf("%s: %d entries, %d unread", g.ID, len(g.Entries), g.Unread)
		}
	}
}

// TestCountingIsBounded holds what counting reads, and where counts end.
func TestCountingIsBounded(t *testing.T) {
	w := newWorld(t, 6)
	w.join("g", "ann", "bob")
	w.deliverAll()
	w.say("g", 1500)
	w.now += time.Hour.Milliseconds() // so that nobody doubts the membership
	unread := func(most int) inbox.Unread {
		t.Helper()
		before := w.cost()
		u, err := w.inbox.Unread(w.ctx, "ann", "g", false, 10)
		w.ok(err)
		if reads := w.cost() - before; reads > most {
			t.Errorf("counting %d read %d documents, more than %d", u.Count, reads, most)
		}
		return u
	}
	// The list, the head, the roster, 21 segments backwards, and one for the first.
	if u := unread(3 + 21 + 1); u.Count != inbox.MaxUnread || u.FirstUnread != 2 || len(u.Messages) != 10 {
		t.Errorf("%d unread, the first %d, %d messages", u.Count, u.FirstUnread, len(u.Messages))
	}
	w.reads(502, 502)
	if u := unread(3 + 21 + 1); u.Count != 999 || u.FirstUnread != 503 {
		t.Errorf("%d unread, the first %d", u.Count, u.FirstUnread)
	}
	w.reads(1490, 1490)
	if u := unread(3); u.Count != 11 || u.FirstUnread != 1491 {
		t.Errorf("%d unread, the first %d", u.Count, u.FirstUnread)
	}
	before := w.cost()
	w.reads(1_000_000, 1501)
	if reads := w.cost() - before; reads > 2 {
		t.Errorf("reading read %d documents", reads)
	}
	if c := w.conversation("g"); c.ReadSeq != 1501 {
		t.Errorf("the read position is %d", c.ReadSeq)
	}
	w.reads(1, 0)
	if c := w.conversation("g"); c.ReadSeq != 1501 {
		t.Errorf("the read position went back to %d", c.ReadSeq)
	}
}

func TestWhatIsTooOldIsSaid(t *testing.T) {
	w := newWorld(t, 0)
	w.join("g", "ann", "bob")
	w.say("g", 200)
	w.deliverAll()
	d := newDevice()
	w.sync(d)
	w.now += (window - time.Hour).Milliseconds()
	w.say("g", 100)
	w.now += 2 * time.Hour.Milliseconds()
	if l := d.groups["g"]; l.last != 201 || l.lacking != 0 {
		t.Fatalf("%+v", l)
	}
	// A device that was here in time lacks nothing, a new one what is too old.
	again := newDevice()
	for _, x := range []*device{d, again} {
		w.sync(x)
	}
	if l := d.groups["g"]; l.last != 301 || len(l.entries) != 300 || l.lacking != 0 || l.unread != 100 {
		t.Errorf("the device has up to %d, %d entries, lacks up to %d, %d unread", l.last, len(l.entries), l.lacking, l.unread)
	}
	if l := again.groups["g"]; l.last != 301 || len(l.entries) != 100 || l.lacking != 201 || l.unread != 100 {
		t.Errorf("the new device has up to %d, %d entries, lacks up to %d, %d unread", l.last, len(l.entries), l.lacking, l.unread)
	}
}

func TestACursorIsItsUsersOnly(t *testing.T) {
	w := newWorld(t, 6)
	w.join("g", "ann", "bob")
	w.deliverAll()
	a, err := w.inbox.Sync(w.ctx, "ann", inbox.Request{Limit: 1})
	w.ok(err)
	list, err := w.inbox.List(w.ctx, "ann", "", "", 1)
	w.ok(err)
	flipped := []byte(a.Cursor)
	flipped[len(flipped)/2] ^= 1
	for what, cursor := range map[string]string{
		"broken": string(flipped), "cut": a.Cursor[1:], "no base64": "!", "short": "AA", "long": strings.Repeat("A", 20_000),
		"JSON alone": base64.RawURLEncoding.EncodeToString([]byte(`{"u":"ann"}`)),
	} {
		if _, err := w.inbox.Sync(w.ctx, "ann", inbox.Request{Cursor: cursor, Limit: 1}); !fault.Is(err, fault.InvalidArgument) {
			t.Errorf("%s: %v", what, err)
		}
		if _, err := w.inbox.List(w.ctx, "ann", cursor, "", 1); !fault.Is(err, fault.InvalidArgument) {
			t.Errorf("%s, in the list: %v", what, err)
		}
	}
	if _, err := w.inbox.Sync(w.ctx, "bob", inbox.Request{Cursor: a.Cursor, Limit: 1}); !fault.Is(err, fault.InvalidArgument) {
		t.Errorf("another's: %v", err)
	}
	if _, err := w.inbox.List(w.ctx, "ann", a.Cursor, "", 1); !fault.Is(err, fault.InvalidArgument) || list.Cursor != "" {
		t.Errorf("the cursor of a sync, in the list: %v", err)
	}
	// One that is too old is like none.
	w.now += (window + time.Hour).Milliseconds()
	b, err := w.inbox.Sync(w.ctx, "ann", inbox.Request{Cursor: a.Cursor, Groups: map[id.Group]int64{"g": 1, "gone": 5}, Limit: 1})
	w.ok(err)
	if len(b.Groups) != 1 || len(b.Left) != 1 || b.Left[0].ID != "gone" || b.Tags == nil || b.Settings == nil {
		t.Errorf("with an old cursor: %+v", b)
	}
}

// TestWhoLeftIsNotShownTheRest has the copy of a membership lag behind for so long
// that the group's tail does not show why.
func TestWhoLeftIsNotShownTheRest(t *testing.T) {
	for name, pause := range map[string]time.Duration{"at once": time.Second, "late": time.Hour} {
		w := newWorld(t, 6)
		w.join("g", "ann", "bob")
		w.deliverAll()
		d := newDevice()
		w.say("g", 3)
		w.sync(d)
		w.ok(w.groups.Quit(w.ctx, "g", []id.User{"ann"}))
		w.events = nil // and nobody ever follows
		w.say("g", 200)
		w.now += pause.Milliseconds()
		if l, err := w.inbox.List(w.ctx, "ann", "", "", 10); pause < time.Minute && (err != nil || len(l.Conversations) != 0) {
			t.Errorf("%s: the list has %+v, %v", name, l.Conversations, err)
		}
		answers, _ := w.sync(d)
		if len(answers[0].Groups) != 0 || len(answers[0].Left) != 1 || d.groups["g"] != nil {
			t.Errorf("%s: %+v", name, answers)
		}
		if c := w.conversation("g"); c.Left != 5 {
			t.Errorf("%s: the copy was not corrected: %+v", name, c)
		}
	}
}

// TestUnreadIsAMembersOnly has the copy lag behind for longer than it is trusted.
func TestUnreadIsAMembersOnly(t *testing.T) {
	w := newWorld(t, 6)
	w.join("g", "ann", "bob")
	w.deliverAll()
	w.ok(w.groups.Quit(w.ctx, "g", []id.User{"ann"}))
	w.say("g", 200)
	w.now += time.Hour.Milliseconds()
	if u, err := w.inbox.Unread(w.ctx, "ann", "g", false, 1); !fault.Is(err, fault.NotMember) {
		t.Errorf("unread are %+v, %v", u, err)
	}
}

// TestAMemberWhomTheCopyDoesNotKnow has a device know of a group what no copy knows.
func TestAMemberWhomTheCopyDoesNotKnow(t *testing.T) {
	calls := map[string]func(*world) error{
		"sync": func(w *world) error {
			a, err := w.inbox.Sync(w.ctx, "ann", inbox.Request{Groups: map[id.Group]int64{"g": 1}, Limit: 10})
			if len(a.Groups) != 1 || len(a.Left) != 0 {
				return fmt.Errorf("%+v", a)
			}
			return err
		},
		"read":   func(w *world) error { _, err := w.inbox.Read(w.ctx, "ann", "g", 1); return err },
		"delete": func(w *world) error { return w.inbox.Delete(w.ctx, "ann", "g") },
		"patch":  func(w *world) error { return w.inbox.Patch(w.ctx, "ann", "g", conversation.Patch{Draft: new(string)}) },
		"unread": func(w *world) error { _, err := w.inbox.Unread(w.ctx, "ann", "g", false, 1); return err },
	}
	for name, call := range calls {
		w := newWorld(t, 6)
		w.join("g", "ann", "bob")
		w.say("g", 3)
		if err := call(w); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if c := w.conversation("g"); c.Joined != 1 {
			t.Errorf("%s: the copy was not corrected: %+v", name, c)
		}
		if name == "sync" {
			continue
		}
		w.ok(w.groups.Quit(w.ctx, "g", []id.User{"ann"}))
		w.deliverAll()
		if err := call(w); !fault.Is(err, fault.NotMember) {
			t.Errorf("%s, by one who left: %v", name, err)
		}
	}
}

// TestAMemberWhoIsBackBeforeTheCopyKnows has a device ask for a group that the
// stream told it to have joined again, while the copy still has the user out of it.
func TestAMemberWhoIsBackBeforeTheCopyKnows(t *testing.T) {
	for name, leaves := range map[string]func(*world) error{
		"left":      func(w *world) error { return w.groups.Quit(w.ctx, "g", []id.User{"ann"}) },
		"dismissed": func(w *world) error { return w.groups.Dismiss(w.ctx, "g", "bob") },
	} {
		w := newWorld(t, 6)
		w.join("g", "ann", "bob")
		w.say("g", 3)
		w.ok(leaves(w))
		w.deliverAll()
		d := newDevice()
		w.sync(d)
		w.join("g", "ann", "bob")
		w.say("g", 1)
		a, err := w.inbox.Sync(w.ctx, "ann", inbox.Request{Cursor: d.cursor, Groups: map[id.Group]int64{"g": 0}, Limit: 10})
		if err != nil || len(a.Left) != 0 || len(a.Groups) != 1 || len(a.Groups[0].Entries) == 0 || a.Groups[0].LastSeq != 7 {
			t.Errorf("%s: %+v, %v", name, a, err)
		}
		if c := w.conversation("g"); !c.Present() {
			t.Errorf("%s: the copy was not corrected: %+v", name, c)
		}
		// Who is out stays out, whatever a device believes.
		w.ok(leaves(w))
		w.deliverAll()
		if a, err = w.inbox.Sync(w.ctx, "ann", inbox.Request{Cursor: d.cursor, Groups: map[id.Group]int64{"g": 0}, Limit: 10}); err != nil || len(a.Left) != 1 || len(a.Groups) != 0 {
			t.Errorf("%s again: %+v, %v", name, a, err)
		}
	}
}

// TestAnAnswerHasBounds has one group of very large entries, and many groups.
func TestAnAnswerHasBounds(t *testing.T) {
	w := newWorld(t, 6)
	large := group.Entry{From: "bob", Type: "RC:TxtMsg", Content: strings.Repeat("x", 100<<10)}
	for i := range 150 {
		g := id.Group(fmt.Sprint("g", i))
		w.join(g, "ann", "bob")
		if i < 2 {
			for range 20 {
				_, err := w.groups.Publish(w.ctx, g, large)
				w.ok(err)
			}
		}
	}
	w.deliverAll()
	d := newDevice()
	answers, _ := w.sync(d)
	for i, a := range answers {
		encoded, err := json.Marshal(a)
		w.ok(err)
		if len(encoded) > 3<<19 || len(a.Groups) > 100 {
			t.Errorf("answer %d has %d bytes and %d groups", i, len(encoded), len(a.Groups))
		}
		if !slices.IsSortedFunc(a.Groups, func(x, y inbox.Group) int { return strings.Compare(string(x.ID), string(y.ID)) }) && i == 0 {
			t.Errorf("answer %d is out of order", i)
		}
	}
	if len(d.groups) != 150 || len(d.groups["g1"].entries) != 20 {
		t.Errorf("%d groups, one of them with %d entries", len(d.groups), len(d.groups["g1"].entries))
	}
}

func TestFollowing(t *testing.T) {
	w := newWorld(t, 6)
	w.join("g", "ann", "bob") // 1
	w.ok(w.groups.Dismiss(w.ctx, "g", "bob"))
	w.join("g", "ann") // 3
	for i := range slices.Backward(w.events) {
		w.deliver(i, true)
		w.deliver(i, true)
	}
	if c := w.conversation("g"); c.Joined != 1 || !slices.Equal(c.Away, []int64{2, 3}) || !c.Present() {
		t.Errorf("after a revival the copy is %+v", c)
	}
	w.ok(w.groups.Quit(w.ctx, "g", []id.User{"ann"})) // 4
	w.now += 2 * time.Hour.Milliseconds()
	w.ok(w.groups.Join(w.ctx, "g", []id.User{"cem"}, ""))
	w.ok(w.groups.Quit(w.ctx, "g", []id.User{"cem"})) // the roster forgets ann here
	w.deliverAll()
	if c := w.conversation("g"); c.Joined != 1 || c.Left != 4 {
		t.Errorf("whom the roster has forgotten has %+v", c)
	}
	// A document that cannot be read must not hold up the others.
	_, err := w.store.Commit(w.ctx, []commit.Write{{Path: "users/dan/state/0", Fields: commit.Fields{"data": []byte("broken")}}})
	w.ok(err)
	w.join("g", "dan", "eve")
	w.deliverAll()
	if c, err := w.conversations.Of(w.ctx, "eve", "g"); err != nil || !c.Present() {
		t.Errorf("beside a broken document: %+v, %v", c, err)
	}
}

// TestFollowingALargeGroup holds that one event brings thousands of users up to
// date, and a later dismissal, too.
func TestFollowingALargeGroup(t *testing.T) {
	w := newWorld(t, 6)
	var users []id.User
	for i := range 3000 {
		users = append(users, id.User(fmt.Sprint("u", i)))
	}
	w.join("g", users...)
	w.deliverAll()
	w.ok(w.groups.Dismiss(w.ctx, "g", "u1"))
	before := w.cost()
	w.deliverAll()
	if reads := w.cost() - before; reads > 3000+16 {
		t.Errorf("a dismissal read %d documents", reads)
	}
	for _, u := range []id.User{"u0", "u1500", "u2999"} {
		if c, err := w.conversations.Of(w.ctx, u, "g"); err != nil || c.Joined != 1 || c.Left != 2 {
			t.Errorf("%s: %+v, %v", u, c, err)
		}
	}
}

// TestRepair has copies lack a group, have one too many, and be right.
func TestRepair(t *testing.T) {
	w := newWorld(t, 6)
	for _, g := range []id.Group{"right", "left", "forgotten"} {
		w.join(g, "ann", "bob")
	}
	w.deliverAll()
	w.join("unknown", "ann", "bob")
	w.ok(w.groups.Quit(w.ctx, "left", []id.User{"ann"}))
	w.ok(w.groups.Quit(w.ctx, "forgotten", []id.User{"ann"}))
	w.now += 2 * time.Hour.Milliseconds()
	w.ok(w.groups.Quit(w.ctx, "forgotten", []id.User{"bob"}))
	w.events = nil
	for range 2 {
		before := w.cost()
		w.ok(w.inbox.Repair(w.ctx, "ann"))
		if reads := w.cost() - before; reads > 2+1+2*2+2 {
			t.Errorf("a repair read %d documents", reads)
		}
		for g, in := range map[id.Group]bool{"right": true, "unknown": true, "left": false, "forgotten": false} {
			if c := w.conversation(g); c.Present() != in || !c.Known() {
				t.Errorf("%s: the copy is %+v", g, c)
			}
		}
	}
}

// TestWhoCameBackIsNotToldThatTheyLeft: the copies of memberships come after the
// stream, which may have told a device of the group by then.
func TestWhoCameBackIsNotToldThatTheyLeft(t *testing.T) {
	w := newWorld(t, 0)
	w.join("g", "ann", "bob")
	w.ok(w.groups.Quit(w.ctx, "g", []id.User{"ann"}))
	w.deliverAll()
	w.join("g", "ann")
	d := newDevice()
	d.groups["g"] = new(local) // as the stream told it
	if a, _ := w.sync(d); len(a[0].Left) > 0 || d.groups["g"].joined != 3 {
		t.Errorf("ann, who came back, was told %+v", a[0])
	}
	w.ok(w.groups.Quit(w.ctx, "g", []id.User{"ann"}))
	if a, _ := w.sync(d); len(a[0].Left) != 1 || a[0].Left[0].Seq != 4 {
		t.Errorf("ann, who left, was told %+v", a[0])
	}
}
