package stream

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/throng-im/throng/shared/commit"
	"github.com/throng-im/throng/shared/conversation"
	"github.com/throng-im/throng/shared/event"
	"github.com/throng-im/throng/shared/fault"
	"github.com/throng-im/throng/shared/group"
	"github.com/throng-im/throng/shared/id"
	"github.com/throng-im/throng/shared/live"
	"github.com/throng-im/throng/shared/pubsub"
	"github.com/throng-im/throng/shared/telemetry"
	"github.com/throng-im/throng/shared/token"
)

func TestATokenIsTakenOutOfTheURL(t *testing.T) {
	for _, c := range []struct{ target, bearer, want, left string }{
		{"/client/v1/stream?token=secret&lastEventId=x", "", "secret", "/client/v1/stream?lastEventId=x"},
		{"/client/v1/stream?token=secret", "", "secret", "/client/v1/stream"},
		{"/client/v1/stream?token=secret&token=other", "Bearer better", "better", "/client/v1/stream"},
		{"/client/v1/stream", "bearer  plain ", "plain", "/client/v1/stream"},
		{"/client/v1/stream", "Basic x", "", "/client/v1/stream"},
		{"/client/v1/stream?%zz&token=secret", "", "secret", "/client/v1/stream?%zz"},
		{"/client/v1/stream?%74oken=secret", "", "secret", "/client/v1/stream"},
		{"/client/v1/stream?token=%zz", "", "", "/client/v1/stream"},
		{"/client/v1/stream?token=a;b", "", "", "/client/v1/stream"},
	} {
		r := httptest.NewRequest(http.MethodGet, c.target, nil)
		if c.bearer != "" {
			r.Header.Set("Authorization", c.bearer)
		}
		if got := takeToken(r); got != c.want || r.URL.String() != c.left || r.RequestURI != c.left {
			t.Errorf("%s: token %q, left %s and %s", c.target, got, r.URL, r.RequestURI)
		}
	}
}

// broken is a store that cannot be asked when it fails.
type broken struct {
	*commit.Memory
	fails error
}

func (b *broken) Query(ctx context.Context, q commit.Query) ([]commit.Doc, error) {
	if b.fails != nil {
		return nil, b.fails
	}
	return b.Memory.Query(ctx, q)
}

// hub is one without events, of a user who is in one group.
func hub(t *testing.T, fails error, change ...func(*live.Options)) *live.Hub {
	t.Helper()
	groups := group.New(&broken{new(commit.Memory), fails}, func(context.Context, ...[]byte) error { return nil }, group.Options{})
	o := live.Options{
		Feed: func(ctx context.Context, liveNow func(), _ func(context.Context, *event.Timeline) error) error {
			liveNow()
			<-ctx.Done()
			return nil
		},
		List: func(context.Context, id.User) (conversation.List, error) {
			in := conversation.Conversation{Membership: conversation.Membership{Joined: 1}}
			return conversation.List{Conversations: map[id.Group]conversation.Conversation{"g": in}}, nil
		},
		Groups: groups, Linger: -1,
	}
	for _, c := range change {
		c(&o)
	}
	return live.New(o)
}

func open(t *testing.T, f *function) *httptest.Server {
	t.Helper()
	s := httptest.NewServer(http.HandlerFunc(f.serve))
	t.Cleanup(s.Close)
	return s
}

func anybody(context.Context, string) (token.Claims, error) { return token.Claims{User: "ann"}, nil }

func TestAResumeThatCannotBeReadIsAnError(t *testing.T) {
	f := &function{book: new(book), hub: hub(t, nil), check: anybody}
	s := open(t, f)
	first, err := http.Get(s.URL + path + "?token=x")
	if err != nil {
		t.Fatal(err)
	}
	begin := make([]byte, 512)
	n, _ := first.Body.Read(begin)
	_ = first.Body.Close()
	_, last, _ := strings.Cut(string(begin[:n]), "id: ")
	last, _, _ = strings.Cut(last, "\n")
	f.hub = hub(t, fault.New(fault.Unavailable, "the store did not answer, try again"))
	res, err := http.Get(s.URL + path + "?token=x&lastEventId=" + last)
	if err != nil {
		t.Fatal(err)
	}
	body, _ := io.ReadAll(res.Body)
	_ = res.Body.Close()
	if res.StatusCode != http.StatusServiceUnavailable || !strings.Contains(string(body), `"unavailable"`) {
		t.Errorf("%s %s", res.Status, body)
	}
}

func TestAStreamEndsWithItsToken(t *testing.T) {
	s := open(t, &function{book: new(book), hub: hub(t, nil), check: func(context.Context, string) (token.Claims, error) {
		return token.Claims{User: "ann", Expires: time.Now().Add(50 * time.Millisecond)}, nil
	}})
	res, err := http.Get(s.URL + path + "?token=x")
	if err != nil {
		t.Fatal(err)
	}
	body, err := io.ReadAll(res.Body)
	_ = res.Body.Close()
	if err != nil || !strings.Contains(string(body), `data: {"reason":"token"}`) || !strings.HasPrefix(string(body), "retry: ") {
		t.Errorf("%q, %v", body, err)
	}
}

func TestNothingOfATokenIsLogged(t *testing.T) {
	var logs bytes.Buffer
	old := slog.Default()
	slog.SetDefault(slog.New(telemetry.NewHandler("p", &logs, slog.LevelDebug)))
	t.Cleanup(func() { slog.SetDefault(old) })
	s := open(t, &function{book: new(book), hub: hub(t, nil), check: func(context.Context, string) (token.Claims, error) {
		return token.Claims{}, errors.New("unforeseen")
	}})
	res, err := http.Get(s.URL + path + "?token=verysecret")
	if err != nil {
		t.Fatal(err)
	}
	_ = res.Body.Close()
	if res.StatusCode != http.StatusInternalServerError || !strings.Contains(logs.String(), "unforeseen") || strings.Contains(logs.String(), "verysecret") {
		t.Errorf("%s, logged %s", res.Status, logs.String())
	}
}

// TestAStreamEndsWhenItsTokenIsEnded: the hub is told, and asks; and it asks once by
// itself, at the second ping.
func TestAStreamEndsWhenItsTokenIsEnded(t *testing.T) {
	for what, ping := range map[string]time.Duration{"by itself": 5 * time.Millisecond, "told": time.Hour} {
		var asked atomic.Int64
		var ended atomic.Bool
		check := func(context.Context, string) (token.Claims, error) {
			asked.Add(1)
			if ended.Load() {
				return token.Claims{}, fault.New(fault.TokenExpired, "the token was ended by the app")
			}
			return token.Claims{User: "ann"}, nil
		}
		h := hub(t, nil, func(o *live.Options) { o.Ping = ping })
		s := open(t, &function{book: new(book), hub: h, check: check})
		res, err := http.Get(s.URL + path + "?token=x")
		if err != nil {
			t.Fatal(err)
		}
		ended.Store(true)
		if what == "told" {
			f := &feed{hub: h}
			for user, more := range map[string]int64{"bob": 0, "ann": 1} {
				before := asked.Load()
				raw := fmt.Sprintf(`{"user":%q,"tokensEnded":5}`, user)
				if err := f.tell(t.Context(), pubsub.Delivery{Data: []byte(raw)}, nil); err != nil {
					t.Fatal(err)
				}
				for deadline := time.Now().Add(time.Minute); asked.Load() < before+more && time.Now().Before(deadline); time.Sleep(time.Millisecond) {
				}
				if asked.Load() != before+more {
					t.Errorf("%s's tokens were ended, and %d asked about", user, asked.Load()-before)
				}
			}
		}
		body, err := io.ReadAll(res.Body)
		_ = res.Body.Close()
		if err != nil || !strings.Contains(string(body), `data: {"reason":"token"}`) || asked.Load() != 2 {
			t.Errorf("%s: %q, %v, asked %d times", what, body, err, asked.Load())
		}
	}
}
