package fcm

import (
	_ "embed"
	"encoding/json"
	"fmt"
	"net/http"
	"sync"
	"sync/atomic"
	"time"
)

//go:embed page.html
var page []byte

// servePage is the page for people. Nothing in it comes from elsewhere, and the
// policy holds it to that.
func servePage(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Header().Set("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; connect-src 'self'; img-src data:; form-action 'none'; base-uri 'none'")
	_, _ = w.Write(page)
}

// counts are how often what happened since the start.
type counts struct {
	accepted, broken atomic.Int64
	mu               sync.Mutex
	refused          map[string]int64
	fates            [10]atomic.Int64
}

// fateNames are the fates that are counted.
var fateNames = [10]Fate{Shown, Silent, Replaced, Removed, Stored, Delayed, Collapsed, Expired, Dropped, Refused}

func (c *counts) refuse(code string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.refused == nil {
		c.refused = map[string]int64{}
	}
	c.refused[code]++
}

func (c *counts) fate(f Fate) {
	for i, name := range fateNames {
		if name == f {
			c.fates[i].Add(1)
			return
		}
	}
}

func (c *counts) zero() {
	c.accepted.Store(0)
	c.broken.Store(0)
	c.mu.Lock()
	c.refused = nil
	c.mu.Unlock()
	for i := range c.fates {
		c.fates[i].Store(0)
	}
}

func (c *counts) shown() map[string]any {
	fates := map[Fate]int64{}
	for i, name := range fateNames {
		fates[name] = c.fates[i].Load()
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	refused := map[string]int64{}
	for code, n := range c.refused {
		refused[code] = n
	}
	return map[string]any{"accepted": c.accepted.Load(), "brokenOff": c.broken.Load(), "refused": refused, "fates": fates}
}

const (
	// pagePhones and pageLines are how much of the phones the page shows.
	pagePhones = 60
	pageLines  = 8
	// pageEvery is how often the page may change: fast enough for an eye, and slow
	// enough that who sends does not notice who looks.
	pageEvery = 200 * time.Millisecond
	// pageAnyway is how often it is told the time when nothing else changed.
	pageAnyway = 5 * time.Second
)

// state is all that the page shows.
func (s *Server) state(match string) map[string]any {
	phones, total := s.newest(match, pagePhones, pageLines)
	s.faults.mu.Lock()
	for i := range phones {
		if f := s.faults.tokens[phones[i].Token]; f != nil {
			own := *f
			phones[i].Fault = &own
		}
	}
	s.faults.mu.Unlock()
	if phones == nil {
		phones = []View{}
	}
	now := s.clock.now()
	return map[string]any{
		"now": now.UnixMilli(), "aheadMs": s.clock.ahead.Load() / int64(time.Millisecond),
		"counts": s.counts.shown(), "faults": s.faults.shown(), "tokensWithFaults": s.faults.some.Load(),
		"quotas": *s.quotas.limits.Load(), "minutes": s.quotas.usage(now), "phones": phones, "phonesTotal": total,
	}
}

func (s *Server) showState(w http.ResponseWriter, r *http.Request) {
	answer(w, http.StatusOK, s.state(r.URL.Query().Get("match")))
}

// events tells a page what it shows, and again whenever that has changed.
func (s *Server) events(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "text/event-stream")
	w.Header().Set("Cache-Control", "no-store")
	flush := http.NewResponseController(w)
	tick := time.NewTicker(pageEvery)
	defer tick.Stop()
	var told uint64
	var at time.Time
	for {
		if version := s.version.Load(); at.IsZero() || version != told || time.Since(at) > pageAnyway {
			told, at = version, time.Now()
			state, err := json.Marshal(s.state(r.URL.Query().Get("match")))
			if err != nil {
				return
			}
			if _, err := fmt.Fprintf(w, "event: state\ndata: %s\n\n", state); err != nil || flush.Flush() != nil {
				return
			}
		}
		select {
		case <-tick.C:
		case <-r.Context().Done():
			return
		}
	}
}
