package callback

import (
	"errors"
	"net/http"
	"sync"
	"time"
)

const (
	// trips is after how many failures in a row a server is left alone, if they lie
	// this far apart at least: many calls that are made at the same time and fail
	// together, of which the next try is taken, are no server that is down.
	trips, apart = 10, time.Second
	// rests is for how long. Then one call goes out to find out.
	rests = 10 * time.Second
)

// lives says whether a server is there that a call ended so with. What stands before
// one that is down answers for it, with one of three statuses.
func lives(err error) bool {
	status, answered := errors.AsType[StatusError](err)
	switch int(status) {
	case http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		return false
	}
	return answered || err == nil
}

// breakers are those of what this process calls, by host and path: where one path
// fails that a server has, the others may be well.
type breakers struct {
	now    func() time.Time
	mu     sync.Mutex
	byPath map[string]*breaker
}

func (b *breakers) of(path string) *breaker {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.byPath == nil {
		b.byPath = map[string]*breaker{}
	}
	one := b.byPath[path]
	if one == nil {
		one = &breaker{now: b.now}
		b.byPath[path] = one
	}
	return one
}

// breaker keeps calls from a server that is down: for its sake, and so that what
// waits for it does not take the place of what could be done.
type breaker struct {
	now func() time.Time
	mu  sync.Mutex
	// failed is how many calls have failed in a row, the first of them at since.
	failed int
	since  time.Time
	// until is when the next call may go out, zero unless the server is left alone.
	until   time.Time
	probing bool
}

// enter says whether a call may go out; leave must follow it then.
func (b *breaker) enter() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.until.IsZero() {
		return true
	}
	if b.probing || b.now().Before(b.until) {
		return false
	}
	b.probing = true
	return true
}

// leave says how a call went. One that its caller gave up says nothing.
func (b *breaker) leave(ok, gaveUp bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.probing = false
	switch {
	case ok:
		b.failed, b.until = 0, time.Time{}
	case !gaveUp:
		now := b.now()
		if b.failed == 0 {
			b.since = now
		}
		b.failed++
		if b.failed >= trips && now.Sub(b.since) >= apart {
			b.until = now.Add(rests)
		}
	}
}
