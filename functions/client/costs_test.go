package client_test

import (
	"fmt"
	"testing"

	"github.com/throng-im/throng/shared/group"
	"github.com/throng-im/throng/shared/id"
)

// TestWhatCallsCost holds what each call reads and writes, by an instance that
// knows the group. One read of each is the caller's standing. {old} is a message
// that is sealed, {new} one in the tail.
func TestWhatCallsCost(t *testing.T) {
	for _, c := range []struct {
		method, path, body string
		by                 id.User
		reads, writes      int
	}{
		{"POST", "/groups/g/messages", `{"clientId":"x","type":"RC:TxtMsg","content":"{}"}`, "ann", 1, 1},
		{"PATCH", "/groups/g/messages/{new}", `{"content":"better"}`, "ann", 1, 1},
		{"PATCH", "/groups/g/messages/{old}", `{"content":"better"}`, "ann", 2, 2},
		{"POST", "/groups/g/messages/{old}/recall", "", "ann", 2, 2},
		{"PUT", "/groups/g/messages/{old}/expansion", `{"set":{"k":"v"}}`, "bob", 2, 2},
		{"DELETE", "/groups/g/messages/{new}/expansion", `{"remove":["old"]}`, "bob", 1, 1},
		{"POST", "/groups/g/messages/{new}/receipt-request", "", "ann", 1, 1},
		// Nothing is written, so the head is read to be sure.
		{"POST", "/groups/g/messages/{new}/receipt-request", "", "bob", 2, 0},
		{"POST", "/groups/g/typing", "", "bob", 2, 0},
		// The user's conversations, the head, one shard; from the second page on segments.
		{"GET", "/groups/g/messages?limit=15", "", "bob", 4, 0},
		{"GET", "/groups/g/messages?limit=100", "", "bob", 6, 0},
		{"GET", "/groups/g/messages?after=50&limit=100", "", "bob", 7, 0},
		{"GET", "/groups/g/messages/{new}", "", "bob", 4, 0},
		{"GET", "/groups/g/messages/{old}", "", "bob", 5, 0},
		// The head, one shard, the user's conversations.
		{"DELETE", "/groups/g/messages", `{"messageUIDs":["{old}","{new}"]}`, "bob", 4, 1},
		{"DELETE", "/groups/g/messages", `{"beforeTime":9000000000000}`, "bob", 4, 1},
		// The head, a segment, the receipts of each of the two messages.
		{"POST", "/groups/g/receipts", `{"messageUIDs":["{old}","{new}"]}`, "bob", 5, 2},
		// The head, one shard, the segment, the receipts.
		{"GET", "/groups/g/messages/{old}/receipts", "", "ann", 5, 0},
	} {
		p := open(t)
		p.ok(p.Groups.Join(t.Context(), "g", []id.User{"bob"}, ""))
		m := group.Entry{From: "ann", Type: "RC:TxtMsg", Content: "{}", Expandable: true, Expansion: map[string]group.Value{"old": {V: "1"}}, Receipt: true}
		uids := map[string]id.Message{}
		publish := func(name string) {
			r, err := p.Groups.Publish(t.Context(), "g", m)
			p.ok(err)
			uids[name] = r.UID
		}
		publish("old")
		for range 300 {
			publish("other")
		}
		if c.path == "/groups/g/messages/{new}/receipt-request" {
			m.Receipt = c.by == "bob"
		}
		publish("new")
		for _, u := range []id.User{"ann", "bob"} {
			if _, err := p.Groups.SendAs(t.Context(), "g", group.Actor{User: u}, group.Entry{Type: "t", Content: "x", ClientID: "warm"}); err != nil {
				t.Fatal(err)
			}
		}
		fill := func(s string) string {
			for name, uid := range uids {
				s = replace(s, "{"+name+"}", string(uid))
			}
			return s
		}
		caller := p.of(c.by)
		p.store.reads, p.store.writes = 0, 0
		status, out := caller.call(c.method, fill(c.path), fill(c.body))
		if refused := c.by == "bob" && c.path == "/groups/g/messages/{new}/receipt-request"; (status != 200) != refused {
			t.Errorf("%s %s: %d %+v", c.method, c.path, status, out)
		}
		if p.store.reads > c.reads || p.store.writes != c.writes {
			t.Errorf("%s %s cost %d reads and %d writes, the budget is %d and %d", c.method, c.path, p.store.reads, p.store.writes, c.reads, c.writes)
		}
	}
}

// TestAThousandReadersOfOneMessage answer through the calls, and share writes.
func TestAThousandReadersOfOneMessage(t *testing.T) {
	p := open(t)
	const readers = 1000
	phones := make([]*phone, readers)
	members := make([]id.User, readers)
	for i := range members {
		members[i] = id.User(fmt.Sprint("u", i))
	}
	p.ok(p.Groups.Join(t.Context(), "g", members, ""))
	sent := p.says("1", `,"receipt":true`)
	for i := range phones {
		phones[i] = p.of(members[i])
	}
	p.store.reads, p.store.writes = 0, 0
	together(readers, func(i int) {
		if status, out := phones[i].call("POST", "/groups/g/receipts", fmt.Sprintf(`{"messageUIDs":[%q]}`, sent.UID)); status != 200 {
			t.Errorf("%d %+v", status, out)
		}
	})
	// A read of each is the caller's standing.
	if p.store.writes > readers/4 || p.store.reads > readers*3/2 {
		t.Errorf("%d answers cost %d reads and %d writes", readers, p.store.reads, p.store.writes)
	}
	var page struct {
		Read   []struct{ UserID string }
		Unread int
		More   bool
	}
	p.must("GET", "/groups/g/messages/"+string(sent.UID)+"/receipts?limit=1000", "", &page)
	if len(page.Read) != readers || page.Unread != 0 || page.More {
		t.Errorf("%d have read it, %d not, more: %v", len(page.Read), page.Unread, page.More)
	}
}
