package client_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/url"
	"strings"
	"testing"

	"github.com/throng-im/throng/shared/conversation"
	"github.com/throng-im/throng/shared/group"
	"github.com/throng-im/throng/shared/id"
	"github.com/throng-im/throng/shared/inbox"
	"github.com/throng-im/throng/shared/notify"
	"github.com/throng-im/throng/shared/user"
)

// openInbox is open with everything that the calls about one's own need. ann is in
// the group g, and not in other.
func openInbox(t *testing.T) *phone {
	t.Helper()
	p := open(t)
	p.ok(p.Groups.Join(t.Context(), "other", []id.User{"bob"}, "Other"))
	p.ok(p.Conversations.SetMembership(context.Background(), "ann", "g", conversation.Copied{Membership: conversation.Membership{Joined: 1}, At: 1}))
	return p
}

// ask makes a call that must succeed. It counts the documents read into cost.
func (p *phone) ask(method, path, body string, into any) (cost int) {
	p.Helper()
	before, _ := p.store.counted()
	w := p.do(method, path, body)
	if w.Code != 200 {
		p.Fatalf("%s %s answered %d %s", method, path, w.Code, w.Body)
	}
	if into != nil {
		if err := json.Unmarshal(w.Body.Bytes(), into); err != nil {
			p.Fatalf("%s %s answered %s", method, path, w.Body)
		}
	}
	after, _ := p.store.counted()
	return after - before
}

func TestWhatIsRefused(t *testing.T) {
	p := openInbox(t)
	long := strings.Repeat("x", 9000)
	many := `"` + strings.Repeat(`t","`, 20) + `t"`
	for _, c := range [][4]string{
		{"POST", "/sync", `[]`, "invalid_argument"},
		{"POST", "/sync", `{"limit":0}`, "invalid_argument"},
		{"POST", "/sync", `{"limit":201}`, "invalid_argument"},
		{"POST", "/sync", `{"cursor":"x"}`, "invalid_argument"},
		{"POST", "/sync", `{"groups":{"g":-1}}`, "invalid_argument"},
		{"POST", "/sync", `{"groups":{"no group":1}}`, "invalid_argument"},
		{"POST", "/groups/g/read", `{}`, "invalid_argument"},
		{"POST", "/groups/g/read", `{"seq":-1}`, "invalid_argument"},
		{"POST", "/groups/other/read", `{"seq":1}`, "not_member"},
		{"POST", "/groups/none/read", `{"seq":1}`, "not_member"},
		{"GET", "/groups/g/unread?limit=101", "", "invalid_argument"},
		{"GET", "/groups/g/unread?limit=x", "", "invalid_argument"},
		{"GET", "/groups/g/unread?mentions=yes", "", "invalid_argument"},
		{"GET", "/groups/other/unread", "", "not_member"},
		{"GET", "/groups/none/unread", "", "not_member"},
		{"GET", "/conversations?limit=0", "", "invalid_argument"},
		{"GET", "/conversations?cursor=x", "", "invalid_argument"},
		{"PATCH", "/conversations/g", `{"pinned":"yes"}`, "invalid_argument"},
		{"PATCH", "/conversations/g", `{"notify":3}`, "invalid_argument"},
		{"PATCH", "/conversations/g", `{"tags":["t"]}`, "invalid_argument"},
		{"PATCH", "/conversations/g", `{"tags":[` + many + `]}`, "invalid_argument"},
		{"PATCH", "/conversations/g", `{"draft":"` + long + `"}`, "too_large"},
		{"PATCH", "/conversations/g", `{"clientId":"` + long + `"}`, "too_large"},
		{"PATCH", "/conversations/other", `{"draft":"x"}`, "not_member"},
		{"DELETE", "/conversations/other", "", "not_member"},
		{"PUT", "/tags/12345678901", `{"name":"x"}`, "too_large"},
		{"PUT", "/tags/t", `{"name":""}`, "invalid_argument"},
		{"PUT", "/tags/t", `{"name":"1234567890123456"}`, "too_large"},
		{"GET", "/tags/t", "", "not_found"},
		{"PUT", "/settings", `{"notify":{"group":3}}`, "invalid_argument"},
		{"PUT", "/settings", `{"quietHours":{"start":"9","minutes":5}}`, "invalid_argument"},
		{"PUT", "/settings", `{"quietHours":{"start":"09:00:00","minutes":0}}`, "invalid_argument"},
		{"PUT", "/settings", `{"quietHours":{"start":"09:00:00","minutes":5,"timeZone":"Mars/North"}}`, "invalid_argument"},
		{"PUT", "/settings", `{"quietHours":7}`, "invalid_argument"},
	} {
		if status, out := p.call(c[0], c[1], c[2]); status < 400 || out.Error.Code != c[3] {
			t.Errorf("%.90v: %d %+v", c, status, out)
		}
	}
	list, err := p.Conversations.List(t.Context(), "ann")
	set, serr := p.Users.Settings(t.Context(), "ann")
	if err != nil || serr != nil || list.Changed != 1 || set.Version != 0 {
		t.Errorf("what was refused changed something: %+v, %+v, %v, %v", list, set, err, serr)
	}
}

// TestOwnCallsAndTheirCosts makes each call once, holds what it answers and the
// documents that it reads beside the one that every call does for the token.
func TestOwnCallsAndTheirCosts(t *testing.T) {
	p := openInbox(t)
	cost := func(what string, got, most int) {
		t.Helper()
		if got > 1+most {
			t.Errorf("%s reads %d documents, more than %d", what, got, 1+most)
		}
	}
	for i := range 3 {
		e := group.Entry{From: "bob", Type: "RC:TxtMsg", Content: fmt.Sprint(i)}
		if i == 1 {
			e.Mention = &group.Mention{Type: group.MentionAll}
		}
		_, err := p.Groups.Publish(t.Context(), "g", e)
		p.ok(err)
	}
	var unread inbox.Unread
	cost("unread", p.ask("GET", "/groups/g/unread", "", &unread), 2)
	if unread.FirstUnread != 2 || unread.Count != 3 || unread.Mentions != 1 || len(unread.Messages) != 3 {
		t.Errorf("unread are %+v", unread)
	}
	p.ask("GET", "/groups/g/unread?mentions=true&limit=1", "", &unread)
	if len(unread.Messages) != 1 || !strings.Contains(string(unread.Messages[0]), `"seq":3`) {
		t.Errorf("unread mentions are %s", unread.Messages)
	}
	cost("read", p.ask("POST", "/groups/g/read", `{"seq":2}`, nil), 2)
	cost("a tag", p.ask("PUT", "/tags/"+url.PathEscape("té"), `{"name":"Work"}`, nil), 1)
	cost("a change", p.ask("PATCH", "/conversations/g", `{"clientId":"1","pinned":true,"notify":5,"tags":["té"],"draft":"hel"}`, nil), 4)
	cost("settings", p.ask("PUT", "/settings", `{"notify":{"group":1},"quietHours":{"start":"22:00:00","minutes":60,"timeZone":"Asia/Shanghai","level":5}}`, nil), 3)
	var list inbox.List
	cost("the list", p.ask("GET", "/conversations?tag="+url.QueryEscape("té"), "", &list), 3)
	if len(list.Conversations) != 1 {
		t.Fatalf("the list is %+v", list)
	}
	if c := list.Conversations[0]; !c.Pinned || *c.Notify != 5 || len(c.Tags) != 1 || c.Draft != "hel" || c.ReadSeq != 2 || c.Unread != 2 || c.Mentions != 1 || !strings.Contains(string(c.LastMessage), `"seq":4`) {
		t.Errorf("the conversation is %+v", c)
	}
	var answer inbox.Answer
	cost("a first sync", p.ask("POST", "/sync", "{}", &answer), 3)
	if len(answer.Groups) != 1 || len(answer.Conversations) != 1 || len(answer.Tags) != 1 || answer.Settings.QuietHours.Zone != "Asia/Shanghai" || answer.Settings.Notify.Group != 1 {
		t.Errorf("a sync says %+v", answer)
	}
	cost("deleting", p.ask("DELETE", "/conversations/g", "", nil), 2)
	cursor := answer.Cursor
	answer = inbox.Answer{}
	p.ask("POST", "/sync", fmt.Sprintf(`{"cursor":%q,"groups":{"g":4}}`, cursor), &answer)
	if len(answer.Conversations) != 1 || answer.Conversations[0].DeletedSeq != 4 || answer.Tags != nil || answer.Settings != nil || answer.Groups[0].Unread != 0 {
		t.Errorf("a sync after that says %+v", answer)
	}
	p.ask("GET", "/conversations", "", &list)
	if len(list.Conversations) != 0 {
		t.Errorf("a deleted conversation is listed: %+v", list)
	}
	p.ask("DELETE", "/tags/"+url.PathEscape("té"), "", nil)
	p.ask("PUT", "/settings", `{"quietHours":null}`, nil)
	var tags struct{ Tags []any }
	var set struct {
		QuietHours *struct{}
		Notify     struct{ Group int }
	}
	cost("tags", p.ask("GET", "/tags", "", &tags), 1)
	cost("settings", p.ask("GET", "/settings", "", &set), 1)
	if tags.Tags == nil || len(tags.Tags) != 0 || set.QuietHours != nil || set.Notify.Group != 1 {
		t.Errorf("tags are %+v, settings %+v", tags, set)
	}
}

// TestQuietHoursAreThoseOfTheServerAPI leaves out what has a default, and reads
// what is wrong in the names of this API.
func TestQuietHoursAreThoseOfTheServerAPI(t *testing.T) {
	p := openInbox(t)
	p.ask("PUT", "/settings", `{"quietHours":{"start":"22:00:00","minutes":60}}`, nil)
	var set user.Settings
	if p.ask("GET", "/settings", "", &set); set.QuietHours == nil || set.QuietHours.Level != notify.Mentions || set.QuietHours.Zone != "" {
		t.Errorf("quiet hours without a level are %+v", set.QuietHours)
	}
	for body, names := range map[string]string{
		`{"start":"9","minutes":5}`: "quietHours.start", `{"start":"09:00:00"}`: "quietHours.minutes", `{"start":"09:00:00","minutes":5,"level":2}`: "quietHours.level",
	} {
		if status, out := p.call("PUT", "/settings", `{"quietHours":`+body+`}`); status != 400 || !strings.Contains(out.Error.Message, names) {
			t.Errorf("%s: %d %+v, want a word of %s", body, status, out, names)
		}
	}
	for _, c := range [][3]string{
		{"POST", "/groups/g/messages", `{"clientId":"1","content":"x"}`}, {"POST", "/groups/g/typing", `{"type":"RC:None"}`}, {"GET", "/groups/g/messages?types=RC:None", ""},
	} {
		if status, out := p.call(c[0], c[1], c[2]); status != 400 || strings.Contains(out.Error.Message, "objectName") || !strings.Contains(out.Error.Message, "type") {
			t.Errorf("%v: %d %+v", c, status, out)
		}
	}
}
