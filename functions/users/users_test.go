package users_test

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"reflect"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/throng-im/throng/functions/users"
	"github.com/throng-im/throng/shared/cloud"
	"github.com/throng-im/throng/shared/commit"
	"github.com/throng-im/throng/shared/contract/contracttest"
	"github.com/throng-im/throng/shared/group"
	"github.com/throng-im/throng/shared/id"
	"github.com/throng-im/throng/shared/presence"
	"github.com/throng-im/throng/shared/settings"
	"github.com/throng-im/throng/shared/token"
	"github.com/throng-im/throng/shared/user"
)

// office is the function on a store in memory.
type office struct {
	*testing.T
	*cloud.Cloud
	store *commit.Memory
	http.Handler
}

func open(t *testing.T) *office {
	t.Helper()
	store := new(commit.Memory)
	groups := group.New(store, func(context.Context, ...[]byte) error { return nil }, group.Options{})
	c := &cloud.Cloud{
		Settings: settings.Settings{AppKey: "key", AppSecret: "secret", TimeZone: time.FixedZone("UTC+8", 8*3600)},
		Groups:   groups, Users: user.New(store, groups, nil, 0, time.Now),
		Tokens: token.New("key", "secret", time.Now), Presence: presence.New(store, time.Now),
	}
	return &office{t, c, store, users.Handler(c)}
}

// call sends a form as it stands and returns the status and the decoded reply.
func (o *office) call(path, form string) (int, map[string]any) {
	o.Helper()
	status, raw := contracttest.Call(o.T, o, http.MethodPost, path, form)
	var out map[string]any
	if err := json.Unmarshal(raw, &out); err != nil {
		o.Fatalf("%s answered %q", path, raw)
	}
	return status, out
}

// ok is call for what must be answered with 200; it returns what is beside the code.
func (o *office) ok(path, form string) map[string]any {
	o.Helper()
	status, out := o.call(path, form)
	if status != 200 || out["code"] != 200.0 {
		o.Fatalf("%s %s: %d %v", path, form, status, out)
	}
	delete(out, "code")
	return out
}

func (o *office) accepts(text string) bool {
	o.Helper()
	claims, err := o.Tokens.Verify(text)
	if err != nil {
		o.Fatal(err)
	}
	s, err := o.Users.Standing(o.Context(), claims.User)
	if err != nil {
		o.Fatal(err)
	}
	return s.Accepts(claims.Issued)
}

func TestRegistering(t *testing.T) {
	o := open(t)
	before := time.Now().Add(-time.Second)
	// The Go SDK leaves portraitUri out when it is empty, the others send it empty.
	first := o.ok("/user/getToken.json", "name=Ann+%E7%BE%A4&userId=ann")
	for form, admin := range map[string]bool{"": false, "&admin=false": false, "&admin=true": true} {
		text, _ := o.ok("/user/getToken.json", "name=Ann&userId=boss"+form)["token"].(string)
		if c, err := o.Tokens.Verify(text); err != nil || c.Admin != admin {
			t.Errorf("%q gives %+v, %v", form, c, err)
		}
	}
	second := o.ok("/user/getToken.json", "userId=ann&name=Anne&portraitUri=http%3A%2F%2Fa%2Fb.png")
	for _, r := range []map[string]any{first, second} {
		text, _ := r["token"].(string)
		if len(r) != 2 || r["userId"] != "ann" || text == "" || len(text) > 256 || !o.accepts(text) {
			t.Errorf("answered %v", r)
		}
	}
	info := o.ok("/user/info.json", "userId=ann")
	at, err := time.ParseInLocation("2006-01-02 15:04:05", fmt.Sprint(info["createTime"]), o.Settings.TimeZone)
	if err != nil || at.Before(before.Truncate(time.Second)) || at.After(time.Now()) {
		t.Errorf("registered at %v, %v", info["createTime"], err)
	}
	delete(info, "createTime")
	if want := map[string]any{"userName": "Anne", "userPortrait": "http://a/b.png"}; !maps.Equal(info, want) {
		t.Errorf("info says %v", info)
	}
	o.ok("/user/refresh.json", "userId=ann&name=&portraitUri=")
	o.ok("/user/refresh.json", "portraitUri=http://c&name=&userId=ann")
	if info := o.ok("/user/info.json", "userId=ann"); info["userName"] != "Anne" || info["userPortrait"] != "http://c" {
		t.Errorf("after refreshing info says %v", info)
	}
}

func TestUnknownUsersAreNoError(t *testing.T) {
	o := open(t)
	for _, path := range []string{"/user/refresh.json", "/user/token/expire.json"} {
		if out := o.ok(path, "userId=nobody&name=N&time=1"); len(out) != 0 {
			t.Errorf("%s answered %v", path, out)
		}
	}
	if err := o.Users.GagEverywhere(t.Context(), []id.User{"nobody"}, time.Time{}); err != nil {
		t.Fatal(err)
	}
	if out, want := o.ok("/user/info.json", "userId=nobody"), map[string]any{"userName": "", "userPortrait": "", "createTime": ""}; !maps.Equal(out, want) {
		t.Errorf("info says %v", out)
	}
	if out := o.ok("/user/checkOnline.json", "userId=nobody"); !maps.Equal(out, map[string]any{"status": "0"}) {
		t.Errorf("checkOnline says %v", out)
	}
}

func TestEndingTokens(t *testing.T) {
	o := open(t)
	issue := func(name string) string {
		text, _ := o.ok("/user/getToken.json", "name=N&userId="+name)["token"].(string)
		return text
	}
	anns, bobs, cids := issue("ann"), issue("bob"), issue("cid")
	time.Sleep(5 * time.Millisecond) // tokens count milliseconds
	now := strconv.FormatInt(time.Now().UnixMilli(), 10)
	o.ok("/user/token/expire.json", "userId=ann&time="+now+"&userId=bob")
	if o.accepts(anns) || o.accepts(bobs) || !o.accepts(cids) {
		t.Errorf("ann's, bob's and cid's tokens count: %v %v %v", o.accepts(anns), o.accepts(bobs), o.accepts(cids))
	}
	if !o.accepts(issue("ann")) {
		t.Error("a new token is dead")
	}
	o.ok("/user/token/expire.json", "userId=ann&time=1")
	if o.accepts(anns) {
		t.Error("an earlier time revived a token")
	}
}

func TestWhoIsConnected(t *testing.T) {
	o := open(t)
	if err := o.Presence.Set(t.Context(), "instance", []id.User{"ann"}); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{"ann": "1", "bob": "0"} {
		if out := o.ok("/user/checkOnline.json", "userId="+name); !reflect.DeepEqual(out, map[string]any{"status": want}) {
			t.Errorf("%s: %v", name, out)
		}
	}
}

func TestMistakes(t *testing.T) {
	o := open(t)
	users := func(n int) string {
		form := url.Values{"time": {"1"}}
		for i := range n {
			form.Add("userId", fmt.Sprint("u", i))
		}
		return form.Encode()
	}
	o.ok("/user/token/expire.json", users(20))
	writes := 0
	o.store.Before = func([]commit.Write) error { writes++; return nil }
	long := strings.Repeat("x", 65)
	for _, c := range []struct {
		path, form string
		code       float64
	}{
		{"/user/getToken.json", "", 1003},
		{"/user/getToken.json", "userId=ann", 1002},
		{"/user/getToken.json", "name=Ann", 1002},
		{"/user/getToken.json", "name=Ann&userId=a%2Fb", 1002},
		{"/user/getToken.json", "name=Ann&userId=" + long, 1005},
		{"/user/getToken.json", "userId=ann&name=" + long, 1005},
		{"/user/getToken.json", "userId=ann&name=Ann&portraitUri=" + strings.Repeat("x", 1025), 1005},
		{"/user/refresh.json", "name=Ann", 1002},
		{"/user/refresh.json", "userId=ann&name=" + long, 1005},
		{"/user/info.json", "a=b", 1002},
		{"/user/token/expire.json", users(21), 1002},
		{"/user/token/expire.json", "time=1", 1002},
		{"/user/token/expire.json", "userId=ann", 1002},
		{"/user/token/expire.json", "userId=ann&time=", 1002},
		{"/user/token/expire.json", "userId=ann&time=0", 1002},
		{"/user/token/expire.json", "userId=ann&time=soon", 1002},
		{"/user/token/expire.json", "userId=ann&time=" + fmt.Sprint(time.Now().Add(25*time.Hour).UnixMilli()), 1002},
		{"/user/token/expire.json", "userId=ann&time=" + fmt.Sprint(time.Now().UnixMicro()), 1002},
		{"/user/checkOnline.json", "userId=", 1002},
		{"/user/checkOnline.json", "userId=" + long, 1005},
	} {
		status, out := o.call(c.path, c.form)
		if status != 400 || out["code"] != c.code || out["errorMessage"] == "" || out["url"] != c.path {
			t.Errorf("%s %.60s: %d %v, want %v", c.path, c.form, status, out, c.code)
		}
	}
	if writes != 0 {
		t.Errorf("mistakes wrote %d times", writes)
	}
}
