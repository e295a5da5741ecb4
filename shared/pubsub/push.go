package pubsub

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"

	"github.com/throng-im/throng/shared/fault"
	"github.com/throng-im/throng/shared/telemetry"
)

// maxPushBody bounds a push request: a message of 10 MB in base64, and room.
const maxPushBody = 16 << 20

// Delivery is one event as Pub/Sub pushed it.
type Delivery struct {
	// ID is Pub/Sub's message id. A publisher's retry makes a new one, so it
	// does not tell that two events are the same.
	ID         string
	Data       []byte
	Attributes map[string]string
	// Attempt counts from 1 where the subscription has a dead-letter topic and
	// the platform says so; otherwise it is 0.
	Attempt int
}

// pushBody is the body of a push request.
type pushBody struct {
	Subscription    string       `json:"subscription,omitempty"`
	Message         *pushMessage `json:"message"`
	DeliveryAttempt int          `json:"deliveryAttempt,omitempty"`
}

type pushMessage struct {
	Data       []byte            `json:"data"`
	Attributes map[string]string `json:"attributes,omitempty"`
	MessageID  string            `json:"messageId"`
	// OldID is what some platforms call the id.
	OldID       string `json:"message_id,omitempty"`
	PublishTime any    `json:"publishTime,omitempty"`
	OrderingKey string `json:"orderingKey,omitempty"`
}

// ParsePush reads the body of a push request. A CloudEvent in binary mode
// carries the same JSON.
func ParsePush(body []byte) (Delivery, error) {
	var p pushBody
	if err := json.Unmarshal(body, &p); err != nil {
		return Delivery{}, fmt.Errorf("not a push body: %w", err)
	}
	if p.Message == nil {
		return Delivery{}, fmt.Errorf("not a push body: it has no message")
	}
	d := Delivery{ID: p.Message.MessageID, Data: p.Message.Data, Attributes: p.Message.Attributes, Attempt: p.DeliveryAttempt}
	if d.ID == "" {
		d.ID = p.Message.OldID
	}
	return d, nil
}

// ErrLater has an event delivered again later because its time has not come.
// Nothing is wrong.
var ErrLater = errors.New("the event is for later")

// Handler serves a push subscription. handle's outcome decides what Pub/Sub
// does: no error, or one that no retry can cure (fault.InvalidArgument,
// fault.NotFound), acknowledges the event; any other error has it delivered
// again later.
func Handler(handle func(ctx context.Context, d Delivery) error) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodPost {
			w.Header().Set("Allow", http.MethodPost)
			w.WriteHeader(http.StatusMethodNotAllowed)
			return
		}
		body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxPushBody))
		if err != nil {
			slog.WarnContext(r.Context(), "event could not be read", "error", err)
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		d, err := ParsePush(body)
		ctx := r.Context()
		if err == nil {
			ctx = telemetry.BeginEvent(ctx, d.Attributes)
			err = handle(ctx, d)
		} else {
			err = fault.New(fault.InvalidArgument, "%s", err)
		}
		switch {
		case err == nil:
			w.WriteHeader(http.StatusNoContent)
		case fault.Is(err, fault.InvalidArgument), fault.Is(err, fault.NotFound):
			slog.ErrorContext(ctx, "event dropped, no retry can cure it", "event", d.ID, "error", err)
			w.WriteHeader(http.StatusNoContent)
		case errors.Is(err, ErrLater):
			slog.DebugContext(ctx, "event is for later", "event", d.ID, "attempt", d.Attempt)
			w.WriteHeader(http.StatusServiceUnavailable)
		default:
			slog.WarnContext(ctx, "event will be delivered again", "event", d.ID, "attempt", d.Attempt, "error", err)
			w.WriteHeader(http.StatusServiceUnavailable)
		}
	})
}
