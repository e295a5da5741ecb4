package archive

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/throng-im/throng/shared/commit"
	"github.com/throng-im/throng/shared/group"
	"github.com/throng-im/throng/shared/hourlog"
	"github.com/throng-im/throng/shared/id"
)

func TestATick(t *testing.T) {
	var store commit.Memory
	clock := time.Date(2026, 11, 24, 9, 30, 0, 0, time.UTC)
	now := func() time.Time { return clock }
	groups := group.New(&store, func(context.Context, ...[]byte) error { return nil }, group.Options{Linger: -1, Now: now})
	if err := groups.Join(t.Context(), "g", []id.User{"ann"}, "G"); err != nil {
		t.Fatal(err)
	}
	if _, err := groups.Publish(t.Context(), "g", group.Entry{From: "ann", Type: "RC:TxtMsg", Content: "hi"}); err != nil {
		t.Fatal(err)
	}
	bucket := "file://" + t.TempDir() + "?base_url=http://localhost/logs"
	logs := func(bucket string) *hourlog.Logs {
		return hourlog.New(groups, hourlog.Options{Bucket: bucket, Secret: "s", App: "a", Now: now})
	}
	for _, c := range []struct {
		about, bucket string
		at            time.Duration
		status        int
		there         bool
	}{
		{"an app without logs", "", 0, http.StatusNoContent, false},
		{"a bucket that is not there", "file:///dev/null/x?base_url=http://localhost", 0, http.StatusServiceUnavailable, false},
		{"an hour that is over and not settled", bucket, time.Minute, http.StatusServiceUnavailable, false},
		{"settled", bucket, 10 * time.Minute, http.StatusNoContent, true},
		{"again", bucket, 11 * time.Minute, http.StatusNoContent, true},
	} {
		clock = time.Date(2026, 11, 24, 10, 0, 0, 0, time.UTC).Add(c.at)
		w := httptest.NewRecorder()
		handler(logs(c.bucket)).ServeHTTP(w, httptest.NewRequest(http.MethodPost, "/", strings.NewReader(`{"message":{"data":"eA==","messageId":"1"}}`)))
		address, err := logs(bucket).Address(t.Context(), "2026112409")
		if w.Code != c.status || err != nil || (address != "") != c.there {
			t.Errorf("%s: HTTP %d, want %d; the log is at %q, %v", c.about, w.Code, c.status, address, err)
		}
	}
}
