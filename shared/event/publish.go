package event

import (
	"context"
	"encoding/json"
)

// Publisher hands payloads to a topic. It returns when they are durable.
type Publisher func(ctx context.Context, topic string, payloads ...[]byte) error

// Announcer publishes events of one topic. It returns when they are durable.
type Announcer func(ctx context.Context, payloads ...[]byte) error

// On is the publisher for one topic.
func (p Publisher) On(topic string) Announcer {
	return func(ctx context.Context, payloads ...[]byte) error { return p(ctx, topic, payloads...) }
}

// Publish hands events to a topic, all of them or, where one has no JSON form, none.
func Publish[E any](ctx context.Context, to Publisher, topic string, events ...E) error {
	payloads := make([][]byte, len(events))
	for i, ev := range events {
		var err error
		if payloads[i], err = json.Marshal(ev); err != nil {
			return err
		}
	}
	return to(ctx, topic, payloads...)
}
