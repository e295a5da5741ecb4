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
	"sync/atomic"
	"syscall"
	"time"

	"golang.org/x/sync/singleflight"

	"github.com/throng-im/throng/shared/telemetry"
)

const (
	// DrainTimeout is how long requests in flight may take after SIGTERM. The
	// platform kills the process after ten seconds.
	DrainTimeout = 8 * time.Second
	// refuseAfter is when those still waiting are told to try again: their
	// requests' contexts end, and there is time left to write the answers.
	refuseAfter = 6500 * time.Millisecond

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
	base, refuse := context.WithCancel(context.WithValue(context.Background(), stopping{}, ctx.Done()))
	defer refuse()
	server := &http.Server{Handler: h, BaseContext: func(net.Listener) context.Context { return base }, ReadHeaderTimeout: headerTimeout, IdleTimeout: idleTimeout, MaxHeaderBytes: maxHeaderBytes}
	failed := make(chan error, 1)
	go func() { failed <- server.Serve(ln) }()
	select {
	case err := <-failed:
		return err
	case <-ctx.Done():
	}
	defer time.AfterFunc(refuseAfter, refuse).Stop()
	drain, cancel := context.WithTimeout(context.Background(), DrainTimeout)
	defer cancel()
	if err := server.Shutdown(drain); err != nil {
		return fmt.Errorf("requests were still in flight after %s: %w", DrainTimeout, errors.Join(err, server.Close()))
	}
	return nil
}

// stopping is the key of the channel that Stopping returns.
type stopping struct{}

// Stopping is closed when the server of a request is told to stop, so that long
// answers can be brought to an end. It is nil, which is never, for a request that
// Run does not serve.
func Stopping(ctx context.Context) <-chan struct{} {
	stop, _ := ctx.Value(stopping{}).(<-chan struct{})
	return stop
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
		reply := &reply{ResponseWriter: w}
		reply.Header().Set("X-Request-Id", requestID)
		started := time.Now()
		defer recovered(reply, r, name)
		h, err := lazy.get(ctx)
		if err != nil {
			slog.ErrorContext(ctx, "function cannot start", "function", name, "error", err)
			fail(reply, http.StatusServiceUnavailable)
			return
		}
		h.ServeHTTP(reply, r)
		if traced {
			slog.InfoContext(ctx, "call", "function", name, "method", r.Method, "path", r.URL.Path, "status", max(reply.status, http.StatusOK), "ms", time.Since(started).Seconds()*1000)
		}
	}
}

// lazy builds a handler once. Requests that arrive during a build share its
// outcome: a build that fails slowly must not be repeated for each of them.
type lazy struct {
	build  Builder
	flight singleflight.Group
	built  atomic.Pointer[http.Handler]
}

func (l *lazy) get(ctx context.Context) (http.Handler, error) {
	if h := l.built.Load(); h != nil {
		return *h, nil
	}
	_, err, _ := l.flight.Do("", func() (any, error) {
		if l.built.Load() != nil {
			return nil, nil
		}
		// The request that builds may go away; those that wait have not.
		h, err := l.build(context.WithoutCancel(ctx))
		if err == nil {
			l.built.Store(&h)
		}
		return nil, err
	})
	if err != nil {
		return nil, err
	}
	return *l.built.Load(), nil
}

func recovered(w *reply, r *http.Request, name string) {
	p := recover()
	if p == nil {
		return
	}
	if p == http.ErrAbortHandler {
		panic(p)
	}
	slog.ErrorContext(r.Context(), "function panicked", "function", name, "path", r.URL.Path, "panic", fmt.Sprint(p), "stack", string(debug.Stack()))
	if w.status != 0 {
		// Half an answer is out. Only a broken connection can tell the caller
		// that the rest is missing.
		panic(http.ErrAbortHandler)
	}
	fail(w, http.StatusInternalServerError)
}

// fail answers with the contract's internal error, which says nothing about its
// cause.
func fail(w http.ResponseWriter, status int) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(map[string]any{"code": 1000, "errorMessage": "internal error, try again later"})
}

// reply remembers the status of an answer, 0 while none has begun.
type reply struct {
	http.ResponseWriter
	status int
}

func (w *reply) WriteHeader(status int) {
	// A status below 200 announces that the answer is still to come.
	if w.status == 0 && status >= http.StatusOK {
		w.status = status
	}
	w.ResponseWriter.WriteHeader(status)
}

func (w *reply) Write(b []byte) (int, error) {
	if w.status == 0 {
		w.status = http.StatusOK
	}
	return w.ResponseWriter.Write(b)
}

// Unwrap lets http.ResponseController reach the connection.
func (w *reply) Unwrap() http.ResponseWriter { return w.ResponseWriter }
