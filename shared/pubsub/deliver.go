package pubsub

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"sync"
	"time"

	pb "cloud.google.com/go/pubsub/v2/apiv1/pubsubpb"
	"golang.org/x/sync/errgroup"
)

const (
	// deliverPull is how long one question waits for what there is. What comes in the
	// moment in which it is given up is lost until its lease ends, so it is long.
	deliverPull = time.Minute
	// leaseMargin is how much longer than its handler's time an event stays with who
	// fetched it, and maxLease is Pub/Sub's most.
	leaseMargin = 10 * time.Second
	maxLease    = 600 * time.Second
	// settleTimeout bounds the call that says what became of an event.
	settleTimeout = 10 * time.Second
)

// lease is how long an event of a subscription stays with who fetched it.
func (s Subscription) lease() time.Duration { return min(s.Deadline+leaseMargin, maxLease) }

// Deliver pushes the events of subscriptions that Ensure made to their endpoints until
// ctx ends, in the place of Google's emulator, which makes two requests at a time for
// a subscription and loses events for good when several of them fail more than once
// (0.8.20, with a retry policy). It is what Pub/Sub does in production: an answer of
// 2xx acknowledges an event, anything else has it pushed again later, and after the
// subscription's attempts it is put by. It asks for no more than it can push at once,
// and returns when what is under way has ended. It does not use the client's streams:
// the emulator hands these more than they ask for, and what nobody reads in time
// counts as an attempt.
func (c *Client) Deliver(ctx context.Context, subs []Subscription) error {
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.MaxIdleConns, transport.MaxIdleConnsPerHost = 0, 1000
	defer transport.CloseIdleConnections()
	group, ctx := errgroup.WithContext(ctx)
	for _, s := range subs {
		d := delivery{Subscription: s, client: c, name: c.subName(s.Name), http: &http.Client{Transport: transport, Timeout: s.Deadline}}
		group.Go(func() error {
			if err := d.run(ctx); err != nil && ctx.Err() == nil {
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
	client *Client
	name   string
	http   *http.Client
}

func (d *delivery) run(ctx context.Context) error {
	slots := make(chan struct{}, max(1, d.AtOnce))
	var pushing sync.WaitGroup
	defer pushing.Wait()
	for {
		select {
		case slots <- struct{}{}:
		case <-ctx.Done():
			return nil
		}
		<-slots // one is free, and nobody else takes it
		messages, err := d.client.ask(ctx, d.name, cap(slots)-len(slots), deliverPull)
		if err != nil {
			return err
		}
		for _, m := range messages {
			slots <- struct{}{}
			pushing.Go(func() {
				defer func() { <-slots }()
				// Who has begun is let end.
				d.deliver(context.WithoutCancel(ctx), m)
			})
		}
	}
}

// deliver pushes an event once. One that failed comes again when its wait is over: a
// lease that ends counts as an attempt.
func (d *delivery) deliver(ctx context.Context, m *pb.ReceivedMessage) {
	attempt := max(1, int(m.DeliveryAttempt))
	done := d.push(ctx, m.Message, attempt)
	ctx, cancel := context.WithTimeout(ctx, settleTimeout)
	defer cancel()
	var err error
	if done {
		err = d.client.subs.Acknowledge(ctx, &pb.AcknowledgeRequest{Subscription: d.name, AckIds: []string{m.AckId}})
	} else {
		wait := time.Duration(0) // it is put by at once
		if attempt < cmp.Or(d.Attempts, MaxAttempts) {
			wait = backoff(attempt, cmp.Or(d.MaxBackoff, MaxBackoff))
		}
		err = d.client.subs.ModifyAckDeadline(ctx, &pb.ModifyAckDeadlineRequest{Subscription: d.name, AckIds: []string{m.AckId}, AckDeadlineSeconds: int32(wait / time.Second)})
	}
	if err != nil {
		slog.WarnContext(ctx, "Pub/Sub does not know what became of an event, which comes again", "subscription", d.Name, "event", m.Message.MessageId, "error", err)
	}
}

// push makes the request that Pub/Sub makes.
func (d *delivery) push(ctx context.Context, m *pb.PubsubMessage, attempt int) (done bool) {
	p := pushBody{Subscription: d.name, DeliveryAttempt: attempt, Message: &pushMessage{
		Data: m.Data, Attributes: m.Attributes, MessageID: m.MessageId, PublishTime: m.PublishTime.AsTime(), OrderingKey: m.OrderingKey,
	}}
	body, err := json.Marshal(p)
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
