package webhook

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	lru "github.com/hashicorp/golang-lru/v2"

	"github.com/throng-im/throng/shared/id"
)

const (
	// gapFor is how long an event waits for those before it in its group that are
	// still on their way: commits are announced beside each other, and Pub/Sub keeps
	// no order. They may also have gone to another instance.
	gapFor = 200 * time.Millisecond
	// crowd is how many events of one group wait for their turn in one process; the
	// others are given back, so that a group whose calls are slow does not take the
	// places of all others.
	crowd = 128
	// knownLanes is of how many groups a process knows how far they are.
	knownLanes = 16384
)

var errCrowded = errors.New("too many events of the group wait for their turn")

// lanes give the events of a group their turns, one at a time and the lowest seq
// first.
type lanes struct {
	gap time.Duration
	mu  sync.Mutex
	// next is the seq that a group is to go on with, as far as this process knows.
	next *lru.Cache[id.Group, int64]
	busy map[id.Group]*lane
}

type lane struct {
	running bool
	waiting []*ticket // the lowest seq first
}

type ticket struct {
	first   int64
	start   chan struct{}
	patient bool // it still waits for what is before it
}

func newLanes(gap time.Duration) *lanes {
	next, _ := lru.New[id.Group, int64](knownLanes) // fails for a size of zero only
	return &lanes{gap: gap, next: next, busy: map[id.Group]*lane{}}
}

// enter waits for the turn of an event with the entries from first to last of a
// group. leave must be called when the event is done with.
func (l *lanes) enter(ctx context.Context, g id.Group, first, last int64) (leave func(), err error) {
	t := &ticket{first: first, start: make(chan struct{}), patient: true}
	l.mu.Lock()
	one := l.busy[g]
	if one == nil {
		one = &lane{}
		l.busy[g] = one
	}
	if len(one.waiting) >= crowd {
		l.mu.Unlock()
		return nil, errCrowded
	}
	at := slices.IndexFunc(one.waiting, func(other *ticket) bool { return other.first > first })
	if at < 0 {
		at = len(one.waiting)
	}
	one.waiting = slices.Insert(one.waiting, at, t)
	l.pass(g, one)
	l.mu.Unlock()

	gap := time.NewTimer(l.gap)
	defer gap.Stop()
	for {
		select {
		case <-t.start:
			return func() { l.leave(g, last) }, nil
		case <-gap.C:
			l.mu.Lock()
			t.patient = false
			l.pass(g, one)
			l.mu.Unlock()
		case <-ctx.Done():
			return nil, l.giveUp(ctx, g, one, t, last)
		}
	}
}

// giveUp takes an event out of the lane, which may have got its turn meanwhile.
func (l *lanes) giveUp(ctx context.Context, g id.Group, one *lane, t *ticket, last int64) error {
	l.mu.Lock()
	at := slices.Index(one.waiting, t)
	if at >= 0 {
		one.waiting = slices.Delete(one.waiting, at, at+1)
		l.pass(g, one)
	}
	l.mu.Unlock()
	if at < 0 {
		l.leave(g, last)
	}
	return ctx.Err()
}

// pass gives the turn to who is next. l.mu is held.
func (l *lanes) pass(g id.Group, one *lane) {
	if one.running {
		return
	}
	if len(one.waiting) == 0 {
		delete(l.busy, g)
		return
	}
	head := one.waiting[0]
	next, known := l.next.Get(g)
	impatient := func(t *ticket) bool { return !t.patient }
	if known && head.first > next && !slices.ContainsFunc(one.waiting, impatient) {
		return
	}
	one.running, one.waiting = true, one.waiting[1:]
	close(head.start)
}

// skip says that an event has nothing to tell. What comes after it need not wait.
func (l *lanes) skip(g id.Group, first, last int64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if next, known := l.next.Get(g); known && first <= next && next <= last {
		l.next.Add(g, last+1)
		if one := l.busy[g]; one != nil {
			l.pass(g, one)
		}
	}
}

func (l *lanes) leave(g id.Group, last int64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if next, known := l.next.Get(g); !known || next <= last {
		l.next.Add(g, last+1)
	}
	one := l.busy[g]
	one.running = false
	l.pass(g, one)
}
