package pubsub_test

import (
	"context"
	"errors"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/throng-im/throng/shared/fault"
	"github.com/throng-im/throng/shared/pubsub"
)

func TestPushBodies(t *testing.T) {
	for name, c := range map[string]struct {
		body    string
		data    string
		attempt int
		id      string
	}{
		"production": {`{"message":{"data":"aGk=","messageId":"7","attributes":{"a":"b"},"orderingKey":"k"},"deliveryAttempt":3,"subscription":"s"}`, "hi", 3, "7"},
		"emulator":   {`{"subscription":"s","message":{"data":"aGk=","messageId":"7","message_id":"7","publishTime":"x"}}`, "hi", 0, "7"},
		"old name":   {`{"message":{"data":"aGk=","message_id":"9"}}`, "hi", 0, "9"},
		"empty":      {`{"message":{"messageId":"1"}}`, "", 0, "1"},
	} {
		d, err := pubsub.ParsePush([]byte(c.body))
		if err != nil || string(d.Data) != c.data || d.Attempt != c.attempt || d.ID != c.id {
			t.Errorf("%s: %+v, %v", name, d, err)
		}
	}
	for _, bad := range []string{"", "[]", `{}`, `{"message":{"data":"%%"}}`, `{"message":null}`} {
		if _, err := pubsub.ParsePush([]byte(bad)); err == nil {
			t.Errorf("%q was taken", bad)
		}
	}
}

func TestOnlyWhatARetryCanCureIsRetried(t *testing.T) {
	const good = `{"message":{"data":"aGk=","messageId":"7"}}`
	for name, c := range map[string]struct {
		method, body string
		err          error
		status       int
	}{
		"done":            {"POST", good, nil, 204},
		"nonsense":        {"POST", "{", nil, 204},
		"invalid":         {"POST", good, fault.New(fault.InvalidArgument, "x"), 204},
		"not found":       {"POST", good, fault.New(fault.NotFound, "x"), 204},
		"unavailable":     {"POST", good, fault.New(fault.Unavailable, "x"), 503},
		"later":           {"POST", good, pubsub.ErrLater, 503},
		"unknown":         {"POST", good, errors.New("x"), 503},
		"GET":             {"GET", good, nil, 405},
		"far too large":   {"POST", `{"message":{"data":"` + strings.Repeat("A", 17<<20), nil, 503},
		"wrapped invalid": {"POST", good, errors.Join(errors.New("x"), fault.New(fault.InvalidArgument, "x")), 204},
	} {
		w := httptest.NewRecorder()
		h := pubsub.Handler(func(_ context.Context, d pubsub.Delivery) error {
			if string(d.Data) != "hi" {
				t.Errorf("%s: handed %q", name, d.Data)
			}
			return c.err
		})
		h.ServeHTTP(w, httptest.NewRequest(c.method, "/", strings.NewReader(c.body)))
		if w.Code != c.status {
			t.Errorf("%s: %d, want %d", name, w.Code, c.status)
		}
	}
}

func FuzzParsePush(f *testing.F) {
	f.Add([]byte(`{"message":{"data":"aGk=","messageId":"7","attributes":{"a":"b"}},"deliveryAttempt":3}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		d, err := pubsub.ParsePush(body)
		if err != nil && (d.ID != "" || d.Data != nil) {
			t.Fatalf("an error and %+v", d)
		}
	})
}
