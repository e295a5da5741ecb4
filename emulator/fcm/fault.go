package fcm

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// What a token may do besides answering with one of FCM's errors.
const (
	// hang never answers.
	hang = "HANG"
	// reset breaks the connection off before the message is taken, and
	// acceptAndReset after: the sender cannot tell one from the other.
	reset          = "RESET"
	acceptAndReset = "ACCEPT_AND_RESET"
)

var breaks = []string{hang, reset, acceptAndReset}

// Fault is how a token misbehaves.
type Fault struct {
	// Error is FCM's error code, HANG, RESET or ACCEPT_AND_RESET; empty when only
	// LatencyMs is wanted.
	Error string `json:"error"`
	// Times is how often, nil for always.
	Times *int `json:"times,omitempty"`
	// RetryAfter goes into the answer's header, in seconds.
	RetryAfter int `json:"retryAfter,omitempty"`
	// LatencyMs comes before the answer, and up to JitterMs more.
	LatencyMs int `json:"latencyMs,omitempty"`
	JitterMs  int `json:"jitterMs,omitempty"`
	// Field is what the answer says is wrong, such as message.token.
	Field string `json:"field,omitempty"`
}

// faults is how tokens misbehave, each by itself and all together.
type faults struct {
	// rates is nil when nothing is wrong with all of them; it is not changed once
	// it is there.
	rates atomic.Pointer[rates]

	mu     sync.Mutex
	tokens map[string]*Fault
	// some is how many tokens are in the map: a send looks at no lock without one.
	some    atomic.Int64
	release chan struct{}
}

// maxFaults bounds how many tokens may misbehave each in its own way.
const maxFaults = 100_000

// rates says which part of all sends fails and how, by the error's name, and
// seed, retryAfter, latencyMs and jitterMs.
type rates map[string]float64

// forLife are errors that a token keeps.
var forLife = []string{"UNREGISTERED", "SENDER_ID_MISMATCH"}

func (f *faults) init() {
	f.tokens, f.release = map[string]*Fault{}, make(chan struct{})
}

// conduct is how a send is treated.
type conduct struct {
	Fault
	// moreMs is the latency of the whole service.
	moreMs   int
	released <-chan struct{}
}

// conduct decides how a send is treated, and counts it.
func (s *Server) conduct(req request) conduct {
	var c conduct
	s.faults.one(req.target, &c)
	all := s.faults.rates.Load()
	if all == nil {
		return c
	}
	c.moreMs = jittered((*all)["latencyMs"], (*all)["jitterMs"])
	if c.Error == "" {
		c.Error = all.draw(req.target, s.attempt(req, s.clock.now()))
		c.RetryAfter = int((*all)["retryAfter"])
	}
	if c.Error == hang && c.released == nil {
		c.released = s.faults.releases()
	}
	return c
}

// one looks up the token's own fault.
func (f *faults) one(token string, c *conduct) {
	if f.some.Load() == 0 {
		return
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	own, ok := f.tokens[token]
	if !ok {
		return
	}
	if own.Times != nil {
		if *own.Times == 0 {
			delete(f.tokens, token)
			f.some.Store(int64(len(f.tokens)))
			return
		}
		left := *own.Times - 1 // a number of its own, for copies share the old one
		own.Times = &left
	}
	c.Fault, c.released = *own, f.release
}

func (f *faults) releases() <-chan struct{} {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.release
}

func jittered(ms, jitter float64) int {
	if jitter > 0 {
		ms += rand.Float64() * jitter
	}
	return int(ms)
}

// draw decides by the seed, the token and how often it was sent to, and by
// nothing else: the same test gets the same failures however its sends
// interleave.
func (r rates) draw(token string, attempt uint64) string {
	seed := uint64(int64(r["seed"]))
	at := chance(seed, token, 0)
	for _, name := range forLife {
		if at -= r[name]; at < 0 {
			return name
		}
	}
	at = chance(seed, token, attempt)
	for _, name := range slices.Concat(failures, breaks) {
		if slices.Contains(forLife, name) {
			continue
		}
		if at -= r[name]; at < 0 {
			return name
		}
	}
	return ""
}

// failures are FCM's errors in a fixed order.
var failures = slices.Sorted(maps.Keys(statuses))

// chance is a number from 0 to 1 that looks random.
func chance(seed uint64, token string, n uint64) float64 {
	h := uint64(14695981039346656037) ^ seed*0x9e3779b97f4a7c15
	for i := range len(token) {
		h = (h ^ uint64(token[i])) * 1099511628211
	}
	h += n * 0x9e3779b97f4a7c15
	h = (h ^ h>>30) * 0xbf58476d1ce4e5b9
	h = (h ^ h>>27) * 0x94d049bb133111eb
	return float64((h^h>>31)>>11) / (1 << 53)
}

// endure waits as long as the answer is to take; false means that the sender did
// not.
func (c conduct) endure(r *http.Request) bool {
	ms := c.moreMs + jittered(float64(c.LatencyMs), float64(c.JitterMs))
	if ms <= 0 {
		return true
	}
	timer := time.NewTimer(time.Duration(ms) * time.Millisecond)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-r.Context().Done():
		return false
	}
}

// breakOff ends a request without an answer: at once, or when a hanging one is
// given up or the token behaves again.
func (c conduct) breakOff(w http.ResponseWriter, r *http.Request) {
	if c.Error == hang {
		select {
		case <-r.Context().Done():
		case <-c.released:
		}
	}
	if conn, _, err := http.NewResponseController(w).Hijack(); err == nil {
		if tcp, ok := conn.(*net.TCPConn); ok {
			_ = tcp.SetLinger(0) // a reset, not an orderly end
		}
		_ = conn.Close()
		return
	}
	panic(http.ErrAbortHandler) // HTTP/2 resets the stream
}

func (c conduct) refusal() refusal {
	f := refusal{code: c.Error, message: "the stand-in was told to answer " + c.Error, wait: time.Duration(c.RetryAfter) * time.Second}
	if c.Field != "" {
		f.violations = invalid{{c.Field, f.message}}
	}
	return f
}

// maxWaitMs bounds a latency, ten minutes, and the number of a retryAfter.
const maxWaitMs = 10 * 60 * 1000

func (s *Server) misbehave(w http.ResponseWriter, r *http.Request) {
	var f Fault
	if !decode(w, r, &f, "error, times, retryAfter, latencyMs, jitterMs, field") {
		return
	}
	_, known := statuses[f.Error]
	if known = known || slices.Contains(breaks, f.Error); !known && (f.Error != "" || f.LatencyMs == 0 && f.JitterMs == 0) {
		refuse(w, fmt.Sprintf("%q is no FCM error", f.Error))
		return
	}
	if min(f.LatencyMs, f.JitterMs, f.RetryAfter) < 0 || max(f.LatencyMs, f.JitterMs, f.RetryAfter) > maxWaitMs || f.Times != nil && *f.Times < 0 {
		refuse(w, fmt.Sprintf("latencyMs, jitterMs and retryAfter are from 0 to %d, times is not negative", maxWaitMs))
		return
	}
	s.faults.mu.Lock()
	full := len(s.faults.tokens) >= maxFaults && s.faults.tokens[r.PathValue("token")] == nil
	if !full {
		s.faults.tokens[r.PathValue("token")] = &f
		s.faults.some.Store(int64(len(s.faults.tokens)))
	}
	s.faults.mu.Unlock()
	if full {
		refuse(w, fmt.Sprintf("at most %d tokens misbehave each in its own way; PUT /emulator/faults is for all", maxFaults))
		return
	}
	s.version.Add(1)
	answer(w, http.StatusOK, struct{}{})
}

func (s *Server) behaveOne(w http.ResponseWriter, r *http.Request) {
	s.faults.mu.Lock()
	delete(s.faults.tokens, r.PathValue("token"))
	s.faults.some.Store(int64(len(s.faults.tokens)))
	s.faults.mu.Unlock()
	s.version.Add(1)
	answer(w, http.StatusOK, struct{}{})
}

// behave makes all tokens behave, those that hang included.
func (f *faults) behave() {
	f.mu.Lock()
	defer f.mu.Unlock()
	close(f.release)
	f.tokens, f.release = map[string]*Fault{}, make(chan struct{})
	f.some.Store(0)
}

func (f *faults) setRates(r rates) {
	if len(r) == 0 {
		f.rates.Store(nil)
		return
	}
	f.rates.Store(&r)
}

func (s *Server) behave(w http.ResponseWriter, _ *http.Request) {
	s.faults.behave()
	s.version.Add(1)
	answer(w, http.StatusOK, struct{}{})
}

func (f *faults) shown() rates {
	if r := f.rates.Load(); r != nil {
		return *r
	}
	return rates{}
}

func (s *Server) showFaults(w http.ResponseWriter, _ *http.Request) {
	s.faults.mu.Lock()
	tokens := make(map[string]Fault, len(s.faults.tokens))
	for token, f := range s.faults.tokens {
		tokens[token] = *f
	}
	s.faults.mu.Unlock()
	answer(w, http.StatusOK, map[string]any{"faults": s.faults.shown(), "tokens": tokens})
}

func (s *Server) setFaults(w http.ResponseWriter, r *http.Request) {
	var set rates
	if !decode(w, r, &set, `such as {"UNAVAILABLE":0.1,"seed":1}`) {
		return
	}
	if why := set.wrong(); why != "" {
		refuse(w, why)
		return
	}
	s.faults.setRates(set)
	s.version.Add(1)
	s.showFaults(w, r)
}

// wrong says what is wrong with rates, "" for nothing.
func (r rates) wrong() string {
	sum := 0.0
	for name, v := range r {
		_, isError := statuses[name]
		switch {
		case name == "seed":
		case name == "retryAfter" || name == "latencyMs" || name == "jitterMs":
			if v < 0 || v > maxWaitMs {
				return name + " is out of range"
			}
		case !isError && !slices.Contains(breaks, name):
			return fmt.Sprintf("%q is no FCM error; there are %s, %s, and seed, retryAfter, latencyMs, jitterMs", name, strings.Join(failures, ", "), strings.Join(breaks, ", "))
		case v < 0 || v > 1:
			return name + " is a part of all sends, from 0 to 1"
		default:
			sum += v
		}
	}
	if sum > 1 {
		return "the rates are more than 1 together"
	}
	return ""
}

func (s *Server) endFaults(w http.ResponseWriter, r *http.Request) {
	s.faults.setRates(nil)
	s.version.Add(1)
	s.showFaults(w, r)
}
