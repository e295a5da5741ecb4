package live

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/throng-im/throng/shared/fault"
	"github.com/throng-im/throng/shared/id"
)

const (
	// writeBytes is where one write is cut; what waits goes out in writes of about
	// so many bytes.
	writeBytes = 256 << 10
	// retryLeast and retrySpread are when a device comes back after the server
	// ended its connection: spread, so that a thousand do not come at once.
	retryLeast, retrySpread = 500 * time.Millisecond, 4500 * time.Millisecond
	// idGroups is how many groups an id names at most that is given to each event.
	// Longer ones come once with what goes out together: a device that is cut off in
	// the middle of that gets some again, which it knows by their seqs.
	idGroups = 16
)

// buffers are what the connections compose their writes in.
var buffers = sync.Pool{New: func() any { b := make([]byte, 0, 16<<10); return &b }}

// writer is the writing side of a connection.
type writer struct {
	*Conn
	send   func([]byte) error
	cursor cursor
	buf    []byte
	// events says that buf has events; the last one has yet to be ended.
	events bool
	// open are the batches in buf; spare is a slice for the next ones.
	open, spare []*batch
	// began says that a write has succeeded, broke that one has failed.
	began, broke bool
}

// recheckPing is at which ping a connection's token is asked about once more: it
// may have been ended while the first connection began, when nobody listened yet.
// From then on those who end tokens say so; see Hub.Recheck.
const recheckPing = 2

// recheckTimeout bounds that question.
const recheckTimeout = 10 * time.Second

// Run writes what comes to the connection through send, which sends all it is
// given at once, until the request ends, stop is closed, or the connection has
// lived long enough. An error says that the connection broke.
func (c *Conn) Run(send func([]byte) error, stop <-chan struct{}) error {
	w := &writer{Conn: c, send: send}
	err := w.run(stop)
	w.settled(false)
	var linger <-chan time.Time
	if (w.began || w.broke || c.ctx.Err() != nil) && c.hub.o.Linger > 0 {
		// Also who was told goodbye may not come back. Only who gets an error for an
		// answer is not kept waiting for it.
		linger = time.After(c.hub.o.Linger)
	}
	c.hub.leave(c, linger, w.broke)
	return err
}

func (w *writer) run(stop <-chan struct{}) error {
	if err := w.begin(); err != nil {
		return err
	}
	ping := time.NewTicker(w.hub.o.Ping)
	defer ping.Stop()
	// Connections that began together do not end together.
	life := time.NewTimer(w.hub.o.Lifetime - rand.N(w.hub.o.Lifetime/10+1))
	defer life.Stop()
	for pings := 0; ; {
		reason, err := w.flush()
		if err != nil {
			return err
		}
		if reason != "" {
			return w.part(reason)
		}
		select {
		case <-w.wake:
		case <-ping.C:
			if pings++; pings == recheckPing {
				go w.recheck()
			}
			w.cursor.advance(w.hub.horizon())
			w.add(&batch{wire: block("ping", []byte("{}"))})
			if err := w.out(); err != nil {
				return err
			}
		case <-life.C:
			w.End("lifetime")
		case <-stop:
			stop = nil
			w.End("shutdown")
		case <-w.ctx.Done():
			return w.ctx.Err()
		}
	}
}

// recheck ends the connection if its token does not count any more.
func (c *Conn) recheck() {
	if c.check == nil {
		return
	}
	ctx, cancel := context.WithTimeout(c.ctx, recheckTimeout)
	defer cancel()
	if err := c.check(ctx); fault.Is(err, fault.TokenExpired) {
		c.End("token")
	}
}

// begin tells the device that it is connected, and what it missed.
func (w *writer) begin() error {
	w.line("retry: %d\n", retryIn())
	if w.returns {
		return w.resume()
	}
	w.startNow()
	return w.outWithID()
}

// startNow has the cursor say that the device is owed what comes from now on.
func (w *writer) startNow() {
	w.cursor = cursor{since: w.started - clockSkew.Milliseconds(), owner: ownerOf(w.user), at: map[id.Serial]place{}}
}

// part says goodbye and when to come back.
func (w *writer) part(reason string) error {
	w.line("retry: %d\n", retryIn())
	w.add(&batch{wire: block("goodbye", fmt.Appendf(nil, `{"reason":%q}`, reason))})
	return w.out()
}

func retryIn() int64 { return (retryLeast + rand.N(retrySpread)).Milliseconds() }

// flush writes everything that waits. It returns the reason of the goodbye that is
// to be said then.
func (w *writer) flush() (reason string, err error) {
	for {
		horizon := w.hub.horizon()
		var batches []*batch
		if batches, reason = w.take(w.spare); len(batches) == 0 {
			w.spare = batches
			return reason, nil
		}
		for i, b := range batches {
			w.add(b)
			if len(w.buf) >= writeBytes {
				if err := w.out(); err != nil {
					w.open = append(w.open, batches[i+1:]...)
					return "", err
				}
			}
		}
		// Nothing older than the horizon waits any more.
		w.cursor.advance(horizon)
		if err := w.out(); err != nil {
			return "", err
		}
		clear(batches)
		w.spare = batches[:0]
	}
}

// add appends an event to what goes out next.
func (w *writer) add(b *batch) {
	if w.events { // the end of the one before
		if len(w.cursor.at) <= idGroups {
			w.buf = append(w.cursor.append(append(w.buf, "id: "...)), '\n')
		}
		w.buf = append(w.buf, '\n')
	}
	if w.events = true; w.buf == nil {
		w.buf = (*buffers.Get().(*[]byte))[:0]
	}
	w.buf = append(w.buf, b.wire...)
	if b.serial != 0 {
		w.cursor.move(b.serial, place{b.last, b.at, b.out})
	}
	w.open = append(w.open, b)
}

func (w *writer) line(format string, args ...any) { w.buf = fmt.Appendf(w.buf, format, args...) }

// out sends what was added.
func (w *writer) out() error {
	if !w.events {
		return nil
	}
	return w.outWithID()
}

func (w *writer) outWithID() error {
	w.buf = append(w.cursor.append(append(w.buf, "id: "...)), "\n\n"...)
	if err := w.send(w.buf); err != nil {
		w.broke = true
		return err
	}
	w.began = true
	w.settled(true)
	if b := w.buf; cap(b) <= 2*writeBytes {
		buffers.Put(&b)
	}
	w.buf, w.events = nil, false
	return nil
}

// settled notes what was written, or was about to be.
func (w *writer) settled(sent bool) {
	if len(w.open) == 0 {
		return
	}
	w.mu.Lock()
	for _, b := range w.open {
		w.noteLocked(b, sent)
	}
	w.mu.Unlock()
	for _, b := range w.open {
		b.done()
	}
	clear(w.open)
	w.open = w.open[:0]
}
