package callback

import (
	"sync"
	"time"
)

const (
	// trips is after how many failures in a row a server is left alone, and rests
	// for how long. Then one call goes out to find out.
	trips = 10
	rests = 10 * time.Second
)

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
	now     func() time.Time
	mu      sync.Mutex
	failed  int
	until   time.Time
	probing bool
}

// enter says whether a call may go out; leave must follow it then.
func (b *breaker) enter() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.failed < trips {
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
		b.failed = 0
	case !gaveUp:
		b.failed++
		b.until = b.now().Add(rests)
	}
}
