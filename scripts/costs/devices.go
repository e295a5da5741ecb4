package main

import (
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/throng-im/throng/shared/deviceapi"
)

// devicePace is how far apart the device calls are: a user's devices may send five
// a second.
const devicePace = 250 * time.Millisecond

// talk is a group as the devices of its three members see it, whose first messages
// have long been sealed.
type talk struct {
	*stage
	group  string
	tokens map[string]string
	// old and new are messages, one in a segment and one in the head.
	old, new []string
}

// deviceRows lists the calls of the device API. People of their own make them, in
// groups of their own, so that it does not count what the other rows did.
func (s *stage) deviceRows() ([]row, error) {
	t := &talk{stage: s, group: "talk" + s.run, tokens: map[string]string{}}
	members := []string{"groupId", t.group, "groupName", "Talk"}
	for _, name := range []string{"ann", "bob", "cem"} {
		reply, err := s.call(row{path: "/user/getToken.json", form: form("userId", name+s.run, "name", name)})
		if err != nil {
			return nil, err
		}
		t.tokens[name], _ = reply["token"].(string)
		members = append(members, "userId", name+s.run)
	}
	if _, err := s.call(row{path: "/group/create.json", form: form(members...)}); err != nil {
		return nil, err
	}
	for i := range oldMessages {
		reply, err := s.call(row{path: "/message/group/publish.json", form: form("fromUserId", "ann"+s.run, "toGroupId", t.group, "objectName", "RC:TxtMsg", "content", hello, "expansion", "true", "isIncludeSender", "1")})
		if err != nil {
			return nil, err
		}
		switch uid := firstUID(reply); {
		case i < 8:
			t.old = append(t.old, uid)
		case i >= oldMessages-8:
			t.new = append(t.new, uid)
		}
	}
	s.stirred = true
	return t.rows(), nil
}

// by is a call of somebody's device. The path may name the group and a message.
func (t *talk) by(who, call, what, body string) row {
	method, path, _ := strings.Cut(call, " ")
	return row{
		path: deviceapi.Base + path, what: what, json: body, method: method, token: t.tokens[who],
		call:   method + " " + deviceapi.Base + fill(path),
		before: func() error { time.Sleep(devicePace); return nil },
	}
}

// names are what a row's path has in places, by the sign before it, and what the
// table calls it.
var names = map[byte]string{'@': "{groupId}", '#': "{messageUID}", '$': "{deviceId}", '%': "{tagId}"}

func fill(path string) string {
	path, _, _ = strings.Cut(path, "?")
	parts := strings.Split(path, "/")
	for i, p := range parts {
		if p != "" && names[p[0]] != "" {
			parts[i] = names[p[0]]
		}
	}
	return strings.Join(parts, "/")
}

func (t *talk) rows() []row {
	g, message := "/groups/@"+t.group, func(uid string) string { return "/groups/@" + t.group + "/messages/#" + uid }
	send := `{"clientId":%q,"type":"RC:TxtMsg","content":"{\"content\":\"hello\"}"%s}`
	uids := func(list ...string) string { return fmt.Sprintf(`{"messageUIDs":["%s"]}`, strings.Join(list, `","`)) }
	rows := []row{
		t.by("ann", "PUT /devices/$phone", "who is in one group", `{"platform":"ios","pushToken":"token","language":"en"}`),
		t.by("ann", "PUT /devices/$phone", "the same again", `{"platform":"ios","pushToken":"token","language":"en"}`),
		t.by("bob", "PUT /devices/$phone", "a phone that changes hands", `{"platform":"ios","pushToken":"token","language":"en"}`),
		t.by("bob", "DELETE /devices/$phone", "who is in one group", ""),
		t.by("ann", "POST /sync", "the first time, one group", `{}`),
		t.by("bob", "POST "+g+"/messages", "of one member", fmt.Sprintf(send, "warm", "")),
		t.by("ann", "POST "+g+"/messages", "of another", fmt.Sprintf(send, "1", "")),
		t.by("ann", "POST "+g+"/messages", "the same again", fmt.Sprintf(send, "1", "")),
		t.by("ann", "GET "+g+"/messages?limit=20", "the newest 20", ""),
		t.by("ann", "GET "+g+"/messages?limit=100", "the newest 100", ""),
		t.by("ann", "GET "+message(t.new[0]), "in the head", ""),
		t.by("ann", "GET "+message(t.old[0]), "sealed", ""),
		t.by("ann", "PATCH "+message(t.new[0]), "in the head", `{"content":"better"}`),
		t.by("ann", "PATCH "+message(t.old[0]), "sealed", `{"content":"better"}`),
		t.by("bob", "PUT "+message(t.new[1])+"/expansion", "in the head", `{"set":{"k":"v"}}`),
		t.by("bob", "PUT "+message(t.old[1])+"/expansion", "sealed", `{"set":{"k":"v"}}`),
		t.by("bob", "DELETE "+message(t.new[1])+"/expansion", "in the head", `{"remove":["k"]}`),
		t.by("ann", "POST "+message(t.new[2])+"/receipt-request", "in the head", ""),
		t.by("bob", "POST "+g+"/receipts", "one message", uids(t.new[2])),
		t.by("ann", "GET "+message(t.new[2])+"/receipts", "", ""),
		t.by("ann", "POST "+message(t.new[3])+"/recall", "in the head", ""),
		t.by("ann", "POST "+message(t.old[3])+"/recall", "sealed", ""),
		t.by("ann", "DELETE "+g+"/messages", "two messages", uids(t.new[4], t.old[4])),
		t.by("ann", "POST "+g+"/typing", "", ""),
		t.by("ann", "POST "+g+"/read", "", `{"seq":5}`),
		t.by("ann", "GET "+g+"/unread", "200 unread", ""),
		t.by("ann", "GET /conversations", "one group", ""),
		t.by("ann", "PUT /tags/%t", "", `{"name":"Work"}`),
		t.by("ann", "GET /tags", "", ""),
		t.by("ann", "GET /tags/%t", "", ""),
		t.by("ann", "PATCH /conversations/@"+t.group, "pin, tag and draft", `{"pinned":true,"tags":["t"],"draft":"hel"}`),
		t.by("ann", "PATCH /conversations/@"+t.group, "Do Not Disturb", `{"notify":5}`),
		t.by("ann", "DELETE /conversations/@"+t.group, "", ""),
		t.by("ann", "DELETE /tags/%t", "", ""),
		t.by("ann", "PUT /settings", "who is in one group", `{"notify":{"group":1}}`),
		t.by("ann", "GET /settings", "", ""),
	}
	rows[0].stirs = true // the roster, whose copy other functions may have to read anew
	return append(rows, t.streamRows()...)
}

// request makes a row's request of a device.
func (c *caller) request(r row) (*http.Request, error) {
	query := ""
	if _, q, ok := strings.Cut(r.path, "?"); ok {
		query = "?" + q
	}
	path := strings.NewReplacer("/@", "/", "/#", "/", "/$", "/", "/%", "/").Replace(strings.TrimSuffix(r.path, query))
	req, err := http.NewRequest(r.method, c.url+path+query, strings.NewReader(r.json))
	if err != nil {
		return nil, err
	}
	req.Header.Set("Authorization", "Bearer "+r.token)
	return req, nil
}

// firstUID is the message that a publish has made.
func firstUID(reply map[string]any) string {
	uids, _ := reply["messageUIDs"].([]any)
	if len(uids) == 0 {
		return ""
	}
	first, _ := uids[0].(map[string]any)
	uid, _ := first["messageUID"].(string)
	return uid
}
