package client_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/throng-im/throng/functions/client"
	"github.com/throng-im/throng/shared/cloud"
	"github.com/throng-im/throng/shared/commit"
	"github.com/throng-im/throng/shared/conversation"
	"github.com/throng-im/throng/shared/deviceapi"
	"github.com/throng-im/throng/shared/group"
	"github.com/throng-im/throng/shared/id"
	"github.com/throng-im/throng/shared/inbox"
	"github.com/throng-im/throng/shared/receipt"
	"github.com/throng-im/throng/shared/settings"
	"github.com/throng-im/throng/shared/token"
	"github.com/throng-im/throng/shared/user"
)

// flaky is a store that counts what it reads and writes and may fail reads.
type flaky struct {
	commit.Memory
	mu            sync.Mutex
	reads, writes int
	fail          error
}

func (f *flaky) Get(ctx context.Context, paths []string, fields ...string) ([]commit.Doc, error) {
	f.count(len(paths), 0)
	if f.fail != nil {
		return nil, f.fail
	}
	return f.Memory.Get(ctx, paths, fields...)
}

func (f *flaky) Query(ctx context.Context, q commit.Query) ([]commit.Doc, error) {
	docs, err := f.Memory.Query(ctx, q)
	f.count(max(len(docs), 1), 0)
	return docs, err
}

func (f *flaky) Commit(ctx context.Context, writes []commit.Write) (time.Time, error) {
	f.count(0, len(writes))
	return f.Memory.Commit(ctx, writes)
}

// counted is what was read and written so far.
func (f *flaky) counted() (reads, writes int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.reads, f.writes
}

func (f *flaky) count(reads, writes int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.reads, f.writes = f.reads+reads, f.writes+writes
}

// phone is a device of the user who, and the cloud it calls.
type phone struct {
	*testing.T
	*cloud.Cloud
	store *flaky
	http.Handler
	who   id.User
	token string
	// told are the events of the topic conversation, announced those of the
	// timeline.
	told, announced *[]string
}

// open gives ann, a member of the group g, a phone.
func open(t *testing.T) *phone {
	t.Helper()
	return openWith(t, settings.Settings{HistoryMonths: 6, HistoryTargeted: true})
}

func openWith(t *testing.T, s settings.Settings) *phone {
	t.Helper()
	p := &phone{T: t, store: new(flaky), who: "ann", told: new([]string), announced: new([]string)}
	var mu sync.Mutex
	listen := func(into *[]string) func(context.Context, ...[]byte) error {
		return func(_ context.Context, payloads ...[]byte) error {
			mu.Lock()
			defer mu.Unlock()
			for _, one := range payloads {
				*into = append(*into, string(one))
			}
			return nil
		}
	}
	groups := group.New(p.store, listen(p.announced), group.Options{Linger: -1})
	users := user.New(p.store, groups, listen(p.told), 0, time.Now)
	conversations := conversation.New(p.store, listen(p.told), 0, time.Now)
	p.Cloud = &cloud.Cloud{
		Settings: s, Groups: groups, Users: users, Tokens: token.New("key", "secret", time.Now),
		Conversations: conversations, Receipts: receipt.New(p.store, listen(p.told), 0, time.Now),
		Inbox: inbox.New(groups, users, conversations, inbox.Options{Offline: 24 * time.Hour, HistoryMonths: s.HistoryMonths, Now: time.Now}),
	}
	p.Handler = client.Handler(p.Cloud)
	if err := groups.Join(t.Context(), "g", []id.User{"ann"}, "G"); err != nil {
		t.Fatal(err)
	}
	p.renew()
	return p
}

// of is a phone of somebody else, on the same cloud.
func (p *phone) of(who id.User) *phone {
	p.Helper()
	other := *p
	other.who = who
	other.renew()
	return &other
}

func (p *phone) renew() {
	p.Helper()
	text, err := p.Tokens.Issue(p.who, 0, false)
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
	var out problem
	return p.into(method, path, body, &out), out
}

// into makes a call and decodes the answer.
func (p *phone) into(method, path, body string, out any) int {
	p.Helper()
	w := p.do(method, path, body)
	if err := json.Unmarshal(w.Body.Bytes(), out); err != nil {
		p.Fatalf("%s %s answered %q", method, path, w.Body)
	}
	return w.Code
}

// do makes a call and holds it and its answer against the description.
func (p *phone) do(method, path, body string) *httptest.ResponseRecorder {
	p.Helper()
	w := p.raw(method, path, body)
	seen, err := exchange(method, path, body, w).Check()
	if err != nil {
		p.Error(err)
	}
	met.note(seen)
	return w
}

// raw makes a call that may be anything.
func (p *phone) raw(method, path, body string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, deviceapi.Base+path, strings.NewReader(body))
	if p.token != "" {
		r.Header.Set("Authorization", "Bearer "+p.token)
	}
	w := httptest.NewRecorder()
	p.ServeHTTP(w, r)
	return w
}

// must makes a call that succeeds.
func (p *phone) must(method, path, body string, out any) {
	p.Helper()
	var raw json.RawMessage
	if status := p.into(method, path, body, &raw); status != 200 {
		p.Fatalf("%s %s %.200s: %d %s", method, path, body, status, raw)
	}
	if err := json.Unmarshal(raw, out); err != nil {
		p.Fatal(err)
	}
}

func (p *phone) ok(err error) {
	p.Helper()
	if err != nil {
		p.Fatal(err)
	}
}

// entry is what calls answer that make an entry.
type entry struct {
	UID  id.Message `json:"messageUID"`
	Seq  int64      `json:"seq"`
	Sent int64      `json:"sentTime"`
}

// says sends a message with more fields of JSON.
func (p *phone) says(key, more string) (e entry) {
	p.Helper()
	p.must("POST", "/groups/g/messages", fmt.Sprintf(`{"clientId":%q,"type":"RC:TxtMsg","content":"{}"%s}`, key, more), &e)
	return e
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
	first := p.says("1", "")
	gag(time.Time{})
	if again := p.says("1", ""); again != first {
		t.Errorf("muted meanwhile, the same message again is %+v, it was %+v", again, first)
	}
	if status, out := p.send("2"); status != 403 || out.Error.Code != "muted" {
		t.Errorf("muted again: %d %+v", status, out)
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
	before, _ := p.store.counted()
	const messages = 20
	for i := range messages {
		if status, out := p.send(fmt.Sprint(i)); status != 200 {
			t.Fatalf("%d %+v", status, out)
		}
	}
	if after, _ := p.store.counted(); after-before > messages*11/10 {
		t.Errorf("%d messages cost %d reads", messages, after-before)
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
