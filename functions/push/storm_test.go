package push_test

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"firebase.google.com/go/v4/messaging"

	"github.com/throng-im/throng/functions/push"
	"github.com/throng-im/throng/shared/event"
	"github.com/throng-im/throng/shared/gate"
	"github.com/throng-im/throng/shared/id"
)

// storm is Pub/Sub, and processes of push that die one after the other.
type storm struct {
	*phone
	// killed are the jobs in whose middle a process died.
	killed map[string]bool
}

// process starts a process of push, which is killed after it has handed over so many
// messages; 0 is never. What a dead process does reaches nobody.
func (s *storm) process(lives int64) (http.Handler, *atomic.Bool) {
	var sent atomic.Int64
	died := new(atomic.Bool)
	g := gate.New(s.store, 0, s.now)
	d := s.deps
	d.Ask, d.Close = g.Ask, g.Close
	send := d.Send
	d.Send = func(ctx context.Context, m *messaging.Message) error {
		if n := sent.Add(1); lives > 0 && n > lives {
			died.Store(true)
		}
		if died.Load() {
			return errors.New("killed")
		}
		return send(ctx, m)
	}
	d.Publish = func(ctx context.Context, topic string, payloads ...[]byte) error {
		if died.Load() {
			return errors.New("killed")
		}
		return s.publish(ctx, topic, payloads...)
	}
	d.Forget = func(ctx context.Context, u id.User, token string) error {
		if died.Load() {
			return errors.New("killed")
		}
		return s.forgetToken(ctx, u, token)
	}
	return push.Handler(d), died
}

// deliverAll hands jobs over until they are acknowledged. Three of four have their
// first process killed in the middle, as long as kills are left.
func (s *storm) deliverAll(jobs []event.Push, kills *int) {
	s.Helper()
	for i, j := range jobs {
		if *kills > 0 && i%4 > 0 {
			var died *atomic.Bool
			s.handler, died = s.process(int64(len(j.Targets) / 2))
			s.deliver(j)
			if !died.Load() {
				s.Fatalf("the process lives after %s", j.Job)
			}
			*kills--
			s.killed[string(j.MessageUID)] = true
			s.handler, _ = s.process(0)
		}
		s.takes(j)
	}
}

// TestAStorm has FCM refuse a tenth of all phones for one to three tries, a twentieth
// for good, and everything for a minute at the fifteenth of twenty messages, while
// processes are killed ten times in the middle of a job.
func TestAStorm(t *testing.T) {
	const phones, messages, quotaAt = 200, 20, 14
	s := &storm{phone: newPhone(t, 0, 0), killed: map[string]bool{}}
	s.handler, _ = s.process(0)
	var all, live, good, dead []string
	for i := range phones {
		token := fmt.Sprintf("phone-%03d", i)
		all = append(all, token)
		switch {
		case i%20 == 7:
			s.misbehave(token, `{"error":"UNREGISTERED"}`)
			dead = append(dead, token)
			continue
		case i%10 == 3:
			s.misbehave(token, fmt.Sprintf(`{"error":"UNAVAILABLE","times":%d}`, 1+i%3))
		default:
			good = append(good, token)
		}
		live = append(live, token)
	}
	var jobs []event.Push
	for seq := range int64(messages) {
		jobs = append(jobs, message("g", seq, all...))
	}
	kills, begin := 10, s.now()
	s.deliverAll(jobs[:quotaAt], &kills)
	// Nobody waits behind those whom FCM refuses.
	reached := s.times()
	for _, j := range jobs[:quotaAt] {
		for _, token := range good {
			if reached[token+" "+string(j.MessageUID)] == 0 {
				t.Fatalf("%s has to wait for %s", token, j.MessageUID)
			}
		}
	}
	if took := s.now().Sub(begin); took != 0 {
		t.Errorf("the good waited for %s", took)
	}
	s.misbehave(good[0], `{"error":"QUOTA_EXCEEDED","retryAfter":60,"times":1}`)
	s.takes(jobs[quotaAt])
	before := len(s.notifications())
	s.deliverAll(jobs[quotaAt+1:], new(int))
	if n := len(s.notifications()); n != before {
		t.Errorf("%d messages went out while FCM had no quota for us", n-before)
	}
	for later := s.waiting(); len(later) > 0; later = append(later, s.waiting()...) {
		slices.SortFunc(later, func(a, b event.Push) int { return cmp.Compare(a.Due, b.Due) })
		next := later[:1]
		if wait := time.UnixMilli(next[0].Due).Sub(s.now()); wait > 0 {
			s.pass(wait)
		}
		s.deliverAll(next, new(int))
		later = later[1:]
	}
	s.check(live, dead, jobs, kills)
}

// times counts how often a device got a message: "token messageUID".
func (s *storm) times() map[string]int {
	out := map[string]int{}
	for _, n := range s.notifications() {
		out[n.Token+" "+n.Message.Data["messageUID"]]++
	}
	return out
}

func (s *storm) check(live, dead []string, jobs []event.Push, kills int) {
	s.Helper()
	if len(s.dead) > 0 {
		s.Errorf("given up: %+v", s.dead)
	}
	reached := s.times()
	for _, j := range jobs {
		for _, token := range live {
			// A phone shows one of each message, however often it came.
			n := reached[token+" "+string(j.MessageUID)]
			if n == 0 || n > 1 && !s.killed[string(j.MessageUID)] {
				s.Errorf("%s got message %s %d times; killed in its middle: %v", token, j.MessageUID, n, s.killed[string(j.MessageUID)])
			}
			delete(reached, token+" "+string(j.MessageUID))
		}
	}
	if len(reached) > 0 {
		s.Errorf("there was also %v", reached)
	}
	slices.Sort(s.forgotten)
	if got := slices.Compact(s.forgotten); !slices.Equal(got, dead) {
		s.Errorf("forgot %v, dead are %v", got, dead)
	}
	if kills > 0 {
		s.Errorf("%d processes were not killed", kills)
	}
}
