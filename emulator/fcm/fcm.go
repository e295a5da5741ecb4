// Package fcm stands in for Firebase Cloud Messaging on a developer's machine:
// the part of its HTTP v1 API that the Admin SDKs use, and calls to look at
// what phones would have been shown and to make tokens misbehave.
package fcm

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"
)

// MaxPushes is how many pushes are kept for inspection, the newest.
const MaxPushes = 200_000

// Server is the stand-in. It is safe for concurrent use and keeps everything in
// memory.
type Server struct {
	mux *http.ServeMux
	now func() time.Time

	mu     sync.Mutex
	pushes []Push
	next   int64
	faults map[string]*Fault
}

// Push is a message that was accepted for a device.
type Push struct {
	ID      string          `json:"id"`
	Token   string          `json:"token"`
	At      int64           `json:"at"`
	Message json.RawMessage `json:"message"`
	number  int64
}

// Fault is how a token misbehaves.
type Fault struct {
	// Error is FCM's error code; empty when only LatencyMs is wanted.
	Error string `json:"error"`
	// Times is how often, nil for always.
	Times *int `json:"times"`
	// RetryAfter goes into the answer's header, in seconds.
	RetryAfter int `json:"retryAfter"`
	LatencyMs  int `json:"latencyMs"`
}

// New returns a stand-in without pushes and with well-behaved tokens.
func New() *Server {
	s := &Server{mux: http.NewServeMux(), now: time.Now, faults: map[string]*Fault{}}
	s.mux.HandleFunc("POST /v1/projects/{project}/{call}", s.send)
	s.mux.HandleFunc("GET /emulator/pushes", s.list)
	s.mux.HandleFunc("DELETE /emulator/pushes", s.forget)
	s.mux.HandleFunc("PUT /emulator/tokens/{token}", s.misbehave)
	s.mux.HandleFunc("DELETE /emulator/tokens", s.behave)
	return s
}

func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) { s.mux.ServeHTTP(w, r) }

// status is an FCM error's HTTP status and its name in Google's error model.
type status struct {
	http int
	name string
}

var statuses = map[string]status{
	"UNREGISTERED":           {404, "NOT_FOUND"},
	"INVALID_ARGUMENT":       {400, "INVALID_ARGUMENT"},
	"SENDER_ID_MISMATCH":     {403, "PERMISSION_DENIED"},
	"QUOTA_EXCEEDED":         {429, "RESOURCE_EXHAUSTED"},
	"UNAVAILABLE":            {503, "UNAVAILABLE"},
	"INTERNAL":               {500, "INTERNAL"},
	"THIRD_PARTY_AUTH_ERROR": {401, "UNAUTHENTICATED"},
}

// maxRequest bounds a send request; FCM's own bound is far lower.
const maxRequest = 64 << 10

func (s *Server) send(w http.ResponseWriter, r *http.Request) {
	if r.PathValue("call") != "messages:send" {
		fail(w, "INVALID_ARGUMENT", "there is no such call", "")
		return
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxRequest))
	if err != nil {
		fail(w, "INVALID_ARGUMENT", "the request is too large", "")
		return
	}
	req, err := parse(body)
	if bad := (*invalid)(nil); errors.As(err, &bad) {
		fail(w, "INVALID_ARGUMENT", bad.message, bad.field)
		return
	}
	fault := s.fault(req.target)
	if fault.LatencyMs > 0 {
		timer := time.NewTimer(time.Duration(fault.LatencyMs) * time.Millisecond)
		defer timer.Stop()
		select {
		case <-timer.C:
		case <-r.Context().Done():
			return
		}
	}
	if fault.Error != "" {
		if fault.RetryAfter > 0 {
			w.Header().Set("Retry-After", strconv.Itoa(fault.RetryAfter))
		}
		fail(w, fault.Error, "the stand-in was told to answer "+fault.Error, "")
		return
	}
	name := "projects/" + r.PathValue("project") + "/messages/"
	if req.validateOnly {
		answer(w, http.StatusOK, map[string]string{"name": name + "fake_message_id"})
		return
	}
	answer(w, http.StatusOK, map[string]string{"name": name + s.keep(req)})
}

// fault returns how a token behaves this time, and counts it.
func (s *Server) fault(token string) Fault {
	s.mu.Lock()
	defer s.mu.Unlock()
	f, ok := s.faults[token]
	if !ok {
		return Fault{}
	}
	if f.Times != nil {
		if *f.Times <= 0 {
			delete(s.faults, token)
			return Fault{}
		}
		*f.Times--
	}
	return *f
}

func (s *Server) keep(req request) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.next++
	id := fmt.Sprintf("0:%016d", s.next)
	s.pushes = append(s.pushes, Push{ID: id, Token: req.target, At: s.now().UnixMilli(), Message: req.message, number: s.next})
	if len(s.pushes) > MaxPushes {
		s.pushes = append([]Push(nil), s.pushes[len(s.pushes)-MaxPushes:]...)
	}
	return id
}

// list answers what was delivered, oldest first. since is the id of a push, and
// then what came after it is listed, or a time in Unix milliseconds.
func (s *Server) list(w http.ResponseWriter, r *http.Request) {
	token, since := r.URL.Query().Get("token"), r.URL.Query().Get("since")
	var after, afterNumber int64
	if since != "" {
		var err error
		if number, isID := strings.CutPrefix(since, "0:"); isID {
			afterNumber, err = strconv.ParseInt(number, 10, 64)
		} else {
			after, err = strconv.ParseInt(since, 10, 64)
		}
		if err != nil {
			answer(w, http.StatusBadRequest, map[string]string{"error": "since must be a push's id or a time in Unix milliseconds"})
			return
		}
	}
	found := []Push{}
	s.mu.Lock()
	for _, p := range s.pushes {
		if (token == "" || p.Token == token) && p.At > after && p.number > afterNumber {
			found = append(found, p)
		}
	}
	s.mu.Unlock()
	answer(w, http.StatusOK, map[string]any{"pushes": found})
}

func (s *Server) forget(w http.ResponseWriter, _ *http.Request) {
	s.mu.Lock()
	s.pushes = nil
	s.mu.Unlock()
	answer(w, http.StatusOK, struct{}{})
}

func (s *Server) misbehave(w http.ResponseWriter, r *http.Request) {
	var f Fault
	if err := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxRequest)).Decode(&f); err != nil {
		answer(w, http.StatusBadRequest, map[string]string{"error": "the body must be JSON: error, times, retryAfter, latencyMs"})
		return
	}
	if _, known := statuses[f.Error]; !known && (f.Error != "" || f.LatencyMs == 0) {
		answer(w, http.StatusBadRequest, map[string]string{"error": fmt.Sprintf("%q is no FCM error", f.Error)})
		return
	}
	s.mu.Lock()
	s.faults[r.PathValue("token")] = &f
	s.mu.Unlock()
	answer(w, http.StatusOK, struct{}{})
}

func (s *Server) behave(w http.ResponseWriter, _ *http.Request) {
	s.mu.Lock()
	s.faults = map[string]*Fault{}
	s.mu.Unlock()
	answer(w, http.StatusOK, struct{}{})
}

// fail answers in Google's error model, with the detail by which the SDKs tell
// FCM's errors apart.
func fail(w http.ResponseWriter, code, message, field string) {
	st := statuses[code]
	details := []any{map[string]string{"@type": "type.googleapis.com/google.firebase.fcm.v1.FcmError", "errorCode": code}}
	if field != "" {
		details = append(details, map[string]any{
			"@type":           "type.googleapis.com/google.rpc.BadRequest",
			"fieldViolations": []map[string]string{{"field": field, "description": message}},
		})
	}
	answer(w, st.http, map[string]any{"error": map[string]any{"code": st.http, "message": message, "status": st.name, "details": details}})
}

func answer(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(body)
}
