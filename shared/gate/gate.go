// Package gate is what every process of push passes before it hands messages to
// FCM: the operator's switch, the time until which FCM wants no more, and the
// window of FCM's quota that all processes share.
//
// All of it is one document on the commit loop, push/gate. A process reads it when
// what it knows is older than Fresh. It pays for what it sends in advance, with a
// lease for the current slice of time, and in quiet times not at all: a process
// that has sent less than a hundredth of the window in a slice asks nobody. What it
// had sent until then is in its first lease, and what is left of a lease is given
// back with the next one.
package gate

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"golang.org/x/sync/singleflight"

	"github.com/throng-im/throng/shared/commit"
)

const (
	// Fresh is how long a process goes by what it has read: so late it learns that
	// push was paused or that FCM refused another process.
	Fresh = 3 * time.Second
	// Slice is what usage is counted by. A window is the current slice and the six
	// before it: any minute of FCM's, wherever it begins, lies within.
	Slice = 10 * time.Second
	// window is how many slices count.
	window = 7
	// freePart and leasePart are which part of the window a process sends in a slice
	// without a lease, and how much it leases at least.
	freePart, leasePart = 100, 50
	// alarmPercent is how much of the window may be used before somebody should know,
	// and alarmEvery how often they are told.
	alarmPercent = 80
	alarmEvery   = time.Minute
)

// Gate is the gate as this process sees it.
type Gate struct {
	loop   *commit.Loop[state]
	limit  int64
	now    func() time.Time
	flight singleflight.Group

	mu     sync.Mutex
	known  Status
	readAt time.Time
	// slice is the one that sent and leased are of, and spare what was leased and not
	// sent in the one before.
	slice, sent, leased int64
	spare               spare
	// fullUntil is until when the window has no room for another lease.
	fullUntil time.Time
}

// spare is what is left of the leases of a slice.
type spare struct{ slice, n int64 }

// New returns the gate kept in store, for limit messages in any minute; 0 is no
// limit.
func New(store commit.Store, limit int, now func() time.Time) *Gate {
	return &Gate{loop: commit.New[state](store, model{}, commit.Options{Linger: -1}), limit: int64(limit), now: now}
}

// Status is what the document says.
type Status struct {
	// Paused says that an operator has paused push, at Since and for Why.
	Paused bool      `json:"paused,omitempty"`
	Since  time.Time `json:"since,omitzero"`
	Why    string    `json:"why,omitempty"`
	// ClosedUntil is when FCM, which has refused messages for its quota, takes more.
	ClosedUntil time.Time `json:"closedUntil,omitzero"`
	// Used is how much of the window is used or leased.
	Used int64 `json:"used"`
}

// Answer says whether messages may go to FCM now.
type Answer struct {
	Open bool
	// Paused says that an operator has to open. Otherwise it is worth to ask again
	// at Until.
	Paused bool
	Until  time.Time
}

// Ask asks whether n messages may go to FCM now, and counts them if they may.
func (g *Gate) Ask(ctx context.Context, n int) (Answer, error) {
	for {
		if err := g.refresh(ctx); err != nil {
			return Answer{}, err
		}
		now := g.now()
		answer, missing := g.look(now, int64(n))
		if missing == 0 {
			return answer, nil
		}
		// Whoever waits meanwhile mostly fits into the same lease.
		until, err, _ := g.flight.Do("lease", func() (any, error) { return g.lease(context.WithoutCancel(ctx), now, missing) })
		if err != nil {
			return Answer{}, err
		}
		if until := until.(time.Time); !until.IsZero() {
			return Answer{Until: until}, nil
		}
	}
}

// look answers from what the process knows and has leased. missing is what a lease
// must bring before there is an answer.
func (g *Gate) look(now time.Time, n int64) (a Answer, missing int64) {
	g.mu.Lock()
	defer g.mu.Unlock()
	switch {
	case g.known.Paused:
		return Answer{Paused: true}, 0
	case now.Before(g.known.ClosedUntil):
		return Answer{Until: g.known.ClosedUntil}, 0
	case g.limit == 0:
		return Answer{Open: true}, 0
	}
	if s := sliceOf(now); s != g.slice {
		g.spare = spare{g.slice, max(g.leased-g.sent, 0)}
		g.slice, g.sent, g.leased = s, 0, 0
	}
	may := g.leased
	if may == 0 {
		may = g.limit / freePart
	}
	switch {
	case g.sent+n <= may:
		g.sent += n
		return Answer{Open: true}, 0
	case now.Before(g.fullUntil):
		return Answer{Until: g.fullUntil}, 0
	default:
		return Answer{}, g.sent + n - g.leased
	}
}

// lease leases at least as many messages as are missing. When the window has no
// room for them it says when to ask again.
func (g *Gate) lease(ctx context.Context, now time.Time, missing int64) (time.Time, error) {
	slice := sliceOf(now)
	g.mu.Lock()
	back := g.spare
	g.spare = spare{}
	g.mu.Unlock()
	v, err := g.loop.Do(ctx, key, commit.Command[state]{Apply: func(s *state) (any, error) {
		s.giveBack(now, back)
		return s.lease(now, missing, g.limit), nil
	}})
	if err != nil {
		return time.Time{}, err
	}
	got := v.(leased)
	if got.alarm {
		slog.ErrorContext(ctx, "push is near the end of FCM's quota", "alarm", "fcm_quota", "used", got.used, "limit", g.limit)
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	g.known, g.readAt, g.fullUntil = got.status, now, got.until
	if g.slice == slice {
		g.leased += got.n
	}
	return got.until, nil
}

// Close tells all processes that FCM refuses messages until some time.
func (g *Gate) Close(ctx context.Context, until time.Time) error {
	g.mu.Lock()
	known := g.known.ClosedUntil
	g.mu.Unlock()
	// Many messages are refused at once; a second more or less is not worth a write.
	if !until.After(known.Add(time.Second)) {
		return nil
	}
	return g.change(ctx, func(s *state) {
		if at := until.UnixMilli(); at > s.ClosedUntil {
			s.ClosedUntil, s.changed = at, true
		}
	})
}

// Pause stops push in all processes, and Resume has it go on. Doing either twice
// changes nothing.
func (g *Gate) Pause(ctx context.Context, why string) error {
	now := g.now().UnixMilli()
	return g.change(ctx, func(s *state) {
		if s.PausedAt == 0 {
			s.PausedAt, s.Why, s.changed = now, why, true
		}
	})
}

// Resume has push go on.
func (g *Gate) Resume(ctx context.Context) error {
	return g.change(ctx, func(s *state) {
		if s.PausedAt != 0 {
			s.PausedAt, s.Why, s.changed = 0, "", true
		}
	})
}

// Status reads what the document says now.
func (g *Gate) Status(ctx context.Context) (Status, error) {
	err := g.change(ctx, func(*state) {})
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.known, err
}

// refresh reads the document when what is known of it is old.
func (g *Gate) refresh(ctx context.Context) error {
	old := func() bool {
		g.mu.Lock()
		defer g.mu.Unlock()
		age := g.now().Sub(g.readAt)
		return age >= Fresh || age < 0
	}
	if !old() {
		return nil
	}
	_, err, _ := g.flight.Do("read", func() (any, error) {
		if !old() {
			return nil, nil
		}
		return nil, g.change(context.WithoutCancel(ctx), func(*state) {})
	})
	return err
}

// change changes the document, or only reads it when apply changes nothing.
func (g *Gate) change(ctx context.Context, apply func(*state)) error {
	now := g.now()
	v, err := g.loop.Do(ctx, key, commit.Command[state]{Apply: func(s *state) (any, error) {
		apply(s)
		return s.status(now), nil
	}})
	if err != nil {
		return err
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	g.known, g.readAt = v.(Status), now
	return nil
}
