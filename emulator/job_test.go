package main

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/throng-im/throng/shared/event"
	"github.com/throng-im/throng/shared/group"
	"github.com/throng-im/throng/shared/id"
)

const text = `{"content":"hello"}`

func member(i int) string { return fmt.Sprintf("user%04d", i) }

// devicesOf: most members have one device, some two, a few none.
func devicesOf(i int) int {
	switch {
	case i%100 == 7:
		return 0
	case i%50 == 1:
		return 2
	}
	return 1
}

// create makes the big group in the three calls that the contract's limit of a
// thousand users a call asks for.
func (w *town) create(name string, members int) {
	w.Helper()
	for from := 0; from < members; from += 1000 {
		form := url.Values{"groupId": {name}, "groupName": {"The " + name}}
		for i := from; i < min(from+1000, members); i++ {
			form.Add("userId", member(i))
		}
		path := "/group/join.json"
		if from == 0 {
			path = "/group/create.json"
		}
		w.must(path, form)
	}
}

// settle waits until what was published before has been handled.
func (w *town) settle() {
	w.Helper()
	last, still := w.cost().Total, 0
	w.eventually("the functions are at rest", func() bool {
		now := w.cost().Total
		if now == last {
			still++
		} else {
			still = 0
		}
		last = now
		return still > 40
	})
}

func TestTheMainJob(t *testing.T) {
	w := startTown(t)
	const members = 3000
	devices := 0
	for i := range members {
		devices += devicesOf(i)
	}
	together(16, members, func(i int) {
		token := w.token(member(i))
		for d := range devicesOf(i) {
			body := fmt.Sprintf(`{"platform":%q,"pushToken":"token-%s-%d","language":"en"}`, []string{"android", "ios", "web"}[i%3], member(i), d)
			if status := w.device("PUT", fmt.Sprintf("/devices/device%d", d), token, body, nil); status != 200 {
				t.Errorf("a device was answered %d", status)
			}
		}
	})
	w.resetCost()
	w.create("big", members)
	if c := w.cost().Functions["groups"]; c.Writes > 12 {
		t.Errorf("creating a group of %d cost %+v, the budget is 12 writes", members, c)
	}
	w.settle()

	// A message from a member through the server API: everybody but the sender.
	sender, expected := member(1), devices-devicesOf(1)
	w.resetCost()
	uid := w.publish("big", sender)
	w.expectPushes(expected, uid, sender)
	bill := w.cost()
	if total := bill.Total; total.Writes > 1 || bill.Functions["fanout"].Reads+bill.Functions["push"].Reads > 10 {
		t.Errorf("one message to %d members cost %+v", members, bill)
	}
	t.Logf("the first message to %d members who are offline cost fan-out %+v", members, bill.Functions["fanout"])
	warm := w.cost()
	w.forgetPushes()
	uid = w.publish("big", sender)
	w.expectPushes(expected, uid, sender)
	bill = w.cost()
	// The one read is that nobody is connected; no reading of that serves longer
	// than a second.
	if f := bill.Functions["fanout"].Sub(warm.Functions["fanout"]); f.Reads > 1 {
		t.Errorf("a warm fan-out cost %+v, the budget is 1 read", f)
	}
	// What push knows of the gate serves for some seconds, whatever comes.
	if p := bill.Functions["push"].Sub(warm.Functions["push"]); p.Reads > 1 || p.Writes > 1 {
		t.Errorf("a warm push cost %+v, the budget is 1 read every few seconds, and a lease", p)
	}
	if m := bill.Functions["messages"].Sub(warm.Functions["messages"]); m.Reads > 0 || m.Writes > 1 {
		t.Errorf("a warm publish cost %+v", m)
	}

	w.deliverAgain("big", uid)
	if n := len(w.pushes()); n != expected {
		t.Errorf("after the event came twice more there are %d pushes, want %d", n, expected)
	}

	// A targeted message, and one that wants no push.
	w.forgetPushes()
	w.must("/message/group/publish.json", url.Values{"fromUserId": {sender}, "toGroupId": {"big"}, "objectName": {"RC:TxtMsg"}, "content": {text}, "disablePush": {"true"}})
	w.must("/message/group/publish.json", url.Values{"fromUserId": {"app"}, "toGroupId": {"big"}, "toUserId": {member(51), member(52), "stranger"}, "objectName": {"RC:TxtMsg"}, "content": {text}})
	w.eventually("the targeted message arrived", func() bool { return len(w.pushes()) >= 3 })
	w.settle()
	if n := len(w.pushes()); n != 3 {
		t.Errorf("a message to three devices made %d pushes", n)
	}
}

func (w *town) publish(name, from string) string {
	w.Helper()
	a := w.must("/message/group/publish.json", url.Values{"fromUserId": {from}, "toGroupId": {name}, "objectName": {"RC:TxtMsg"}, "content": {text}})
	if len(a.UIDs) != 1 || a.UIDs[0].Group != name || len(a.UIDs[0].UID) != 19 {
		w.Fatalf("published to %+v", a.UIDs)
	}
	return a.UIDs[0].UID
}

// expectPushes waits for exactly the right pushes and checks each.
func (w *town) expectPushes(n int, uid, sender string) {
	w.Helper()
	w.eventually(fmt.Sprintf("%d pushes arrived", n), func() bool { return len(w.pushes()) >= n })
	w.settle()
	seen := map[string]bool{}
	_, seq, _ := id.Message(uid).Parse()
	for _, p := range w.pushes() {
		if seen[p.Token] {
			w.Fatalf("%s was pushed to twice", p.Token)
		}
		seen[p.Token] = true
		d := p.Message.Data
		if d["group"] != "big" || d["sender"] != sender || d["messageUID"] != uid || d["seq"] != fmt.Sprint(seq) ||
			d["title"] != "The big" || d["body"] != "Name of "+sender+": hello" {
			w.Fatalf("%s was pushed %v", p.Token, d)
		}
		if strings.Contains(p.Token, sender+"-") {
			w.Fatal("the sender was pushed to")
		}
		if len(p.Message.Android)+len(p.Message.APNS)+len(p.Message.Webpush) == 0 {
			w.Fatalf("%s has no part for its platform", p.Token)
		}
	}
	if len(seen) != n {
		w.Fatalf("%d devices were pushed to, want %d", len(seen), n)
	}
}

// deliverAgain pushes the message's timeline event to fanout as Pub/Sub would
// when it delivers it again, twice at once.
func (w *town) deliverAgain(name, uid string) {
	w.Helper()
	c := w.inside()
	_, seq, _ := id.Message(uid).Parse()
	entries, err := c.Groups.Timeline(w.Context(), id.Group(name), seq-1, 1)
	if err != nil || len(entries) != 1 {
		w.Fatalf("%v %v", entries, err)
	}
	raw, _ := json.Marshal(entries[0])
	docs, err := c.Store.Get(w.Context(), []string{"groups/" + name})
	if err != nil {
		w.Fatal(err)
	}
	serial, _, _ := id.Message(uid).Parse()
	shards, _ := docs[0].Fields["shards"].([]int64)
	ev, _ := json.Marshal(event.Timeline{Group: id.Group(name), Name: "The " + name, Serial: serial, Shards: shards, Entries: []json.RawMessage{raw}})
	body := fmt.Appendf(nil, `{"message":{"data":%q,"messageId":"again"},"subscription":"s"}`, base64.StdEncoding.EncodeToString(ev))
	together(2, 2, func(int) {
		res, err := w.client.Post(w.function("fanout"), "application/json", bytes.NewReader(body))
		if err != nil {
			w.Error(err)
			return
		}
		_ = res.Body.Close()
		if res.StatusCode != http.StatusNoContent {
			w.Errorf("an event that came again was answered %d", res.StatusCode)
		}
	})
	w.settle()
}

// TestTheOrderOfArrivalDoesNotMatter registers devices after the group exists:
// the copies in the roster must be there before the device is answered.
func TestDevicesComeAndGo(t *testing.T) {
	w := startTown(t)
	w.must("/group/create.json", url.Values{"groupId": {"g"}, "groupName": {"G"}, "userId": {"ann", "bob"}})
	w.settle()
	bob := w.token("bob")
	for i, body := range []string{`{"platform":"android","pushToken":"t1"}`, `{"platform":"android","pushToken":"t2"}`} {
		if status := w.device("PUT", "/devices/phone", bob, body, nil); status != 200 {
			t.Fatalf("PUT answered %d", status)
		}
		w.forgetPushes()
		w.publish("g", "ann")
		w.eventually("bob was pushed to", func() bool { return len(w.pushes()) == 1 })
		if got, want := w.pushes()[0].Token, fmt.Sprintf("t%d", i+1); got != want {
			t.Errorf("pushed to %s, want %s", got, want)
		}
	}
	before := w.cost().Total
	if status := w.device("PUT", "/devices/phone", bob, `{"platform":"android","pushToken":"t2"}`, nil); status != 200 {
		t.Errorf("the same device again: %d", status)
	}
	if c := w.cost().Total.Sub(before); c.Writes > 0 {
		t.Errorf("registering the same device again cost %+v", c)
	}
	// FCM says that the phone is gone: no more pushes to it.
	r, _ := http.NewRequest(http.MethodPut, w.url(portFCM)+"/emulator/tokens/t2", strings.NewReader(`{"error":"UNREGISTERED"}`))
	w.send(r, nil)
	w.forgetPushes()
	w.publish("g", "ann")
	c := w.inside()
	w.eventually("the dead token is forgotten", func() bool {
		p, err := c.Users.Profiles(t.Context(), []id.User{"bob"})
		return err == nil && len(p["bob"].Targets("g").Devices) == 0
	})
	// A device of the same user that logs out is pushed to no more.
	w.device("PUT", "/devices/tablet", bob, `{"platform":"ios","pushToken":"t3"}`, nil)
	if status := w.device("DELETE", "/devices/tablet", bob, "", nil); status != 200 {
		t.Errorf("DELETE answered %d", status)
	}
	w.publish("g", "ann")
	w.settle()
	if p := w.pushes(); len(p) != 0 {
		t.Errorf("pushed to %v, who is gone", p)
	}
}

func TestADeviceSendsAndRepeats(t *testing.T) {
	w := startTown(t)
	w.must("/group/create.json", url.Values{"groupId": {"g"}, "groupName": {"G"}, "userId": {"ann", "bob"}})
	ann, stranger := w.token("ann"), w.token("cem")
	body := `{"clientId":"c1","type":"RC:TxtMsg","content":"{\"content\":\"hi\"}","mention":{"type":2,"userIds":["bob"],"text":"for you"}}`
	type sent struct {
		UID  string `json:"messageUID"`
		Seq  int64  `json:"seq"`
		Time int64  `json:"sentTime"`
	}
	var first, again sent
	if status := w.device("POST", "/groups/g/messages", ann, body, &first); status != 200 || first.Seq != 2 || first.Time == 0 || len(first.UID) != 19 {
		t.Fatalf("%d %+v", status, first)
	}
	w.device("PUT", "/devices/d", w.token("bob"), `{"platform":"web","pushToken":"bob"}`, nil)
	if status := w.device("POST", "/groups/g/messages", ann, body, &again); status != 200 || again != first {
		t.Errorf("the same key was answered %d %+v, first %+v", status, again, first)
	}
	var refused struct {
		Error struct {
			Code string
			RC   int
		}
	}
	if status := w.device("POST", "/groups/g/messages", stranger, body, &refused); status != 403 || refused.Error.Code != "not_member" || refused.Error.RC != 22406 {
		t.Errorf("a stranger was answered %d %+v", status, refused)
	}
	entries, err := w.inside().Groups.Timeline(t.Context(), "g", 1, 10)
	if err != nil || len(entries) != 1 || entries[0].From != "ann" || entries[0].Kind != group.KindMessage || entries[0].ClientID != "c1" {
		t.Errorf("the timeline holds %+v, %v", entries, err)
	}
}
