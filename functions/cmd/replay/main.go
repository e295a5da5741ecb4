// Command replay has the app's server told once more of what it missed: the events
// that webhook gave up, which Pub/Sub has put by. It publishes them to the topic
// callback, whose only reader is webhook, and takes them off where they were put by.
// What is published and not taken off, because it was interrupted, is told twice
// when it runs again. It works on the project that GOOGLE_CLOUD_PROJECT names.
package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"slices"

	"github.com/throng-im/throng/functions"
	"github.com/throng-im/throng/shared/cost"
	"github.com/throng-im/throng/shared/event"
	"github.com/throng-im/throng/shared/group"
	"github.com/throng-im/throng/shared/pubsub"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, os.Args[1:], os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string, out io.Writer) error {
	flags := flag.NewFlagSet("replay", flag.ContinueOnError)
	look := flags.Bool("n", false, "say what there is and leave it where it is")
	if err := flags.Parse(args); err != nil {
		return err
	}
	project := os.Getenv("GOOGLE_CLOUD_PROJECT")
	if project == "" {
		return errors.New("GOOGLE_CLOUD_PROJECT is not set")
	}
	c, err := pubsub.Open(ctx, project, new(cost.Meter))
	if err != nil {
		return err
	}
	defer func() { _ = c.Close() }()
	subscriptions, err := subscriptions()
	if err != nil {
		return err
	}
	for _, s := range subscriptions {
		if err := replay(ctx, c, s, *look, out); err != nil {
			return err
		}
	}
	return nil
}

// subscriptions are those of the function whose events are put by.
func subscriptions() ([]functions.Subscription, error) {
	m, err := functions.Load()
	if err != nil {
		return nil, err
	}
	for _, f := range m.Functions {
		if f.Name == "webhook" {
			return f.Subscriptions(), nil
		}
	}
	return nil, errors.New("functions.json has no webhook")
}

// errLook leaves a batch where it is.
var errLook = errors.New("only looking")

// replay publishes what a subscription has put by, in the order of each group as far
// as one batch goes. What cannot be read is counted and dropped.
func replay(ctx context.Context, c *pubsub.Client, s functions.Subscription, look bool, out io.Writer) error {
	dead, total, broken := pubsub.Dead(s.Name), 0, 0
	err := c.Drain(ctx, dead, func(ctx context.Context, batch []pubsub.Delivery) error {
		payloads, unreadable := wrapped(s, batch)
		total, broken = total+len(payloads), broken+unreadable
		if look {
			return errLook
		}
		return c.Publish(ctx, event.TopicCallback, payloads...)
	})
	switch {
	case errors.Is(err, errLook):
		_, err = fmt.Fprintf(out, "%s: at least %d events, %d more cannot be read\n", dead, total, broken)
	case err == nil:
		_, err = fmt.Fprintf(out, "%s: %d events are delivered again, %d could not be read and are dropped\n", dead, total, broken)
	}
	return err
}

// wrapped are events as the topic callback has them.
func wrapped(s functions.Subscription, batch []pubsub.Delivery) (payloads [][]byte, unreadable int) {
	type item struct {
		group   string
		seq     int64
		payload []byte
	}
	var items []item
	for _, d := range batch {
		ev, err := wrap(s, d.Data)
		if err != nil {
			unreadable++
			continue
		}
		one := item{}
		if ev.Timeline != nil {
			one.group = string(ev.Timeline.Group)
			if len(ev.Timeline.Entries) > 0 {
				e, _ := group.DecodeEntry(ev.Timeline.Entries[0])
				one.seq = e.Seq
			}
		}
		if one.payload, err = json.Marshal(ev); err != nil {
			unreadable++
			continue
		}
		items = append(items, one)
	}
	slices.SortStableFunc(items, func(a, b item) int { return cmp.Or(cmp.Compare(a.group, b.group), cmp.Compare(a.seq, b.seq)) })
	for _, i := range items {
		payloads = append(payloads, i.payload)
	}
	return payloads, unreadable
}

// wrap reads an event of a subscription of webhook's.
func wrap(s functions.Subscription, data []byte) (ev event.Callback, err error) {
	switch s.Topic {
	case event.TopicCallback:
		err = json.Unmarshal(data, &ev)
	case event.TopicPresence:
		ev.Kind, ev.Presence = event.CallbackStatus, new(event.Presence)
		err = json.Unmarshal(data, ev.Presence)
	default:
		ev.Kind, ev.Timeline = event.CallbackMessages, new(event.Timeline)
		if s.Path == "/operations" {
			ev.Kind = event.CallbackOperations
		}
		err = json.Unmarshal(data, ev.Timeline)
	}
	return ev, err
}
