package live

import (
	"context"
	"sync"
	"sync/atomic"
	"time"
)

const (
	// flowMost and flowBytes bound what is under way before Deliver waits: entries
	// times connections, and their bytes. flowLeast is what the bound may shrink to.
	flowMost  = 64 << 10
	flowLeast = 2 << 10
	flowBytes = 64 << 20
	// flowTarget is how long a run should take through the queues. While it takes
	// longer less may be under way, however fast the process is.
	flowTarget = 80 * time.Millisecond
	// fewReaders get no wave: so few cannot overload a process, and one of them
	// that is slow must not be waited for.
	fewReaders = 16
)

// flow holds Deliver back while the process has more to write than it can. What
// counts is when most connections have written a run, so that readers who are
// slow themselves hold nobody up.
type flow struct {
	mu sync.Mutex
	// limit is what deliveries may come to; a run alone always may.
	limit, deliveries, bytes int
	changed                  chan struct{}
}

// wait returns when there is room for more.
func (f *flow) wait(ctx context.Context) error {
	for {
		f.mu.Lock()
		room, changed := f.deliveries < f.limit && f.bytes < flowBytes, f.changed
		f.mu.Unlock()
		if room {
			return nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

func (f *flow) begin(w *wave) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.deliveries += w.deliveries
	f.bytes += w.bytes
}

// end lets more in, and the more the faster it went.
func (f *flow) end(w *wave) {
	took := time.Since(w.begun)
	f.mu.Lock()
	defer f.mu.Unlock()
	f.deliveries -= w.deliveries
	f.bytes -= w.bytes
	if took > flowTarget {
		f.limit = max(f.limit-w.deliveries/2, flowLeast)
	} else {
		f.limit = min(f.limit+w.deliveries/4, flowMost)
	}
	close(f.changed)
	f.changed = make(chan struct{})
}

// wave follows one run through the queues. The zero value follows nothing.
type wave struct {
	flow              *flow
	begun             time.Time
	pending, slow     atomic.Int64
	deliveries, bytes int
}

// begin counts a run that goes to so many connections.
func (w *wave) begin(f *flow, readers, entries, bytes int) {
	if readers <= fewReaders {
		return
	}
	w.flow, w.begun, w.deliveries, w.bytes = f, time.Now(), readers*entries, readers*bytes
	w.pending.Store(int64(readers))
	w.slow.Store(int64(readers / 4))
	f.begin(w)
}

func (w *wave) done() {
	if w.flow != nil && w.pending.Add(-1) == w.slow.Load() {
		w.flow.end(w)
	}
}
