package fcm

import (
	"fmt"
	"net/http"
	"sync"
	"sync/atomic"
	"time"
)

// Quotas are FCM's limits; 0 switches one off.
type Quotas struct {
	// PerMinute is how many messages a project sends in a minute.
	PerMinute int64 `json:"perMinute"`
	// DevicePerMinute and DevicePerHour are how many go to one Android device.
	DevicePerMinute int64 `json:"devicePerMinute"`
	DevicePerHour   int64 `json:"devicePerHour"`
	// CollapsibleBurst is how many collapsible messages an Android device gets at
	// once; one more comes every CollapsibleEverySeconds. What is over waits,
	// and the sender is not told.
	CollapsibleBurst        int64 `json:"collapsibleBurst"`
	CollapsibleEverySeconds int64 `json:"collapsibleEverySeconds"`
}

// DefaultQuotas are those of a new project.
var DefaultQuotas = Quotas{PerMinute: 600_000, DevicePerMinute: 240, DevicePerHour: 5000, CollapsibleBurst: 20, CollapsibleEverySeconds: 180}

// quotas are the limits and what was used of them.
type quotas struct {
	limits atomic.Pointer[Quotas]

	mu       sync.Mutex
	projects map[string]*window
}

// maxProjects bounds how many projects are counted.
const maxProjects = 1000

// window counts within a span of time that begins with the first in it, as FCM's
// minutes are not aligned with the clock's.
type window struct {
	began time.Time
	used  int64
}

// take counts one more unless limit is reached, and says how long the window
// lasts then.
func (w *window) take(now time.Time, span time.Duration, limit int64) (wait time.Duration) {
	if left := w.left(now, span); left > 0 && w.used >= limit {
		return left
	} else if left <= 0 {
		*w = window{began: now}
	}
	w.used++
	return 0
}

// left is how long the window lasts still; a clock that went back ends it.
func (w *window) left(now time.Time, span time.Duration) time.Duration {
	if now.Before(w.began) {
		return 0
	}
	return w.began.Add(span).Sub(now)
}

func (q *quotas) init() { q.reset() }

func (q *quotas) reset() {
	limits := DefaultQuotas
	q.limits.Store(&limits)
	q.mu.Lock()
	defer q.mu.Unlock()
	q.projects = map[string]*window{}
}

// take counts a project's message and refuses it when its minute is used up.
func (q *quotas) take(project string, now time.Time) *refusal {
	limit := q.limits.Load().PerMinute
	q.mu.Lock()
	defer q.mu.Unlock()
	w := q.projects[project]
	if w == nil {
		if len(q.projects) >= maxProjects {
			q.projects = map[string]*window{}
		}
		w = &window{began: now}
		q.projects[project] = w
	}
	if limit <= 0 {
		limit = 1 << 62 // counted all the same, for the page
	}
	if wait := w.take(now, time.Minute, limit); wait > 0 {
		return &refusal{code: "QUOTA_EXCEEDED", quota: "project:" + project, wait: wait,
			message: fmt.Sprintf("the project's quota of %d messages a minute is used up", limit)}
	}
	return nil
}

// usage is what is left of a project's minute.
type usage struct {
	Project string `json:"project"`
	Used    int64  `json:"used"`
	EndsMs  int64  `json:"endsInMs"`
}

func (q *quotas) usage(now time.Time) []usage {
	q.mu.Lock()
	defer q.mu.Unlock()
	out := []usage{}
	for project, w := range q.projects {
		if left := w.left(now, time.Minute); left > 0 {
			out = append(out, usage{project, w.used, left.Milliseconds()})
		}
	}
	return out
}

func (s *Server) showQuotas(w http.ResponseWriter, _ *http.Request) {
	answer(w, http.StatusOK, map[string]any{"quotas": *s.quotas.limits.Load(), "minutes": s.quotas.usage(s.clock.now())})
}

// setQuotas sets those that are named and leaves the others.
func (s *Server) setQuotas(w http.ResponseWriter, r *http.Request) {
	set := *s.quotas.limits.Load()
	if !decode(w, r, &set, "perMinute, devicePerMinute, devicePerHour, collapsibleBurst, collapsibleEverySeconds; 0 switches one off") {
		return
	}
	if min(set.PerMinute, set.DevicePerMinute, set.DevicePerHour, set.CollapsibleBurst) < 0 || set.CollapsibleEverySeconds < 1 {
		refuse(w, "a quota is not negative, and collapsibleEverySeconds is at least 1")
		return
	}
	s.quotas.limits.Store(&set)
	s.version.Add(1)
	s.showQuotas(w, r)
}

func (s *Server) endQuotas(w http.ResponseWriter, r *http.Request) {
	s.quotas.reset()
	s.version.Add(1)
	s.showQuotas(w, r)
}
