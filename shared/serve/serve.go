// Package serve runs the functions' handlers: one HTTP server that drains when
// it is told to stop, and the wrapper that every function's entry point has.
package serve

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/signal"
	"runtime/debug"
	"sync"
	"syscall"
	"time"

	"github.com/throng-im/throng/shared/telemetry"
)

const (
	// DrainTimeout is how long requests in flight may take after SIGTERM. The
	// platform kills the process after ten seconds.
	DrainTimeout = 8 * time.Second

	headerTimeout  = 10 * time.Second
	idleTimeout    = 2 * time.Minute
	maxHeaderBytes = 64 << 10
)

// Run serves h on addr until ctx ends or the process gets SIGTERM or SIGINT.
// Then it takes no more connections, answers what is in flight and returns;
// an error means that it could not listen or that DrainTimeout was too short.
func Run(ctx context.Context, addr string, h http.Handler) error {
	ln, err := net.Listen("tcp", addr)
	if err != nil {
		return err
	}
	return RunListener(ctx, ln, h)
}

// RunListener is Run on a listener that is open already.
func RunListener(ctx context.Context, ln net.Listener, h http.Handler) error {
	ctx, stop := signal.NotifyContext(ctx, syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	server := &http.Server{Handler: h, ReadHeaderTimeout: headerTimeout, IdleTimeout: idleTimeout, MaxHeaderBytes: maxHeaderBytes}
	failed := make(chan error, 1)
	go func() { failed <- server.Serve(ln) }()
	select {
	case err := <-failed:
		return err
	case <-ctx.Done():
	}
	drain, cancel := context.WithTimeout(context.Background(), DrainTimeout)
	defer cancel()
	if err := server.Shutdown(drain); err != nil {
		return fmt.Errorf("requests were still in flight after %s: %w", DrainTimeout, errors.Join(err, server.Close()))
	}
	return nil
}

// Builder makes a function's handler out of its clients.
type Builder func(ctx context.Context) (http.Handler, error)

// Function is a function's entry point. It builds its handler at the first
// request; a failed build is answered with 503 and tried again by the next
// request. Around the handler it sets the request id and the trace, and turns a
// panic into an internal error.
func Function(name string, build Builder) http.HandlerFunc {
	lazy := &lazy{build: build}
	traced := os.Getenv("THRONG_TRACE") != ""
	return func(w http.ResponseWriter, r *http.Request) {
		ctx, requestID := telemetry.Begin(r)
		ctx, end := telemetry.Span(ctx, name)
		defer end()
		r = r.WithContext(ctx)
		w.Header().Set("X-Request-Id", requestID)
		defer recovered(w, r, name)
		h, err := lazy.get(ctx)
		if err != nil {
			slog.ErrorContext(ctx, "function cannot start", "function", name, "error", err)
			fail(w, http.StatusServiceUnavailable)
			return
		}
		if !traced {
			h.ServeHTTP(w, r)
			return
		}
		started, status := time.Now(), &statusWriter{ResponseWriter: w, status: http.StatusOK}
		h.ServeHTTP(status, r)
		slog.InfoContext(ctx, "call", "function", name, "method", r.Method, "path", r.URL.Path, "status", status.status, "ms", time.Since(started).Seconds()*1000)
	}
}

type lazy struct {
	build Builder
	mu    sync.Mutex
	h     http.Handler
}

func (l *lazy) get(ctx context.Context) (http.Handler, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.h != nil {
		return l.h, nil
	}
	h, err := l.build(context.WithoutCancel(ctx))
	if err == nil {
		l.h = h
	}
	return h, err
}

func recovered(w http.ResponseWriter, r *http.Request, name string) {
	p := recover()
	if p == nil {
		return
	}
	if p == http.ErrAbortHandler {
		panic(p)
	}
	slog.ErrorContext(r.Context(), "function panicked", "function", name, "path", r.URL.Path, "panic", fmt.Sprint(p), "stack", string(debug.Stack()))
	fail(w, http.StatusInternalServerError)
}

// fail answers with the contract's internal error, which says nothing about its
// cause.
func fail(w http.ResponseWriter, status int) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(map[string]any{"code": 1000, "errorMessage": "internal error, try again later"})
}

// statusWriter remembers the status for the trace line.
type statusWriter struct {
	http.ResponseWriter
	status int
}

func (s *statusWriter) WriteHeader(status int) {
	s.status = status
	s.ResponseWriter.WriteHeader(status)
}

// Unwrap lets http.ResponseController reach the connection.
func (s *statusWriter) Unwrap() http.ResponseWriter { return s.ResponseWriter }
