package client_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/throng-im/throng/shared/event"
	"github.com/throng-im/throng/shared/group"
	"github.com/throng-im/throng/shared/id"
	"github.com/throng-im/throng/shared/settings"
)

func replace(s, old, with string) string { return strings.ReplaceAll(s, old, with) }

// together does a job n times at once.
func together(n int, job func(i int)) {
	var wg sync.WaitGroup
	for i := range n {
		wg.Go(func() { job(i) })
	}
	wg.Wait()
}

// TestBadInput changes nothing and says why.
func TestBadInput(t *testing.T) {
	p := open(t)
	sent := string(p.says("1", `,"expansion":{}`).UID)
	long, keys := strings.Repeat("x", 5000), map[string]string{}
	for i := range 21 {
		keys[fmt.Sprint("k", i)] = ""
	}
	many, _ := json.Marshal(keys)
	m := "/groups/g/messages/" + sent
	before := p.store.writes
	for _, c := range []struct {
		method, path, body, want, names string
	}{
		{"PATCH", m, `{}`, "invalid_argument", "content"},
		{"PATCH", m, "", "invalid_argument", "content"},
		{"PATCH", m, `{"content":7}`, "invalid_argument", "JSON"},
		{"PATCH", m, `{"content":"` + strings.Repeat("x", 129<<10) + `"}`, "too_large", "content"},
		{"PATCH", m, `{"content":"x","clientId":"` + long + `"}`, "too_large", "clientId"},
		{"PATCH", m, `{"content":"x","mention":{"type":9}}`, "invalid_argument", "mention"},
		{"POST", m + "/recall", `{"extra":"` + long + `"}`, "too_large", "extra"},
		{"POST", m + "/recall", `[`, "invalid_argument", "JSON"},
		{"POST", m + "/recall", `{"clientId":"` + long + `"}`, "too_large", "clientId"},
		{"PUT", m + "/expansion", `{}`, "invalid_argument", "set"},
		{"PUT", m + "/expansion", `{"set":{"a b":"x"}}`, "invalid_argument", "key"},
		{"PUT", m + "/expansion", `{"set":{"a":"` + long + `"}}`, "too_large", "value"},
		{"PUT", m + "/expansion", `{"set":` + string(many) + `}`, "invalid_argument", "at most 20"},
		{"DELETE", m + "/expansion", `{}`, "invalid_argument", "remove"},
		{"DELETE", m + "/expansion", `{"remove":["a b"]}`, "invalid_argument", "key"},
		{"POST", m + "/receipt-request", `{"clientId":"` + long + `"}`, "too_large", "clientId"},
		{"GET", m + "/receipts?limit=0", "", "invalid_argument", "limit"},
		{"GET", m + "/receipts?limit=1001", "", "invalid_argument", "limit"},
		{"GET", m + "/receipts?cursor=nonsense", "", "invalid_argument", "cursor"},
		{"GET", m + "/receipts?cursor=MTcgYSBi", "", "invalid_argument", "cursor"},
		{"GET", m + "/receipts", "", "not_found", "receipts"},
		{"GET", m + "x", "", "not_found", "message"},
		{"PATCH", m + "x", `{"content":"x"}`, "not_found", "message"},
		{"POST", "/groups/g/receipts", `{}`, "invalid_argument", "messageUIDs"},
		{"POST", "/groups/g/receipts", `{"messageUIDs":["x"]}`, "invalid_argument", "messageUID"},
		{"POST", "/groups/g/receipts", `{"messageUIDs":["` + sent + strings.Repeat(`","`+sent, 100) + `"]}`, "invalid_argument", "at most 100"},
		{"DELETE", "/groups/g/messages", ``, "invalid_argument", "beforeTime"},
		{"DELETE", "/groups/g/messages", `{"messageUIDs":["` + sent + `"],"beforeTime":7}`, "invalid_argument", "beforeTime"},
		{"DELETE", "/groups/g/messages", `{"beforeTime":-7}`, "invalid_argument", "beforeTime"},
		{"DELETE", "/groups/g/messages", `{"messageUIDs":["x"]}`, "invalid_argument", "messageUID"},
		{"DELETE", "/groups/g/messages", `{"messageUIDs":["` + sent + strings.Repeat(`","`+sent, 100) + `"]}`, "invalid_argument", "at most 100"},
		{"GET", "/groups/g/messages?before=1&after=2", "", "invalid_argument", "before"},
		{"GET", "/groups/g/messages?beforeTime=1&afterTime=2", "", "invalid_argument", "afterTime"},
		{"GET", "/groups/g/messages?before=x", "", "invalid_argument", "before"},
		{"GET", "/groups/g/messages?after=-1", "", "invalid_argument", "after"},
		{"GET", "/groups/g/messages?beforeTime=1e3", "", "invalid_argument", "beforeTime"},
		{"GET", "/groups/g/messages?limit=0", "", "invalid_argument", "limit"},
		{"GET", "/groups/g/messages?limit=101", "", "invalid_argument", "limit"},
		{"GET", "/groups/g/messages?types=RC:Nonsense", "", "invalid_argument", "type"},
		{"GET", "/groups/g/messages?types=a" + strings.Repeat(",a", 20), "", "invalid_argument", "at most 20"},
		{"POST", "/groups/g/typing", `{"type":"RC:Nonsense"}`, "invalid_argument", "type"},
		{"POST", "/groups/g/typing", `{"content":"` + long + `"}`, "too_large", "content"},
		{"GET", "/groups/a%20b/messages", "", "invalid_argument", "groupId"},
		{"POST", "/groups/a%20b/typing", "", "invalid_argument", "groupId"},
	} {
		status, out := p.call(c.method, c.path, c.body)
		if out.Error.Code != c.want || status < 400 || status >= 500 || !strings.Contains(out.Error.Message, c.names) {
			t.Errorf("%s %.90s %.90s: %d %+v, want %s and a word of %s", c.method, c.path, c.body, status, out, c.want, c.names)
		}
	}
	if p.store.writes != before {
		t.Errorf("mistakes made %d writes", p.store.writes-before)
	}
}

// shown is a message in a page.
type shown struct {
	Seq              int64
	UID              id.Message `json:"messageUID"`
	Kind, Content    string
	Type             string
	Recalled         int64
	Edited           int64
	Expansion        map[string]struct{ V string }
	Receipt, Counted bool
}

type shownPage struct {
	Messages []shown
	More     bool
	Next     int64
}

// TestAChatSeenThroughHistory sends, changes and deletes, and reads it back.
func TestAChatSeenThroughHistory(t *testing.T) {
	ann := open(t)
	bob := ann.of("bob")
	ann.ok(ann.Groups.Join(t.Context(), "g", []id.User{"bob"}, ""))
	var sent []entry
	for i := range 30 {
		more := ""
		if i%3 == 0 {
			more = `,"expansion":{"k":"1"},"receipt":true`
		}
		sent = append(sent, ann.says(fmt.Sprint(i), more))
	}
	at := func(i int) string { return "/groups/g/messages/" + string(sent[i].UID) }
	var made entry
	ann.must("PATCH", at(3), `{"content":"better"}`, &made)
	if made.Seq != sent[29].Seq+1 || made.UID == "" || made.Sent < sent[29].Sent {
		t.Errorf("an edit answers %+v", made)
	}
	bob.must("PUT", at(6)+"/expansion", `{"set":{"k":"2","l":"3"}}`, &made)
	bob.must("DELETE", at(6)+"/expansion", `{"remove":["l"]}`, &made)
	ann.must("POST", at(9)+"/recall", `{"extra":"sorry"}`, &made)
	var page shownPage
	bob.must("GET", "/groups/g/messages?limit=100", "", &page)
	if len(page.Messages) != 30 || page.More || page.Next != 0 {
		t.Fatalf("%d messages, more: %v", len(page.Messages), page.More)
	}
	slices.Reverse(page.Messages)
	for i, m := range page.Messages {
		want := map[int]string{3: "better", 9: ""}
		content, changed := want[i]
		if !changed {
			content = "{}"
		}
		if m.UID != sent[i].UID || m.Seq != sent[i].Seq || m.Kind != "message" || m.Content != content || (m.Recalled > 0) != (i == 9) || (m.Edited > 0) != (i == 3) || m.Type != "RC:TxtMsg" || !m.Counted {
			t.Errorf("message %d is %+v", i, m)
		}
	}
	if keys := page.Messages[6].Expansion; len(keys) != 1 || keys["k"].V != "2" {
		t.Errorf("the keys are %v", keys)
	}
	var one shown
	bob.must("GET", at(3), "", &one)
	if one.UID != sent[3].UID || one.Content != "better" {
		t.Errorf("one message is %+v", one)
	}

	// A mention in the content counts, and a recall that leaves no notice leaves none.
	ann.must("PATCH", at(12), `{"content":"{\"mentionedInfo\":{\"type\":1}}"}`, &made)
	var mentions struct{ Mention struct{ Type int } }
	if bob.must("GET", at(12), "", &mentions); mentions.Mention.Type != 1 {
		t.Errorf("an edited mention is %+v", mentions)
	}
	gone := ann.says("gone", "")
	ann.ok(ann.Groups.Recall(t.Context(), "g", gone.UID, group.Recall{From: "ann", Delete: true}))
	if status, out := bob.call("GET", "/groups/g/messages/"+string(gone.UID), ""); status != 404 {
		t.Errorf("a message that was recalled without a notice: %d %+v", status, out)
	}

	// Bob deletes some, on all devices; nobody else is touched.
	bob.must("DELETE", "/groups/g/messages", fmt.Sprintf(`{"messageUIDs":[%q,%q]}`, sent[4].UID, sent[20].UID), &struct{}{})
	bob.must("DELETE", "/groups/g/messages", fmt.Sprintf(`{"messageUIDs":[%q,%q]}`, sent[4].UID, sent[20].UID), &struct{}{})
	if status, out := bob.of("bob").call("GET", at(4), ""); status != 404 {
		t.Errorf("a deleted message: %d %+v", status, out)
	}
	var other shownPage
	bob.must("GET", "/groups/g/messages?limit=100", "", &page)
	ann.must("GET", "/groups/g/messages?limit=100", "", &other)
	if len(page.Messages) != 28 || len(other.Messages) != 30 {
		t.Errorf("bob has %d, ann %d messages", len(page.Messages), len(other.Messages))
	}
	// What becomes of a deleted message is not his any more, either.
	ann.must("PATCH", at(20), `{"content":"better"}`, &made)
	bob.must("DELETE", "/groups/g/messages", fmt.Sprintf(`{"beforeTime":%d}`, time.Now().Add(time.Hour).UnixMilli()), &struct{}{})
	ann.says("last", "")
	bob.must("GET", "/groups/g/messages?limit=100", "", &page)
	if len(page.Messages) != 1 {
		t.Errorf("after he cleared it, bob has %d messages", len(page.Messages))
	}
}

// TestPagesOfAChat turns pages in all four directions and by type.
func TestPagesOfAChat(t *testing.T) {
	p := open(t)
	var sent []entry
	for i := range 50 {
		if i == 25 {
			time.Sleep(3 * time.Millisecond) // a time between two messages
		}
		sent = append(sent, p.says(fmt.Sprint(i), ""))
	}
	var typed entry
	p.must("POST", "/groups/g/messages", `{"clientId":"other","type":"app:other","content":"x"}`, &typed)
	middle := sent[24].Sent + 1
	for _, c := range []struct {
		query       string
		first, last int
		more        bool
	}{
		{"", 50, 31, true}, {"limit=1", 50, 50, true}, {"limit=51", 50, 0, false},
		{fmt.Sprintf("before=%d&limit=5", sent[10].Seq), 9, 5, true},
		{fmt.Sprintf("before=%d&limit=10", sent[10].Seq), 9, 0, false},
		{fmt.Sprintf("after=%d&limit=5", sent[10].Seq), 11, 15, true},
		{fmt.Sprintf("after=%d&limit=100", sent[45].Seq), 46, 50, false},
		{"after=0&limit=3", 0, 2, true},
		{fmt.Sprintf("beforeTime=%d&limit=5", middle), 24, 20, true},
		{fmt.Sprintf("afterTime=%d&limit=5", middle), 25, 29, true},
		{"types=RC:TxtMsg&limit=2", 49, 48, true},
		{"types=app:none,app:other", 50, 50, false},
		{"before=0", -1, -1, false}, {"beforeTime=0", -1, -1, false}, {fmt.Sprintf("after=%d", typed.Seq), -1, -1, false}, {"types=app:none", -1, -1, false},
	} {
		var page shownPage
		p.must("GET", "/groups/g/messages?"+c.query, "", &page)
		all := append(slices.Clone(sent), typed)
		var want []int64
		if c.first >= 0 {
			for i := c.first; ; {
				want = append(want, all[i].Seq)
				if i == c.last {
					break
				}
				if i < c.last {
					i++
				} else {
					i--
				}
			}
		}
		var got []int64
		for _, m := range page.Messages {
			got = append(got, m.Seq)
		}
		if !slices.Equal(got, want) || page.More != c.more || c.more && page.Next != want[len(want)-1] {
			t.Errorf("%q: %v, want %v; more: %v, next: %d", c.query, got, want, page.More, page.Next)
		}
	}
	// Large messages end a page early, and the next one goes on.
	for i := range 15 {
		p.must("POST", "/groups/g/messages", fmt.Sprintf(`{"clientId":"large %d","type":"RC:TxtMsg","content":%q}`, i, strings.Repeat("x", 120<<10)), &typed)
	}
	var page, rest shownPage
	p.must("GET", "/groups/g/messages?limit=100", "", &page)
	p.must("GET", fmt.Sprintf("/groups/g/messages?limit=100&before=%d", page.Next), "", &rest)
	if len(page.Messages) != 9 || !page.More || len(page.Messages)+len(rest.Messages) != 66 || rest.More {
		t.Errorf("%d and %d messages", len(page.Messages), len(rest.Messages))
	}
}

func TestHistoryThatIsNotKept(t *testing.T) {
	p := openWith(t, settings.Settings{})
	sent := p.says("1", "")
	for _, path := range []string{"", "/" + string(sent.UID)} {
		if status, out := p.call("GET", "/groups/g/messages"+path, ""); status != 403 || out.Error.Code != "permission_denied" || !strings.Contains(out.Error.Message, "history") {
			t.Errorf("%d %+v", status, out)
		}
	}
}

// TestReceiptsFromDevices asks, answers and counts.
func TestReceiptsFromDevices(t *testing.T) {
	ann := open(t)
	ann.ok(ann.Groups.Join(t.Context(), "g", []id.User{"bob", "cem", "dan"}, ""))
	bob, cem := ann.of("bob"), ann.of("cem")
	asked, later, never := ann.says("1", `,"receipt":true`), ann.says("2", ""), ann.says("3", "")
	hidden := ann.says("4", `,"receipt":true,"to":["dan"]`)
	var request, again entry
	ann.must("POST", "/groups/g/messages/"+string(later.UID)+"/receipt-request", "", &request)
	ann.must("POST", "/groups/g/messages/"+string(later.UID)+"/receipt-request", `{"clientId":"x"}`, &again)
	if request != again || request.Seq != hidden.Seq+1 {
		t.Errorf("asked %+v and again %+v", request, again)
	}
	read := func(p *phone) {
		p.must("POST", "/groups/g/receipts", fmt.Sprintf(`{"messageUIDs":[%q,%q,%q,%q,"0000-0000-0000-0001"]}`, asked.UID, later.UID, never.UID, hidden.UID), &struct{}{})
	}
	read(bob)
	read(cem)
	read(bob)
	read(ann) // her own
	type readers struct {
		Read []struct {
			UserID string
			At     int64
		}
		Unread int
		More   bool
		Cursor string
	}
	count := func(uid id.Message, read, unread int) {
		t.Helper()
		var page readers
		ann.must("GET", "/groups/g/messages/"+string(uid)+"/receipts", "", &page)
		if len(page.Read) != read || page.Unread != unread || page.More || page.Cursor != "" {
			t.Errorf("%s: %+v, want %d and %d", uid, page, read, unread)
		}
	}
	count(asked.UID, 2, 1)
	count(later.UID, 2, 1)
	count(hidden.UID, 0, 1)
	if status, out := ann.call("GET", "/groups/g/messages/"+string(never.UID)+"/receipts", ""); status != 404 {
		t.Errorf("a message that asks nobody: %d %+v", status, out)
	}
	// In pages.
	var first, second readers
	ann.must("GET", "/groups/g/messages/"+string(asked.UID)+"/receipts?limit=1", "", &first)
	ann.must("GET", "/groups/g/messages/"+string(asked.UID)+"/receipts?limit=1&cursor="+first.Cursor, "", &second)
	if !first.More || second.More || len(first.Read) != 1 || len(second.Read) != 1 || first.Read[0].UserID == second.Read[0].UserID || second.Read[0].At < first.Read[0].At || second.Unread != 1 {
		t.Errorf("the pages are %+v and %+v", first, second)
	}
	// Who leaves is not waited for, and has read it all the same.
	ann.ok(ann.Groups.Quit(t.Context(), "g", []id.User{"cem", "dan"}))
	count(asked.UID, 2, 0)
	// Ann is told of each.
	highest := map[id.Message]int{}
	for _, one := range *ann.told {
		var e event.Receipt
		ann.ok(json.Unmarshal([]byte(one), &e))
		if e.User != "ann" || e.Receipt.Group != "g" {
			t.Errorf("told %+v", e)
		}
		highest[e.Receipt.MessageUID] = max(highest[e.Receipt.MessageUID], e.Receipt.Read)
	}
	if len(highest) != 2 || highest[asked.UID] != 2 || highest[later.UID] != 2 {
		t.Errorf("ann was told of %v", highest)
	}
}

// TestTypingIsHeardAndGone looks at what is announced.
func TestTypingIsHeardAndGone(t *testing.T) {
	p := open(t)
	before, writes := len(*p.announced), p.store.writes
	p.must("POST", "/groups/g/typing", "", &struct{}{})
	p.must("POST", "/groups/g/typing", `{"content":"{\"typingContentType\":\"RC:TxtMsg\"}"}`, &struct{}{})
	heard := (*p.announced)[before:]
	if len(heard) != 2 || !strings.Contains(heard[0], `"kind":"status"`) || !strings.Contains(heard[0], "RC:TypSts") || !strings.Contains(heard[1], "typingContentType") || p.store.writes != writes {
		t.Errorf("announced %v with %d writes", heard, p.store.writes-writes)
	}
}

// TestDevicesSendSoFast holds the limit for each user, over all calls that count.
func TestDevicesSendSoFast(t *testing.T) {
	p := openWith(t, settings.Settings{DeviceRate: 5})
	bob := p.of("bob")
	p.ok(p.Groups.Join(t.Context(), "g", []id.User{"bob"}, ""))
	sent := p.says("0", `,"expansion":{}`)
	m := "/groups/g/messages/" + string(sent.UID)
	counted := [][3]string{
		{"POST", "/groups/g/messages", `{"clientId":"0","type":"RC:TxtMsg","content":"{}"}`}, {"PATCH", m, `{"content":"x"}`},
		{"PUT", m + "/expansion", `{"set":{"k":"v"}}`}, {"DELETE", m + "/expansion", `{"remove":["k"]}`}, {"POST", "/groups/g/typing", ""},
	}
	refused := map[string]bool{}
	for range 5 {
		for _, c := range counted {
			if status, out := p.call(c[0], c[1], c[2]); status == 429 {
				if out.Error.Code != "rate_limited" || out.Error.RC != 20604 {
					t.Errorf("%v: %+v", c, out)
				}
				refused[c[0]+c[1]] = true
			} else if status != 200 {
				t.Errorf("%v: %d %+v", c, status, out)
			}
		}
	}
	for i := 0; ; i++ {
		if w := p.do("POST", "/groups/g/typing", ""); w.Code == 429 {
			if w.Header().Get("Retry-After") != "1" {
				t.Errorf("refused with %v", w.Header())
			}
			break
		}
		if i > 1000 {
			t.Fatal("typing is never refused")
		}
	}
	if len(refused) != len(counted) {
		t.Errorf("only %v were ever refused", refused)
	}
	r := p.into("GET", "/groups/g/messages", "", &problem{})
	if r != 403 { // no history is kept, and nothing is counted
		t.Errorf("history: %d", r)
	}
	p.must("POST", m+"/recall", "", &entry{})
	bob.says("1", "")
}
