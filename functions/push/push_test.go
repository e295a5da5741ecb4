package push_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"

	"pgregory.net/rapid"

	"github.com/throng-im/throng/emulator/fcm"
	"github.com/throng-im/throng/functions/push"
	"github.com/throng-im/throng/shared/event"
	"github.com/throng-im/throng/shared/id"
	"github.com/throng-im/throng/shared/settings"
)

// phone is the function between a topic and the stand-in, through the real SDK.
type phone struct {
	*testing.T
	fcm     *httptest.Server
	handler http.Handler

	mu        sync.Mutex
	requeued  []event.Push
	forgotten []string
	deaf      bool
}

func newPhone(t *testing.T) *phone {
	p := &phone{T: t, fcm: httptest.NewServer(fcm.New())}
	t.Cleanup(p.fcm.Close)
	send, err := push.Sender(t.Context(), settings.Settings{Project: "demo", FCMEndpoint: p.fcm.URL + "/v1"})
	if err != nil {
		t.Fatal(err)
	}
	p.handler = push.Handler(push.Deps{
		Send: send,
		Requeue: func(_ context.Context, job event.Push) error {
			p.mu.Lock()
			defer p.mu.Unlock()
			if p.deaf {
				return errors.New("no Pub/Sub")
			}
			p.requeued = append(p.requeued, job)
			return nil
		},
		Forget: func(_ context.Context, user id.User, token string) error {
			p.mu.Lock()
			defer p.mu.Unlock()
			p.forgotten = append(p.forgotten, token)
			return errors.New("forgetting fails and must not matter")
		},
	})
	return p
}

func (p *phone) deliver(body any) int {
	p.Helper()
	data, err := json.Marshal(body)
	if err != nil {
		p.Fatal(err)
	}
	w := httptest.NewRecorder()
	envelope := fmt.Sprintf(`{"message":{"data":%q,"messageId":"1"}}`, base64.StdEncoding.EncodeToString(data))
	p.handler.ServeHTTP(w, httptest.NewRequest(http.MethodPost, "/", strings.NewReader(envelope)))
	return w.Code
}

func (p *phone) misbehave(token, how string) {
	p.Helper()
	r, _ := http.NewRequest(http.MethodPut, p.fcm.URL+"/emulator/tokens/"+token, strings.NewReader(how))
	res, err := http.DefaultClient.Do(r)
	if err != nil || res.StatusCode != http.StatusOK {
		p.Fatal(res, err)
	}
	_ = res.Body.Close()
}

func (p *phone) pushed() []string {
	p.Helper()
	res, err := http.Get(p.fcm.URL + "/emulator/pushes")
	if err != nil {
		p.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	var out struct{ Pushes []fcm.Push }
	if err := json.NewDecoder(res.Body).Decode(&out); err != nil {
		p.Fatal(err)
	}
	var tokens []string
	for _, x := range out.Pushes {
		tokens = append(tokens, x.Token)
	}
	slices.Sort(tokens)
	return tokens
}

func (p *phone) forget() {
	p.Helper()
	r, _ := http.NewRequest(http.MethodDelete, p.fcm.URL+"/emulator/pushes", nil)
	res, err := http.DefaultClient.Do(r)
	if err != nil {
		p.Fatal(err)
	}
	_ = res.Body.Close()
}

func job(name string, tokens ...string) event.Push {
	j := event.Push{Job: name, Group: "g", Seq: 7, MessageUID: "AAAA-BBBB-CCCC-DDDD", From: "ann", Type: "RC:TxtMsg", At: 1, Name: "G", Sender: "Ann", Body: "hi"}
	for i, t := range tokens {
		j.Targets = append(j.Targets, event.PushTarget{User: "bob", Device: id.Device(t), Token: t, Platform: []string{"android", "ios", "web"}[i%3]})
	}
	return j
}

func TestEachAnswerOfFCMHasItsConsequence(t *testing.T) {
	p := newPhone(t)
	for token, how := range map[string]string{
		"gone": "UNREGISTERED", "stranger": "SENDER_ID_MISMATCH", "bad": "INVALID_ARGUMENT", "unsigned": "THIRD_PARTY_AUTH_ERROR",
		"quota": "QUOTA_EXCEEDED", "broken": "INTERNAL",
	} {
		p.misbehave(token, fmt.Sprintf(`{"error":%q}`, how))
	}
	status := p.deliver(job("j", "ok1", "gone", "stranger", "bad", "unsigned", "quota", "broken", "ok2"))
	if status != http.StatusNoContent {
		t.Errorf("answered %d", status)
	}
	if got := p.pushed(); !slices.Equal(got, []string{"ok1", "ok2"}) {
		t.Errorf("pushed to %v", got)
	}
	slices.Sort(p.forgotten)
	if !slices.Equal(p.forgotten, []string{"gone", "stranger"}) {
		t.Errorf("forgot %v", p.forgotten)
	}
	if len(p.requeued) != 1 || p.requeued[0].Job != "j~1" || len(p.requeued[0].Targets) != 2 || p.requeued[0].Targets[0].Token != "quota" || p.requeued[0].Targets[1].Token != "broken" {
		t.Fatalf("requeued %+v", p.requeued)
	}
	// What is left fails as a whole: Pub/Sub waits and delivers it again.
	if status := p.deliver(p.requeued[0]); status != http.StatusServiceUnavailable || len(p.requeued) != 1 {
		t.Errorf("nothing went through, answered %d, requeued %d", status, len(p.requeued))
	}
	p.misbehave("quota", `{"error":"INTERNAL","times":0}`)
	if status := p.deliver(p.requeued[0]); status != http.StatusNoContent || p.requeued[1].Job != "j~2" || len(p.requeued[1].Targets) != 1 {
		t.Errorf("answered %d, requeued %+v", status, p.requeued)
	}
}

func TestAJobIsDoneOnce(t *testing.T) {
	p := newPhone(t)
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			if status := p.deliver(job("same", "a", "b")); status != http.StatusNoContent {
				t.Errorf("answered %d", status)
			}
		})
	}
	wg.Wait()
	if got := p.pushed(); !slices.Equal(got, []string{"a", "b"}) {
		t.Errorf("pushed to %v", got)
	}
	// A job that could not be finished is not done.
	p.deaf = true
	p.misbehave("c", `{"error":"INTERNAL","times":1}`)
	if status := p.deliver(job("other", "c", "d")); status != http.StatusServiceUnavailable {
		t.Errorf("what is left was lost: %d", status)
	}
}

func TestNonsenseIsDropped(t *testing.T) {
	p := newPhone(t)
	for name, body := range map[string]any{"no job": "text", "no targets": job("x"), "no name": job("", "t"), "too many": job("y", make([]string, 501)...)} {
		if status := p.deliver(body); status != http.StatusNoContent {
			t.Errorf("%s: %d, a retry cannot cure it", name, status)
		}
	}
	w := httptest.NewRecorder()
	p.handler.ServeHTTP(w, httptest.NewRequest(http.MethodPost, "/", bytes.NewReader([]byte("{"))))
	if w.Code != http.StatusNoContent {
		t.Errorf("a body that is none: %d", w.Code)
	}
}

// TestWhateverIsSentFCMTakes composes from anything a sender may give; the
// stand-in checks sizes and fields as FCM does.
func TestWhateverIsSentFCMTakes(t *testing.T) {
	p := newPhone(t)
	n := 0
	rapid.Check(t, func(r *rapid.T) {
		text := func(name string, max int) string {
			return strings.Repeat(rapid.StringN(0, 40, -1).Draw(r, name), rapid.IntRange(0, max).Draw(r, name+" times"))
		}
		n++
		j := job(fmt.Sprint("r", n), fmt.Sprint("a", n), fmt.Sprint("i", n), fmt.Sprint("w", n))
		j.Group, j.From, j.Type = id.Group(strings.Repeat("g", 64)), id.User(strings.Repeat("u", 64)), strings.Repeat("t", 32)
		j.Name, j.Body, j.Data = text("title", 20), text("body", 200), text("data", 200)
		if rapid.Bool().Draw(r, "control characters") {
			j.Name, j.Body = strings.Repeat("\x00", 500), strings.Repeat("<", 2000)
		}
		j.Ext = rapid.SampledFrom([]string{"", "{", `{"title":"T","pushConfigs":[{"FCM":{"channelId":"c","collapse_key":"k"}},{"APNs":{"thread-id":"t","apns-collapse-id":"x","interruption-level":"active","category":"c"}}]}`}).Draw(r, "ext")
		j.ContentAvailable, j.Mentioned = rapid.Bool().Draw(r, "wake"), rapid.Bool().Draw(r, "mentioned")
		p.forget()
		if status := p.deliver(j); status != http.StatusNoContent {
			r.Fatalf("answered %d", status)
		}
		if got := len(p.pushed()); got != 3 {
			r.Fatalf("%d of 3 notifications were taken", got)
		}
	})
}
