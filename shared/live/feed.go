package live

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"github.com/throng-im/throng/shared/event"
	"github.com/throng-im/throng/shared/fault"
	"github.com/throng-im/throng/shared/id"
)

// Feed brings the app's events to deliver until ctx ends: those of the timelines,
// and those that say which memberships were copied. It calls live once every event published from then on is sure to come. What deliver refuses
// must come again.
type Feed func(ctx context.Context, live func(), deliver func(ctx context.Context, ev *event.Timeline) error) error

// Presence tells the others who is connected here. All three may be nil.
type Presence struct {
	// Set says who is connected, Renew that this still holds, and Remove that
	// nobody is any more.
	Set           func(ctx context.Context, users []id.User) error
	Renew, Remove func(ctx context.Context) error
	// Every is how often Renew is called.
	Every time.Duration
}

// tuner keeps the feed going while there is a connection. A function's process
// gets time only while it has requests, so nothing may go on without one.
type tuner struct {
	mu      sync.Mutex
	users   int
	current *tuning
	// before is closed when the one before current has ended.
	before chan struct{}
	// dirty asks for the presence to be written.
	dirty chan struct{}
}

type tuning struct {
	// live is closed when events come, or the feed has failed; done when it ended.
	live, done chan struct{}
	err        error
	cancel     context.CancelFunc
}

func (t *tuner) changed() {
	t.mu.Lock()
	dirty := t.dirty
	t.mu.Unlock()
	select {
	case dirty <- struct{}{}:
	default:
	}
}

// tune makes sure that events come, for as long as untune has not been called.
func (h *Hub) tune(ctx context.Context) error {
	t := &h.tuner
	t.mu.Lock()
	t.users++
	if t.current == nil {
		t.current = h.start()
	}
	current := t.current
	t.mu.Unlock()
	select {
	case <-current.live:
	case <-ctx.Done():
		h.untune()
		return ctx.Err()
	}
	if current.err != nil {
		h.untune()
		slog.WarnContext(ctx, "the timeline cannot be followed", "error", current.err)
		return fault.New(fault.Unavailable, "events do not come in, try again")
	}
	return nil
}

// start begins to follow. t.mu is held.
func (h *Hub) start() *tuning {
	ctx, cancel := context.WithCancel(context.Background())
	current := &tuning{live: make(chan struct{}), done: make(chan struct{}), cancel: cancel}
	before := h.tuner.before
	h.tuner.before = current.done
	dirty := make(chan struct{}, 1)
	h.tuner.dirty = dirty
	h.sawAt(h.o.Now().UnixMilli())
	var once sync.Once
	live := func() { once.Do(func() { close(current.live) }) }
	go func() {
		if before != nil {
			<-before // what it removes must not be what we make
		}
		var parts sync.WaitGroup
		parts.Go(func() { h.announce(ctx, dirty) })
		err := h.o.Feed(ctx, live, h.Deliver)
		if ctx.Err() == nil && err == nil {
			err = errors.New("it ended")
		}
		h.ended(current, err, live)
		cancel()
		parts.Wait()
		close(current.done)
	}()
	return current
}

// ended lets the next connection start anew, and has those there are resume.
func (h *Hub) ended(current *tuning, err error, live func()) {
	h.tuner.mu.Lock()
	if h.tuner.current == current {
		h.tuner.current = nil
	}
	h.tuner.mu.Unlock()
	if err == nil {
		return
	}
	select {
	case <-current.live:
		slog.Error("the timeline is no longer followed", "error", err)
		h.mu.RLock()
		var all []*Conn
		for _, conns := range h.users {
			all = append(all, conns...)
		}
		h.mu.RUnlock()
		for _, c := range all {
			c.End("interrupted")
		}
	default:
		current.err = err
	}
	live()
}

// untune stops following when the last connection has gone.
func (h *Hub) untune() {
	t := &h.tuner
	t.mu.Lock()
	t.users--
	current := t.current
	if t.users > 0 || current == nil {
		t.mu.Unlock()
		return
	}
	t.current = nil
	t.mu.Unlock()
	current.cancel()
	<-current.done
}

const (
	// presenceApart is the least time between two writes of who is connected.
	presenceApart   = time.Second
	presenceTimeout = 5 * time.Second
)

// announce writes who is connected: at once, then at most once in presenceApart,
// and renews it while nothing changes.
func (h *Hub) announce(ctx context.Context, dirty <-chan struct{}) {
	p := h.o.Presence
	if p.Set == nil {
		return
	}
	renew := time.NewTicker(p.Every)
	defer renew.Stop()
	do := func(what func(context.Context) error) bool {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), presenceTimeout)
		defer cancel()
		err := what(ctx)
		if err != nil {
			slog.WarnContext(ctx, "who is connected could not be written", "error", err)
		}
		return err == nil
	}
	defer do(p.Remove)
	stale, spoke := false, time.Now()
	for {
		select {
		case <-ctx.Done():
			return
		case <-dirty:
			stale = true
		case <-renew.C:
			// Who was silent for long may have been taken for dead, and off the board.
			if !stale && time.Since(spoke) < 2*p.Every {
				if stale = !do(p.Renew); !stale {
					spoke = time.Now()
				}
				continue
			}
		}
		spoke = time.Now()
		stale = !do(func(ctx context.Context) error { return p.Set(ctx, h.present()) })
		select {
		case <-time.After(presenceApart):
		case <-ctx.Done():
			return
		}
	}
}
