package fcm_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/throng-im/throng/emulator/fcm"
)

// play is a stand-in and what is asked of it, told like a story.
type play struct {
	*testing.T
	h *fcm.Server
}

func newPlay(t *testing.T, options ...fcm.Option) *play { return &play{t, fcm.New(options...)} }

func (p *play) push(message string) {
	p.Helper()
	if status, answer, _ := do(p.h, "POST", sendPath, `{"message":`+message+`}`); status != 200 {
		p.Fatalf("%s: %d %s", message, status, answer)
	}
}

// chat pushes data as Throng does.
func (p *play) chat(token, kind string, seq int, body string) {
	p.Helper()
	p.push(fmt.Sprintf(`{"token":%q,"android":{"priority":"high","ttl":"604800s"},"data":{"group":"team","seq":"%d","messageUID":"UID-%d","kind":%q,"title":"The team","body":%q}}`, token, seq, seq, kind, body))
}

func (p *play) turn(token string, on bool) {
	p.Helper()
	ok(p.T, p.h, "PUT", "/emulator/phones/"+token, fmt.Sprintf(`{"online":%v}`, on))
}

func (p *play) wait(d string) {
	p.Helper()
	ok(p.T, p.h, "POST", "/emulator/clock", `{"advance":"`+d+`"}`)
}

func (p *play) phone(token string) fcm.View {
	p.Helper()
	var v fcm.View
	if err := json.Unmarshal([]byte(ok(p.T, p.h, "GET", "/emulator/phones/"+token, "")), &v); err != nil {
		p.Fatal(err)
	}
	return v
}

// shows says which bodies a phone shows, oldest first.
func (p *play) shows(token string, bodies ...string) {
	p.Helper()
	got := []string{}
	for _, n := range p.phone(token).Notifications {
		got = append(got, n.Body)
	}
	if !slices.Equal(got, append([]string{}, bodies...)) {
		p.Errorf("%s shows %q, not %q", token, got, bodies)
	}
}

// fates says what became of all that a phone got, in order.
func (p *play) fates(token string, fates ...fcm.Fate) {
	p.Helper()
	got := []fcm.Fate{}
	for _, r := range p.phone(token).Log {
		got = append(got, r.Fate)
	}
	if !slices.Equal(got, fates) {
		p.Errorf("%s: what became of its messages is %v, not %v", token, got, fates)
	}
}

func TestWhatThrongsClientShows(t *testing.T) {
	p := newPlay(t)
	p.chat("bob", "", 1, "one")
	p.chat("bob", "", 2, "two")
	p.chat("bob", "", 2, "two")
	p.shows("bob", "one", "two")
	p.chat("bob", "recall", 1, "Ann recalled a message")
	p.shows("bob", "two", "Ann recalled a message")
	p.chat("bob", "", 1, "one, late")
	p.shows("bob", "two", "Ann recalled a message")
	p.chat("bob", "fold", 9, "7 new messages")
	p.chat("bob", "fold", 12, "10 new messages")
	p.chat("bob", "fold", 10, "8 new messages, late")
	p.shows("bob", "two", "Ann recalled a message", "10 new messages")
	if v := p.phone("bob"); v.Badge != 3 || v.Platform != "android" || v.Received != 8 || !v.Online {
		t.Errorf("%+v", v)
	}
	p.chat("bob", "clear", 2, "")
	p.shows("bob", "10 new messages")
	p.chat("bob", "", 2, "two, late")
	p.shows("bob", "10 new messages")
	p.chat("bob", "", 13, "thirteen")
	p.chat("bob", "clear", 13, "")
	p.shows("bob")
	p.fates("bob", fcm.Replaced, fcm.Replaced, fcm.Removed, fcm.Removed, fcm.Silent, fcm.Replaced, fcm.Removed, fcm.Silent, fcm.Silent, fcm.Silent, fcm.Removed, fcm.Silent)
	p.push(`{"token":"cem","data":{"group":"team","seq":"1","messageUID":"u1","tag":"t1","body":"one"}}`)
	p.push(`{"token":"cem","data":{"group":"team","seq":"2","messageUID":"u2","tag":"t2","body":"two"}}`)
	p.push(`{"token":"cem","data":{"group":"team","seq":"1","messageUID":"u1","tag":"t1","kind":"recall"}}`)
	p.push(`{"token":"cem","data":{"group":"team","seq":"1","messageUID":"u1","tag":"t1","body":"one, late"}}`)
	p.shows("cem", "two")
	p.fates("cem", fcm.Removed, fcm.Shown, fcm.Silent, fcm.Silent)
	p.push(`{"token":"other","data":{"any":"thing"}}`)
	p.shows("other")
	p.fates("other", fcm.Silent)
}

func TestAnotherAppsCode(t *testing.T) {
	p := newPlay(t, fcm.WithApp(func(s *fcm.Screen, id string, at int64, data map[string]string) (fcm.Fate, string) {
		s.Show(fcm.Notification{ID: id, Key: data["k"], At: at, Body: data["b"], By: "app"})
		return fcm.Shown, ""
	}))
	p.push(`{"token":"t","data":{"k":"1","b":"x"}}`)
	p.push(`{"token":"t","data":{"k":"1","b":"y"}}`)
	p.shows("t", "y")
}

func TestWhatTheSystemShows(t *testing.T) {
	p := newPlay(t)
	p.push(`{"token":"a","notification":{"title":"T","body":"for all"},"android":{"notification":{"body":"for Android","notification_count":4}}}`)
	p.push(`{"token":"a","android":{"notification":{"tag":"x","body":"one"}}}`)
	p.push(`{"token":"a","android":{"notification":{"tag":"x","body":"two"}}}`)
	p.shows("a", "for Android", "two")
	if v := p.phone("a"); v.Badge != 4 || v.Notifications[0].Title != "T" || v.Notifications[0].By != "system" {
		t.Errorf("%+v", v)
	}
	alert := func(id, body string) {
		p.push(fmt.Sprintf(`{"token":"i","data":{"group":"team","seq":"3"},"apns":{"headers":{"apns-collapse-id":%q},"payload":{"aps":{"alert":{"title":"T","body":%q},"badge":3},"rc":{}}}}`, id, body))
	}
	alert("u1", "one")
	alert("u2", "two")
	alert("u1", "one recalled")
	p.shows("i", "two", "one recalled")
	p.push(`{"token":"i","data":{"kind":"clear","group":"team","seq":"3"},"apns":{"payload":{"aps":{"content-available":1,"badge":0}}}}`)
	p.shows("i")
	if v := p.phone("i"); v.Platform != "ios" || v.Badge != 0 {
		t.Errorf("%+v", v)
	}
	// A silent push takes back what the system shows.
	p.push(`{"token":"i","data":{"group":"g","seq":"1","messageUID":"u3"},"apns":{"headers":{"apns-collapse-id":"sale"},"payload":{"aps":{"alert":"x"}}}}`)
	p.push(`{"token":"i","data":{"kind":"recall","group":"g","seq":"1","messageUID":"u3","tag":"u3"},"apns":{"payload":{"aps":{"content-available":1}}}}`)
	p.shows("i")
	p.push(`{"token":"w","webpush":{"notification":{"title":"T","body":"one","tag":"x"}}}`)
	p.push(`{"token":"w","webpush":{"notification":{"title":"T","body":"two","tag":"x"}}}`)
	p.push(`{"token":"w","webpush":{"notification":{"title":"T","body":"three"}}}`)
	p.shows("w", "two", "three")
	// A message for all platforms is shown as the phone's own.
	ok(t, p.h, "PUT", "/emulator/phones/told", `{"platform":"web"}`)
	p.push(`{"token":"told","android":{"notification":{"body":"A"}},"apns":{"payload":{"aps":{"alert":"I"}}},"webpush":{"notification":{"body":"W"}}}`)
	p.shows("told", "W")
}

func TestAPhoneThatIsOff(t *testing.T) {
	p := newPlay(t)
	p.turn("a", false)
	p.chat("a", "", 1, "one")
	p.push(`{"token":"a","android":{"ttl":"0s"},"data":{"group":"team","messageUID":"now or never"}}`)
	p.push(`{"token":"a","android":{"ttl":"60s"},"data":{"group":"team","messageUID":"m","body":"within a minute"}}`)
	p.shows("a")
	p.fates("a", fcm.Stored, fcm.Expired, fcm.Stored)
	if got := len(pushes(t, p.h, "?token=a")); got != 3 {
		t.Errorf("%d pushes were accepted", got)
	}
	p.wait("61s")
	p.turn("a", true)
	p.shows("a", "one")
	p.fates("a", fcm.Shown, fcm.Expired, fcm.Expired)
	p.turn("a", false)
	p.chat("a", "", 2, "two")
	p.wait("169h")
	p.turn("a", true)
	p.shows("a", "one")

	for _, c := range []struct{ token, headers, life string }{
		{"i", `"apns":{"headers":{"apns-expiration":"0"},"payload":{"aps":{"alert":"x"}}}`, "0s"},
		{"w", `"webpush":{"headers":{"TTL":"0"},"notification":{"body":"x"}}`, "0s"},
		{"i2", `"apns":{"payload":{"aps":{"alert":"x"}}}`, "721h"},
		{"w2", `"webpush":{"headers":{"TTL":"60"},"notification":{"body":"x"}}`, "61s"},
	} {
		p.turn(c.token, false)
		p.push(`{"token":"` + c.token + `",` + c.headers + `}`)
		p.wait(c.life)
		p.turn(c.token, true)
		p.shows(c.token)
		p.fates(c.token, fcm.Expired)
	}
}

func TestWhatWaitsCollapses(t *testing.T) {
	p := newPlay(t)
	keyed := func(key, body string) {
		p.push(fmt.Sprintf(`{"token":"a","android":{"collapse_key":%q},"data":{"group":"g","messageUID":%q,"body":%q}}`, key, body, body))
	}
	p.turn("a", false)
	keyed("k1", "1")
	keyed("k1", "2")
	keyed("k2", "3")
	keyed("k3", "4")
	keyed("k4", "5")
	p.fates("a", fcm.Collapsed, fcm.Stored, fcm.Stored, fcm.Stored, fcm.Stored)
	keyed("k5", "6")
	p.chat("a", "", 1, "chat")
	p.turn("a", true)
	p.shows("a", "3", "4", "5", "6", "chat")
	p.fates("a", fcm.Collapsed, fcm.Dropped, fcm.Shown, fcm.Shown, fcm.Shown, fcm.Shown, fcm.Shown)
	keyed("k5", "7")
	keyed("k5", "8")
	p.shows("a", "3", "4", "5", "6", "chat", "7", "8")

	// Notifications without a key have that of the app.
	p.turn("n", false)
	for _, body := range []string{"one", "two"} {
		p.push(`{"token":"n","android":{"notification":{"body":"` + body + `"}}}`)
	}
	p.turn("n", true)
	p.shows("n", "two")

	for token, part := range map[string]string{"i": `"apns":{"headers":{"apns-collapse-id":"u"},"payload":{"aps":{"alert":"%s"}}}`, "w": `"webpush":{"headers":{"Topic":"u"},"notification":{"body":"%s"}}`} {
		p.turn(token, false)
		for _, body := range []string{"one", "two"} {
			p.push(`{"token":"` + token + `",` + fmt.Sprintf(part, body) + `}`)
		}
		p.fates(token, fcm.Collapsed, fcm.Stored)
		p.turn(token, true)
		p.shows(token, "two")
	}
}

func TestTooMuchWaits(t *testing.T) {
	p := newPlay(t)
	p.turn("a", false)
	for i := range 100 {
		p.chat("a", "", i+1, "x")
	}
	if v := p.phone("a"); v.Waiting != 100 {
		t.Errorf("%d wait", v.Waiting)
	}
	p.chat("a", "", 101, "the last straw")
	if v := p.phone("a"); v.Waiting != 0 {
		t.Errorf("%d wait still", v.Waiting)
	}
	p.chat("a", "", 102, "later")
	p.turn("a", true)
	p.shows("a", "later")
	deleted := 0
	for _, r := range p.phone("a").Log {
		if r.Fate == fcm.Deleted {
			deleted++
		}
	}
	if deleted != 1 {
		t.Errorf("the app was told %d times that messages were deleted", deleted)
	}
}

func TestABurstOfCollapsibleMessages(t *testing.T) {
	p := newPlay(t)
	ok(t, p.h, "PUT", "/emulator/quotas", `{"collapsibleBurst":3}`)
	note := func(n int) {
		p.push(fmt.Sprintf(`{"token":"a","android":{"notification":{"body":"%d"}}}`, n))
	}
	for n := range 6 {
		note(n)
		p.chat("b", "", n+1, fmt.Sprint(n))
	}
	p.shows("a", "0", "1", "2")
	p.shows("b", "0", "1", "2", "3", "4", "5")
	p.fates("a", fcm.Shown, fcm.Shown, fcm.Shown, fcm.Collapsed, fcm.Collapsed, fcm.Delayed)
	p.wait("179s")
	p.shows("a", "0", "1", "2")
	p.wait("2s")
	p.shows("a", "0", "1", "2", "5")
	if got := len(pushes(t, p.h, "?token=a")); got != 6 {
		t.Errorf("%d of 6 were accepted", got)
	}
}

func TestListingPhones(t *testing.T) {
	p := newPlay(t)
	for i := range 5 {
		p.chat(fmt.Sprint("phone-", i), "", 1, "x")
	}
	p.push(`{"topic":"news"}`)
	list := func(query string) (tokens []string, total int) {
		var out struct {
			Phones []fcm.View
			Total  int
		}
		if err := json.Unmarshal([]byte(ok(t, p.h, "GET", "/emulator/phones"+query, "")), &out); err != nil || out.Phones == nil {
			t.Fatal(out, err)
		}
		for _, v := range out.Phones {
			tokens = append(tokens, v.Token)
		}
		return tokens, out.Total
	}
	if tokens, total := list("?limit=2"); !slices.Equal(tokens, []string{"phone-4", "phone-3"}) || total != 5 {
		t.Errorf("%v of %d", tokens, total)
	}
	if tokens, _ := list("?match=ne-2"); !slices.Equal(tokens, []string{"phone-2"}) {
		t.Errorf("%v", tokens)
	}
	for _, bad := range []string{"0", "x", "1000000"} {
		if status, _, _ := do(p.h, "GET", "/emulator/phones?limit="+bad, ""); status != 400 {
			t.Errorf("limit %s: %d", bad, status)
		}
	}
	for _, bad := range []string{"", "{}", `{"online":"yes"}`, `{"platform":"fax"}`, `{"colour":"red"}`} {
		if status, _, _ := do(p.h, "PUT", "/emulator/phones/x", bad); status != 400 {
			t.Errorf("%s: %d", bad, status)
		}
	}
	ok(t, p.h, "DELETE", "/emulator/phones", "")
	if tokens, total := list(""); len(tokens) != 0 || total != 0 {
		t.Errorf("%v of %d are there still", tokens, total)
	}
	if status, _, _ := do(p.h, "GET", "/emulator/phones/phone-1", ""); status != 404 {
		t.Errorf("a phone that is not there: %d", status)
	}
	p.chat("phone-1", "", 1, strings.Repeat("long ", 500))
	if body := p.phone("phone-1").Notifications[0].Body; len(body) > 1100 {
		t.Errorf("a text of %d bytes is kept", len(body))
	}
}
