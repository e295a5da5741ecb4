package pubsub

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"time"

	client "cloud.google.com/go/pubsub/v2"
	"golang.org/x/sync/errgroup"
)

const (
	// deliverWindow is how many events of a subscription are under way or wait for
	// another attempt. Pub/Sub keeps the rest.
	deliverWindow = 1000
	deliverBytes  = 64 << 20
)

// Deliver pushes the events of subscriptions that Ensure made to their endpoints until
// ctx ends, in the place of Google's emulator, which makes two requests at a time for
// a subscription and loses events for good when several of them fail more than once
// (0.8.20, with a retry policy). It is what Pub/Sub does in production: an answer of
// 2xx acknowledges an event, anything else has it pushed again later, and after the
// subscription's attempts it is put by. What is being handled when ctx ends may still
// end well.
func (c *Client) Deliver(ctx context.Context, subs []Subscription) error {
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.MaxIdleConns, transport.MaxIdleConnsPerHost = 0, deliverWindow
	defer transport.CloseIdleConnections()
	group, ctx := errgroup.WithContext(ctx)
	for _, s := range subs {
		d := delivery{Subscription: s, name: c.subName(s.Name), slots: make(chan struct{}, max(1, s.AtOnce)), http: &http.Client{Transport: transport, Timeout: s.Deadline}}
		group.Go(func() error {
			sub := c.client.Subscriber(s.Name)
			sub.ReceiveSettings.NumGoroutines = 1
			sub.ReceiveSettings.MaxOutstandingMessages = deliverWindow
			sub.ReceiveSettings.MaxOutstandingBytes = deliverBytes
			if err := sub.Receive(ctx, d.deliver); err != nil && ctx.Err() == nil {
				return fmt.Errorf("subscription %s: %w", s.Name, err)
			}
			return nil
		})
	}
	return group.Wait()
}

// delivery pushes the events of one subscription.
type delivery struct {
	Subscription
	name  string
	slots chan struct{}
	http  *http.Client
}

// deliver pushes an event once. One that failed is kept until it is time for the next
// attempt: given back, it would come again at once.
func (d *delivery) deliver(ctx context.Context, m *client.Message) {
	attempt := 1
	if m.DeliveryAttempt != nil {
		attempt = max(attempt, *m.DeliveryAttempt)
	}
	select {
	case d.slots <- struct{}{}:
	case <-ctx.Done():
		m.Nack()
		return
	}
	// Who has begun is let end.
	done := d.push(context.WithoutCancel(ctx), m, attempt)
	<-d.slots
	if done {
		m.Ack()
		return
	}
	if attempt < cmp.Or(d.Attempts, MaxAttempts) {
		select {
		case <-time.After(backoff(attempt, cmp.Or(d.MaxBackoff, MaxBackoff))):
		case <-ctx.Done():
		}
	}
	m.Nack()
}

// push makes the request, with the body that Pub/Sub makes.
func (d *delivery) push(ctx context.Context, m *client.Message, attempt int) (done bool) {
	body, err := json.Marshal(map[string]any{
		"subscription": d.name, "deliveryAttempt": attempt,
		"message": struct {
			Data        []byte            `json:"data"`
			Attributes  map[string]string `json:"attributes,omitempty"`
			MessageID   string            `json:"messageId"`
			PublishTime time.Time         `json:"publishTime"`
			OrderingKey string            `json:"orderingKey,omitempty"`
		}{m.Data, m.Attributes, m.ID, m.PublishTime, m.OrderingKey},
	})
	if err != nil {
		return false
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, d.Endpoint, bytes.NewReader(body))
	if err != nil {
		return false
	}
	req.Header.Set("Content-Type", "application/json")
	res, err := d.http.Do(req)
	if err != nil {
		return false
	}
	// A body that is read to its end leaves the connection for the next event.
	_, _ = io.Copy(io.Discard, io.LimitReader(res.Body, maxPushBody))
	_ = res.Body.Close()
	return res.StatusCode >= 200 && res.StatusCode < 300
}

// backoff is the wait after so many attempts.
func backoff(attempts int, most time.Duration) time.Duration {
	wait := MinBackoff
	for range attempts - 1 {
		if wait *= 2; wait >= most {
			return most
		}
	}
	return wait
}
