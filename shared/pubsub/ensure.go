package pubsub

import (
	"cmp"
	"context"
	"fmt"
	"time"

	pb "cloud.google.com/go/pubsub/v2/apiv1/pubsubpb"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// Subscription is a push subscription in the local cloud, where Deliver pushes; in
// production the infrastructure creates it, and Pub/Sub does.
type Subscription struct {
	Name, Topic, Endpoint string
	// Deadline is the handler's time for one event.
	Deadline time.Duration
	// AtOnce is how many events are pushed at the same time; zero is one.
	AtOnce int
	// Attempts and MaxBackoff take the place of MaxAttempts and MaxBackoff.
	Attempts   int
	MaxBackoff time.Duration
}

// The retry rule of every push subscription: the wait doubles from MinBackoff up to
// MaxBackoff, and after so many attempts the event is put by.
const (
	MinBackoff  = time.Second
	MaxBackoff  = time.Minute
	MaxAttempts = 20
)

// Dead is the dead-letter topic of a subscription, and the subscription that keeps
// what arrives there.
func Dead(subscription string) string { return subscription + "-dead" }

// Ensure creates what is missing of topics and subscriptions. Every subscription gets
// a dead-letter topic, named after it with "-dead", and a subscription there that
// keeps what arrives. Nothing is pushed until Deliver does.
func (c *Client) Ensure(ctx context.Context, topics []string, subs []Subscription) error {
	for _, t := range topics {
		if err := c.ensureTopic(ctx, t); err != nil {
			return err
		}
	}
	for _, s := range subs {
		dead := Dead(s.Name)
		if err := c.ensureTopic(ctx, dead); err != nil {
			return err
		}
		if err := c.ensureSubscription(ctx, &pb.Subscription{Name: c.subName(dead), Topic: c.topicName(dead)}); err != nil {
			return err
		}
		err := c.ensureSubscription(ctx, &pb.Subscription{
			Name: c.subName(s.Name), Topic: c.topicName(s.Topic), AckDeadlineSeconds: int32(s.lease() / time.Second),
			DeadLetterPolicy: &pb.DeadLetterPolicy{DeadLetterTopic: c.topicName(dead), MaxDeliveryAttempts: int32(cmp.Or(s.Attempts, MaxAttempts))},
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// Remove deletes subscriptions that Ensure made, so that an emulator that goes on does
// not keep what nobody fetches.
func (c *Client) Remove(ctx context.Context, subs []Subscription) error {
	for _, s := range subs {
		err := c.subs.DeleteSubscription(ctx, &pb.DeleteSubscriptionRequest{Subscription: c.subName(s.Name)})
		if err != nil && status.Code(err) != codes.NotFound {
			return fmt.Errorf("subscription %s: %w", s.Name, err)
		}
	}
	return nil
}

func (c *Client) ensureTopic(ctx context.Context, name string) error {
	if _, err := c.topics.CreateTopic(ctx, &pb.Topic{Name: c.topicName(name)}); err != nil && status.Code(err) != codes.AlreadyExists {
		return fmt.Errorf("topic %s: %w", name, err)
	}
	return nil
}

func (c *Client) ensureSubscription(ctx context.Context, s *pb.Subscription) error {
	if _, err := c.subs.CreateSubscription(ctx, s); err != nil && status.Code(err) != codes.AlreadyExists {
		return fmt.Errorf("subscription %s: %w", s.Name, err)
	}
	return nil
}

func (c *Client) subName(name string) string {
	return "projects/" + c.project + "/subscriptions/" + name
}

// Ready asks whether Pub/Sub answers and has the topics.
func (c *Client) Ready(ctx context.Context, topics []string) error {
	for _, t := range topics {
		if _, err := c.topics.GetTopic(ctx, &pb.GetTopicRequest{Topic: c.topicName(t)}); err != nil {
			return fmt.Errorf("topic %s: %w", t, err)
		}
	}
	return nil
}
