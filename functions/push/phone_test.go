package push_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/throng-im/throng/emulator/fcm"
	"github.com/throng-im/throng/functions/push"
	"github.com/throng-im/throng/shared/commit"
	"github.com/throng-im/throng/shared/event"
	"github.com/throng-im/throng/shared/gate"
	"github.com/throng-im/throng/shared/id"
	"github.com/throng-im/throng/shared/settings"
)

// phone is the function between its topics and the stand-in, through the real SDK,
// with the clock in hand.
type phone struct {
	*testing.T
	fcm     *httptest.Server
	handler http.Handler
	store   *commit.Memory
	deps    push.Deps

	mu        sync.Mutex
	clock     time.Time
	later     []event.Push
	dead      []event.Push
	forgotten []string
	asked     map[string]int
	deaf      bool
}

// newPhone starts the function with a budget for each device and a quota, 0 for none.
func newPhone(t *testing.T, deviceRate, quota int) *phone {
	t.Helper()
	p := &phone{T: t, store: new(commit.Memory), clock: time.UnixMilli(1_800_000_000_000), asked: map[string]int{}}
	stand := fcm.New()
	p.fcm = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		var sent struct{ Message struct{ Token string } }
		if json.Unmarshal(body, &sent) == nil && sent.Message.Token != "" {
			p.mu.Lock()
			p.asked[sent.Message.Token]++
			p.mu.Unlock()
		}
		r.Body = io.NopCloser(bytes.NewReader(body))
		stand.ServeHTTP(w, r)
	}))
	t.Cleanup(p.fcm.Close)
	send, err := push.Sender(t.Context(), settings.Settings{Project: "demo", FCMEndpoint: p.fcm.URL + "/v1"})
	if err != nil {
		t.Fatal(err)
	}
	g := gate.New(p.store, quota, p.now)
	p.deps = push.Deps{
		Send: send, Publish: p.publish, Forget: p.forgetToken, Ask: g.Ask, Close: g.Close,
		DeviceRate: deviceRate, Now: p.now, Wait: func(_ context.Context, d time.Duration) error { p.pass(d); return nil },
	}
	p.handler = push.Handler(p.deps)
	return p
}

func (p *phone) now() time.Time { p.mu.Lock(); defer p.mu.Unlock(); return p.clock }

func (p *phone) pass(d time.Duration) { p.mu.Lock(); defer p.mu.Unlock(); p.clock = p.clock.Add(d) }

func (p *phone) publish(_ context.Context, topic string, payloads ...[]byte) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.deaf {
		return errors.New("no Pub/Sub")
	}
	jobs := make([]event.Push, len(payloads))
	for i, payload := range payloads {
		if err := json.Unmarshal(payload, &jobs[i]); err != nil {
			return err
		}
	}
	switch topic {
	case event.TopicPushLater:
		p.later = append(p.later, jobs...)
	case event.TopicPushDead:
		p.dead = append(p.dead, jobs...)
	default:
		p.Errorf("published to %s: %+v", topic, jobs)
	}
	return nil
}

func (p *phone) forgetToken(_ context.Context, _ id.User, token string) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.forgotten = append(p.forgotten, token)
	return errors.New("forgetting fails and must not matter")
}

// deliver hands an event to the function as Pub/Sub does.
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

// takes is deliver of what the function must have done with.
func (p *phone) takes(job event.Push) {
	p.Helper()
	if status := p.deliver(job); status != http.StatusNoContent {
		p.Fatalf("%s was answered %d", job.Job, status)
	}
}

// waiting takes over what the function has published to push-later.
func (p *phone) waiting() []event.Push {
	p.mu.Lock()
	defer p.mu.Unlock()
	jobs := p.later
	p.later = nil
	return jobs
}

// due lets the time come of a job, and delivers it.
func (p *phone) due(job event.Push) {
	p.Helper()
	p.pass(time.UnixMilli(job.Due).Sub(p.now()))
	p.takes(job)
}

// early delivers a job before its time, as Pub/Sub does at once, until it was tried.
// Nobody is asked before it is due.
func (p *phone) early(job event.Push) {
	p.Helper()
	for p.now().UnixMilli() < job.Due {
		asked := p.asked[job.Targets[0].Token]
		if early := time.UnixMilli(job.Due).Sub(p.now()); early > 20*time.Second {
			p.takes(job)
			again := p.waiting()
			if len(again) != 1 || again[0].Job != job.Job || again[0].Due != job.Due || p.asked[job.Targets[0].Token] != asked {
				p.Fatalf("%s was due in %s, and made %+v", job.Job, early, again)
			}
			job = again[0]
			continue
		}
		p.takes(job)
		return
	}
}

func (p *phone) misbehave(token, how string) {
	p.Helper()
	p.set("tokens/"+token, how)
}

// set tells the stand-in how to be.
func (p *phone) set(what, how string) {
	p.Helper()
	r, _ := http.NewRequest(http.MethodPut, p.fcm.URL+"/emulator/"+what, strings.NewReader(how))
	res, err := http.DefaultClient.Do(r)
	if err != nil || res.StatusCode != http.StatusOK {
		p.Fatal(res, err)
	}
	_ = res.Body.Close()
}

// got is one notification as it reached a device.
type got struct {
	Token   string
	Message struct{ Data map[string]string }
}

func (p *phone) notifications() []got {
	p.Helper()
	res, err := http.Get(p.fcm.URL + "/emulator/pushes")
	if err != nil {
		p.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	var out struct{ Pushes []got }
	if err := json.NewDecoder(res.Body).Decode(&out); err != nil {
		p.Fatal(err)
	}
	return out.Pushes
}

func (p *phone) pushed() []string {
	p.Helper()
	var tokens []string
	for _, x := range p.notifications() {
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
		j.Targets = append(j.Targets, event.PushTarget{User: "bob", Device: id.Device("phone of " + t), Token: t, Platform: []string{"android", "ios", "web"}[i%3]})
	}
	return j
}

// tokens are a job's.
func tokens(j event.Push) (out []string) {
	for _, t := range j.Targets {
		out = append(out, t.Token)
	}
	slices.Sort(out)
	return out
}

// log collects what is written until the test ends. Tests that use it cannot run
// beside others.
func log(t *testing.T) *lines {
	l := new(lines)
	before := slog.Default()
	slog.SetDefault(slog.New(slog.NewJSONHandler(l, &slog.HandlerOptions{Level: slog.LevelDebug})))
	t.Cleanup(func() { slog.SetDefault(before) })
	return l
}

type lines struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *lines) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(b)
}

func (l *lines) String() string { l.mu.Lock(); defer l.mu.Unlock(); return l.text.String() }

// alarms are those that were written.
func (l *lines) alarms() []string {
	var out []string
	for line := range strings.Lines(l.String()) {
		var a struct{ Level, Alarm string }
		if json.Unmarshal([]byte(line), &a) == nil && a.Alarm != "" && a.Level == "ERROR" {
			out = append(out, a.Alarm)
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}
