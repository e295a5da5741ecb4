package main

import (
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/throng-im/throng/shared/token"
	"github.com/throng-im/throng/shared/wire"
)

// TestBadInput sends what callers get wrong, to the whole cloud. Each mistake
// has its answer from the contract, and nothing changes.
func TestBadInput(t *testing.T) {
	w := startTown(t, "THRONG_MAX_MEMBERS=1500")
	w.create("g", 1500)
	w.settle()
	w.resetCost()
	many := func(n int) url.Values {
		form := url.Values{"groupId": {"g"}, "groupName": {"G"}}
		for i := range n {
			form.Add("userId", fmt.Sprintf("new%d", i))
		}
		return form
	}
	message := func(change func(url.Values)) url.Values {
		form := url.Values{"fromUserId": {"ann"}, "toGroupId": {"g"}, "objectName": {"RC:TxtMsg"}, "content": {text}}
		change(form)
		return form
	}
	set := func(key string, values ...string) func(url.Values) {
		return func(f url.Values) { f[key] = values }
	}
	long := strings.Repeat("x", 65)
	for name, c := range map[string]struct {
		path         string
		form         url.Values
		status, code int
	}{
		"1,001 users":            {"/group/join.json", many(1001), 400, 1002},
		"one member too many":    {"/group/join.json", many(1), 405, 25411},
		"no group id":            {"/group/create.json", url.Values{"userId": {"a"}, "groupName": {"G"}}, 400, 1002},
		"no name":                {"/group/create.json", url.Values{"userId": {"a"}, "groupId": {"x"}}, 400, 1002},
		"group id too long":      {"/group/create.json", url.Values{"userId": {"a"}, "groupId": {long}, "groupName": {"G"}}, 400, 1005},
		"user id too long":       {"/user/getToken.json", url.Values{"userId": {long}, "name": {"N"}}, 400, 1005},
		"name too long":          {"/user/getToken.json", url.Values{"userId": {"u"}, "name": {long}}, 400, 1005},
		"no user name":           {"/user/getToken.json", url.Values{"userId": {"u"}}, 400, 1002},
		"four groups":            {"/message/group/publish.json", message(set("toGroupId", "a", "b", "c", "d")), 400, 1002},
		"129 KiB":                {"/message/group/publish.json", message(set("content", strings.Repeat("x", 129<<10))), 400, 1005},
		"no content":             {"/message/group/publish.json", message(set("content")), 400, 1002},
		"no sender":              {"/message/group/publish.json", message(set("fromUserId")), 400, 1002},
		"type too long":          {"/message/group/publish.json", message(set("objectName", strings.Repeat("t", 33))), 400, 1005},
		"type that looks ours":   {"/message/group/publish.json", message(set("objectName", "RC:Mine")), 400, 1002},
		"targeted to two groups": {"/message/group/publish.json", message(func(f url.Values) { f["toGroupId"] = []string{"g", "h"}; f.Set("toUserId", "ann") }), 400, 1002},
		"extension, no JSON":     {"/message/group/publish.json", message(func(f url.Values) { f.Set("expansion", "true"); f.Set("extraContent", "{") }), 400, 1002},
		"no such path":           {"/message/group/nothing.json", url.Values{"a": {"b"}}, 404, 404},
		"no such function":       {"/nothing", url.Values{"a": {"b"}}, 404, 404},
	} {
		if a := w.server(c.path, c.form); a.Status != c.status || a.Code != c.code || a.Text == "" {
			t.Errorf("%s: %+v, want %d with code %d", name, a, c.status, c.code)
		}
	}
	// Not mistakes, though nothing comes of them.
	for name, c := range map[string]struct {
		path string
		form url.Values
	}{
		"publish to an unknown group": {"/message/group/publish.json", message(set("toGroupId", "unknown"))},
		"dismiss an unknown group":    {"/group/dismiss.json", url.Values{"groupId": {"unknown"}, "userId": {"a"}}},
		"rename an unknown group":     {"/group/refresh.json", url.Values{"groupId": {"unknown"}, "groupName": {"N"}}},
		"quit an unknown group":       {"/group/quit.json", url.Values{"groupId": {"unknown"}, "userId": {"a"}}},
	} {
		if a := w.must(c.path, c.form); strings.HasPrefix(c.path, "/message") && len(a.UIDs) != 1 {
			t.Errorf("%s: %+v", name, a)
		}
	}
	if a := w.must("/group/user/query.json", url.Values{"groupId": {"unknown"}}); a.Users == nil || len(a.Users) != 0 {
		t.Errorf("the members of an unknown group are %+v", a.Users)
	}
	w.settle()
	if c := w.cost().Total; c.Writes != 0 || c.Published != 0 {
		t.Errorf("refused and empty requests wrote: %+v", c)
	}
	w.must("/group/join.json", url.Values{"groupId": {"g"}, "userId": {member(1)}}) // a full group may be joined again
	if a := w.must("/group/user/query.json", url.Values{"groupId": {"g"}}); len(a.Users) != 1500 {
		t.Errorf("the group has %d members", len(a.Users))
	}
}

func TestBadEnvelopes(t *testing.T) {
	w := startTown(t, "THRONG_SIGNATURE_WINDOW=1m")
	for name, c := range map[string]struct {
		method       string
		change       func(*http.Request)
		status, code int
	}{
		"as it should be": {"POST", func(*http.Request) {}, 200, 200},
		"wrong secret":    {"POST", func(r *http.Request) { sign(r, "wrong") }, 401, 1004},
		"no signature":    {"POST", func(r *http.Request) { r.Header.Del("Signature") }, 401, 1004},
		"unknown app":     {"POST", func(r *http.Request) { r.Header.Set("App-Key", "x") }, 401, 1001},
		"stale": {"POST", func(r *http.Request) {
			r.Header.Set("Timestamp", "1480479442")
			r.Header.Set("Nonce", "1")
			r.Header.Set("Signature", wire.Signature("dev-secret", "1", "1480479442"))
		}, 401, 1004},
		"GET":    {"GET", func(*http.Request) {}, 405, 405},
		"DELETE": {"DELETE", func(*http.Request) {}, 405, 405},
		"50 MB": {"POST", func(r *http.Request) {
			r.Body, r.ContentLength = io.NopCloser(io.LimitReader(letters{}, 50<<20)), 50<<20
		}, 400, 1508},
		"broken escapes, still readable": {"POST", func(r *http.Request) {
			body := "userId=ann&name=A&junk=%zz;&%=%"
			r.Body, r.ContentLength = io.NopCloser(strings.NewReader(body)), int64(len(body))
		}, 200, 200},
	} {
		r, _ := http.NewRequest(c.method, w.url(portGateway)+"/user/getToken.json", strings.NewReader("userId=ann&name=Ann"))
		sign(r, "dev-secret")
		c.change(r)
		res, err := w.client.Do(r)
		if err != nil {
			// A server that answers early and closes may cut the upload off.
			if name != "50 MB" {
				t.Errorf("%s: %v", name, err)
			}
			continue
		}
		body, _ := io.ReadAll(res.Body)
		_ = res.Body.Close()
		if res.StatusCode != c.status || !strings.Contains(string(body), fmt.Sprintf(`"code":%d`, c.code)) {
			t.Errorf("%s: %d %s, want %d with code %d", name, res.StatusCode, body, c.status, c.code)
		}
	}
}

type letters struct{}

func (letters) Read(b []byte) (int, error) {
	for i := range b {
		b[i] = 'a'
	}
	return len(b), nil
}

func TestBadTokensAndDeviceCalls(t *testing.T) {
	w := startTown(t)
	w.must("/group/create.json", url.Values{"groupId": {"g"}, "groupName": {"G"}, "userId": {"ann"}})
	w.settle()
	good := w.token("ann")
	at := func(app, secret string, clock time.Time, life time.Duration) string {
		text, err := token.New(app, secret, func() time.Time { return clock }).Issue("ann", life, false)
		if err != nil {
			t.Fatal(err)
		}
		return text
	}
	w.resetCost()
	device, send := `{"platform":"ios","pushToken":"t"}`, `{"clientId":"1","type":"RC:TxtMsg","content":"x"}`
	huge := fmt.Sprintf(`{"clientId":"1","type":"RC:TxtMsg","content":%q}`, strings.Repeat("x", 129<<10))
	for name, c := range map[string]struct {
		method, path, token, body string
		status                    int
		code                      string
	}{
		"no token":             {"PUT", "/devices/d", "", device, 401, "unauthenticated"},
		"forged":               {"PUT", "/devices/d", good[:len(good)-4] + "AAAA", device, 401, "unauthenticated"},
		"garbage":              {"PUT", "/devices/d", "x.y.z", device, 401, "unauthenticated"},
		"unsigned":             {"PUT", "/devices/d", "eyJhbGciOiJub25lIn0.eyJzdWIiOiJhbm4iLCJhdWQiOiJkZXYtYXBwIn0.", device, 401, "unauthenticated"},
		"another app's":        {"PUT", "/devices/d", at("other", "dev-secret", time.Now(), 0), device, 401, "unauthenticated"},
		"another secret's":     {"PUT", "/devices/d", at("dev-app", "other", time.Now(), 0), device, 401, "unauthenticated"},
		"expired":              {"PUT", "/devices/d", at("dev-app", "dev-secret", time.Now().Add(-time.Hour), time.Minute), device, 401, "token_expired"},
		"unknown platform":     {"PUT", "/devices/d", good, `{"platform":"fax","pushToken":"t"}`, 400, "invalid_argument"},
		"no push token":        {"PUT", "/devices/d", good, `{"platform":"ios"}`, 400, "invalid_argument"},
		"device id too long":   {"PUT", "/devices/" + strings.Repeat("d", 65), good, device, 413, "too_large"},
		"no JSON":              {"POST", "/groups/g/messages", good, "hello", 400, "invalid_argument"},
		"wrong types":          {"POST", "/groups/g/messages", good, `{"clientId":7}`, 400, "invalid_argument"},
		"no clientId":          {"POST", "/groups/g/messages", good, `{"type":"RC:TxtMsg","content":"x"}`, 400, "invalid_argument"},
		"no content":           {"POST", "/groups/g/messages", good, `{"clientId":"1","type":"RC:TxtMsg"}`, 400, "invalid_argument"},
		"content too large":    {"POST", "/groups/g/messages", good, huge, 413, "too_large"},
		"push text too large":  {"POST", "/groups/g/messages", good, fmt.Sprintf(`{"clientId":"1","type":"RC:TxtMsg","content":"x","push":{"data":%q}}`, strings.Repeat("x", 33<<10)), 413, "too_large"},
		"unknown group":        {"POST", "/groups/nowhere/messages", good, send, 403, "not_member"},
		"unknown path":         {"POST", "/nowhere", good, send, 404, "not_found"},
		"wrong method":         {"GET", "/devices/d", good, "", 405, "invalid_argument"},
		"mention of what":      {"POST", "/groups/g/messages", good, `{"clientId":"1","type":"RC:TxtMsg","content":"x","mention":{"type":7}}`, 400, "invalid_argument"},
		"body of two megabyte": {"POST", "/groups/g/messages", good, `{"content":"` + strings.Repeat("x", 2<<20) + `"}`, 413, "too_large"},
	} {
		var out struct {
			Error struct{ Code, Message string }
		}
		if status := w.device(c.method, c.path, c.token, c.body, &out); status != c.status || out.Error.Code != c.code || out.Error.Message == "" {
			t.Errorf("%s: %d %+v, want %d %s", name, status, out, c.status, c.code)
		}
	}
	if c := w.cost().Total; c.Writes != 0 || c.Published != 0 {
		t.Errorf("refused calls wrote: %+v", c)
	}
}
