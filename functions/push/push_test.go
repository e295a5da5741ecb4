package push_test

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"firebase.google.com/go/v4/messaging"
	"pgregory.net/rapid"

	"github.com/throng-im/throng/functions/push"
	"github.com/throng-im/throng/shared/event"
	"github.com/throng-im/throng/shared/gate"
	"github.com/throng-im/throng/shared/id"
)

// TestEachAnswerOfFCMHasItsConsequence is the table of FCM's codes. Each is met by
// one device of a job of which others are reached.
func TestEachAnswerOfFCMHasItsConsequence(t *testing.T) {
	for answer, want := range map[string]struct {
		forgotten, again bool
		// wait is the least until the next try, and at most half and the spread more.
		wait  time.Duration
		alarm string
	}{
		`{"error":"UNREGISTERED"}`:                    {forgotten: true},
		`{"error":"SENDER_ID_MISMATCH"}`:              {forgotten: true, alarm: "fcm_sender_id"},
		`{"error":"INVALID_ARGUMENT"}`:                {forgotten: true}, // others have taken the same payload
		`{"error":"THIRD_PARTY_AUTH_ERROR"}`:          {alarm: "fcm_third_party_auth"},
		`{"error":"QUOTA_EXCEEDED"}`:                  {again: true, wait: time.Minute, alarm: "fcm_quota_exceeded"},
		`{"error":"QUOTA_EXCEEDED","retryAfter":300}`: {again: true, wait: 5 * time.Minute, alarm: "fcm_quota_exceeded"},
		`{"error":"INTERNAL"}`:                        {again: true, wait: 10 * time.Second},
		`{"error":"UNAVAILABLE"}`:                     {again: true, wait: 10 * time.Second},
		`{"error":"UNAVAILABLE","retryAfter":90}`:     {again: true, wait: 90 * time.Second},
	} {
		t.Run(answer, func(t *testing.T) {
			logged := log(t)
			p := newPhone(t, 0, 0)
			p.misbehave("odd", answer)
			p.takes(job("j", "odd", "ok1", "ok2", "ok3"))
			if got := p.pushed(); !slices.Equal(got, []string{"ok1", "ok2", "ok3"}) {
				t.Errorf("pushed to %v", got)
			}
			if n := p.asked["odd"]; n != 1 {
				t.Errorf("FCM was asked %d times within the job", n)
			}
			if got := slices.Contains(p.forgotten, "odd"); got != want.forgotten || len(p.forgotten) > 1 {
				t.Errorf("forgot %v", p.forgotten)
			}
			if got := strings.Join(logged.alarms(), " "); got != want.alarm {
				t.Errorf("alarms %q, want %q", got, want.alarm)
			}
			later := p.waiting()
			if !want.again && len(later) > 0 || want.again && (len(later) != 1 || !slices.Equal(tokens(later[0]), []string{"odd"})) {
				t.Fatalf("to try again: %+v", later)
			}
			if want.again {
				wait := time.UnixMilli(later[0].Due).Sub(p.now())
				if wait < want.wait || wait > want.wait+want.wait/2+10*time.Second {
					t.Errorf("waits %s, want %s and a little", wait, want.wait)
				}
			}
			if strings.Contains(logged.String(), `"odd"`) {
				t.Errorf("a token is in the log: %s", logged)
			}
			if !strings.Contains(logged.String(), "AAAA-BBBB-CCCC-DDDD") {
				t.Error("the message's id is not in the log")
			}
		})
	}
}

// TestAnInvalidArgumentCostsTheTokenOnlyIfThePayloadIsGood: whether it is shows by
// the devices of the same platform and language.
func TestAnInvalidArgumentCostsTheTokenOnlyIfThePayloadIsGood(t *testing.T) {
	target := func(token, platform, language string) event.PushTarget {
		return event.PushTarget{User: "bob", Device: "d", Token: token, Platform: platform, Language: language}
	}
	for what, c := range map[string]struct {
		others []event.PushTarget
		forgot bool
	}{
		"alone":                      {nil, false},
		"beside another platform":    {[]event.PushTarget{target("x", "ios", "en")}, false},
		"beside another language":    {[]event.PushTarget{target("x", "android", "zh")}, false},
		"beside the same, delivered": {[]event.PushTarget{target("x", "android", "en")}, true},
		"beside the same, refused":   {[]event.PushTarget{target("bad2", "android", "en")}, false},
	} {
		t.Run(what, func(t *testing.T) {
			p := newPhone(t, 0, 0)
			p.misbehave("bad", `{"error":"INVALID_ARGUMENT"}`)
			p.misbehave("bad2", `{"error":"INVALID_ARGUMENT"}`)
			j := job("j")
			j.Targets = append(c.others, target("bad", "android", "en"))
			p.takes(j)
			if got := slices.Contains(p.forgotten, "bad"); got != c.forgot {
				t.Errorf("forgotten: %v", p.forgotten)
			}
			if later := p.waiting(); len(later) > 0 {
				t.Errorf("tried again: %+v", later)
			}
		})
	}
}

// TestWhatFailsIsTriedForAnHour follows one device that FCM never takes, beside
// one that it takes at the fourth try.
func TestWhatFailsIsTriedForAnHour(t *testing.T) {
	p := newPhone(t, 0, 0)
	p.misbehave("never", `{"error":"UNAVAILABLE"}`)
	p.misbehave("fourth", `{"error":"INTERNAL","times":3}`)
	begin := p.now()
	p.takes(job("j", "never", "fourth", "ok"))
	var waits []time.Duration
	for {
		later := p.waiting()
		if len(later) == 0 {
			break
		}
		if len(later) != 1 || slices.Contains(tokens(later[0]), "ok") {
			t.Fatalf("to try again: %+v", later)
		}
		waits = append(waits, time.UnixMilli(later[0].Due).Sub(p.now()))
		p.early(later[0])
	}
	for i, w := range waits[1:] {
		if w < waits[i] && w < 10*time.Minute {
			t.Errorf("waits %s after %s: no backoff", w, waits[i])
		}
	}
	if n := p.asked["never"]; n != len(waits)+1 || n < 8 {
		t.Errorf("asked %d times, with %d waits: %v", n, len(waits), waits)
	}
	if p.asked["ok"] != 1 || p.asked["fourth"] != 4 {
		t.Errorf("what succeeded was tried again: %v", p.asked)
	}
	if took := p.now().Sub(begin); took > time.Hour || took < 40*time.Minute {
		t.Errorf("given up after %s", took)
	}
	if len(p.dead) != 1 || p.dead[0].Reason != "UNAVAILABLE" || !slices.Equal(tokens(p.dead[0]), []string{"never"}) {
		t.Errorf("given up: %+v", p.dead)
	}
}

// TestOneTokenThatHangsHoldsNobody waits for the deadline of a message.
func TestOneTokenThatHangsHoldsNobody(t *testing.T) {
	t.Parallel()
	p := newPhone(t, 0, 0)
	p.misbehave("hangs", `{"latencyMs":30000,"times":1}`)
	started := time.Now()
	p.takes(job("j", "hangs", "ok1", "ok2"))
	if took := time.Since(started); took > 20*time.Second {
		t.Errorf("the job took %s", took)
	}
	later := p.waiting()
	if len(later) != 1 || !slices.Equal(tokens(later[0]), []string{"hangs"}) || later[0].Reason != "DEADLINE_EXCEEDED" {
		t.Fatalf("to try again: %+v", later)
	}
	p.due(later[0])
	if got := p.pushed(); !slices.Equal(got, []string{"hangs", "ok1", "ok2"}) {
		t.Errorf("pushed to %v", got)
	}
}

// TestWhatWaitsDoesSoFromTheAnswerOn has FCM take its time to say for how long.
func TestWhatWaitsDoesSoFromTheAnswerOn(t *testing.T) {
	p := newPhone(t, 0, 0)
	for token, code := range map[string]string{"a": "UNAVAILABLE", "b": "QUOTA_EXCEEDED"} {
		p.misbehave(token, fmt.Sprintf(`{"error":%q,"retryAfter":60}`, code))
	}
	send := p.deps.Send
	p.deps.Send = func(ctx context.Context, m *messaging.Message) error {
		defer p.pass(4 * time.Second)
		return send(ctx, m)
	}
	p.handler = push.Handler(p.deps)
	p.takes(job("j", "a", "b"))
	later := p.waiting()
	for _, l := range later {
		if wait := time.UnixMilli(l.Due).Sub(p.now()); wait < time.Minute {
			t.Errorf("%s waits for %s", l.Reason, wait)
		}
	}
	status, err := gate.New(p.store, 0, p.now).Status(t.Context())
	if wait := status.ClosedUntil.Sub(p.now()); err != nil || wait < time.Minute || len(later) != 2 {
		t.Errorf("all wait for %s, %d jobs, %v", wait, len(later), err)
	}
}

// TestNobodyAtTheOtherEnd has FCM refuse connections: everything waits.
func TestNobodyAtTheOtherEnd(t *testing.T) {
	p := newPhone(t, 0, 0)
	p.fcm.Close()
	p.takes(job("j", "a", "b"))
	if later := p.waiting(); len(later) != 1 || len(later[0].Targets) != 2 || later[0].Reason != "UNAVAILABLE" {
		t.Errorf("to try again: %+v", later)
	}
}

func TestAJobIsDoneOnce(t *testing.T) {
	p := newPhone(t, 0, 0)
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
}

// TestWhatIsLeftIsNotLost has Pub/Sub refuse what is to be tried again. The job comes
// again, and only that is made up for.
func TestWhatIsLeftIsNotLost(t *testing.T) {
	p := newPhone(t, 0, 0)
	p.deaf = true
	p.misbehave("c", `{"error":"INTERNAL","times":1}`)
	for range 2 {
		if status := p.deliver(job("other", "c", "d")); status != http.StatusServiceUnavailable {
			t.Errorf("what is left was lost: %d", status)
		}
	}
	p.deaf = false
	p.takes(job("other", "c", "d"))
	p.takes(job("other", "c", "d"))
	later := p.waiting()
	if len(later) != 1 || !slices.Equal(tokens(later[0]), []string{"c"}) {
		t.Fatalf("to try again: %+v", later)
	}
	p.due(later[0])
	if p.asked["d"] != 1 || p.asked["c"] != 2 {
		t.Errorf("asked %v", p.asked)
	}
}

// TestTheNamesOfWhatIsLeftDiffer: a job whose devices wait for two reasons makes two,
// and so do these.
func TestTheNamesOfWhatIsLeftDiffer(t *testing.T) {
	p := newPhone(t, 0, 0)
	for token, how := range map[string]string{"a": "INTERNAL", "b": "INTERNAL", "c": "QUOTA_EXCEEDED", "d": "QUOTA_EXCEEDED"} {
		p.misbehave(token, fmt.Sprintf(`{"error":%q,"times":1}`, how))
	}
	p.takes(job("j", "a", "b", "c", "d"))
	p.misbehave("a", `{"error":"QUOTA_EXCEEDED","times":1}`)
	p.misbehave("c", `{"error":"INTERNAL","times":1}`)
	names := map[string]bool{"j": true}
	for jobs := p.waiting(); len(jobs) > 0; jobs = append(jobs[1:], p.waiting()...) {
		if names[jobs[0].Job] && jobs[0].Reason != "QUOTA_WINDOW_USED" {
			t.Errorf("%s is there twice", jobs[0].Job)
		}
		names[jobs[0].Job] = true
		p.due(jobs[0])
	}
	if got := p.pushed(); !slices.Equal(got, []string{"a", "b", "c", "d"}) {
		t.Errorf("pushed to %v, jobs %v", got, names)
	}
}

func TestNonsenseIsDropped(t *testing.T) {
	p := newPhone(t, 0, 0)
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
	// A device without a token costs the others nothing, and is not tried again.
	p.takes(job("z", "", "good"))
	if got := p.pushed(); !slices.Equal(got, []string{"good"}) || len(p.waiting()) > 0 {
		t.Errorf("pushed to %v", got)
	}
}

// TestWhateverIsSentFCMTakes composes from anything a sender may give; the
// stand-in checks sizes and fields as FCM does.
func TestWhateverIsSentFCMTakes(t *testing.T) {
	p := newPhone(t, 0, 0)
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
