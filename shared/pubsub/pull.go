package pubsub

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	client "cloud.google.com/go/pubsub/v2"
	pb "cloud.google.com/go/pubsub/v2/apiv1/pubsubpb"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/throng-im/throng/shared/telemetry"
)

const (
	// keepsFor is how long a subscription of a process that died waits for it:
	// Pub/Sub deletes none sooner. What it holds meanwhile is the least, too.
	keepsFor  = 24 * time.Hour
	retention = 10 * time.Minute
	// ackDeadline is Pub/Sub's least; the client extends it while a handler works.
	ackDeadline = 10
	// pullWindow and pullBytes bound what is handed out and not yet acknowledged.
	// Pub/Sub keeps the rest.
	pullWindow = 64
	pullBytes  = 16 << 20
	// removeTimeout bounds the deletion, which a process that stops waits for.
	removeTimeout = 3 * time.Second
)

// Follow receives every event that is published to a topic after it has called
// live, through a subscription of that name that it creates, and deletes when
// ctx ends. An event is acknowledged when handle returns nil and delivered again
// when it returns an error; several are handled at the same time and in any
// order. Follow returns nil when ctx has ended.
func (c *Client) Follow(ctx context.Context, name, topic string, live func(), handle func(ctx context.Context, d Delivery) error) error {
	_, err := c.subs.CreateSubscription(ctx, &pb.Subscription{
		Name: c.subName(name), Topic: c.topicName(topic), AckDeadlineSeconds: ackDeadline,
		MessageRetentionDuration: durationpb.New(retention),
		ExpirationPolicy:         &pb.ExpirationPolicy{Ttl: durationpb.New(keepsFor)},
	})
	if err != nil {
		return fmt.Errorf("subscription %s: %w", name, err)
	}
	defer c.unfollow(name)
	live()
	s := c.client.Subscriber(name)
	s.ReceiveSettings.NumGoroutines = 1
	s.ReceiveSettings.MaxOutstandingMessages = pullWindow
	s.ReceiveSettings.MaxOutstandingBytes = pullBytes
	err = s.Receive(ctx, func(ctx context.Context, m *client.Message) {
		d := Delivery{ID: m.ID, Data: m.Data, Attributes: m.Attributes}
		if m.DeliveryAttempt != nil {
			d.Attempt = *m.DeliveryAttempt
		}
		if err := handle(telemetry.BeginEvent(ctx, m.Attributes), d); err != nil {
			m.Nack()
			return
		}
		m.Ack()
	})
	switch {
	case ctx.Err() != nil:
		return nil
	case err == nil:
		err = errors.New("it ended by itself")
	}
	return fmt.Errorf("subscription %s: %w", name, err)
}

// unfollow deletes a subscription. One that is left goes by itself in a day.
func (c *Client) unfollow(name string) {
	ctx, cancel := context.WithTimeout(context.Background(), removeTimeout)
	defer cancel()
	err := c.subs.DeleteSubscription(ctx, &pb.DeleteSubscriptionRequest{Subscription: c.subName(name)})
	if err != nil && status.Code(err) != codes.NotFound {
		slog.WarnContext(ctx, "a subscription could not be deleted", "subscription", name, "error", err)
	}
}
