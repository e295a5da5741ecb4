package webhook

import (
	"cmp"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/throng-im/throng/shared/event"
	"github.com/throng-im/throng/shared/group"
	"github.com/throng-im/throng/shared/id"
)

// mood is what the app's server does with a call, and what may be told of it.
type mood struct {
	does func(w http.ResponseWriter, r *http.Request, h heard) bool
	// timeout is how long a call may take, a minute where it is zero.
	timeout time.Duration
	// again says that the server takes calls and does not say so, or says so too late:
	// those come twice.
	again bool
	// takes says that it takes all that it is told while it is so, in order, first that
	// it takes a call before it does anything else.
	takes, first bool
}

// hang holds a call until the caller has gone.
func hang(_ http.ResponseWriter, r *http.Request, _ heard) bool { <-r.Context().Done(); return false }

// flaps is well and down in turn, so many calls each.
func flaps(long int64) func(http.ResponseWriter, *http.Request, heard) bool {
	var calls atomic.Int64
	return func(w http.ResponseWriter, r *http.Request, h heard) bool {
		return answers(200+300*int(calls.Add(1)/long%2))(w, r, h)
	}
}

func moods() map[string]mood {
	return map[string]mood{
		"well":            {takes: true},
		"slow":            {does: func(http.ResponseWriter, *http.Request, heard) bool { time.Sleep(5 * time.Millisecond); return true }, takes: true},
		"too slow":        {does: hang, timeout: 20 * time.Millisecond, first: true, again: true},
		"down":            {does: answers(503)},
		"answers 500":     {does: answers(500)},
		"answers 201":     {does: answers(201)},
		"does not answer": {does: hang, timeout: 30 * time.Millisecond},
		"hangs up":        {does: func(http.ResponseWriter, *http.Request, heard) bool { panic(http.ErrAbortHandler) }},
		"says yes and never closes": {does: func(w http.ResponseWriter, r *http.Request, h heard) bool {
			w.(http.Flusher).Flush()
			return hang(w, r, h)
		}, takes: true, first: true},
		"says no and never closes": {does: func(w http.ResponseWriter, r *http.Request, h heard) bool {
			if h.form.Get("content") != "m1" { // each takes its time
				return true
			}
			w.WriteHeader(500)
			w.(http.Flusher).Flush()
			return hang(w, r, h)
		}},
		"talks without an end": {does: func(w http.ResponseWriter, r *http.Request, _ heard) bool {
			for r.Context().Err() == nil {
				if _, err := w.Write(make([]byte, 32<<10)); err != nil {
					break
				}
			}
			return false
		}, takes: true, first: true},
		"redirects": {does: func(w http.ResponseWriter, r *http.Request, _ heard) bool {
			http.Redirect(w, r, "/elsewhere", http.StatusTemporaryRedirect)
			return false
		}},
		"redirects to nothing": {does: answers(302)},
		"flaps":                {does: flaps(1)},
		"flaps for long":       {does: flaps(7)},
		"takes few types": {does: func(w http.ResponseWriter, r *http.Request, h heard) bool {
			return answers(200+300*int(len(h.form.Get("content"))%2))(w, r, h)
		}},
	}
}

// TestNothingIsLost has the server in every mood there is where it takes messages.
// Meanwhile it is told of operations and of who is online as ever. In the end it was told
// of everything, and of nothing that it took before, but for what it took and said
// otherwise.
func TestNothingIsLost(t *testing.T) {
	for name, m := range moods() {
		t.Run(name, func(t *testing.T) {
			s := newScene(t)
			s.timeout = cmp.Or(m.timeout, time.Minute)
			var want []string
			var sent []group.Receipt
			for i := range 12 {
				want = append(want, fmt.Sprint("m", i))
				sent = append(sent, s.sends("g", want[i]))
			}
			s.merge(4)
			messages := s.said
			s.app.is(func(w http.ResponseWriter, r *http.Request, h heard) bool {
				if h.path != "/messages" || m.does == nil {
					return true
				}
				if m.first {
					s.app.takes(h)
				}
				return m.does(w, r, h)
			})
			var back [][]byte
			for range 3 {
				s.minutes.Add(1)
				for _, ev := range messages {
					if !s.deliver("/", ev) {
						back = append(back, ev)
					}
				}
				messages, back = back, nil
			}
			if m.takes && (len(messages)+len(s.later) > 0 || !slices.Equal(s.app.contents(), want)) {
				t.Errorf("in order the app was told %q", s.app.contents())
			}
			s.timeout = time.Minute
			s.tellsOthers(sent[0].UID)
			s.app.is(nil)
			s.all("/", messages)
			s.all("/later", s.later)
			got := slices.DeleteFunc(s.app.contents(), func(text string) bool { return text == "" })
			slices.Sort(got)
			slices.Sort(want)
			if m.again {
				got = slices.Compact(got)
			}
			if !slices.Equal(got, want) {
				t.Errorf("the app was told %q", got)
			}
		})
	}
}

// tellsOthers has operations and the status told at the first try, whatever becomes of
// messages.
func (s *scene) tellsOthers(uid id.Message) {
	s.Helper()
	s.said = nil
	s.ok(s.groups.Recall(s.Context(), "g", uid, group.Recall{From: "ann"}))
	online, err := json.Marshal(event.Presence{Changes: []event.Change{{User: "ann", Status: event.Online, At: 3}}})
	s.ok(err)
	if !s.deliver("/operations", s.said[0]) || !s.deliver("/status", online) {
		s.Error("operations or the status were given back")
	}
	s.app.mu.Lock()
	defer s.app.mu.Unlock()
	for _, path := range []string{"/operations", "/status"} {
		if !slices.ContainsFunc(s.app.took, func(h heard) bool { return h.path == path }) {
			s.Errorf("nothing was told at %s", path)
		}
	}
}

// TestWhatWasPutByIsToldInTheEnd: a server that is down for as long as events are
// delivered gets all of them by a replay, each once and in order, from a process that
// knows nothing of them. A replay that comes twice tells nothing twice.
func TestWhatWasPutByIsToldInTheEnd(t *testing.T) {
	s := newScene(t)
	s.app.is(answers(503))
	var want []string
	for i := range 9 {
		want = append(want, fmt.Sprint("m", i))
		s.sends("g", want[i])
	}
	s.merge(2)
	for range 100 {
		s.minutes.Add(5)
		for _, ev := range s.said {
			if s.deliver("/", ev) {
				t.Fatal("an event was taken that nobody was told of")
			}
		}
	}
	if len(s.later) > 0 {
		t.Fatalf("nothing was told, and %d events are what is left of some", len(s.later))
	}
	s.app.is(nil)
	s.opens()
	// As functions/cmd/replay publishes them.
	for range 2 {
		for _, raw := range s.said {
			var ev event.Timeline
			s.ok(json.Unmarshal(raw, &ev))
			whole, err := json.Marshal(event.Callback{Kind: event.CallbackMessages, Timeline: &ev})
			s.ok(err)
			s.all("/later", [][]byte{whole})
		}
	}
	s.expect(want...)
}
