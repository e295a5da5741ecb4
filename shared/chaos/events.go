package chaos

import (
	"bytes"
	"io"
	"net/http"
	"sync"
	"time"
)

// mostBody is what an event's request may have; Pub/Sub sends 14 MiB at most.
const mostBody = 16 << 20

// nobody reads an answer.
type nobody struct{}

func (nobody) Header() http.Header         { return http.Header{} }
func (nobody) Write(b []byte) (int, error) { return len(b), nil }
func (nobody) WriteHeader(int)             {}

// Events puts the chaos in front of an event handler: events that are lost on
// their way and come again later, that are handled and come again all the same,
// that come twice at once, or late, and so in another order.
func (c *Chaos) Events(next http.Handler) http.Handler {
	if c.plan.Rate == 0 {
		return next
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodPost {
			next.ServeHTTP(w, r)
			return
		}
		body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, mostBody))
		if err != nil {
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		handle := func(w http.ResponseWriter) {
			again := r.Clone(r.Context())
			again.Body = io.NopCloser(bytes.NewReader(body))
			next.ServeHTTP(w, again)
		}
		switch c.roll(4) {
		case 0: // lost
			w.WriteHeader(http.StatusServiceUnavailable)
		case 1: // handled, and nobody learns of it
			handle(nobody{})
			w.WriteHeader(http.StatusServiceUnavailable)
		case 2: // twice at once
			var twin sync.WaitGroup
			twin.Go(func() { handle(nobody{}) })
			handle(w)
			twin.Wait()
		case 3: // late, after others
			time.Sleep(c.pause(10 * lateBy))
			handle(w)
		default:
			handle(w)
		}
	})
}
