package wire_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/throng-im/throng/shared/commit"
	"github.com/throng-im/throng/shared/fault"
	"github.com/throng-im/throng/shared/replay"
	"github.com/throng-im/throng/shared/settings"
	"github.com/throng-im/throng/shared/wire"
)

// onceIn finds replays in a store.
func onceIn(store commit.Store) wire.Once { return replay.New(store, time.Hour).Once }

// strong is a handler that takes the stronger signature; it counts how often its
// calls were reached.
func strong(s settings.Settings, once wire.Once, reached *int) http.Handler {
	text := []wire.Param{{Name: "text"}}
	handle := func(_ context.Context, a *wire.Args) (wire.Reply, error) {
		*reached++
		return wire.Reply{"text": a.Text("text")}, nil
	}
	return wire.Handler(wire.Options{Settings: s, Now: func() time.Time { return now }, Once: once}, []wire.Route{
		{Path: "/group/test.json", Params: text, Handle: handle},
		{Path: "/group/json.json", Body: wire.JSONBody, Params: text, Handle: handle},
		{Path: "/group/get.json", Method: http.MethodGet, Params: text, Handle: handle},
	})
}

// call is a request before it is signed.
type call struct {
	secret, method, target, timestamp, nonce, body string
}

func (c call) request() *http.Request {
	r := httptest.NewRequest(c.method, c.target, strings.NewReader(c.body))
	r.Header.Set("App-Key", "key")
	r.Header.Set("Nonce", c.nonce)
	r.Header.Set("Timestamp", c.timestamp)
	r.Header.Set(wire.StrongHeader, wire.StrongSignature(c.secret, c.method, c.target, c.timestamp, c.nonce, c.body))
	return r
}

func good() call {
	return call{"secret", "POST", "/group/test.json", strconv.FormatInt(now.UnixMilli(), 10), "a-nonce-of-24-characters", "text=hello"}
}

func TestTheStrongSignatureIsTheDocumentedOne(t *testing.T) {
	// Computed with printf, sha256sum and openssl.
	if got := wire.StrongSignature("secret", "POST", "/group/test.json", "1408710653491", "a-nonce-of-24-characters", "text=hello"); got != "v1=9167d60ecf8198766e20b7f5eca8c0e348e0f2f977d3f226e67af4e75f76cdcb" {
		t.Errorf("got %s", got)
	}
}

func TestStrongSignatures(t *testing.T) {
	set := func(name, value string) func(*http.Request) {
		return func(r *http.Request) { r.Header.Set(name, value) }
	}
	sign := func(change func(*call)) func() *http.Request {
		return func() *http.Request { c := good(); change(&c); return c.request() }
	}
	then := func(change func(*http.Request)) func() *http.Request {
		return func() *http.Request { r := good().request(); change(r); return r }
	}
	at := func(d time.Duration) func(*call) {
		return func(c *call) { c.timestamp = strconv.FormatInt(now.Add(d).UnixMilli(), 10) }
	}
	windowed, strict, rotating, rotated := app, app, app, app
	windowed.SignatureWindow = time.Hour
	strict.RequireStrongSignature = true
	rotating.PreviousSecret, rotating.PreviousUntil = "old", now.Add(time.Second)
	rotated.PreviousSecret, rotated.PreviousUntil = "old", now
	old := func(c *call) { c.secret = "old" }
	for name, c := range map[string]struct {
		s      settings.Settings
		make   func() *http.Request
		status int
		says   string
	}{
		"as documented":             {app, sign(func(*call) {}), 200, ""},
		"a query":                   {app, sign(func(c *call) { c.target = "/group/test.json?a=%62&a=+" }), 200, ""},
		"GET":                       {app, sign(func(c *call) { c.method, c.target, c.body = "GET", "/group/get.json?text=hello", "" }), 200, ""},
		"JSON":                      {app, sign(func(c *call) { c.target, c.body = "/group/json.json", `{"text":"hello"}` }), 200, ""},
		"in seconds":                {app, sign(func(c *call) { c.timestamp = strconv.FormatInt(now.Unix(), 10) }), 200, ""},
		"five minutes old":          {app, sign(at(-5 * time.Minute)), 200, ""},
		"five minutes early":        {app, sign(at(5 * time.Minute)), 200, ""},
		"older":                     {app, sign(at(-5*time.Minute - time.Millisecond)), 401, "window"},
		"earlier":                   {app, sign(at(5*time.Minute + time.Millisecond)), 401, "window"},
		"older, in a longer window": {windowed, sign(at(-time.Hour)), 200, ""},
		"no timestamp":              {app, sign(func(c *call) { c.timestamp = "" }), 401, "window"},
		"a short nonce":             {app, sign(func(c *call) { c.nonce = "1234567" }), 401, "8 to 64"},
		"the shortest nonce":        {app, sign(func(c *call) { c.nonce = "12345678" }), 200, ""},
		"the longest nonce":         {app, sign(func(c *call) { c.nonce = strings.Repeat("n", 64) }), 200, ""},
		"a long nonce":              {app, sign(func(c *call) { c.nonce = strings.Repeat("n", 65) }), 401, "8 to 64"},
		"another body":              {app, then(func(r *http.Request) { r.Body = http.NoBody; r.ContentLength = 0 }), 401, "does not match"},
		"another path":              {app, then(func(r *http.Request) { r.URL.Path = "/group/json.json" }), 401, "does not match"},
		"another query":             {app, then(func(r *http.Request) { r.URL.RawQuery = "a=b" }), 401, "does not match"},
		"another nonce":             {app, then(set("Nonce", "another-nonce")), 401, "does not match"},
		"another timestamp":         {app, then(set("Timestamp", strconv.FormatInt(now.UnixMilli()+1, 10))), 401, "does not match"},
		"another secret":            {app, sign(func(c *call) { c.secret = "other" }), 401, "does not match"},
		"another app":               {app, then(set("App-Key", "other")), 401, "app key"},
		"another version":           {app, then(set(wire.StrongHeader, "v2=00")), 401, "does not match"},
		"RC's headers":              {app, func() *http.Request { return post("text=hello") }, 200, ""},
		"RC's right, this one wrong": {app, func() *http.Request {
			r := post("text=hello")
			r.Header.Set("Nonce", "14314")
			r.Header.Set(wire.StrongHeader, "v1=00")
			return r
		}, 401, "8 to 64"},
		"strict: this one":        {strict, sign(func(*call) {}), 200, ""},
		"strict: RC's":            {strict, func() *http.Request { return post("text=hello") }, 401, "Throng-Signature header only"},
		"the old secret in grace": {rotating, sign(old), 200, ""},
		"the new secret in grace": {rotating, sign(func(*call) {}), 200, ""},
		"the old secret after it": {rotated, sign(old), 401, "does not match"},
		"RC's with the old, in grace": {rotating, func() *http.Request {
			r := post("text=hello")
			r.Header.Set("Signature", wire.Signature("old", "14314", "1408710653491"))
			return r
		}, 200, ""},
		"RC's with the old, after it": {rotated, func() *http.Request {
			r := post("text=hello")
			r.Header.Set("Signature", wire.Signature("old", "14314", "1408710653491"))
			return r
		}, 401, "does not match"},
	} {
		reached := 0
		status, out, _ := serve(t, strong(c.s, onceIn(new(commit.Memory)), &reached), c.make())
		if status != c.status || !strings.Contains(out.Message, c.says) || status == 401 && out.Code != 1004 && out.Code != 1001 {
			t.Errorf("%s: %d %+v, want %d %q", name, status, out, c.status, c.says)
		}
		if (reached == 1) != (c.status == 200) {
			t.Errorf("%s: the call was reached %d times", name, reached)
		}
	}
}

// TestAReplayIsRefusedByEveryInstance sends the same bytes to two instances.
func TestAReplayIsRefusedByEveryInstance(t *testing.T) {
	store, reached := new(commit.Memory), 0
	one, other := strong(app, onceIn(store), &reached), strong(app, onceIn(store), &reached)
	if status, _, _ := serve(t, one, good().request()); status != 200 {
		t.Fatalf("the first was answered %d", status)
	}
	for _, h := range []http.Handler{one, other} {
		if status, out, _ := serve(t, h, good().request()); status != 401 || out.Code != 1004 || !strings.Contains(out.Message, "used before") {
			t.Errorf("the second: %d %+v", status, out)
		}
	}
	fresh := good()
	fresh.nonce = "signed-anew"
	if status, _, _ := serve(t, other, fresh.request()); status != 200 || reached != 2 {
		t.Errorf("signed anew: %d, reached %d times", status, reached)
	}
}

// TestWhatIsNotSignedCostsNothing counts the nonces that refused requests use up.
func TestWhatIsNotSignedCostsNothing(t *testing.T) {
	asked, reached := 0, 0
	h := strong(app, func(context.Context, time.Time, string) (bool, error) { asked++; return true, nil }, &reached)
	wrong, stale := good(), good()
	wrong.secret, stale.timestamp = "other", "1480479442"
	for _, r := range []*http.Request{wrong.request(), stale.request(), post("text=hello")} {
		serve(t, h, r)
	}
	if asked != 0 {
		t.Errorf("%d nonces were marked", asked)
	}
	if serve(t, h, good().request()); asked != 1 {
		t.Errorf("a signed request marked %d nonces", asked)
	}
}

func TestUncheckedIsRefused(t *testing.T) {
	reached := 0
	silent := func(context.Context, time.Time, string) (bool, error) {
		return false, fmt.Errorf("%w: connection refused", commit.ErrUnknown)
	}
	if status, out, _ := serve(t, strong(app, silent, &reached), good().request()); status != 504 || out.Code != 1050 {
		t.Errorf("no answer from the store: %d %+v", status, out)
	}
	if status, out, _ := serve(t, strong(app, nil, &reached), good().request()); status != 430 || out.Code != 1009 {
		t.Errorf("no store: %d %+v", status, out)
	}
	if reached != 0 {
		t.Error("a call was reached unchecked")
	}
}

func TestTooManyIsNoFaultOfTheServer(t *testing.T) {
	reached := 0
	busy := func(context.Context, time.Time, string) (bool, error) {
		return false, &fault.Error{Kind: fault.RateLimited, Message: "busy", RetryAfter: 10 * time.Second}
	}
	if status, out, header := serve(t, strong(app, busy, &reached), good().request()); status != 429 || out.Code != 1008 || header.Get("Retry-After") != "10" {
		t.Errorf("%d %+v %v", status, out, header)
	}
}
