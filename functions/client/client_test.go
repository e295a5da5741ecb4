package client_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/throng-im/throng/functions/client"
	"github.com/throng-im/throng/shared/cloud"
	"github.com/throng-im/throng/shared/commit"
	"github.com/throng-im/throng/shared/group"
	"github.com/throng-im/throng/shared/id"
	"github.com/throng-im/throng/shared/token"
	"github.com/throng-im/throng/shared/user"
)

// flaky is a store that counts its reads and may fail them.
type flaky struct {
	commit.Memory
	reads atomic.Int64
	fail  error
}

func (f *flaky) Get(ctx context.Context, paths []string, fields ...string) ([]commit.Doc, error) {
	f.reads.Add(int64(len(paths)))
	if f.fail != nil {
		return nil, f.fail
	}
	return f.Memory.Get(ctx, paths, fields...)
}

type phone struct {
	*testing.T
	*cloud.Cloud
	store *flaky
	http.Handler
	token string
}

// open gives ann, a member of the group g, a phone.
func open(t *testing.T) *phone {
	t.Helper()
	store := new(flaky)
	groups := group.New(store, func(context.Context, ...[]byte) error { return nil }, group.Options{Linger: -1})
	c := &cloud.Cloud{Groups: groups, Users: user.New(store, groups, nil, 0, time.Now), Tokens: token.New("key", "secret", time.Now)}
	p := &phone{T: t, Cloud: c, store: store, Handler: client.Handler(c)}
	if err := groups.Join(t.Context(), "g", []id.User{"ann"}, "G"); err != nil {
		t.Fatal(err)
	}
	p.renew()
	return p
}

func (p *phone) renew() {
	text, err := p.Tokens.Issue("ann", 0, false)
	if err != nil {
		p.Fatal(err)
	}
	p.token = text
}

type problem struct {
	Error struct {
		Code, Message string
		RC            int
	}
}

func (p *phone) call(method, path, body string) (int, problem) {
	p.Helper()
	r := httptest.NewRequest(method, "/client/v1"+path, strings.NewReader(body))
	r.Header.Set("Authorization", "Bearer "+p.token)
	w := httptest.NewRecorder()
	p.ServeHTTP(w, r)
	var out problem
	if err := json.Unmarshal(w.Body.Bytes(), &out); err != nil {
		p.Fatalf("%s answered %q", path, w.Body)
	}
	return w.Code, out
}

func (p *phone) send(key string) (int, problem) {
	p.Helper()
	return p.call("POST", "/groups/g/messages", fmt.Sprintf(`{"clientId":%q,"type":"RC:TxtMsg","content":"{}"}`, key))
}

func TestAnEndedTokenOpensNothing(t *testing.T) {
	p := open(t)
	if status, out := p.send("1"); status != 200 {
		t.Fatalf("%d %+v", status, out)
	}
	time.Sleep(5 * time.Millisecond) // tokens count milliseconds
	if err := p.Users.ExpireTokens(t.Context(), []id.User{"ann"}, time.Now()); err != nil {
		t.Fatal(err)
	}
	for _, c := range [][3]string{
		{"POST", "/groups/g/messages", `{"clientId":"2","type":"RC:TxtMsg","content":"{}"}`}, {"POST", "/groups/g/messages", "no JSON"},
		{"PUT", "/devices/d", `{"platform":"ios","pushToken":"t"}`}, {"DELETE", "/devices/d", ""},
	} {
		if status, out := p.call(c[0], c[1], c[2]); status != 401 || out.Error.Code != "token_expired" {
			t.Errorf("%v: %d %+v", c, status, out)
		}
	}
	p.renew()
	if status, out := p.send("2"); status != 200 {
		t.Errorf("with a new token: %d %+v", status, out)
	}
}

func TestWhoIsMutedEverywhereSendsNothing(t *testing.T) {
	p := open(t)
	gag := func(until time.Time) {
		t.Helper()
		if err := p.Users.GagEverywhere(t.Context(), []id.User{"ann"}, until); err != nil {
			t.Fatal(err)
		}
	}
	for _, until := range []time.Time{{}, time.Now().Add(time.Hour)} {
		gag(until)
		if status, out := p.send("1"); status != 403 || out.Error.Code != "muted" || out.Error.RC != 22408 {
			t.Errorf("muted until %v: %d %+v", until, status, out)
		}
	}
	if status, out := p.call("PUT", "/devices/d", `{"platform":"ios","pushToken":"t"}`); status != 200 {
		t.Errorf("a muted user's device: %d %+v", status, out)
	}
	gag(time.Now())
	if status, out := p.send("1"); status != 200 {
		t.Errorf("the mute is over: %d %+v", status, out)
	}
	gag(time.Time{})
	if status, out := p.send("1"); status != 200 {
		t.Errorf("asked again for what was sent before the mute: %d %+v", status, out)
	}
	if status, out := p.send("another"); status != 403 || out.Error.Code != "muted" {
		t.Errorf("another message: %d %+v", status, out)
	}
	if entries, err := p.Groups.Timeline(t.Context(), "g", 0, 10); err != nil || len(entries) != 2 {
		t.Errorf("the group has %v, %v", entries, err)
	}
	if err := p.Users.UngagEverywhere(t.Context(), []id.User{"ann"}); err != nil {
		t.Fatal(err)
	}
	if status, out := p.send("2"); status != 200 {
		t.Errorf("the mute was lifted: %d %+v", status, out)
	}
}

// TestACallCostsOneRead holds the budget of 1.1 reads for a device's message.
func TestACallCostsOneRead(t *testing.T) {
	p := open(t)
	if status, out := p.send("warm"); status != 200 {
		t.Fatalf("%d %+v", status, out)
	}
	p.store.reads.Store(0)
	const messages = 20
	for i := range messages {
		if status, out := p.send(fmt.Sprint(i)); status != 200 {
			t.Fatalf("%d %+v", status, out)
		}
	}
	if p.store.reads.Load() > messages*11/10 {
		t.Errorf("%d messages cost %d reads", messages, p.store.reads.Load())
	}
}

func TestNobodyIsLetInUnchecked(t *testing.T) {
	p := open(t)
	p.store.fail = fmt.Errorf("%w: connection refused", commit.ErrUnknown)
	if status, out := p.send("1"); status != 503 || out.Error.Code != "unavailable" {
		t.Errorf("the store does not answer: %d %+v", status, out)
	}
	p.store.fail = errors.New("permission denied")
	if status, out := p.send("1"); status != 500 || strings.Contains(out.Error.Message, "permission") {
		t.Errorf("the store refuses: %d %+v", status, out)
	}
}
