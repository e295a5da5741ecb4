package client_test

import (
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"reflect"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/throng-im/throng/functions/client"
	"github.com/throng-im/throng/shared/event"
	"github.com/throng-im/throng/shared/settings"
)

// censor is the app's server, which refuses ads and cannot stand shouting.
type censor struct {
	mu    sync.Mutex
	asked []string
	dead  bool
}

func (c *censor) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	c.mu.Lock()
	defer c.mu.Unlock()
	content := r.FormValue("content")
	c.asked = append(c.asked, r.FormValue("fromUserId")+"@"+r.FormValue("os")+": "+content)
	var answer any
	switch {
	case c.dead:
		w.WriteHeader(http.StatusBadGateway)
		return
	case strings.Contains(content, "buy"):
		answer = map[string]any{"pass": 0, "extra": "no ads"}
	default:
		answer = map[string]any{"pass": 1, "replaceContent": strings.ToLower(content)}
	}
	_ = json.NewEncoder(w).Encode(answer)
}

// TestTheAppIsAskedFirst: what it refuses is not stored, what it changes is stored so,
// and a message that is there, or that the group does not take, is nothing to ask about.
func TestTheAppIsAskedFirst(t *testing.T) {
	c := new(censor)
	s := httptest.NewServer(c)
	defer s.Close()
	set := settings.Settings{HistoryMonths: 6, HistoryTargeted: true, Callbacks: settings.Callbacks{Pre: s.URL, PreTypes: []string{"RC:TxtMsg"}, Local: true}}
	p := openWith(t, set)
	send := func(key, kind, content string) (int, string) {
		t.Helper()
		body, _ := json.Marshal(map[string]string{"clientId": key, "type": kind, "content": content})
		w := p.do("POST", "/groups/g/messages", string(body))
		return w.Code, w.Body.String()
	}
	steps := []struct {
		key, kind, content string
		status             int
		says               string
		asked              []string
	}{
		{"1", "RC:TxtMsg", "HELLO", 200, `"seq"`, []string{"ann@PC: HELLO"}},
		{"1", "RC:TxtMsg", "HELLO", 200, `"seq"`, nil}, // it is there
		{"1", "RC:TxtMsg", "buy!", 200, `"seq"`, nil},
		{"2", "RC:TxtMsg", "buy!", 403, `{"error":{"code":"permission_denied","message":"the app refused the message","extra":"no ads"}}`, []string{"ann@PC: buy!"}},
		{"2", "RC:TxtMsg", "buy!", 403, `"extra":"no ads"`, []string{"ann@PC: buy!"}}, // refused is not stored
		{"3", "RC:ImgMsg", "buy!", 200, `"seq"`, nil},
		{"4", "RC:TxtMsg", "", 400, "content", nil},
	}
	for _, step := range steps {
		status, says := send(step.key, step.kind, step.content)
		if status != step.status || !strings.Contains(says, step.says) || !reflect.DeepEqual(c.asked, step.asked) {
			t.Errorf("%s %s: %d %s, and asked %q", step.key, step.content, status, says, c.asked)
		}
		c.asked = nil
	}
	if err := p.Groups.Mute(t.Context(), "g", true); err != nil {
		t.Fatal(err)
	}
	if status, _ := send("5", "RC:TxtMsg", "quiet"); status != 403 || c.asked != nil {
		t.Errorf("what the group does not take: %d, and asked %q", status, c.asked)
	}
	if says := p.do("GET", "/groups/g/messages", "").Body.String(); strings.Count(says, `"messageUID"`) != 2 || !strings.Contains(says, `"content":"hello"`) || strings.Contains(says, "HELLO") {
		t.Errorf("stored is %s", says)
	}
}

// TestAnAppThatDoesNotAnswer lets messages pass, or none.
func TestAnAppThatDoesNotAnswer(t *testing.T) {
	s := httptest.NewServer(&censor{dead: true})
	defer s.Close()
	for closed, want := range map[bool]int{false: 200, true: 503} {
		p := openWith(t, settings.Settings{Callbacks: settings.Callbacks{Pre: s.URL, PreClosed: closed, Local: true}})
		if w := p.do("POST", "/groups/g/messages", `{"clientId":"1","type":"RC:TxtMsg","content":"HI"}`); w.Code != want {
			t.Errorf("closed %v: %d %s", closed, w.Code, w.Body)
		}
	}
}

// TestTheAppIsToldOfDeletionsAndLogouts before the device has its answer.
func TestTheAppIsToldOfDeletionsAndLogouts(t *testing.T) {
	p := openWith(t, settings.Settings{Callbacks: settings.Callbacks{Operations: "https://app.example.com", Status: "https://app.example.com"}})
	var told []string
	refuses := false
	p.Handler = client.HandlerPublishing(p.Cloud, func(_ context.Context, topic string, payloads ...[]byte) error {
		if refuses {
			return context.DeadlineExceeded
		}
		for _, one := range payloads {
			told = append(told, topic+string(one))
		}
		return nil
	}, time.Now)
	one := string(p.says("one", "").UID)
	for _, c := range []struct{ method, path, body, begins, ends string }{
		{"DELETE", "/groups/g/messages", `{"messageUIDs":["` + one + `","ZZZZ-ZZZZ-Z000-0001"]}`,
			event.TopicCallback + `{"kind":"operations","deleted":{"group":"g","user":"ann","at":`, `"source":"PC","single":[{"messageUID":"` + one + `"}]}}`},
		{"DELETE", "/groups/g/messages", `{"beforeTime":5}`, event.TopicCallback + `{"kind":"operations","deleted":{"group":"g","user":"ann","at":`, `"source":"PC","upTo":4}}`},
		{"DELETE", "/devices/d", "", event.TopicPresence + `{"changes":[{"user":"ann","status":"2","at":`, `"source":"PC","ip":"192.0.2.1:1234"}]}`},
	} {
		refuses = true
		if w := p.do(c.method, c.path, c.body); w.Code != 503 {
			t.Errorf("%s was done and not announced, and answered %d", c.path, w.Code)
		}
		refuses, told = false, nil
		if w := p.do(c.method, c.path, c.body); w.Code != 200 || len(told) != 1 || !strings.HasPrefix(told[0], c.begins) || !strings.HasSuffix(told[0], c.ends) {
			t.Errorf("%s %s: %d %s, told %q", c.path, c.body, w.Code, w.Body, told)
		}
	}
}
