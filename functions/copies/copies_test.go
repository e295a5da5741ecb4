package copies_test

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/throng-im/throng/functions/copies"
	"github.com/throng-im/throng/shared/cloud"
	"github.com/throng-im/throng/shared/commit"
	"github.com/throng-im/throng/shared/group"
	"github.com/throng-im/throng/shared/id"
	"github.com/throng-im/throng/shared/user"
)

// TestEventsAreCarriedOut follows the events of a user in 30 groups to their end,
// and holds which answers have Pub/Sub come again.
func TestEventsAreCarriedOut(t *testing.T) {
	store := new(commit.Memory)
	groups := group.New(store, func(context.Context, ...[]byte) error { return nil }, group.Options{})
	users := user.New(store, groups, nil, 0, time.Now)
	var waiting [][]byte
	refused := false
	users.Later = func(_ context.Context, payloads ...[]byte) error {
		if refused {
			return errors.New("nobody takes events")
		}
		waiting = append(waiting, payloads...)
		return nil
	}
	for i := range 30 {
		if err := groups.Join(t.Context(), id.Group(fmt.Sprint("g", i)), []id.User{"ann"}, ""); err != nil {
			t.Fatal(err)
		}
	}
	if err := users.PutDevice(t.Context(), "ann", user.Device{ID: "phone", Platform: "ios", Token: "t"}); err != nil {
		t.Fatal(err)
	}
	h := copies.Handler(&cloud.Cloud{Users: users})
	deliver := func(data []byte) int {
		body := fmt.Sprintf(`{"message":{"data":%q,"messageId":"1"}}`, base64.StdEncoding.EncodeToString(data))
		w := httptest.NewRecorder()
		h.ServeHTTP(w, httptest.NewRequest(http.MethodPost, "/", strings.NewReader(body)))
		return w.Code
	}
	if len(waiting) != 1 {
		t.Fatalf("%d events ask for the copies", len(waiting))
	}
	refused = true
	if got := deliver(waiting[0]); got != http.StatusServiceUnavailable {
		t.Errorf("an event whose rest could not be asked for is answered %d", got)
	}
	refused = false
	for n := 0; n < len(waiting); n++ {
		if got := deliver(waiting[n]); got != http.StatusNoContent {
			t.Errorf("event %d is answered %d", n, got)
		}
	}
	if len(waiting) != 2 {
		t.Errorf("%d events copied to 30 groups", len(waiting))
	}
	for i := range 30 {
		docs, err := store.Get(t.Context(), []string{fmt.Sprintf("groups/g%d/roster/0", i)})
		if err != nil {
			t.Fatal(err)
		}
		if raw, _ := docs[0].Fields["targets"].([]byte); !strings.Contains(string(raw), `"t":"t"`) {
			t.Errorf("g%d has %s", i, raw)
		}
	}
	docs, err := store.Get(t.Context(), []string{"users/ann"})
	if err != nil || docs[0].Fields["copied"] != docs[0].Fields["revision"] {
		t.Errorf("the user is %v, %v", docs[0].Fields, err)
	}
	for _, bad := range []string{`{`, `{"revision":1}`, `{"user":"ann"}`} {
		if got := deliver([]byte(bad)); got != http.StatusNoContent {
			t.Errorf("%s would be delivered again: %d", bad, got)
		}
	}
}
