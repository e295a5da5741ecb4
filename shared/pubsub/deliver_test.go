package pubsub_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/throng-im/throng/shared/cost"
	"github.com/throng-im/throng/shared/pubsub"
)

// endpoint is what a subscription pushes to.
type endpoint struct {
	mu sync.Mutex
	// attempts are those of each event, done those that were acknowledged.
	attempts map[string][]int
	done     map[string]bool
	inHand   atomic.Int64
	// broken counts the requests that were not answered.
	broken atomic.Int64
	most   int64
	// answer is asked what becomes of an event.
	answer func(data string, attempt int) int
}

func (e *endpoint) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	d, err := pubsub.ParsePush(body)
	if err != nil {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	now := e.inHand.Add(1)
	defer e.inHand.Add(-1)
	e.broken.Add(1)
	status := e.answer(string(d.Data), d.Attempt)
	e.broken.Add(-1)
	e.mu.Lock()
	e.most = max(e.most, now)
	e.attempts[string(d.Data)] = append(e.attempts[string(d.Data)], d.Attempt)
	e.done[string(d.Data)] = e.done[string(d.Data)] || status < 300
	e.mu.Unlock()
	w.WriteHeader(status)
}

func (e *endpoint) finished() int { e.mu.Lock(); defer e.mu.Unlock(); return len(e.done) }

// deliver delivers what is published to "news" to an endpoint.
func deliver(t *testing.T, s pubsub.Subscription, e *endpoint) *pubsub.Client {
	t.Helper()
	if os.Getenv("PUBSUB_EMULATOR_HOST") == "" {
		if os.Getenv("CI") != "" {
			t.Fatal("PUBSUB_EMULATOR_HOST is not set: run make test")
		}
		t.Skip("needs the Pub/Sub emulator: run make test")
	}
	e.attempts, e.done = map[string][]int{}, map[string]bool{}
	c, err := pubsub.Open(t.Context(), fmt.Sprintf("demo-deliver-%x", rand.Uint64()), new(cost.Meter))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	server := httptest.NewServer(e)
	s.Name, s.Topic, s.Endpoint = "reader", "news", server.URL
	subs := []pubsub.Subscription{s}
	if err := c.Ensure(t.Context(), []string{"news"}, subs); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- c.Deliver(ctx, subs) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
		server.Close()
	})
	return c
}

func until(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for range 3000 {
		if ok() {
			return
		}
		time.Sleep(20 * time.Millisecond)
	}
	t.Fatalf("waited in vain until %s", what)
}

// TestNothingIsLostWhereNobodyIs publishes before, while and after the endpoint
// breaks its connections, with events in its hands when it begins to.
func TestNothingIsLostWhereNobodyIs(t *testing.T) {
	cut, gone := make(chan struct{}), atomic.Bool{}
	gone.Store(true)
	e := &endpoint{answer: func(string, int) int {
		if gone.Load() {
			<-cut
			panic(http.ErrAbortHandler)
		}
		return http.StatusNoContent
	}}
	c := deliver(t, pubsub.Subscription{Deadline: 30 * time.Second, AtOnce: 20}, e)
	publish := func(name string) {
		for i := range 20 {
			if err := c.Publish(t.Context(), "news", fmt.Appendf(nil, "%s %d", name, i)); err != nil {
				t.Fatal(err)
			}
		}
	}
	publish("in hand")
	until(t, "all are in hand", func() bool { return e.inHand.Load() == 20 })
	publish("waiting")
	close(cut)
	publish("nobody there")
	until(t, "some failed more than twice", func() bool { return e.broken.Load() > 3*60 })
	gone.Store(false)
	publish("back")
	until(t, "all have come", func() bool { return e.finished() == 80 })
	e.mu.Lock()
	defer e.mu.Unlock()
	for data, attempts := range e.attempts {
		if len(attempts) != 1 {
			t.Errorf("%s was taken %d times", data, len(attempts))
		}
	}
}

// TestAHandlerThatTakesTooLongIsNotWaitedFor: its event comes again meanwhile.
func TestAHandlerThatTakesTooLongIsNotWaitedFor(t *testing.T) {
	again := make(chan struct{})
	e := &endpoint{answer: func(_ string, attempt int) int {
		if attempt > 1 {
			close(again)
		}
		<-again
		return http.StatusOK
	}}
	c := deliver(t, pubsub.Subscription{Deadline: time.Second, AtOnce: 2}, e)
	if err := c.Publish(t.Context(), "news", []byte("slow")); err != nil {
		t.Fatal(err)
	}
	until(t, "it came again", func() bool { return e.finished() == 1 })
}

// TestAnEventIsTriedAsOftenAsTheSubscriptionSays refuses events, some for good.
func TestAnEventIsTriedAsOftenAsTheSubscriptionSays(t *testing.T) {
	e := &endpoint{answer: func(data string, attempt int) int {
		switch {
		case data == "never":
			return http.StatusServiceUnavailable
		case data == "third" && attempt < 3:
			return http.StatusInternalServerError
		}
		time.Sleep(200 * time.Millisecond)
		return http.StatusOK
	}}
	c := deliver(t, pubsub.Subscription{Deadline: 10 * time.Second, AtOnce: 2, Attempts: 5, MaxBackoff: time.Second}, e)
	for _, data := range []string{"never", "third", "a", "b", "c", "d", "e"} {
		if err := c.Publish(t.Context(), "news", []byte(data)); err != nil {
			t.Fatal(err)
		}
	}
	var dead []string
	until(t, "what is never taken is put by", func() bool {
		err := c.Drain(t.Context(), pubsub.Dead("reader"), func(_ context.Context, batch []pubsub.Delivery) error {
			for _, d := range batch {
				dead = append(dead, string(d.Data))
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		return len(dead) > 0
	})
	e.mu.Lock()
	defer e.mu.Unlock()
	want := map[string][]int{"never": {1, 2, 3, 4, 5}, "third": {1, 2, 3}, "a": {1}, "b": {1}, "c": {1}, "d": {1}, "e": {1}}
	if !maps.EqualFunc(e.attempts, want, slices.Equal) {
		text, _ := json.Marshal(e.attempts)
		t.Errorf("the attempts are %s", text)
	}
	if !slices.Equal(dead, []string{"never"}) {
		t.Errorf("put by: %q", dead)
	}
	if e.most != 2 {
		t.Errorf("%d requests at a time, not 2", e.most)
	}
}
