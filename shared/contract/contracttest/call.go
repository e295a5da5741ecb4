// Package contracttest calls functions in their tests as app servers do.
package contracttest

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/throng-im/throng/shared/contract"
	"github.com/throng-im/throng/shared/wire"
)

// Key and Secret are those of the app that Call signs for.
const Key, Secret = "key", "secret"

// The published Node SDK computes both once, so they may be as old as this.
const nonce, timestamp = "482913.23847", "1480479442"

// Call does a signed request and returns its status and reply, which it holds
// against the row of the route. The body is sent as it stands: as a form, or as
// JSON when it begins with a brace.
func Call(t *testing.T, h http.Handler, method, path, body string) (status int, reply []byte) {
	t.Helper()
	kind := "application/x-www-form-urlencoded"
	if strings.HasPrefix(body, "{") {
		kind = "application/json;charset=utf-8"
	}
	r := httptest.NewRequest(method, path, strings.NewReader(body))
	for name, value := range map[string]string{"App-Key": Key, "Nonce": nonce, "Timestamp": timestamp, "Signature": wire.Signature(Secret, nonce, timestamp), "Content-Type": kind} {
		r.Header.Set(name, value)
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	route, _, _ := strings.Cut(path, "?")
	// A path that is not served has no row.
	if w.Code != http.StatusNotFound {
		if err := contract.CheckReply(route, w.Body.Bytes()); err != nil {
			t.Error(err)
		}
	}
	return w.Code, w.Body.Bytes()
}
