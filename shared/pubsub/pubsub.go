// Package pubsub is the only package that talks to Google's Pub/Sub: it
// publishes events, and takes the requests by which Pub/Sub pushes them.
package pubsub

import (
	"context"
	"fmt"
	"time"

	client "cloud.google.com/go/pubsub/v2"
	apiv1 "cloud.google.com/go/pubsub/v2/apiv1"
	pb "cloud.google.com/go/pubsub/v2/apiv1/pubsubpb"
	"google.golang.org/api/option"
	"google.golang.org/grpc"

	"github.com/throng-im/throng/shared/chaos"
	"github.com/throng-im/throng/shared/cost"
	"github.com/throng-im/throng/shared/telemetry"
)

const (
	// One publish request takes 10 MB and 1,000 messages.
	requestBytes    = 9 << 20
	requestMessages = 1000
	publishTimeout  = 10 * time.Second
)

// Client publishes to the topics of one project.
type Client struct {
	client  *client.Client
	topics  *apiv1.TopicAdminClient
	subs    *apiv1.SubscriptionAdminClient
	project string
	meter   *cost.Meter
}

// Open connects to Pub/Sub, or to the emulator when PUBSUB_EMULATOR_HOST names
// one. What it publishes is counted in meter. extra dial options are for tests
// that inject faults.
func Open(ctx context.Context, project string, meter *cost.Meter, extra ...grpc.DialOption) (*Client, error) {
	var opts []option.ClientOption
	day, err := chaos.Process()
	if err != nil {
		return nil, err
	}
	for _, d := range append(day.DialOptions(), extra...) {
		opts = append(opts, option.WithGRPCDialOption(d))
	}
	c, err := client.NewClient(ctx, project, opts...)
	if err != nil {
		return nil, fmt.Errorf("pubsub: %w", err)
	}
	return &Client{client: c, topics: c.TopicAdminClient, subs: c.SubscriptionAdminClient, project: project, meter: meter}, nil
}

// Close ends the connection.
func (c *Client) Close() error { return c.client.Close() }

// Publish hands payloads to a topic and returns when all are stored. It uses
// the generated client: the batching publisher would wait for company, and a
// commit already is a batch. The trace of ctx travels in the attributes.
func (c *Client) Publish(ctx context.Context, topic string, payloads ...[]byte) error {
	ctx, cancel := context.WithTimeout(ctx, publishTimeout)
	defer cancel()
	attributes := telemetry.Carry(ctx)
	for len(payloads) > 0 {
		req := &pb.PublishRequest{Topic: c.topicName(topic)}
		size := 0
		for _, p := range payloads {
			if len(req.Messages) > 0 && size+len(p) > requestBytes || len(req.Messages) == requestMessages {
				break
			}
			size += len(p)
			req.Messages = append(req.Messages, &pb.PubsubMessage{Data: p, Attributes: attributes})
		}
		if _, err := c.topics.Publish(ctx, req); err != nil {
			return fmt.Errorf("publish to %s: %w", topic, err)
		}
		c.meter.Publish(len(req.Messages))
		payloads = payloads[len(req.Messages):]
	}
	return nil
}

func (c *Client) topicName(topic string) string {
	return "projects/" + c.project + "/topics/" + topic
}
