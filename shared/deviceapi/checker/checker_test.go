package checker_test

import (
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/throng-im/throng/shared/deviceapi/checker"
)

// TestTheCheckerBites has right exchanges pass, and finds what is wrong with
// others, by a word of what it says.
func TestTheCheckerBites(t *testing.T) {
	const (
		made    = `{"messageUID":"0123-4567-89AB-CDEF","seq":7,"sentTime":1700000000000}`
		message = `{"clientId":"1","type":"RC:TxtMsg","content":"x"}`
		refusal = `{"error":{"code":"not_member","message":"no","rc":22406}}`
		many    = `{"error":{"code":"rate_limited","message":"no","rc":20604}}`
		entry   = `{"seq":1,"kind":"message","messageUID":"0123-4567-89AB-CDEF","at":1,"counted":true,"persisted":true,"expansion":{"k":{"v":"1","ts":1}}}`
	)
	page := func(e string) string { return `{"messages":[` + e + `],"more":false}` }
	for _, c := range []struct {
		method, target, body string
		status               int
		reply, wrong         string
	}{
		{"POST", "/groups/g/messages", message, 200, made, ""},
		{"POST", "/groups/g/messages", message, 403, refusal, ""},
		{"POST", "/groups/g/messages", "what was refused may be anything", 403, refusal, ""},
		{"GET", "/groups/g/messages?limit=100&types=a,b&before=7", "", 200, page(entry), ""},
		{"GET", "/tags/a%2Fb", "", 200, `{"tagId":"a/b","name":"x","createdAt":1}`, ""},
		{"PUT", "/settings", `{"quietHours":null}`, 200, `{}`, ""},
		{"PUT", "/settings", `{"quietHours":{"start":"23:59:59","minutes":1}}`, 200, `{}`, ""},
		{"POST", "/groups/g/typing", ``, 200, `{}`, ""},
		{"GET", "/nothing", "", 404, `{"error":{"code":"not_found","message":"no"}}`, ""},
		{"PUT", "/sync", "", 405, `{"error":{"code":"invalid_argument","message":"no"}}`, ""},

		// Replies.
		{"POST", "/groups/g/messages", message, 200, `{"messageUID":"0123-4567-89AB-CDEF","seq":7}`, "sentTime"},
		{"POST", "/groups/g/messages", message, 200, strings.Replace(made, "}", `,"more":1}`, 1), "more"},
		{"POST", "/groups/g/messages", message, 200, strings.Replace(made, "7", `"7"`, 1), "seq"},
		{"POST", "/groups/g/messages", message, 200, strings.Replace(made, "0123", `0oi3`, 1), "messageUID"},
		{"POST", "/groups/g/messages", message, 200, "", "JSON"},
		{"POST", "/groups/g/messages", message, 200, made + made, "JSON"},
		{"GET", "/groups/g/messages", "", 200, page(strings.Replace(entry, `"at"`, `"secret":"x","at"`, 1)), "secret"},
		{"GET", "/groups/g/messages", "", 200, page(strings.Replace(entry, `"ts":1`, `"ts":1,"by":"x"`, 1)), "by"},
		{"GET", "/groups/g/messages", "", 200, page(strings.Replace(entry, `"k"`, `"k k"`, 1)), "k k"},
		{"GET", "/groups/g/messages", "", 200, page(strings.Replace(entry, `"message"`, `"massage"`, 1)), "kind"},
		{"GET", "/groups/g/messages", "", 200, page(strings.Replace(entry, `"seq":1,`, ``, 1)), "seq"},
		{"GET", "/settings", "", 200, `{"version":1,"notify":{"group":3},"quietHours":null,"conversations":{}}`, "group"},
		{"GET", "/settings", "", 200, `{"version":1,"notify":{"group":1},"conversations":{}}`, "quietHours"},

		// Failures.
		{"POST", "/groups/g/messages", message, 418, refusal, "status"},
		{"POST", "/groups/g/messages", message, 404, refusal, "status"},
		{"GET", "/settings", "", 403, refusal, "status"},
		{"GET", "/groups/g/unread", "", 403, strings.Replace(refusal, "not_member", "permission_denied", 1), "code"},
		{"POST", "/groups/g/messages", message, 400, refusal, "code"},
		{"POST", "/groups/g/messages", message, 403, strings.Replace(refusal, `"message"`, `"text"`, 1), "message"},
		{"POST", "/groups/g/messages", message, 403, `{"code":"not_member","message":"no"}`, "error"},
		{"POST", "/groups/g/messages", message, 429, many, "Retry-After"},
		{"GET", "/nothing", "", 200, `{}`, "no such call"},
		{"GET", "/groups//unread", "", 200, `{}`, "no such call"},
		{"PUT", "/sync", "", 200, `{}`, "no such call"},
		{"HEAD", "/tags", "", 200, `{"tags":[]}`, "no such call"},

		// Requests that should not have succeeded, or that use what is not described.
		{"POST", "/groups/g/messages", `{"type":"RC:TxtMsg","content":"x"}`, 200, made, "clientId"},
		{"POST", "/groups/g/messages", strings.Replace(message, `"x"`, `"x","loud":true`, 1), 200, made, "loud"},
		{"POST", "/groups/g/messages", strings.Replace(message, `"x"`, `"x","push":{"loud":true}`, 1), 200, made, "loud"},
		{"POST", "/groups/g/messages", strings.Replace(message, `"1"`, `"`+strings.Repeat("1", 65)+`"`, 1), 200, made, "clientId"},
		{"POST", "/groups/g/messages", "", 200, made, "body"},
		{"POST", "/groups/a%20b/messages", message, 200, made, "groupId"},
		{"GET", "/groups/g/messages?limit=101", "", 200, page(""), "limit"},
		{"GET", "/groups/g/messages?limit=x", "", 200, page(""), "limit"},
		{"GET", "/groups/g/messages?loud=1", "", 200, page(""), "loud"},
		{"GET", "/groups/g/messages?types=a,", "", 200, page(""), "types"},
		{"GET", "/groups/g/messages", `{}`, 200, page(""), "no body"},
		{"PUT", "/settings", `{"quietHours":{"start":"24:00:00","minutes":1}}`, 200, `{}`, "start"},
	} {
		e := checker.Exchange{Method: c.method, Target: c.target, Body: c.body, Status: c.status, Reply: []byte(c.reply), Header: http.Header{"Content-Type": {"application/json"}}}
		_, err := e.Check()
		if (c.wrong == "") != (err == nil) || err != nil && !strings.Contains(err.Error(), c.wrong) {
			t.Errorf("%s %s %s answered %d %s: %v, want a word of %q", c.method, c.target, c.body, c.status, c.reply, err, c.wrong)
		}
	}
	html := checker.Exchange{Method: "GET", Target: "/tags", Status: 200, Reply: []byte(`{"tags":[]}`), Header: http.Header{"Content-Type": {"text/html"}}}
	if _, err := html.Check(); err == nil {
		t.Error("an answer may be of any type")
	}
	paced := checker.Exchange{Method: "POST", Target: "/groups/g/typing", Status: 429, Reply: []byte(many), Header: http.Header{"Content-Type": {"application/json"}, "Retry-After": {"1"}}}
	if seen, err := paced.Check(); err != nil || seen != (checker.Seen{Operation: "sendTyping", Code: "rate_limited"}) {
		t.Errorf("%+v %v", seen, err)
	}
}

func TestEventsOfTheStream(t *testing.T) {
	const entry = `{"seq":1,"kind":"joined","at":1,"users":["ann"]}`
	for _, c := range []struct {
		kind, data string
		ok         bool
	}{
		{"entries", `{"groupId":"g","after":0,"lastSeq":1,"entries":[` + entry + `]}`, true},
		{"entries", `{"groupId":"g","after":0,"lastSeq":1,"entries":[]}`, true},
		{"status", `{"groupId":"g","entries":[{"kind":"status","messageUID":"0123-4567-89AB-CDEF","at":1,"from":"ann","type":"RC:TypSts","content":"{}","counted":false,"persisted":false}]}`, true},
		{"conversation", `{"settings":{"version":1,"notify":{"group":0},"quietHours":null,"conversations":{"g":5}}}`, true},
		{"conversation", `{"conversations":[{"groupId":"g","changed":1,"pinned":false,"tags":[],"draft":"","readSeq":0}],"tags":[]}`, true},
		{"membership", `{"groupId":"g","kind":"dismissed","seq":9,"at":1}`, true},
		{"receipt", `{"groupId":"g","messageUID":"0123-4567-89AB-CDEF","read":1}`, true},
		{"ping", `{}`, true}, {"resync", `{}`, true}, {"resync", `{"groupId":"g"}`, true}, {"goodbye", `{"reason":"shutdown"}`, true},
		{"entries", `{"groupId":"g","lastSeq":1,"entries":[]}`, false},
		{"entries", `{"groupId":"g","after":0,"lastSeq":1,"entries":[{"kind":"joined","at":1}]}`, false},
		{"membership", `{"groupId":"g","kind":"renamed","seq":9,"at":1}`, false},
		{"receipt", `{"groupId":"g","messageUID":"0123-4567-89AB-CDEF","read":1,"by":"bob"}`, false},
		{"ping", `{"at":1}`, false}, {"goodbye", `{"reason":"because"}`, false}, {"goodbye", ``, false}, {"hello", `{}`, false},
	} {
		if err := checker.Event(c.kind, []byte(c.data)); c.ok != (err == nil) {
			t.Errorf("%s %s: %v", c.kind, c.data, err)
		}
	}
}

func TestFramesOfAStreamThatIsCutOff(t *testing.T) {
	stream := ": hello\n\nevent: ping\n\nevent: entries\nid: 7\ndata: {\"a\":\"b: c\"}\n\nevent: entries\nid: 8\ndata: {}\n"
	var got []string
	err := checker.Frames(strings.NewReader(stream), func(name, id, data string) { got = append(got, name+"|"+id+"|"+data) })
	if want := []string{"ping||", `entries|7|{"a":"b: c"}`}; err != nil || !slices.Equal(got, want) {
		t.Errorf("%q, %v", got, err)
	}
	if err := checker.Frames(strings.NewReader("data: "+strings.Repeat("x", 9<<20)), nil); err == nil {
		t.Error("a line without an end was read")
	}
}
