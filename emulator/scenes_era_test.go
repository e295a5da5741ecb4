package main

import (
	"context"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	manifest "github.com/throng-im/throng/functions"
	"github.com/throng-im/throng/functions/client"
	"github.com/throng-im/throng/functions/conversations"
	"github.com/throng-im/throng/functions/groups"
	"github.com/throng-im/throng/functions/history"
	"github.com/throng-im/throng/functions/messages"
	"github.com/throng-im/throng/functions/mutes"
	"github.com/throng-im/throng/functions/users"
	"github.com/throng-im/throng/shared/cloud"
	"github.com/throng-im/throng/shared/conversation"
	"github.com/throng-im/throng/shared/cost"
	"github.com/throng-im/throng/shared/event"
	"github.com/throng-im/throng/shared/group"
	"github.com/throng-im/throng/shared/inbox"
	"github.com/throng-im/throng/shared/receipt"
	"github.com/throng-im/throng/shared/settings"
	"github.com/throng-im/throng/shared/user"
)

// era is the functions that are called over HTTP, in this process and with a
// clock that is behind, on what the scene's cloud stores. Events go to the cloud's
// own functions.
type era struct {
	s   *scene
	ago atomic.Int64
	// publish publishes to the cloud, unless held has what waits.
	publish event.Publisher
	mu      sync.Mutex
	holding bool
	held    [][]byte
}

func (e *era) now() time.Time { return time.Now().Add(-time.Duration(e.ago.Load())) }

// days sets how many days ago it is.
func (e *era) days(n float64) { e.ago.Store(int64(n * float64(24*time.Hour))) }

// is sets when it is. The clock goes on from there.
func (e *era) is(at string) {
	e.s.Helper()
	then, err := time.Parse(time.RFC3339, at)
	if err != nil {
		e.s.Fatal(err)
	}
	e.ago.Store(int64(time.Since(then)))
}

// holds keeps back what happens in groups; lets tells it, the newest first, and
// all of it twice.
func (e *era) holds() { e.mu.Lock(); defer e.mu.Unlock(); e.holding = true }

func (e *era) lets() {
	e.s.Helper()
	e.mu.Lock()
	defer e.mu.Unlock()
	slices.Reverse(e.held)
	for _, payload := range slices.Concat(e.held, e.held) {
		if err := e.publish(context.Background(), event.TopicTimeline, payload); err != nil {
			e.s.Fatal(err)
		}
	}
	e.holding, e.held = false, nil
}

// announce publishes to a topic of the cloud.
func (e *era) announce(topic string) event.Announcer {
	return func(ctx context.Context, payloads ...[]byte) error {
		if topic == event.TopicTimeline && e.keeps(payloads) {
			return nil
		}
		return e.publish(ctx, topic, payloads...)
	}
}

// keeps keeps payloads back while it holds.
func (e *era) keeps(payloads [][]byte) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.holding {
		e.held = append(e.held, payloads...)
	}
	return e.holding
}

// ends has the scene go on with the cloud's own functions, and so today.
func (e *era) ends() { e.s.at = e.s.url(portGateway) }

// goesBack has the scene go on so many days ago. What it is set to differs from the
// cloud's own settings by pairs of variables and values.
func (s *scene) goesBack(days float64, pairs ...string) *era {
	s.Helper()
	e := &era{s: s}
	e.days(days)
	env := map[string]string{"THRONG_APP_KEY": "dev-app", "THRONG_APP_SECRET": "dev-secret", "GOOGLE_CLOUD_PROJECT": s.project, "THRONG_DEVICE_RATE": "0", "THRONG_PUSH_BURST": "0"}
	for i := 0; i < len(pairs); i += 2 {
		env[pairs[i]] = pairs[i+1]
	}
	set, err := settings.FromEnv(func(name string) string { return env[name] })
	if err != nil {
		s.Fatal(err)
	}
	c, err := cloud.Open(context.Background(), set, new(cost.Meter))
	if err != nil {
		s.Fatal(err)
	}
	s.Cleanup(func() { _ = c.Close() })
	e.publish = c.PubSub.Publish
	announce := e.announce
	const cache = 16 << 20
	c.Groups = group.New(c.Store, announce(event.TopicTimeline), group.Options{MaxMembers: set.MaxMembers, CacheBytes: cache, Linger: -1, Burst: set.PushBurst, Now: e.now})
	c.Users = user.New(c.Store, c.Groups, announce(event.TopicConversation), cache, e.now)
	c.Conversations = conversation.New(c.Store, announce(event.TopicConversation), cache, e.now)
	c.Receipts = receipt.New(c.Store, announce(event.TopicConversation), cache, e.now)
	c.Inbox = inbox.New(c.Groups, c.Users, c.Conversations, inbox.Options{Offline: set.OfflineWindow(), HistoryMonths: set.HistoryMonths, Now: e.now})
	server := httptest.NewServer(e.route(c))
	s.Cleanup(server.Close)
	s.at = server.URL
	return e
}

// like has the scene go on with an app that is set otherwise.
func (s *scene) like(pairs ...string) { s.Helper(); s.goesBack(0, pairs...) }

// route finds the function of a call as the gateway does: by the longest of the
// paths that the functions serve.
func (e *era) route(c *cloud.Cloud) http.Handler {
	m, err := manifest.Load()
	if err != nil {
		e.s.Fatal(err)
	}
	handlers := map[string]http.Handler{
		"client": client.Handler(c), "conversations": conversations.Handler(c), "groups": groups.Handler(c), "history": history.Handler(c),
		"messages": messages.Handler(c), "mutes": mutes.Handler(c), "users": users.Handler(c),
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		best, function := "", ""
		for _, f := range m.Functions {
			for _, path := range f.Routes {
				if strings.HasPrefix(r.URL.Path, path) && len(path) > len(best) && handlers[f.Name] != nil {
					best, function = path, f.Name
				}
			}
		}
		if function == "" {
			http.NotFound(w, r)
			return
		}
		handlers[function].ServeHTTP(w, r)
	})
}
