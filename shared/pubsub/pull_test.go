package pubsub_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"testing"

	"github.com/throng-im/throng/shared/cost"
	"github.com/throng-im/throng/shared/pubsub"
)

// TestFollowing holds what a process is promised that follows a topic: all that
// is published once it is live, again what it refused, and nothing left behind.
func TestFollowing(t *testing.T) {
	if os.Getenv("PUBSUB_EMULATOR_HOST") == "" {
		if os.Getenv("CI") != "" {
			t.Fatal("PUBSUB_EMULATOR_HOST is not set: run make test")
		}
		t.Skip("needs the Pub/Sub emulator: run make test")
	}
	ctx := t.Context()
	c, err := pubsub.Open(ctx, fmt.Sprintf("demo-follow-%x", rand.Uint64()), new(cost.Meter))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	if err := c.Follow(ctx, "reader", "news", func() { t.Error("live without a topic") }, nil); err == nil {
		t.Error("a topic that is not there was followed")
	}
	if err := c.Ensure(ctx, []string{"news"}, nil); err != nil {
		t.Fatal(err)
	}
	for round := range 2 { // the same name again: the first subscription has gone
		following, stop := context.WithCancel(ctx)
		live, done, heard := make(chan struct{}), make(chan error, 1), make(chan string)
		refused := false
		go func() {
			done <- c.Follow(following, "reader", "news", func() { close(live) }, func(_ context.Context, d pubsub.Delivery) error {
				if !refused {
					refused = true
					return errors.New("not yet")
				}
				heard <- string(d.Data)
				return nil
			})
		}()
		<-live
		want := fmt.Sprint("hello ", round)
		if err := c.Publish(ctx, "news", []byte(want)); err != nil {
			t.Fatal(err)
		}
		if got := <-heard; got != want {
			t.Errorf("heard %q, not %q", got, want)
		}
		stop()
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
}
