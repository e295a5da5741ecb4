package push_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"firebase.google.com/go/v4/messaging"

	"github.com/throng-im/throng/functions/push"
	"github.com/throng-im/throng/shared/cloud"
	"github.com/throng-im/throng/shared/event"
	"github.com/throng-im/throng/shared/gate"
	"github.com/throng-im/throng/shared/group"
	"github.com/throng-im/throng/shared/id"
	"github.com/throng-im/throng/shared/user"
)

// TestWhileAnOperatorPausesPushJobsWait: what comes meanwhile goes out after the end,
// and not what is older than an hour.
func TestWhileAnOperatorPausesPushJobsWait(t *testing.T) {
	p := newPhone(t, 0, 0)
	operator := gate.New(p.store, 0, p.now)
	if err := operator.Pause(t.Context(), "why not"); err != nil {
		t.Fatal(err)
	}
	p.takes(job("old", "a"))
	old := p.waiting()
	for p.pass(50 * time.Minute); len(p.waiting()) > 0; {
	}
	p.takes(job("new", "b"))
	young := p.waiting()
	if len(old) != 1 || len(young) != 1 || old[0].Reason != "PAUSED" || len(p.asked) > 0 {
		t.Fatalf("%+v %+v, asked %v", old, young, p.asked)
	}
	p.due(young[0])
	if again := p.waiting(); len(again) != 1 || again[0].First != young[0].First || again[0].Tries != 0 {
		t.Fatalf("still paused: %+v", again)
	}
	p.pass(15 * time.Minute)
	if err := operator.Resume(t.Context()); err != nil {
		t.Fatal(err)
	}
	p.pass(gate.Fresh)
	p.takes(young[0])
	p.takes(old[0])
	if got := p.pushed(); !slices.Equal(got, []string{"b"}) || len(p.waiting()) > 0 {
		t.Errorf("pushed to %v", got)
	}
	if len(p.dead) != 1 || p.dead[0].Job != "old" || p.dead[0].Reason != "PAUSED" {
		t.Errorf("given up: %+v", p.dead)
	}
}

// TestJobsWaitBeforeFCMRefuses uses up the quota. The rest waits for room, each a
// little longer than the other, and FCM is asked for nobody twice.
func TestJobsWaitBeforeFCMRefuses(t *testing.T) {
	p := newPhone(t, 0, 1000)
	many := func(name string) event.Push {
		all := make([]string, event.MaxPushTargets)
		for i := range all {
			all[i] = fmt.Sprint(name, "-", i)
		}
		return job(name, all...)
	}
	for i := range 4 {
		p.takes(many(fmt.Sprint("j", i)))
	}
	later := p.waiting()
	if len(p.asked) != 1000 || len(later) != 2 || later[0].Due == later[1].Due {
		t.Fatalf("asked for %d devices, %d jobs wait", len(p.asked), len(later))
	}
	for jobs := later; len(jobs) > 0; jobs = append(jobs[1:], p.waiting()...) {
		if wait := time.UnixMilli(jobs[0].Due).Sub(p.now()); wait > 2*time.Minute {
			t.Fatalf("waits %s", wait)
		}
		p.due(jobs[0])
	}
	for token, n := range p.asked {
		if n != 1 {
			t.Errorf("FCM was asked %d times for %s", n, token)
		}
	}
	if len(p.asked) != 2000 {
		t.Errorf("FCM was asked for %d devices", len(p.asked))
	}
}

// TestWhatFCMRefusesForItsQuotaHoldsEverybody: another process, too, waits as long
// as FCM says.
func TestWhatFCMRefusesForItsQuotaHoldsEverybody(t *testing.T) {
	p := newPhone(t, 0, 0)
	p.misbehave("full", `{"error":"QUOTA_EXCEEDED","retryAfter":40,"times":1}`)
	end := p.now().Add(40 * time.Second)
	p.takes(job("j", "full", "ok"))
	other := p.deps
	g := gate.New(p.store, 0, p.now)
	other.Ask, other.Close = g.Ask, g.Close
	first := p.handler
	p.handler = push.Handler(other)
	p.takes(job("k", "x"))
	later := p.waiting()
	if len(later) != 2 || p.asked["x"] > 0 {
		t.Fatalf("waiting: %+v", later)
	}
	for _, l := range later {
		if at := time.UnixMilli(l.Due); at.Before(end) || at.After(end.Add(10*time.Second)) {
			t.Errorf("%s is due %s after the end", l.Job, at.Sub(end))
		}
	}
	p.due(later[1])
	p.handler = first
	p.pass(20 * time.Second)
	p.due(later[0])
	if got := p.pushed(); !slices.Equal(got, []string{"full", "ok", "x"}) {
		t.Errorf("pushed to %v", got)
	}
}

// TestTheQuotaOfOneDeviceHoldsNobodyElse has FCM take no more for one phone: that
// one waits, without an alarm, and nobody is told to wait with it.
func TestTheQuotaOfOneDeviceHoldsNobodyElse(t *testing.T) {
	logged := log(t)
	p := newPhone(t, 0, 0)
	p.set("quotas", `{"devicePerMinute":2}`)
	for seq := range int64(3) {
		p.takes(message("g", seq, "busy"))
	}
	p.takes(message("g", 3, "calm"))
	later := p.waiting()
	if len(later) != 1 || !slices.Equal(tokens(later[0]), []string{"busy"}) || later[0].Reason != "QUOTA_EXCEEDED" {
		t.Fatalf("waiting: %+v", later)
	}
	if got := p.pushed(); !slices.Equal(got, []string{"busy", "busy", "calm"}) {
		t.Errorf("pushed to %v", got)
	}
	// A device in trouble beside it is tried again when its own time comes.
	p.set("tokens/down", `{"error":"UNAVAILABLE"}`)
	p.takes(message("g", 4, "busy", "down"))
	due := map[string]time.Duration{}
	for _, j := range p.waiting() {
		if j.MessageUID == "g-4" {
			due[strings.Join(tokens(j), " ")] = time.UnixMilli(j.Due).Sub(p.now()).Truncate(5 * time.Second)
		}
	}
	if len(due) != 2 || due["down"] != 10*time.Second || due["busy"] < time.Minute {
		t.Errorf("they wait for %v", due)
	}
	if alarms := logged.alarms(); len(alarms) > 0 {
		t.Errorf("alarms: %v", alarms)
	}
	if status, err := gate.New(p.store, 0, p.now).Status(t.Context()); err != nil || !status.ClosedUntil.IsZero() {
		t.Errorf("the gate: %+v, %v", status, err)
	}
}

// message is a job of one message of a group.
func message(g string, seq int64, tokens ...string) event.Push {
	j := job(fmt.Sprint(g, "/", seq), tokens...)
	j.Group, j.Seq, j.MessageUID = id.Group(g), seq, id.Message(fmt.Sprintf("%s-%d", g, seq))
	return j
}

// TestADeviceIsNotFlooded sends more than its budget to one of two devices. It is
// told how many more there were when the minute is over.
func TestADeviceIsNotFlooded(t *testing.T) {
	const rate = 10
	p := newPhone(t, rate, 0)
	for seq := range int64(25) {
		p.takes(message("g", seq+1, "busy"))
	}
	p.takes(message("h", 1, "busy", "calm"))
	if p.asked["busy"] != rate || p.asked["calm"] != 1 {
		t.Fatalf("asked %v", p.asked)
	}
	recall := message("g", 3, "busy")
	recall.Kind, recall.Job = event.PushRecall, "recall of 3"
	if p.takes(recall); p.asked["busy"] != rate+1 {
		t.Error("a recall was held back")
	}
	later := p.waiting()
	if len(later) != 2 {
		t.Fatalf("%d jobs for two groups: %+v", len(later), later)
	}
	var said []string
	for _, l := range later {
		if wait := time.UnixMilli(l.Due).Sub(p.now()); l.Kind != event.PushFold || !l.Surplus || wait <= 0 || wait > time.Minute || !slices.Equal(tokens(l), []string{"busy"}) {
			t.Errorf("%+v", l)
		}
	}
	p.forget()
	for _, l := range later {
		p.due(l)
	}
	for _, n := range p.notifications() {
		said = append(said, fmt.Sprint(n.Token, " ", n.Message.Data["messageUID"]))
	}
	slices.Sort(said)
	if !slices.Equal(said, []string{"busy g-25", "busy h-1"}) {
		t.Errorf("in the end there is %v", said)
	}
	// The next minute is a new one.
	p.forget()
	p.takes(message("g", 26, "busy"))
	if got := p.pushed(); !slices.Equal(got, []string{"busy"}) || len(p.waiting()) > 0 {
		t.Errorf("in the next minute pushed to %v", got)
	}
}

// TestDevicesThatMissedDifferentNumbersAreToldAtTheSameTime: one that FCM takes long
// for keeps nobody waiting who missed another number of messages.
func TestDevicesThatMissedDifferentNumbersAreToldAtTheSameTime(t *testing.T) {
	const devices = 5
	p := newPhone(t, 1, 0)
	var mu sync.Mutex
	said, all := map[string]string{}, make(chan struct{})
	p.deps.Send = func(ctx context.Context, m *messaging.Message) error {
		if m.Data["kind"] != string(event.PushFold) {
			return nil
		}
		mu.Lock()
		if said[m.Token] = m.Data["count"]; len(said) == devices {
			close(all)
		}
		mu.Unlock()
		select {
		case <-all:
		case <-ctx.Done():
			t.Errorf("%s is told alone", m.Token)
		}
		return nil
	}
	p.handler = push.Handler(p.deps)
	var phones []string
	want := map[string]string{}
	for i := range devices {
		phones = append(phones, fmt.Sprint("phone-", i))
		want[phones[i]] = fmt.Sprint(i + 1)
	}
	p.takes(message("g", 0, phones...))
	for i := range devices {
		p.takes(message("g", int64(i+1), phones[i:]...))
	}
	later := p.waiting()
	if len(later) != 1 {
		t.Fatalf("waiting: %+v", later)
	}
	p.due(later[0])
	if !maps.Equal(said, want) {
		t.Errorf("told were %v, want %v", said, want)
	}
}

// TestAnHourHasAnEndToo floods one device for an hour within the rate of the minute.
func TestAnHourHasAnEndToo(t *testing.T) {
	p := newPhone(t, 1000, 0)
	asked, seq := 0, int64(0)
	p.deps.Send = func(context.Context, *messaging.Message) error { asked++; return nil }
	p.handler = push.Handler(p.deps)
	for range 6 {
		for range 1000 {
			seq++
			p.takes(message("g", seq, "busy"))
		}
		p.pass(time.Minute)
	}
	if asked >= 5000 || asked < 4000 {
		t.Errorf("%d messages to one device in an hour, FCM takes 5,000", asked)
	}
}

// TestTokensAreInNoLog writes all there is to write.
func TestTokensAreInNoLog(t *testing.T) {
	logged := log(t)
	p := newPhone(t, 1, 0)
	for i, how := range []string{"UNREGISTERED", "SENDER_ID_MISMATCH", "INVALID_ARGUMENT", "THIRD_PARTY_AUTH_ERROR", "INTERNAL"} {
		token := fmt.Sprint("secret-", i)
		p.misbehave(token, fmt.Sprintf(`{"error":%q}`, how))
		for n := range int64(3) {
			j := message("g", n, token)
			j.Job = fmt.Sprint("job ", i, " ", n)
			j.Targets[0].Device = "d"
			p.takes(j)
		}
	}
	for _, l := range p.waiting() {
		l.First = 1
		p.takes(l)
	}
	if text := logged.String(); strings.Contains(text, "secret-") || !strings.Contains(text, "push_given_up") {
		t.Errorf("the log: %s", text)
	}
}

// TestOldJobsAskWhoseTheDevicesAre before each try but the first, and where a job has
// waited for a minute. Who is not asked about is pushed to.
func TestOldJobsAskWhoseTheDevicesAre(t *testing.T) {
	for what, c := range map[string]struct {
		tries  int
		waited time.Duration
		// queued is how long the job was on the topic before anybody had it.
		queued time.Duration
		fails  bool
		// asked is about how many devices; pushed are those that get it.
		asked  int
		pushed string
	}{
		"the first try":            {0, 0, 0, false, 0, "hers moved"},
		"it waited for a moment":   {0, 59 * time.Second, 0, false, 0, "hers moved"},
		"it was on its way":        {0, 0, 59 * time.Second, false, 0, "hers moved"},
		"it was queued":            {0, 0, time.Minute, false, 2, "hers"},
		"it waited for a minute":   {0, time.Minute, 0, false, 2, "hers"},
		"it was tried":             {1, 10 * time.Second, 0, false, 2, "hers"},
		"nobody knows whose it is": {1, time.Minute, 0, true, 2, ""},
	} {
		p := newPhone(t, 0, 0)
		asked := 0
		p.deps.StillTheirs = func(_ context.Context, targets []event.PushTarget) ([]event.PushTarget, error) {
			asked += len(targets)
			if c.fails {
				return nil, errors.New("no Firestore")
			}
			return slices.DeleteFunc(slices.Clone(targets), func(t event.PushTarget) bool { return t.Token == "moved" }), nil
		}
		p.handler = push.Handler(p.deps)
		j := job("j", "hers", "moved")
		if j.Tries = c.tries; c.waited > 0 {
			j.First = p.now().Add(-c.waited).UnixMilli()
		}
		j.At = p.now().Add(-c.waited - c.queued).UnixMilli()
		status := p.deliver(j)
		if got := strings.Join(p.pushed(), " "); got != c.pushed || asked != c.asked || (status == http.StatusNoContent) == c.fails || len(p.forgotten) > 0 {
			t.Errorf("%s: asked about %d, pushed to %q, answered %d, forgotten %q", what, asked, got, status, p.forgotten)
		}
	}
}

// TestAJobOfWhichNobodyIsLeftIsDone: it leaves nothing behind.
func TestAJobOfWhichNobodyIsLeftIsDone(t *testing.T) {
	p := newPhone(t, 0, 0)
	p.deps.StillTheirs = func(context.Context, []event.PushTarget) ([]event.PushTarget, error) { return nil, nil }
	p.handler = push.Handler(p.deps)
	j := job("j", "moved")
	j.Tries = 1
	p.takes(j)
	if len(p.pushed())+len(p.waiting())+len(p.dead) > 0 {
		t.Errorf("pushed to %q", p.pushed())
	}
}

// TestOnACloudOldJobsAskTheUsers: the function as it is deployed pushes to a device
// that is its user's still, and not to one that was removed since.
func TestOnACloudOldJobsAskTheUsers(t *testing.T) {
	p := newPhone(t, 0, 0)
	users := user.New(p.store, group.New(p.store, nil, group.Options{Now: p.now}), nil, 0, p.now)
	for _, token := range []string{"hers", "moved"} {
		if err := users.PutDevice(t.Context(), "bob", user.Device{ID: id.Device(token), Platform: "ios", Token: token}); err != nil {
			t.Fatal(err)
		}
	}
	if err := users.RemoveDevice(t.Context(), "bob", "moved"); err != nil {
		t.Fatal(err)
	}
	deps := push.On(&cloud.Cloud{Users: users, Gate: gate.New(p.store, 0, p.now)}, p.deps.Send)
	deps.Publish, deps.Now, deps.Wait = p.publish, p.now, p.deps.Wait
	p.handler = push.Handler(deps)
	j := job("j", "hers", "moved")
	j.Tries = 1
	p.takes(j)
	if got := p.pushed(); !slices.Equal(got, []string{"hers"}) {
		t.Errorf("pushed to %q", got)
	}
}
