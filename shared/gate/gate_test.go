package gate_test

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/throng-im/throng/shared/commit"
	"github.com/throng-im/throng/shared/gate"
)

// street is several processes before one gate, with the clock in hand.
type street struct {
	store  *counting
	clock  time.Time
	gates  []*gate.Gate
	passed []passage
}

// passage is messages that were let through.
type passage struct {
	at time.Time
	n  int
}

// counting counts what is asked of the store.
type counting struct {
	commit.Memory
	reads, writes int
}

func (c *counting) Get(ctx context.Context, paths []string, fields ...string) ([]commit.Doc, error) {
	c.reads += len(paths)
	return c.Memory.Get(ctx, paths, fields...)
}

func (c *counting) Commit(ctx context.Context, w []commit.Write) (time.Time, error) {
	c.writes += len(w)
	return c.Memory.Commit(ctx, w)
}

func newStreet(processes, limit int) *street {
	s := &street{store: new(counting), clock: time.UnixMilli(1_800_000_000_000)}
	for range processes {
		s.gates = append(s.gates, gate.New(s.store, limit, func() time.Time { return s.clock }))
	}
	return s
}

func (s *street) ask(t rapid.TB, process, n int) gate.Answer {
	t.Helper()
	a, err := s.gates[process].Ask(context.Background(), n)
	if err != nil {
		t.Fatal(err)
	}
	if a.Open {
		s.passed = append(s.passed, passage{s.clock, n})
	} else if !a.Paused && !a.Until.After(s.clock) {
		t.Fatalf("at %s told to come at %s", s.clock, a.Until)
	}
	return a
}

// most is how many passed within any minute.
func (s *street) most() (most int) {
	for i, first := range s.passed {
		n := 0
		for _, p := range s.passed[i:] {
			if p.at.Sub(first.at) < time.Minute {
				n += p.n
			}
		}
		most = max(most, n)
	}
	return most
}

// TestNoMinuteHasMoreThanTheQuota asks on several processes at any time, of a store
// that fails now and then. Beyond the quota goes only what processes send that do
// not count themselves: a hundredth each in a slice.
func TestNoMinuteHasMoreThanTheQuota(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		const limit = 10_000
		processes := rapid.IntRange(1, 4).Draw(t, "processes")
		s := newStreet(processes, limit)
		chance := rapid.Float64Range(0, 0.2).Draw(t, "chance of a fault")
		fail := func([]commit.Write) error {
			if rand.Float64() < chance {
				return fmt.Errorf("%w: broken", commit.ErrUnknown)
			}
			return nil
		}
		s.store.Before, s.store.After = fail, fail
		for range rapid.IntRange(50, 300).Draw(t, "asked") {
			s.clock = s.clock.Add(time.Duration(rapid.IntRange(0, 2000).Draw(t, "ms")) * time.Millisecond)
			s.ask(t, rapid.IntRange(0, processes-1).Draw(t, "process"), rapid.IntRange(1, 500).Draw(t, "messages"))
		}
		if most, bound := s.most(), limit+processes*7*limit/100; most > bound {
			t.Errorf("%d messages passed in a minute, the quota is %d and with what is not counted %d", most, limit, bound)
		}
	})
}

// TestTheQuotaCanBeUsed asks without a pause for five minutes: nearly the quota goes
// through, and who was sent away finds room when told to come back.
func TestTheQuotaCanBeUsed(t *testing.T) {
	const limit = 100_000
	s := newStreet(3, limit)
	begin, n := s.clock, 0
	for i := 0; s.clock.Sub(begin) < 5*time.Minute; i++ {
		a := s.ask(t, i%3, 500)
		if a.Open {
			n += 500
			s.clock = s.clock.Add(10 * time.Millisecond)
			continue
		}
		s.clock = a.Until
		if again := s.ask(t, i%3, 500); !again.Open {
			t.Fatalf("told to come back at %s and sent away until %s", a.Until, again.Until)
		}
		n += 500
	}
	if n < 5*limit*3/4 {
		t.Errorf("%d messages in five minutes, the quota is %d a minute", n, limit)
	}
	if most := s.most(); most > limit+3*7*limit/100 {
		t.Errorf("%d messages in a minute", most)
	}
	if perMinute := s.store.writes / 5; perMinute > 100 {
		t.Errorf("%d writes a minute", perMinute)
	}
}

// TestQuietTimesCostNothing: who sends less than a hundredth of the quota in ten
// seconds pays a read every few seconds, and only while it sends.
func TestQuietTimesCostNothing(t *testing.T) {
	s := newStreet(1, 500_000)
	for range 6 {
		s.ask(t, 0, 500) // a message to 3,000 members
	}
	if s.store.reads != 1 || s.store.writes != 0 {
		t.Errorf("a message to 3,000 devices cost %d reads and %d writes", s.store.reads, s.store.writes)
	}
	s.clock = s.clock.Add(time.Hour)
	s.ask(t, 0, 500)
	if s.store.reads != 2 || s.store.writes != 0 {
		t.Errorf("the next one, in an hour: %d reads and %d writes", s.store.reads, s.store.writes)
	}
	for range 60 {
		s.ask(t, 0, 500)
	}
	if s.store.writes > 4 {
		t.Errorf("ten messages to 3,000 devices at once cost %d writes", s.store.writes)
	}
}

func TestNoQuotaIsNoLimit(t *testing.T) {
	s := newStreet(1, 0)
	for range 10_000 {
		if a := s.ask(t, 0, 500); !a.Open {
			t.Fatalf("%+v", a)
		}
	}
	if s.store.writes > 0 {
		t.Errorf("%d writes", s.store.writes)
	}
}

// TestAPauseIsForAll: it is known everywhere within seconds, and so is its end.
func TestAPauseIsForAll(t *testing.T) {
	s := newStreet(2, 500_000)
	s.ask(t, 1, 1)
	for range 2 {
		if err := s.gates[0].Pause(t.Context(), "a campaign went wrong"); err != nil {
			t.Fatal(err)
		}
	}
	if a := s.ask(t, 0, 1); !a.Paused || a.Open {
		t.Errorf("who paused: %+v", a)
	}
	s.clock = s.clock.Add(gate.Fresh)
	if a := s.ask(t, 1, 1); !a.Paused || a.Open {
		t.Errorf("the other, %s later: %+v", gate.Fresh, a)
	}
	status, err := s.gates[1].Status(t.Context())
	if err != nil || !status.Paused || status.Why != "a campaign went wrong" || !status.Since.Equal(s.clock.Add(-gate.Fresh)) {
		t.Errorf("%+v %v", status, err)
	}
	for range 2 {
		if err := s.gates[1].Resume(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	s.clock = s.clock.Add(gate.Fresh)
	for i := range s.gates {
		if a := s.ask(t, i, 1); !a.Open {
			t.Errorf("process %d after the end: %+v", i, a)
		}
	}
	if s.store.writes != 2 {
		t.Errorf("%d writes for a pause and its end", s.store.writes)
	}
}

// TestWhatFCMRefusesOneIsForAll: the latest end counts, and the same again costs nothing.
func TestWhatFCMRefusesOneIsForAll(t *testing.T) {
	s := newStreet(2, 500_000)
	until := s.clock.Add(time.Minute)
	for _, end := range []time.Time{until, until.Add(time.Millisecond), until.Add(-time.Second)} {
		if err := s.gates[0].Close(t.Context(), end); err != nil {
			t.Fatal(err)
		}
	}
	for i := range s.gates {
		if a := s.ask(t, i, 1); a.Open || !a.Until.Equal(until) {
			t.Errorf("process %d: %+v", i, a)
		}
	}
	if s.store.writes != 1 {
		t.Errorf("%d writes", s.store.writes)
	}
	s.clock = until
	if a := s.ask(t, 1, 1); !a.Open {
		t.Errorf("after it: %+v", a)
	}
}

// TestTheAlarmComesBeforeTheEnd uses up the quota and listens to the log.
func TestTheAlarmComesBeforeTheEnd(t *testing.T) {
	var log bytes.Buffer
	before := slog.Default()
	slog.SetDefault(slog.New(slog.NewJSONHandler(&log, nil)))
	defer slog.SetDefault(before)
	alarms := func() int { return strings.Count(log.String(), `"alarm":"fcm_quota"`) }
	const limit = 100_000
	s := newStreet(2, limit)
	n := 0
	for i := 0; ; i++ {
		if a := s.ask(t, i%2, 500); !a.Open {
			break
		}
		n += 500
		if n < limit*3/4 && alarms() > 0 {
			t.Fatalf("an alarm after %d messages", n)
		}
		if n > limit*85/100 && alarms() == 0 {
			t.Fatalf("no alarm after %d messages", n)
		}
	}
	if alarms() != 1 {
		t.Errorf("%d alarms within a minute", alarms())
	}
	s.clock = s.clock.Add(2 * time.Minute)
	for s.ask(t, 0, 500).Open {
	}
	if alarms() != 2 {
		t.Errorf("%d alarms in three minutes, with two ends", alarms())
	}
}
