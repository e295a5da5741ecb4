package wire_test

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/throng-im/throng/shared/wire"
)

// FuzzJSONBody sends any body to a call that takes JSON.
func FuzzJSONBody(f *testing.F) {
	for _, s := range []string{`{"userId":"u"}`, `{"userId":1e9,"pageSize":"7","tags":[{"tagId":1}]}`, `{"userId":null}`, `[]`, `{"tagIds":[[]]}`, "", "{", "\xff", `{"userId":"u","tags":"x"}`} {
		f.Add(s)
	}
	h := jsonRoute(new(jsonGiven))
	f.Fuzz(func(t *testing.T, body string) { mustAnswer(t, h, post(body)) })
}

// FuzzHeaders sends any signature.
func FuzzHeaders(f *testing.F) {
	f.Add("key", "14314", "1408710653491", "12da249941f9f75c2ccb17d0c250f3101e5109df", "", "/group/test.json?a=b")
	f.Add("key", "a-nonce-of-24-characters", "1408710653491", "", "v1=00", "/group/test.json")
	f.Add("", "", "-9223372036854775808", "", "v1=", "/%zz")
	strict := app
	strict.SignatureWindow, strict.PreviousSecret, strict.PreviousUntil = time.Minute, "old", now.Add(time.Hour)
	reached := 0
	h := strong(strict, func(_ context.Context, _ time.Time, nonce string) (bool, error) { return nonce != "", nil }, &reached)
	f.Fuzz(func(t *testing.T, key, nonce, timestamp, signature, stronger, target string) {
		r := post("text=hello")
		if u, err := url.ParseRequestURI(target); err == nil {
			r.URL = u
		}
		r.Header = http.Header{"App-Key": {key}, "Nonce": {nonce}, "Timestamp": {timestamp}, "Signature": {signature}, wire.StrongHeader: {stronger}}
		mustAnswer(t, h, r)
		// Signed as it should be, it is refused for its window and nonce only.
		r = post("text=hello")
		r.Header = http.Header{"App-Key": {"key"}, "Nonce": {nonce}, "Timestamp": {timestamp}}
		r.Header.Set(wire.StrongHeader, wire.StrongSignature("secret", "POST", r.URL.RequestURI(), timestamp, nonce, "text=hello"))
		if out := mustAnswer(t, h, r); out.Code == 1004 && strings.Contains(out.Message, "does not match") {
			t.Fatalf("nonce %q at %q is not accepted: %+v", nonce, timestamp, out)
		}
	})
}

// mustAnswer holds that a request is answered below 500 in the contract's form.
func mustAnswer(t *testing.T, h http.Handler, r *http.Request) reply {
	t.Helper()
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	var out reply
	if err := json.NewDecoder(bytes.NewReader(w.Body.Bytes())).Decode(&out); err != nil || w.Code >= 500 || out.Code == 0 {
		t.Fatalf("answered %d %q", w.Code, w.Body)
	}
	return out
}
