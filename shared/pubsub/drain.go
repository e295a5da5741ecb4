package pubsub

import (
	"context"
	"fmt"
	"time"

	pb "cloud.google.com/go/pubsub/v2/apiv1/pubsubpb"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

const (
	drainBatch = 500
	// drainWait is how long one question waits for what there is, and drainEmpty how
	// often in a row the answer must be nothing: one may be nothing while more is there.
	drainWait  = 3 * time.Second
	drainEmpty = 2
	// drainLease is how long a batch is this process's.
	drainLease = 5 * time.Minute
)

// Drain hands all that a subscription keeps to handle, a batch at a time, and
// acknowledges a batch when it returns nil. With an error Drain ends, and the
// batch comes again.
func (c *Client) Drain(ctx context.Context, subscription string, handle func(ctx context.Context, batch []Delivery) error) error {
	name := c.subName(subscription)
	for empty := 0; empty < drainEmpty; {
		batch, acks, err := c.pull(ctx, name)
		if err != nil {
			return fmt.Errorf("subscription %s: %w", subscription, err)
		}
		if len(batch) == 0 {
			empty++
			continue
		}
		empty = 0
		if err := handle(ctx, batch); err != nil {
			// At once, where it can be: it would come again by itself.
			_ = c.subs.ModifyAckDeadline(ctx, &pb.ModifyAckDeadlineRequest{Subscription: name, AckIds: acks})
			return err
		}
		if err := c.subs.Acknowledge(ctx, &pb.AcknowledgeRequest{Subscription: name, AckIds: acks}); err != nil {
			return fmt.Errorf("subscription %s: %w", subscription, err)
		}
	}
	return nil
}

func (c *Client) pull(ctx context.Context, name string) (batch []Delivery, acks []string, err error) {
	messages, err := c.ask(ctx, name, drainBatch, drainWait)
	if err != nil {
		return nil, nil, err
	}
	for _, m := range messages {
		acks = append(acks, m.AckId)
		batch = append(batch, Delivery{ID: m.Message.MessageId, Data: m.Message.Data, Attributes: m.Message.Attributes})
	}
	if len(acks) > 0 {
		err = c.subs.ModifyAckDeadline(ctx, &pb.ModifyAckDeadlineRequest{Subscription: name, AckIds: acks, AckDeadlineSeconds: int32(drainLease / time.Second)})
	}
	return batch, acks, err
}

// ask waits for events of a subscription, and returns none when there were none for so
// long.
func (c *Client) ask(ctx context.Context, name string, most int, wait time.Duration) ([]*pb.ReceivedMessage, error) {
	asking, cancel := context.WithTimeout(ctx, wait)
	defer cancel()
	res, err := c.subs.Pull(asking, &pb.PullRequest{Subscription: name, MaxMessages: int32(most)})
	if err != nil {
		if ctx.Err() == nil && status.Code(err) == codes.DeadlineExceeded {
			return nil, nil // there is nothing
		}
		return nil, err
	}
	return res.ReceivedMessages, nil
}
