package webhook

import (
	"bytes"
	"context"
	"crypto/sha1"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/throng-im/throng/shared/callback"
	"github.com/throng-im/throng/shared/cloud"
	"github.com/throng-im/throng/shared/commit"
	"github.com/throng-im/throng/shared/event"
	"github.com/throng-im/throng/shared/group"
	"github.com/throng-im/throng/shared/id"
	"github.com/throng-im/throng/shared/presence"
	"github.com/throng-im/throng/shared/settings"
)

// heard is one call that the app's server took.
type heard struct {
	path string
	form url.Values
	body string
}

// receiver is the app's server. It holds each call's signature against the formula
// of the contract, written anew here.
type receiver struct {
	*testing.T
	url string
	mu  sync.Mutex
	// mood decides what becomes of a call; nil takes it.
	mood func(w http.ResponseWriter, r *http.Request, h heard) bool
	took []heard
	// tried counts all calls.
	tried int
}

func newReceiver(t *testing.T) *receiver {
	a := &receiver{T: t}
	s := httptest.NewServer(a)
	t.Cleanup(s.Close)
	a.url = s.URL
	return a
}

func (a *receiver) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return
	}
	q := r.URL.Query()
	sum := sha1.New()
	for _, part := range []string{"secret", q.Get("nonce"), q.Get("timestamp")} {
		_, _ = io.WriteString(sum, part)
	}
	if fmt.Sprintf("%040x", sum.Sum(nil)) != q.Get("signature") || q.Get("appKey") != "key" || q.Get("signTimestamp") != q.Get("timestamp") {
		a.Errorf("a call is signed %s", r.URL.RawQuery)
	}
	h := heard{path: r.URL.Path, body: string(body)}
	if r.Header.Get("Content-Type") == "application/x-www-form-urlencoded" {
		if h.form, err = url.ParseQuery(h.body); err != nil {
			a.Error(err)
		}
	}
	a.mu.Lock()
	a.tried++
	mood := a.mood
	a.mu.Unlock()
	if mood != nil && !mood(w, r, h) {
		return
	}
	a.takes(h)
}

func (a *receiver) takes(h heard) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.took = append(a.took, h)
}

// is sets the server's mood.
func (a *receiver) is(mood func(w http.ResponseWriter, r *http.Request, h heard) bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.mood = mood
}

func answers(status int) func(http.ResponseWriter, *http.Request, heard) bool {
	return func(w http.ResponseWriter, _ *http.Request, _ heard) bool {
		w.WriteHeader(status)
		return status == 200
	}
}

// contents are what the messages said that the server took, in order.
func (a *receiver) contents() []string {
	a.mu.Lock()
	defer a.mu.Unlock()
	var out []string
	for _, h := range a.took {
		out = append(out, h.form.Get("content"))
	}
	return out
}

func (a *receiver) calls() int {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.tried
}

// scene is the function on a store in memory, the app's server, and what Pub/Sub
// has to deliver.
type scene struct {
	*testing.T
	*function
	app    *receiver
	set    settings.Settings
	store  commit.Memory
	groups *group.Groups
	// minutes have passed.
	minutes atomic.Int64
	mu      sync.Mutex
	// said are the events of the timeline, later those of the topic callback.
	said   [][]byte
	later  [][]byte
	refuse bool
	pauses []time.Duration
}

func (s *scene) clock() time.Time {
	return time.UnixMilli(1_795_500_000_000).Add(time.Duration(s.minutes.Load()) * time.Minute)
}

func newScene(t *testing.T, change ...func(*settings.Callbacks)) *scene {
	s := &scene{T: t, app: newReceiver(t)}
	s.groups = group.New(&s.store, func(_ context.Context, payloads ...[]byte) error {
		s.said = append(s.said, payloads...)
		return nil
	}, group.Options{Linger: -1, Now: s.clock})
	set := settings.Settings{AppKey: "key", AppSecret: "secret", Callbacks: settings.Callbacks{
		Messages: s.app.url + "/messages", Operations: s.app.url + "/operations", Status: s.app.url + "/status", Local: true}}
	for _, c := range change {
		c(&set.Callbacks)
	}
	s.set = set
	s.opens()
	s.ok(s.groups.Join(t.Context(), "g", []id.User{"ann", "bob"}, "The g"))
	s.said = nil
	return s
}

// opens begins anew in a process that remembers nothing.
func (s *scene) opens() {
	c := &cloud.Cloud{Settings: s.set, Groups: s.groups, Presence: presence.New(&s.store, s.clock)}
	s.function = newFunction(c)
	s.online, s.find, s.now, s.caller = c.Presence.OnlineNow, c.Groups.Find, s.clock, callback.New(s.set, s.clock)
	s.publish = func(_ context.Context, topic string, payloads ...[]byte) error {
		s.mu.Lock()
		defer s.mu.Unlock()
		if topic != event.TopicCallback || s.refuse {
			return errors.New("Pub/Sub takes nothing")
		}
		s.later = append(s.later, payloads...)
		return nil
	}
	s.pause = func(_ context.Context, d time.Duration) error {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.pauses = append(s.pauses, d)
		return nil
	}
}

func (s *scene) ok(err error) {
	s.Helper()
	if err != nil {
		s.Fatal(err)
	}
}

// sends has ann's phone send a message.
func (s *scene) sends(g id.Group, content string) group.Receipt {
	s.Helper()
	r, err := s.groups.SendAs(s.Context(), g, group.Actor{User: "ann", Source: "iOS"}, group.Entry{Type: "RC:TxtMsg", Content: content, ClientID: content})
	s.ok(err)
	return r
}

// deliver pushes an event to a path of the function, and says whether it was taken.
func (s *scene) deliver(path string, data []byte) bool {
	s.Helper()
	body, err := json.Marshal(map[string]any{"message": map[string]any{"data": data, "messageId": "1"}})
	s.ok(err)
	w := httptest.NewRecorder()
	s.handler().ServeHTTP(w, httptest.NewRequest("POST", path, bytes.NewReader(body)))
	if w.Code != 204 && w.Code != 503 {
		s.Errorf("%s: answered %d", path, w.Code)
	}
	return w.Code == 204
}

// all delivers what there is until nothing is left of it: again what is given back,
// and what is published meanwhile.
func (s *scene) all(path string, events [][]byte) {
	s.Helper()
	for round := 0; len(events) > 0; round++ {
		if round > 200 {
			s.Fatalf("%d events are never taken", len(events))
		}
		s.minutes.Add(1) // Pub/Sub waits, and so does a breaker
		var back [][]byte
		for _, ev := range events {
			if !s.deliver(path, ev) {
				back = append(back, ev)
			}
		}
		events = back
		s.mu.Lock()
		left := s.later
		s.later = nil
		s.mu.Unlock()
		if len(left) > 0 {
			s.all("/later", left)
		}
	}
}

// expect holds what the server was told, in order.
func (s *scene) expect(want ...string) {
	s.Helper()
	if got := s.app.contents(); !slices.Equal(got, want) {
		s.Errorf("the app was told\n%s\nand not\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	s.app.mu.Lock()
	s.app.took = nil
	s.app.mu.Unlock()
}
