package main

import (
	"math/rand/v2"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/throng-im/throng/shared/id"
	"github.com/throng-im/throng/shared/wire"
)

// strongly signs a form with the stronger signature.
func (w *town) strongly(path, body, nonce string, at time.Time) *http.Request {
	w.Helper()
	r, err := http.NewRequest(http.MethodPost, w.url(portGateway)+path, strings.NewReader(body))
	if err != nil {
		w.Fatal(err)
	}
	timestamp := strconv.FormatInt(at.UnixMilli(), 10)
	r.Header.Set("App-Key", "dev-app")
	r.Header.Set("Nonce", nonce)
	r.Header.Set("Timestamp", timestamp)
	r.Header.Set(wire.StrongHeader, wire.StrongSignature("dev-secret", http.MethodPost, path, timestamp, nonce, body))
	return r
}

// TestTheEnvelopeEndToEnd sends requests through the gateway, which has to leave
// alone what is signed.
func TestTheEnvelopeEndToEnd(t *testing.T) {
	w := startTown(t, "THRONG_RATE_LIMITS=/group/user/query.json=1", "THRONG_APP_SECRET_PREVIOUS=older",
		"THRONG_APP_SECRET_PREVIOUS_UNTIL="+time.Now().Add(time.Hour).Format(time.RFC3339))
	expect := func(what string, r *http.Request, status, code int, says string) {
		t.Helper()
		var a answer
		if got := w.send(r, &a); got != status || a.Code != code || !strings.Contains(a.Text, says) {
			t.Errorf("%s: %d %+v, want %d with code %d and %q", what, got, a, status, code, says)
		}
	}
	nonce, at := strconv.FormatUint(rand.Uint64(), 36)+"-nonce", time.Now()
	const path, body = "/user/getToken.json?from=%7Ehere&a=+", "userId=ann&name=Ann"
	expect("signed strongly", w.strongly(path, body, nonce, at), 200, 200, "")
	expect("a replay", w.strongly(path, body, nonce, at), 401, 1004, "used before")
	// Another function, another process: the same nonce is known there.
	expect("a replay elsewhere", w.strongly("/group/quit.json", "userId=ann&groupId=g", nonce, at), 401, 1004, "used before")
	expect("signed anew", w.strongly(path, body, nonce+"2", at), 200, 200, "")
	changed := w.strongly(path, body, nonce+"3", at)
	changed.URL.RawQuery = "from=there"
	expect("changed on its way", changed, 401, 1004, "does not match")

	older, _ := http.NewRequest(http.MethodPost, w.url(portGateway)+path, strings.NewReader(body))
	sign(older, "older")
	expect("the secret before", older, 200, 200, "")

	for path, what := range map[string]string{"/message/private/publish.json": "one-to-one", "/chatroom/create.json": "chatrooms", "/push.json": "notifications", "/user/blacklist/add.json": "blocked",
		"//user/deactivate/query.json": "deactivating", "/entrust/group/create.json": "hosted", "/ultragroup/create.json": "ultra", "/sensitiveword/add.json": "sensitive", "/message/broadcast.json": "everybody"} {
		if a := w.server(path, url.Values{"a": {"b"}}); a.Status != 404 || a.Code != 404 || !strings.Contains(a.Text, what) {
			t.Errorf("%s: %+v", path, a)
		}
	}

	w.eventually("a rate limit is met", func() bool {
		a := w.server("/group/user/query.json", url.Values{"groupId": {"g"}})
		if a.Status != 200 && (a.Status != 429 || a.Code != 1008) {
			t.Fatalf("%+v", a)
		}
		return a.Status == 429
	})
}

// TestStandingEndToEnd: what the app's servers hold against a user binds the
// user's devices with the next call.
func TestStandingEndToEnd(t *testing.T) {
	w := startTown(t)
	w.must("/group/create.json", url.Values{"groupId": {"g"}, "groupName": {"G"}, "userId": {"ann"}})
	first, second := w.token("ann"), w.token("ann")
	n := 0
	send := func(token string) (int, string) {
		t.Helper()
		n++
		var out struct{ Error struct{ Code string } }
		status := w.device("POST", "/groups/g/messages", token, `{"clientId":"`+strconv.Itoa(n)+`","type":"RC:TxtMsg","content":"{}"}`, &out)
		return status, out.Error.Code
	}
	for _, token := range []string{first, second} {
		if status, code := send(token); status != 200 {
			t.Errorf("%d %s", status, code)
		}
	}
	c := w.inside()
	if err := c.Users.GagEverywhere(t.Context(), []id.User{"ann"}, time.Time{}); err != nil {
		t.Fatal(err)
	}
	if status, code := send(first); status != 403 || code != "muted" {
		t.Errorf("muted everywhere: %d %s", status, code)
	}
	if err := c.Users.UngagEverywhere(t.Context(), []id.User{"ann"}); err != nil {
		t.Fatal(err)
	}
	time.Sleep(5 * time.Millisecond) // tokens count milliseconds
	w.must("/user/token/expire.json", url.Values{"userId": {"ann"}, "time": {strconv.FormatInt(time.Now().UnixMilli(), 10)}})
	for _, token := range []string{first, second} {
		if status, code := send(token); status != 401 || code != "token_expired" {
			t.Errorf("an ended token: %d %s", status, code)
		}
	}
	if status, code := send(w.token("ann")); status != 200 {
		t.Errorf("a new token: %d %s", status, code)
	}
	if err := c.Presence.Set(t.Context(), "instance", []id.User{"ann"}); err != nil {
		t.Fatal(err)
	}
	w.eventually("ann is connected", func() bool {
		r, _ := http.NewRequest(http.MethodPost, w.url(portGateway)+"/user/checkOnline.json", strings.NewReader("userId=ann"))
		sign(r, "dev-secret")
		var out struct{ Status string }
		w.send(r, &out)
		return out.Status == "1"
	})
}
