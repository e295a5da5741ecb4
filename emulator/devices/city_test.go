package devices_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/throng-im/throng/emulator/fcm"
	"github.com/throng-im/throng/functions"
	"github.com/throng-im/throng/functions/client"
	"github.com/throng-im/throng/functions/conversations"
	"github.com/throng-im/throng/functions/copies"
	"github.com/throng-im/throng/functions/fanout"
	"github.com/throng-im/throng/functions/groups"
	"github.com/throng-im/throng/functions/history"
	"github.com/throng-im/throng/functions/messages"
	"github.com/throng-im/throng/functions/mutes"
	"github.com/throng-im/throng/functions/push"
	"github.com/throng-im/throng/functions/stream"
	"github.com/throng-im/throng/functions/users"
	"github.com/throng-im/throng/functions/watch"
	"github.com/throng-im/throng/functions/webhook"
	"github.com/throng-im/throng/shared/chaos"
	"github.com/throng-im/throng/shared/cloud"
	"github.com/throng-im/throng/shared/conversation"
	"github.com/throng-im/throng/shared/cost"
	"github.com/throng-im/throng/shared/event"
	"github.com/throng-im/throng/shared/group"
	"github.com/throng-im/throng/shared/inbox"
	"github.com/throng-im/throng/shared/receipt"
	"github.com/throng-im/throng/shared/serve"
	"github.com/throng-im/throng/shared/settings"
	"github.com/throng-im/throng/shared/user"
	"github.com/throng-im/throng/shared/wire"
)

// instances is how many there are of each function.
const instances = 2

// city is a project of its own in the emulators, with several instances of every
// function in this process.
type city struct {
	*testing.T
	settings settings.Settings
	// doors are the addresses of the instances; each serves every function but the
	// stream.
	doors   []string
	streams []*station
	post    *post
	fcm     *httptest.Server
	client  *http.Client
	// failing says that a round has failed: from then on rapid looks for a shorter
	// one that does.
	failing atomic.Bool
}

// station is an instance of the stream, behind a proxy that can break it off.
type station struct {
	cloud *cloud.Cloud
	proxy *chaos.Proxy
	stop  context.CancelFunc
	ended chan struct{}
}

func needEmulators(t *testing.T) {
	t.Helper()
	if os.Getenv("FIRESTORE_EMULATOR_HOST") == "" || os.Getenv("PUBSUB_EMULATOR_HOST") == "" {
		if os.Getenv("CI") != "" {
			t.Fatal("the emulators are not there: run make test")
		}
		t.Skip("needs the emulators: run make test")
	}
}

func newCity(t *testing.T) *city {
	t.Helper()
	needEmulators(t)
	c := &city{T: t, fcm: httptest.NewServer(fcm.New()), client: &http.Client{Timeout: time.Minute, Transport: http.DefaultTransport.(*http.Transport).Clone()}}
	t.Cleanup(c.fcm.Close)
	c.settings = settings.Settings{
		AppKey: "app", AppSecret: "secret", Project: fmt.Sprintf("demo-devices-%x", rand.Uint64()), MaxMembers: 3000, CacheBytes: 16 << 20,
		OfflineDays: 7, HistoryMonths: 6, HistoryTargeted: true, FCMEndpoint: c.fcm.URL + "/v1",
		StreamPing: 250 * time.Millisecond, StreamLifetime: time.Hour,
	}
	c.post = newPost(c)
	for range instances {
		c.doors = append(c.doors, c.door())
		c.streams = append(c.streams, c.station())
	}
	c.post.begin()
	return c
}

func (c *city) ok(err error) {
	c.Helper()
	if err != nil {
		c.Fatal(err)
	}
}

// open opens a Cloud of its own. What it announces may reach everybody late.
func (c *city) open() *cloud.Cloud {
	c.Helper()
	cl, err := cloud.Open(context.Background(), c.settings, new(cost.Meter))
	c.ok(err)
	announce := func(topic string) event.Announcer {
		return func(ctx context.Context, payloads ...[]byte) error {
			return c.post.announce(ctx, cl, topic, payloads)
		}
	}
	told := announce(event.TopicConversation)
	cl.Groups = group.New(cl.Store, announce(event.TopicTimeline), group.Options{MaxMembers: c.settings.MaxMembers, CacheBytes: c.settings.CacheBytes, Linger: -1})
	cl.Users = user.New(cl.Store, cl.Groups, told, c.settings.CacheBytes, time.Now)
	cl.Users.Later = announce(event.TopicCopies)
	cl.Conversations = conversation.New(cl.Store, told, c.settings.CacheBytes, time.Now)
	cl.Receipts = receipt.New(cl.Store, told, c.settings.CacheBytes, time.Now)
	cl.Inbox = inbox.New(cl.Groups, cl.Users, cl.Conversations, inbox.Options{Offline: c.settings.OfflineWindow(), HistoryMonths: c.settings.HistoryMonths, Now: time.Now})
	return cl
}

// door starts an instance of every function but the stream.
func (c *city) door() string {
	c.Helper()
	cl := c.open()
	send, err := push.Sender(context.Background(), c.settings)
	c.ok(err)
	handlers := map[string]http.Handler{
		"groups": groups.Handler(cl), "messages": messages.Handler(cl), "mutes": mutes.Handler(cl), "history": history.Handler(cl),
		"users": users.Handler(cl), "conversations": conversations.Handler(cl), "client": client.Handler(cl),
		"fanout": fanout.Handler(cl), "watch": watch.Handler(cl), "copies": copies.Handler(cl), "webhook": webhook.Handler(cl),
		"push": push.Handler(push.On(cl, send)),
	}
	m, err := functions.Load()
	c.ok(err)
	mux := http.NewServeMux()
	for _, f := range m.Functions {
		for _, route := range f.Routes {
			if h := handlers[f.Name]; h != nil && strings.HasSuffix(route, "/") {
				mux.Handle(route, h)
			}
		}
		for _, s := range f.Subscriptions() {
			if h := handlers[f.Name]; h != nil {
				mux.HandleFunc("/events/"+s.Name, func(w http.ResponseWriter, r *http.Request) {
					r.URL.Path = s.Path
					h.ServeHTTP(w, r)
				})
			}
		}
	}
	server := httptest.NewServer(mux)
	c.Cleanup(func() { server.CloseClientConnections(); server.Close(); _ = cl.Close() })
	return server.URL
}

// station starts an instance of the stream.
func (c *city) station() *station {
	c.Helper()
	s := &station{cloud: c.open(), ended: make(chan struct{})}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	c.ok(err)
	s.proxy, err = chaos.NewProxy(ln.Addr().String())
	c.ok(err)
	ctx, cancel := context.WithCancel(context.Background())
	s.stop = cancel
	handler := stream.Handler(s.cloud)
	go func() {
		defer close(s.ended)
		_ = serve.RunListener(ctx, ln, handler)
	}()
	c.Cleanup(func() { s.proxy.Close(); cancel(); <-s.ended; _ = s.cloud.Close() })
	return s
}

// replace puts a new instance of the stream in the place of one that ends: with a
// goodbye to every device, or so that nobody ever hears of it again.
func (c *city) replace(i int, gracefully bool) {
	c.Helper()
	old := c.streams[i]
	c.streams[i] = c.station()
	if !gracefully {
		// It can say nothing any more, not even that it goes.
		_ = old.cloud.Close()
		old.proxy.Close()
	}
	old.stop()
}

func anyOf[T any](of []T) T { return of[rand.IntN(len(of))] }

// server makes a signed call of the server API at any of the instances.
func (c *city) server(path string, form url.Values, into any) (int, string) {
	c.Helper()
	return c.signed(path, "application/x-www-form-urlencoded", form.Encode(), into)
}

func (c *city) signed(path, kind, body string, into any) (int, string) {
	c.Helper()
	r, err := http.NewRequest(http.MethodPost, anyOf(c.doors)+path, strings.NewReader(body))
	c.ok(err)
	nonce, timestamp := strconv.Itoa(rand.Int()), strconv.FormatInt(time.Now().Unix(), 10)
	r.Header.Set("App-Key", c.settings.AppKey)
	r.Header.Set("Nonce", nonce)
	r.Header.Set("Timestamp", timestamp)
	r.Header.Set("Signature", wire.Signature(c.settings.AppSecret, nonce, timestamp))
	r.Header.Set("Content-Type", kind)
	return c.do(r, into)
}

// device makes a call of the device API at any of the instances.
func (c *city) device(token, method, path, body string, into any) (int, string) {
	c.Helper()
	r, err := http.NewRequest(method, anyOf(c.doors)+"/client/v1"+path, strings.NewReader(body))
	c.ok(err)
	r.Header.Set("Authorization", "Bearer "+token)
	return c.do(r, into)
}

// do makes a request and decodes what it is answered when that is a success.
func (c *city) do(r *http.Request, into any) (int, string) {
	c.Helper()
	res, err := c.client.Do(r)
	if err != nil {
		return 0, err.Error()
	}
	defer func() { _ = res.Body.Close() }()
	body, err := io.ReadAll(res.Body)
	if err == nil && res.StatusCode == http.StatusOK && into != nil {
		err = json.Unmarshal(body, into)
	}
	if err != nil {
		return 0, fmt.Sprintf("%s: %v", body, err)
	}
	return res.StatusCode, string(body)
}

// pushed lists what devices were notified of, by push token and message.
func (c *city) pushed() map[[2]string]string {
	c.Helper()
	var out struct {
		Pushes []struct {
			Token   string
			Message struct{ Data map[string]string }
		}
	}
	r, err := http.NewRequest(http.MethodGet, c.fcm.URL+"/emulator/pushes", nil)
	c.ok(err)
	if status, text := c.do(r, &out); status != http.StatusOK {
		c.Fatal(status, text)
	}
	found := map[[2]string]string{}
	for _, p := range out.Pushes {
		found[[2]string{p.Token, p.Message.Data["messageUID"]}] += " " + p.Message.Data["body"]
	}
	return found
}
