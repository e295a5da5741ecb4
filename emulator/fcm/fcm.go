// Package fcm stands in for Firebase Cloud Messaging where there is none: on a
// developer's machine and in tests. It takes what the HTTP v1 API takes and
// refuses what that refuses, misbehaves as it is told, keeps FCM's quotas, and
// shows what each phone would show.
package fcm

import (
	"errors"
	"io"
	"net/http"
	"sync"
	"sync/atomic"
)

// Server is the stand-in. It is safe for concurrent use and keeps everything in
// memory, within bounds.
type Server struct {
	mux    *http.ServeMux
	app    App
	clock  clock
	pushes pushes
	phones phones
	faults faults
	quotas quotas
	counts counts
	// version counts what a page would show differently.
	version atomic.Uint64
}

// Option changes a stand-in that New makes.
type Option func(*Server)

// WithApp sets what an app's own code does with data messages; it is Throng's
// by default, and shows nothing of other apps' data messages.
func WithApp(app App) Option { return func(s *Server) { s.app = app } }

// New returns a stand-in without pushes and with well-behaved tokens.
func New(options ...Option) *Server {
	s := &Server{mux: http.NewServeMux(), app: Throng}
	for _, o := range options {
		o(s)
	}
	s.phones.init()
	s.faults.init()
	s.quotas.init()
	for pattern, h := range map[string]http.HandlerFunc{
		"POST /v1/projects/{project}/{call}": s.send,
		"GET /{$}":                           servePage,
		"GET /emulator/events":               s.events,
		"GET /emulator/state":                s.showState,
		"DELETE /emulator/state":             s.reset,
		"GET /emulator/pushes":               s.listPushes,
		"DELETE /emulator/pushes":            s.forgetPushes,
		"PUT /emulator/tokens/{token}":       s.misbehave,
		"DELETE /emulator/tokens/{token}":    s.behaveOne,
		"DELETE /emulator/tokens":            s.behave,
		"GET /emulator/faults":               s.showFaults,
		"PUT /emulator/faults":               s.setFaults,
		"DELETE /emulator/faults":            s.endFaults,
		"GET /emulator/quotas":               s.showQuotas,
		"PUT /emulator/quotas":               s.setQuotas,
		"DELETE /emulator/quotas":            s.endQuotas,
		"GET /emulator/clock":                s.showClock,
		"POST /emulator/clock":               s.moveClock,
		"DELETE /emulator/clock":             s.endClock,
		"GET /emulator/phones":               s.listPhones,
		"DELETE /emulator/phones":            s.forgetPhones,
		"GET /emulator/phones/{token}":       s.showPhone,
		"PUT /emulator/phones/{token}":       s.setPhone,
	} {
		s.mux.HandleFunc(pattern, h)
	}
	return s
}

func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) { s.mux.ServeHTTP(w, r) }

// maxRequest bounds a request; FCM's own bound on a message is far lower.
const maxRequest = 64 << 10

// bodies saves a buffer per request.
var bodies = sync.Pool{New: func() any { b := make([]byte, 0, 4096); return &b }}

// readBody reads a request into a buffer of the pool. The parser copies what it
// keeps.
func readBody(r io.Reader, into []byte) ([]byte, error) {
	for {
		if len(into) == cap(into) {
			into = append(into, 0)[:len(into)]
		}
		n, err := r.Read(into[len(into):cap(into)])
		into = into[:len(into)+n]
		if errors.Is(err, io.EOF) {
			return into, nil
		}
		if err != nil {
			return into, err
		}
	}
}

func (s *Server) send(w http.ResponseWriter, r *http.Request) {
	if r.PathValue("call") != "messages:send" {
		s.fail(w, refusal{code: "INVALID_ARGUMENT", message: "there is no such call"})
		return
	}
	buffer := bodies.Get().(*[]byte)
	defer func() { bodies.Put(buffer) }()
	body, err := readBody(http.MaxBytesReader(w, r.Body, maxRequest), (*buffer)[:0])
	if *buffer = body; err != nil {
		s.fail(w, refusal{code: "INVALID_ARGUMENT", message: "the request is too large"})
		return
	}
	if f := s.quotas.take(r.PathValue("project"), s.clock.now()); f != nil {
		s.fail(w, *f)
		return
	}
	req, err := parse(body)
	if bad := (invalid)(nil); errors.As(err, &bad) {
		s.fail(w, refusal{code: "INVALID_ARGUMENT", message: bad.Error(), violations: bad})
		return
	}
	s.deliver(w, r, req)
}

// deliver answers a request that FCM would take, or misbehaves as it is told.
func (s *Server) deliver(w http.ResponseWriter, r *http.Request, req request) {
	how := s.conduct(req)
	if !how.endure(r) {
		return
	}
	now := s.clock.now()
	switch how.Error {
	case "", acceptAndReset:
	case hang, reset:
		s.counts.broken.Add(1)
		s.noteRefusal(req, how.Error, now)
		how.breakOff(w, r)
		return
	default:
		s.noteRefusal(req, how.Error, now)
		s.fail(w, how.refusal())
		return
	}
	if req.validateOnly {
		accept(w, r, "fake_message_id")
		return
	}
	if f := s.admit(req, now); f != nil {
		s.fail(w, *f)
		return
	}
	id := s.pushes.add(req, &s.clock)
	s.counts.accepted.Add(1)
	s.receive(req, id, now)
	s.version.Add(1)
	if how.Error == acceptAndReset {
		s.counts.broken.Add(1)
		how.breakOff(w, r)
		return
	}
	accept(w, r, id)
}

// accept answers what a message is called.
func accept(w http.ResponseWriter, r *http.Request, id string) {
	answer(w, http.StatusOK, map[string]string{"name": "projects/" + r.PathValue("project") + "/messages/" + id})
}

// fail is fail, counted.
func (s *Server) fail(w http.ResponseWriter, f refusal) {
	s.counts.refuse(f.code)
	s.version.Add(1)
	fail(w, f)
}

// reset makes the stand-in as good as new.
func (s *Server) reset(w http.ResponseWriter, _ *http.Request) {
	s.pushes.forget()
	s.phones.forget()
	s.faults.behave()
	s.faults.setRates(nil)
	s.quotas.reset()
	s.clock.set(0)
	s.counts.zero()
	s.version.Add(1)
	answer(w, http.StatusOK, struct{}{})
}
