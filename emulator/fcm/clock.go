package fcm

import (
	"net/http"
	"sync/atomic"
	"time"
)

// clock is the time that quotas, lifetimes and bursts go by. A test moves it
// forward rather than wait.
type clock struct{ ahead atomic.Int64 }

func (c *clock) now() time.Time { return time.Now().Add(time.Duration(c.ahead.Load())) }

func (c *clock) set(ahead time.Duration) { c.ahead.Store(int64(ahead)) }

// maxAhead bounds how far the clock goes, which is further than anything is kept.
const maxAhead = 10 * 365 * 24 * time.Hour

func (s *Server) showClock(w http.ResponseWriter, _ *http.Request) {
	answer(w, http.StatusOK, map[string]any{"now": s.clock.now().UnixMilli(), "aheadMs": s.clock.ahead.Load() / int64(time.Millisecond)})
}

func (s *Server) moveClock(w http.ResponseWriter, r *http.Request) {
	var move struct {
		Advance string `json:"advance"`
	}
	if !decode(w, r, &move, `such as {"advance":"3m"}`) {
		return
	}
	d, err := time.ParseDuration(move.Advance)
	if err != nil || d < 0 || time.Duration(s.clock.ahead.Load())+d > maxAhead {
		refuse(w, "advance must be a duration such as 90s, 3m or 24h, and the clock goes forward, ten years at most")
		return
	}
	s.clock.ahead.Add(int64(d))
	s.phones.catchUp(s)
	s.version.Add(1)
	s.showClock(w, r)
}

func (s *Server) endClock(w http.ResponseWriter, r *http.Request) {
	s.clock.set(0)
	s.version.Add(1)
	s.showClock(w, r)
}
