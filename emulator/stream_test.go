package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/throng-im/throng/shared/deviceapi"
	"github.com/throng-im/throng/shared/deviceapi/checker"
)

// listener is a device on the stream of a town.
type listener struct {
	*town
	user, token string
	stop        context.CancelFunc
	ended       chan struct{}

	mu     sync.Mutex
	lastID string
	// heard is what it was told, in few words.
	heard []string
}

// listen connects a device, or connects it again with the last id it read.
func (l *listener) listen() {
	l.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	l.stop, l.ended = cancel, make(chan struct{})
	var res *http.Response
	l.eventually("the stream answers", func() bool {
		r, err := http.NewRequestWithContext(ctx, http.MethodGet, l.url(portGateway)+deviceapi.Base+"/stream?token="+url.QueryEscape(l.token), nil)
		if err != nil {
			l.Fatal(err)
		}
		l.mu.Lock()
		if l.lastID != "" {
			r.Header.Set("Last-Event-ID", l.lastID)
		}
		l.mu.Unlock()
		if res, err = (&http.Client{Transport: l.client.Transport}).Do(r); err != nil || res.StatusCode == http.StatusServiceUnavailable {
			return false
		}
		if res.StatusCode != http.StatusOK || res.Header.Get("Content-Type") != "text/event-stream" {
			l.Fatalf("the stream answered %s, %s", res.Status, res.Header.Get("Content-Type"))
		}
		return true
	})
	l.Cleanup(cancel)
	ended := l.ended
	go func() {
		defer close(ended)
		defer func() { _ = res.Body.Close() }()
		_ = checker.Frames(res.Body, l.note)
	}()
	l.eventually("an id came", func() bool { l.mu.Lock(); defer l.mu.Unlock(); return l.lastID != "" })
}

func (l *listener) note(name, id, data string) {
	var d struct {
		GroupID, Kind, Reason string
		Seq                   int64
		Entries               []struct {
			Seq        int64
			MessageUID string
			Content    string
		}
	}
	if data != "" {
		if err := json.Unmarshal([]byte(data), &d); err != nil {
			l.Errorf("%s was told %q: %v", l.user, data, err)
		}
		if err := checker.Event(name, []byte(data)); err != nil {
			l.Errorf("%s was told what is not described: %v", l.user, err)
		}
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if id != "" {
		l.lastID = id
	}
	switch name {
	case "entries":
		for _, e := range d.Entries {
			l.heard = append(l.heard, fmt.Sprintf("%s/%d", d.GroupID, e.Seq))
		}
	case "membership":
		l.heard = append(l.heard, fmt.Sprintf("%s %s", d.Kind, d.GroupID))
	case "", "ping":
	default:
		l.heard = append(l.heard, strings.TrimSpace(name+" "+d.Reason))
	}
}

// hears waits until the device was told just this.
func (l *listener) hears(want ...string) {
	l.Helper()
	got := func() []string { l.mu.Lock(); defer l.mu.Unlock(); return slices.Clone(l.heard) }
	defer func() {
		if l.Failed() {
			l.Logf("%s was told %q, not %q", l.user, got(), want)
		}
	}()
	l.eventually(fmt.Sprintf("%s was told %q", l.user, want), func() bool { return slices.Equal(got(), want) })
}

func (w *town) listener(user string) *listener {
	w.Helper()
	l := &listener{town: w, user: user, token: w.token(user)}
	l.listen()
	return l
}

func (w *town) tell(group string, more ...string) {
	w.Helper()
	form := url.Values{"fromUserId": {"app"}, "toGroupId": {group}, "objectName": {"RC:TxtMsg"}, "content": {text}}
	for i := 0; i < len(more); i += 2 {
		form.Add(more[i], more[i+1])
	}
	w.must("/message/group/publish.json", form)
}

// TestTheStream plays a group on the stream, ends the stream's process in both
// ways, and has everybody come back.
func TestTheStream(t *testing.T) {
	w := startTown(t)
	ann, bob, cem := w.listener("ann"), w.listener("bob"), w.listener("cem")
	w.must("/group/create.json", url.Values{"groupId": {"g"}, "groupName": {"G"}, "userId": {"ann", "bob"}})
	w.tell("g")
	w.tell("g", "toUserId", "bob")
	w.must("/group/join.json", url.Values{"groupId": {"g"}, "groupName": {"G"}, "userId": {"cem"}})
	w.tell("g")
	w.must("/group/quit.json", url.Values{"groupId": {"g"}, "userId": {"bob"}})
	w.tell("g")
	annHeard := []string{"joined g", "g/2", "g/4", "g/5", "g/6", "g/7"}
	cemHeard := []string{"joined g", "g/5", "g/6", "g/7"}
	ann.hears(annHeard...)
	bob.hears("joined g", "g/2", "g/3", "g/4", "g/5", "left g")
	cem.hears(cemHeard...)

	// One device is away while things happen.
	cem.stop()
	<-cem.ended
	w.tell("g")
	cem.listen()
	annHeard, cemHeard = append(annHeard, "g/8"), append(cemHeard, "g/8")
	ann.hears(annHeard...)
	cem.hears(cemHeard...)

	for _, signal := range []syscall.Signal{syscall.SIGTERM, syscall.SIGKILL} {
		for _, pid := range w.functionPIDs("stream") {
			if err := syscall.Kill(pid, signal); err != nil {
				t.Fatal(err)
			}
		}
		<-ann.ended
		<-cem.ended
		if signal == syscall.SIGTERM {
			annHeard, cemHeard = append(annHeard, "goodbye shutdown"), append(cemHeard, "goodbye shutdown")
		}
		w.tell("g")
		ann.listen()
		w.tell("g")
		cem.listen()
		seq := 9
		if signal == syscall.SIGKILL {
			seq = 11
		}
		for n := range 2 {
			annHeard, cemHeard = append(annHeard, fmt.Sprintf("g/%d", seq+n)), append(cemHeard, fmt.Sprintf("g/%d", seq+n))
		}
		ann.hears(annHeard...)
		cem.hears(cemHeard...)
	}
	if strings.Contains(w.out.String(), ann.token) {
		t.Error("a token was written down")
	}
}

func TestTheStreamRefuses(t *testing.T) {
	w := startTown(t)
	for what, c := range map[string]struct {
		method, path, token string
		status              int
		code                string
	}{
		"no token":       {"GET", "/stream", "", 401, "unauthenticated"},
		"a bad token":    {"GET", "/stream", "nonsense", 401, "unauthenticated"},
		"another method": {"POST", "/stream", w.token("ann"), 405, "invalid_argument"},
		"another path":   {"GET", "/stream/x", w.token("ann"), 404, "not_found"},
	} {
		var a struct {
			Error struct{ Code, Message string }
		}
		r, err := http.NewRequest(c.method, w.url(portGateway)+deviceapi.Base+c.path+"?token="+c.token, nil)
		if err != nil {
			t.Fatal(err)
		}
		status, header, reply := w.answered(r, &a)
		if _, err := (checker.Exchange{Method: c.method, Target: c.path, Status: status, Header: header, Reply: reply}).CheckAnswer(); err != nil {
			t.Error(err)
		}
		if status != c.status || a.Error.Code != c.code || a.Error.Message == "" {
			t.Errorf("%s: %d %+v", what, status, a)
		}
	}
}
