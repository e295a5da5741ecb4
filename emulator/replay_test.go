package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/throng-im/throng/functions"
	"github.com/throng-im/throng/functions/webhook"
	"github.com/throng-im/throng/shared/cloud"
	"github.com/throng-im/throng/shared/cost"
	"github.com/throng-im/throng/shared/event"
	"github.com/throng-im/throng/shared/group"
	"github.com/throng-im/throng/shared/id"
	"github.com/throng-im/throng/shared/pubsub"
	"github.com/throng-im/throng/shared/settings"
)

// taken is what the app's server has taken.
type taken struct {
	operation bool
	uid       id.Message
}

// TestWhatADeadServerMissed goes the whole way: the app's server is down until Pub/Sub
// has put everything by, is up again, and is told of all of it.
func TestWhatADeadServerMissed(t *testing.T) {
	needEmulators(t)
	t.Parallel()
	project := fmt.Sprintf("demo-dead-%x", rand.Uint64())
	up, told := new(atomic.Bool), make(chan taken, 1000)
	app := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !up.Load() {
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		body, _ := io.ReadAll(r.Body)
		form, _ := url.ParseQuery(string(body))
		told <- taken{r.URL.Path == "/operations", id.Message(form.Get("msgUID"))}
	}))
	t.Cleanup(app.Close)
	c, err := cloud.Open(t.Context(), settings.Settings{
		AppKey: "dev-app", AppSecret: "dev-secret", Project: project, MaxMembers: 10, CacheBytes: 1 << 20,
		Callbacks: settings.Callbacks{Messages: app.URL + "/messages", Operations: app.URL + "/operations", ServerMessages: true, Local: true},
	}, new(cost.Meter))
	fine(t, err)
	t.Cleanup(func() { _ = c.Close() })

	// A process of webhook takes a server that was down for long for down a while more.
	process := new(atomic.Pointer[http.Handler])
	start := func() { h := webhook.Handler(c); process.Store(&h) }
	start()
	function := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { (*process.Load()).ServeHTTP(w, r) }))
	t.Cleanup(function.Close)
	subs := subscribed(t, c.PubSub, function.URL)
	inBackground(t, func(ctx context.Context) error { return c.PubSub.Deliver(ctx, subs) })
	missed := misses(t, c.PubSub)

	var want []id.Message
	for _, g := range []id.Group{"one", "two"} {
		fine(t, c.Groups.Join(t.Context(), g, []id.User{"ann"}, ""))
		for n := range 6 {
			r, err := c.Groups.Publish(t.Context(), g, group.Entry{From: "ann", Type: "RC:TxtMsg", Content: fmt.Sprint(n)})
			fine(t, err)
			want = append(want, r.UID)
		}
	}
	fine(t, c.Groups.Recall(t.Context(), "one", want[0], group.Recall{From: "ann"}))
	for dead := map[string]bool{}; len(dead) < len(want)+1; {
		dead[<-missed] = true
	}
	if len(told) > 0 {
		t.Fatal("the app was told while it was down")
	}

	up.Store(true)
	start()
	out, err := operate(project, nil, "replay")
	fine(t, err)
	got, operations := map[id.Message]int{}, 0
	for len(got) < len(want) || operations == 0 {
		switch one := <-told; {
		case one.operation:
			operations++
		case !slices.Contains(want, one.uid):
			// That it was recalled is a message, too.
		default:
			got[one.uid]++
		}
	}
	for _, uid := range want {
		if got[uid] != 1 {
			t.Errorf("%s was told %d times", uid, got[uid])
		}
	}
	if t.Failed() {
		t.Log(out)
	}
}

// subscribed makes the subscriptions of webhook, with the fewest attempts that Pub/Sub
// knows and little time between them.
func subscribed(t *testing.T, c *pubsub.Client, address string) (subs []pubsub.Subscription) {
	t.Helper()
	m, err := functions.Load()
	fine(t, err)
	for _, f := range m.Functions {
		if f.Name != "webhook" {
			continue
		}
		for _, s := range f.Subscriptions() {
			subs = append(subs, pubsub.Subscription{
				Name: s.Name, Topic: s.Topic, Endpoint: address + s.Path, Deadline: time.Minute, AtOnce: 100, Attempts: 5, MaxBackoff: time.Second,
			})
		}
	}
	fine(t, c.Ensure(t.Context(), m.TopicNames(), subs))
	return subs
}

// misses names each message, and each event about operations, that is put by.
func misses(t *testing.T, c *pubsub.Client) <-chan string {
	t.Helper()
	out := make(chan string, 1000)
	for _, name := range []string{"webhook", "webhook-operations"} {
		live := make(chan struct{})
		inBackground(t, func(ctx context.Context) error {
			return c.Follow(ctx, "listener-"+name, pubsub.Dead(name), func() { close(live) }, func(_ context.Context, d pubsub.Delivery) error {
				var ev event.Timeline
				if err := json.Unmarshal(d.Data, &ev); err != nil {
					return err
				}
				entries, err := group.DecodeEntries(ev.Entries)
				for _, e := range entries {
					switch {
					case name != "webhook":
						out <- name
					case e.Kind == group.KindMessage:
						out <- fmt.Sprint(ev.Group, e.Seq)
					}
				}
				return err
			})
		})
		<-live
	}
	return out
}

// inBackground does something until the test ends.
func inBackground(t *testing.T, do func(context.Context) error) {
	t.Helper()
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- do(ctx) }()
	t.Cleanup(func() {
		stop()
		fine(t, <-done)
	})
}

func fine(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
