package main

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"
)

// quiet is bob, whose settings change, and cem beside him, who set nothing.
type quiet struct{ *town }

// set calls the server API with pairs of names and values.
func (q quiet) set(path string, pairs ...string) {
	q.Helper()
	form := url.Values{}
	for i := 0; i < len(pairs); i += 2 {
		form.Add(pairs[i], pairs[i+1])
	}
	q.must(path, form)
}

func (q quiet) level(name, level string) {
	q.Helper()
	q.set("/conversation/notification/set.json", "conversationType", "3", "requestId", "bob", "targetId", name, "unpushLevel", level)
}

// expect publishes a message, waits until cem was notified, and says what bob
// was shown, empty for nothing.
func (q quiet) expect(when, name, content, bob string) {
	q.Helper()
	q.forgetPushes()
	form := url.Values{"fromUserId": {"ann"}, "toGroupId": {name}, "objectName": {"RC:TxtMsg"}, "content": {content}}
	if strings.Contains(content, "mentionedInfo") {
		form.Set("isMentioned", "1")
	}
	q.must("/message/group/publish.json", form)
	shown := func(token string) (bodies []string) {
		for _, p := range q.pushes() {
			if p.Token == token {
				bodies = append(bodies, p.Message.Data["body"])
			}
		}
		return bodies
	}
	q.eventually("cem was notified "+when, func() bool { return len(shown("cem")) == 1 })
	q.settle()
	if got := strings.Join(shown("bob"), " and "); got != bob {
		q.Errorf("%s bob was shown %q, want %q", when, got, bob)
	}
}

// TestSettingsDecideWhoIsNotified sets what the server API lets one set, and
// holds it against what a phone shows.
func TestSettingsDecideWhoIsNotified(t *testing.T) {
	t.Parallel()
	q := quiet{startTown(t, "THRONG_TIME_ZONE=Asia/Shanghai")}
	q.set("/group/create.json", "groupId", "g", "groupName", "G", "userId", "ann", "userId", "bob", "userId", "cem")
	for _, u := range []string{"bob", "cem"} {
		if status := q.device("PUT", "/devices/phone", q.token(u), `{"platform":"web","pushToken":"`+u+`"}`, nil); status != 200 {
			t.Fatalf("a device was answered %d", status)
		}
	}
	const mention = `{"content":"hello","mentionedInfo":{"type":2,"userIdList":["bob"],"mentionedContent":"look here"}}`
	const toAll = `{"content":"hello","mentionedInfo":{"type":1,"mentionedContent":"everybody"}}`
	q.expect("with nothing set", "g", text, "hello")

	q.settle()
	before := q.cost().Total
	q.level("g", "5")
	if c := q.cost().Total.Sub(before); c.Writes > 4 {
		t.Errorf("a level for one group cost %+v", c)
	}
	q.expect("at level 5", "g", mention, "")
	q.level("g", "1")
	q.expect("at level 1", "g", text, "")
	q.expect("mentioned at level 1", "g", mention, "look here")
	q.level("g", "2")
	q.expect("one of all at level 2", "g", toAll, "")

	// What a user set for a group holds from the moment in which they join it.
	q.level("later", "5")
	q.set("/group/create.json", "groupId", "later", "groupName", "Later", "userId", "bob", "userId", "cem")
	q.expect("new in a group at level 5", "later", mention, "")

	q.level("g", "0")
	q.set("/conversation/type/notification/set.json", "conversationType", "3", "requestId", "bob", "unpushLevel", "5")
	q.expect("with groups at level 5", "g", mention, "")
	q.set("/conversation/type/notification/set.json", "conversationType", "3", "requestId", "bob", "unpushLevel", "0")

	shanghai := time.FixedZone("Asia/Shanghai", 8*60*60)
	q.set("/user/blockPushPeriod/set.json", "userId", "bob", "startTime", time.Now().In(shanghai).Add(-12*time.Hour).Format(time.TimeOnly), "period", "1439")
	q.expect("in quiet hours", "g", text, "")
	q.expect("mentioned in quiet hours", "g", mention, "look here")
	q.set("/user/blockPushPeriod/delete.json", "userId", "bob")
	q.expect("with nothing set again", "g", text, "hello")
}

// TestTheAppHasALevel starts a cloud whose app wants mentions only.
func TestTheAppHasALevel(t *testing.T) {
	t.Parallel()
	q := quiet{startTown(t, "THRONG_NOTIFY_LEVEL=1")}
	q.set("/group/create.json", "groupId", "g", "groupName", "G", "userId", "ann", "userId", "bob", "userId", "cem")
	for _, u := range []string{"bob", "cem"} {
		if status := q.device("PUT", "/devices/phone", q.token(u), `{"platform":"web","pushToken":"`+u+`"}`, nil); status != 200 {
			t.Fatalf("a device was answered %d", status)
		}
	}
	const mention = `{"content":"hello","mentionedInfo":{"type":2,"userIdList":["cem"],"mentionedContent":"look here"}}`
	q.expect("not mentioned", "g", mention, "")
	q.level("g", "-1")
	q.expect("who wants every message", "g", mention, "hello")
}

// TestTagsThroughTheGateway sends JSON bodies and query strings.
func TestTagsThroughTheGateway(t *testing.T) {
	w := startTown(t)
	call := func(method, path, body string, into any) {
		t.Helper()
		r, err := http.NewRequest(method, w.url(portGateway)+path, strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		sign(r, "dev-secret")
		r.Header.Set("Content-Type", "application/json")
		if status := w.send(r, into); status != 200 {
			t.Fatalf("%s answered %d", path, status)
		}
	}
	const conversations = `{"userId":"ann","tagId":"t","conversations":[{"targetId":"g","conversationType":3}]}`
	call("POST", "/user/conversation/tag/set.json", `{"userId":"ann","tags":[{"tagId":"t","tagName":"Work"}]}`, nil)
	call("POST", "/tag/conversation/set.json", conversations, nil)
	quiet{w}.set("/conversation/top/set.json", "userId", "ann", "conversationType", "3", "targetId", "g", "setTop", "true")
	var got struct {
		Data struct {
			Tags []struct{ TagName string }
			Top  struct{ Top bool }
		}
	}
	before := w.cost().Total
	call("GET", "/conversation/attribute/get.json?userId=ann&targetId=g&conversationType=3", "", &got)
	if len(got.Data.Tags) != 1 || got.Data.Tags[0].TagName != "Work" || !got.Data.Top.Top {
		t.Errorf("the conversation is %+v", got)
	}
	if c := w.cost().Total.Sub(before); c.Reads > 2 || c.Writes > 0 {
		t.Errorf("reading a conversation cost %+v", c)
	}
	call("POST", "/tag/conversation/del.json", conversations, nil)
	var tagged struct {
		Data struct{ Conversations []any }
	}
	call("GET", "/tag/conversation/get.json?userId=ann&tagId=t", "", &tagged)
	if tagged.Data.Conversations == nil || len(tagged.Data.Conversations) != 0 {
		t.Errorf("tagged are %v", tagged.Data.Conversations)
	}
}
