package main

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/throng-im/throng/functions"
	"github.com/throng-im/throng/shared/cost"
	"github.com/throng-im/throng/shared/event"
	"github.com/throng-im/throng/shared/pubsub"
)

// putBy is what each of the subscriptions of webhook has given up, and what the topic
// callback is to have of it.
var putBy = map[string][][2]string{
	"webhook": {
		{`{"group":"g","serial":1,"shards":null,"entries":[{"seq":7}]}`, `{"kind":"messages","timeline":{"group":"g","serial":1,"shards":null,"entries":[{"seq":7}]}}`},
		{`{"group":"g","serial":1,"shards":null,"entries":[{"seq":3}]}`, `{"kind":"messages","timeline":{"group":"g","serial":1,"shards":null,"entries":[{"seq":3}]}}`},
		{`nonsense`, ``},
	},
	"webhook-operations": {{`{"group":"g","serial":1,"shards":null,"entries":[{"seq":8}]}`, `{"kind":"operations","timeline":{"group":"g","serial":1,"shards":null,"entries":[{"seq":8}]}}`}},
	"webhook-status":     {{`{"changes":[{"user":"ann","status":"0","at":5}]}`, `{"kind":"status","presence":{"changes":[{"user":"ann","status":"0","at":5}]}}`}},
	"webhook-later":      {{`{"kind":"operations","deleted":{"group":"g","user":"ann","at":5}}`, `{"kind":"operations","deleted":{"group":"g","user":"ann","at":5}}`}},
}

func TestEventsAreWrappedInTheOrderOfTheirGroup(t *testing.T) {
	all, err := subscriptions()
	if err != nil || len(all) != len(putBy) {
		t.Fatalf("%v, %v", all, err)
	}
	for _, s := range all {
		var batch []pubsub.Delivery
		var want []string
		for _, one := range putBy[s.Name] {
			batch = append(batch, pubsub.Delivery{Data: []byte(one[0])})
			if one[1] != "" {
				want = append(want, one[1])
			}
		}
		slices.Sort(want) // by seq, as it happens
		payloads, unreadable := wrapped(s, batch)
		var got []string
		for _, p := range payloads {
			got = append(got, string(p))
		}
		if !slices.Equal(got, want) || unreadable != len(batch)-len(want) {
			t.Errorf("%s: %q, and %d cannot be read", s.Name, got, unreadable)
		}
	}
}

// TestAllIsDeliveredOnceMore puts events by and has them replayed, on Pub/Sub.
func TestAllIsDeliveredOnceMore(t *testing.T) {
	if os.Getenv("PUBSUB_EMULATOR_HOST") == "" {
		if os.Getenv("CI") != "" {
			t.Fatal("PUBSUB_EMULATOR_HOST is not set: run make test")
		}
		t.Skip("needs the Pub/Sub emulator: run make test")
	}
	project := fmt.Sprintf("demo-replay-%x", rand.Uint64())
	t.Setenv("GOOGLE_CLOUD_PROJECT", project)
	ctx := t.Context()
	c, err := pubsub.Open(ctx, project, new(cost.Meter))
	ok(t, err)
	t.Cleanup(func() { _ = c.Close() })
	m, err := functions.Load()
	ok(t, err)
	all, err := subscriptions()
	ok(t, err)
	var subs []pubsub.Subscription
	for _, s := range all {
		subs = append(subs, pubsub.Subscription{Name: s.Name, Topic: s.Topic, Endpoint: "http://127.0.0.1:1/", Deadline: time.Minute})
	}
	ok(t, c.Ensure(ctx, m.TopicNames(), subs))
	heard, live := make(chan string, 100), make(chan struct{})
	following, stop := context.WithCancel(ctx)
	done := make(chan error, 1)
	go func() {
		done <- c.Follow(following, "listener", event.TopicCallback, func() { close(live) }, func(_ context.Context, d pubsub.Delivery) error {
			heard <- string(d.Data)
			return nil
		})
	}()
	<-live
	var want []string
	for name, events := range putBy {
		for _, one := range events {
			ok(t, c.Publish(ctx, pubsub.Dead(name), []byte(one[0])))
			if one[1] != "" {
				want = append(want, one[1])
			}
		}
	}
	var out bytes.Buffer
	ok(t, run(ctx, []string{"-n"}, &out))
	if len(heard) > 0 || !strings.Contains(out.String(), "webhook-dead: at least ") {
		t.Errorf("looking publishes %d events and says %s", len(heard), &out)
	}
	out.Reset()
	ok(t, run(ctx, nil, &out))
	var got []string
	for range want {
		got = append(got, <-heard)
	}
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) || !strings.Contains(out.String(), "webhook-dead: 2 events are delivered again, 1 could not be read") {
		t.Errorf("it says %s and published\n%q\nnot\n%q", &out, got, want)
	}
	out.Reset()
	ok(t, run(ctx, nil, &out))
	if strings.Count(out.String(), ": 0 events") != len(all) {
		t.Errorf("for the second time it says %s", &out)
	}
	stop()
	ok(t, <-done)
}

func ok(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
