package retention

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/throng-im/throng/shared/commit"
	"github.com/throng-im/throng/shared/conversation"
	"github.com/throng-im/throng/shared/group"
	"github.com/throng-im/throng/shared/presence"
	"github.com/throng-im/throng/shared/receipt"
	"github.com/throng-im/throng/shared/retention"
)

// TestATick has ticks come, twice, with the store in trouble and with a body that
// says nothing.
func TestATick(t *testing.T) {
	store := new(commit.Memory)
	now := time.Now()
	clock := func() time.Time { return now }
	quiet := func(context.Context, ...[]byte) error { return nil }
	groups := group.New(store, quiet, group.Options{Now: clock})
	h := handler(retention.Options{
		Store: store, Groups: groups, Receipts: receipt.New(store, quiet, 0, clock), Conversations: conversation.New(store, nil, 0, clock),
		Rules: retention.Rules{OfflineDays: 7}, Now: clock,
	}, retention.Budget{Documents: 1000, Time: time.Minute})
	if err := presence.New(store, clock).Set(t.Context(), "dead", nil); err != nil {
		t.Fatal(err)
	}
	tick := func(body string, want int) {
		t.Helper()
		w := httptest.NewRecorder()
		h.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/", strings.NewReader(body)))
		if w.Code != want {
			t.Errorf("a tick was answered with %d, want %d", w.Code, want)
		}
	}
	there := func() bool {
		docs, err := store.Get(t.Context(), []string{"presence/dead"})
		return err != nil || docs[0].Exists()
	}
	const body = `{"message":{"data":"","messageId":"1"}}`
	tick(body, http.StatusNoContent)
	if !there() {
		t.Fatal("an instance was removed before its time")
	}
	now = now.Add(3 * time.Hour)
	store.Before = func([]commit.Write) error { return errors.New("in trouble") }
	tick(body, http.StatusServiceUnavailable)
	store.Calm()
	tick(body, http.StatusNoContent)
	if there() {
		t.Error("an instance that is long gone is still there")
	}
	tick(body, http.StatusNoContent)
	tick("no event", http.StatusNoContent)
}
