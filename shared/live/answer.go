package live

import (
	"context"
	"net/http"
	"time"
)

const (
	// writeTimeout is about how long one write may take before the reader counts as
	// gone. It ends before the process must, when it is told to stop.
	writeTimeout = 5 * time.Second
	// deadlineEvery is how often the deadline is moved on; each time costs a timer.
	deadlineEvery = time.Second
)

// Answer writes events to an HTTP response.
type Answer struct {
	w      http.ResponseWriter
	answer *http.ResponseController
	ctx    context.Context
	begun  bool
	moved  time.Time
	stop   func() bool
}

// NewAnswer returns the response as an answer of events, which begins with the
// first. When ctx ends, a write that is under way fails. End must be called.
func NewAnswer(ctx context.Context, w http.ResponseWriter) *Answer {
	return &Answer{w: w, answer: http.NewResponseController(w), ctx: ctx}
}

// Begun says whether anything was written: then no error can be answered any more.
func (a *Answer) Begun() bool { return a.begun }

// Send writes events and flushes them, unless the reader takes too long.
func (a *Answer) Send(b []byte) error {
	if err := a.ctx.Err(); err != nil {
		return err
	}
	if !a.begun {
		a.begun = true
		// Not before: an error that is answered instead must not fail.
		a.stop = context.AfterFunc(a.ctx, func() { _ = a.answer.SetWriteDeadline(time.Now()) })
		h := a.w.Header()
		h.Set("Content-Type", "text/event-stream")
		h.Set("Cache-Control", "no-store")
		// Proxies that buffer would hold events back.
		h.Set("X-Accel-Buffering", "no")
		// Without chunks each flush is one write to the socket, not three. The
		// connection carries nothing after the stream, and a device knows by a goodbye,
		// not by the end, that it was to be.
		h.Set("Transfer-Encoding", "identity")
	}
	if now := time.Now(); now.Sub(a.moved) > deadlineEvery {
		_ = a.answer.SetWriteDeadline(now.Add(writeTimeout + deadlineEvery))
		a.moved = now
		if err := a.ctx.Err(); err != nil {
			return err // and with it the deadline that was to fail this write
		}
	}
	if _, err := a.w.Write(b); err != nil {
		return err
	}
	return a.answer.Flush()
}

// End leaves the connection as it was found.
func (a *Answer) End() {
	if a.begun && a.stop() {
		_ = a.answer.SetWriteDeadline(time.Time{})
	}
}
