package serve_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/throng-im/throng/shared/serve"
	"github.com/throng-im/throng/shared/telemetry"
)

func TestWhatIsInFlightIsAnswered(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	arrived, finish := make(chan struct{}), make(chan struct{})
	h := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		close(arrived)
		<-finish
		_, _ = io.WriteString(w, "done")
	})
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- serve.RunListener(ctx, ln, h) }()
	answered := make(chan string, 1)
	go func() {
		res, err := http.Get("http://" + ln.Addr().String())
		if err != nil {
			answered <- err.Error()
			return
		}
		defer func() { _ = res.Body.Close() }()
		body, _ := io.ReadAll(res.Body)
		answered <- string(body)
	}()
	<-arrived
	stop()
	select {
	case err := <-ended:
		t.Fatalf("the server ended with a request in flight: %v", err)
	default:
	}
	close(finish)
	if got := <-answered; got != "done" {
		t.Errorf("the request in flight got %q", got)
	}
	if err := <-ended; err != nil {
		t.Error(err)
	}
	if _, err := net.Dial("tcp", ln.Addr().String()); err == nil {
		t.Error("the server still listens")
	}
}

func TestAFailedBuildIsNotRemembered(t *testing.T) {
	builds := 0
	f := serve.Function("f", func(context.Context) (http.Handler, error) {
		if builds++; builds < 3 {
			return nil, errors.New("secret cause")
		}
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			_, _ = io.WriteString(w, telemetry.RequestID(r.Context()))
		}), nil
	})
	for i, want := range []int{503, 503, 200, 200} {
		w := httptest.NewRecorder()
		r := httptest.NewRequest("GET", "/", nil)
		r.Header.Set("X-Request-ID", "mine")
		f(w, r)
		if w.Code != want || strings.Contains(w.Body.String(), "secret") || w.Header().Get("X-Request-Id") != "mine" {
			t.Errorf("request %d: %d %s", i, w.Code, w.Body)
		}
		if want == 200 && w.Body.String() != "mine" {
			t.Errorf("the handler saw request id %q", w.Body)
		}
	}
	if builds != 3 {
		t.Errorf("built %d times", builds)
	}
}

func TestAPanicIsAnInternalError(t *testing.T) {
	var log bytes.Buffer
	old := slog.Default()
	defer slog.SetDefault(old)
	telemetry.Setup("p", &log, slog.LevelInfo)
	f := serve.Function("f", func(context.Context) (http.Handler, error) {
		return http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic("secret") }), nil
	})
	w := httptest.NewRecorder()
	f(w, httptest.NewRequest("GET", "/", nil))
	if w.Code != 500 || !strings.Contains(w.Body.String(), `"code":1000`) || strings.Contains(w.Body.String(), "secret") {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	if !strings.Contains(log.String(), `"severity":"ERROR"`) || !strings.Contains(log.String(), w.Header().Get("X-Request-Id")) {
		t.Errorf("logged %s", log.String())
	}
}

func TestSIGTERMEndsAServerCleanly(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- serve.RunListener(t.Context(), ln, http.NotFoundHandler()) }()
	// An answer proves that the server has asked for the signal.
	res, err := http.Get("http://" + ln.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	_ = res.Body.Close()
	if err := syscall.Kill(os.Getpid(), syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

func TestATakenPortIsAnError(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = ln.Close() }()
	if err := serve.Run(t.Context(), ln.Addr().String(), http.NotFoundHandler()); err == nil {
		t.Error("the server says that it listened")
	}
}

// TestRequestsShareABuild starts many requests at once. A build takes long
// enough for all of them to wait for it.
func TestRequestsShareABuild(t *testing.T) {
	const requests = 40
	for _, fails := range []bool{false, true} {
		var waiting, builds atomic.Int32
		f := serve.Function("f", func(context.Context) (http.Handler, error) {
			builds.Add(1)
			for deadline := time.Now().Add(time.Minute); waiting.Load() < requests && time.Now().Before(deadline); {
				time.Sleep(time.Millisecond)
			}
			if fails {
				return nil, errors.New("no")
			}
			return http.NotFoundHandler(), nil
		})
		want := http.StatusNotFound
		if fails {
			want = http.StatusServiceUnavailable
		}
		var all sync.WaitGroup
		for range requests {
			all.Go(func() {
				w := httptest.NewRecorder()
				waiting.Add(1)
				f(w, httptest.NewRequest("GET", "/", nil))
				if w.Code != want {
					t.Errorf("fails %v: %d", fails, w.Code)
				}
			})
		}
		all.Wait()
		// A request that came late to a failed build makes one of its own.
		if n := builds.Load(); n != 1 && !fails || n == requests {
			t.Errorf("fails %v: built %d times", fails, n)
		}
	}
}

func TestABuildOutlivesTheRequestThatAskedForIt(t *testing.T) {
	f := serve.Function("f", func(ctx context.Context) (http.Handler, error) {
		return http.NotFoundHandler(), ctx.Err()
	})
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	w := httptest.NewRecorder()
	f(w, httptest.NewRequest("GET", "/", nil).WithContext(gone))
	if w.Code != http.StatusNotFound {
		t.Errorf("the build saw a context that had ended: %d", w.Code)
	}
}

func TestAPanicInTheMiddleOfAnAnswerBreaksIt(t *testing.T) {
	var log bytes.Buffer
	old := slog.Default()
	defer slog.SetDefault(old)
	telemetry.Setup("p", &log, slog.LevelInfo)
	server := httptest.NewServer(serve.Function("f", func(context.Context) (http.Handler, error) {
		return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			_, _ = io.WriteString(w, strings.Repeat("half ", 1<<16))
			panic("secret")
		}), nil
	}))
	defer server.Close()
	res, err := http.Get(server.URL)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	if body, err := io.ReadAll(res.Body); err == nil {
		t.Errorf("the caller takes %d bytes for the whole answer", len(body))
	}
	server.Close()
	if !strings.Contains(log.String(), "function panicked") {
		t.Errorf("logged %s", log.String())
	}
}

func TestAHandlerMayAbort(t *testing.T) {
	f := serve.Function("f", func(context.Context) (http.Handler, error) {
		return http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }), nil
	})
	defer func() {
		if p := recover(); p != http.ErrAbortHandler {
			t.Errorf("recovered %v", p)
		}
	}()
	f(httptest.NewRecorder(), httptest.NewRequest("GET", "/", nil))
}

func TestOneLineACallWhenTraced(t *testing.T) {
	for value, want := range map[string]int{"": 0, "1": 1} {
		t.Setenv("THRONG_TRACE", value)
		var log bytes.Buffer
		old := slog.Default()
		defer slog.SetDefault(old)
		telemetry.Setup("p", &log, slog.LevelInfo)
		f := serve.Function("f", func(context.Context) (http.Handler, error) { return http.NotFoundHandler(), nil })
		r := httptest.NewRequest("PUT", "/a/path?token=hunter2", nil)
		r.Header.Set("X-Request-ID", "req-1")
		f(httptest.NewRecorder(), r)
		if got := strings.Count(log.String(), "\n"); got != want {
			t.Errorf("THRONG_TRACE=%q logged %d lines", value, got)
		}
		if strings.Contains(log.String(), "hunter2") {
			t.Error("the query string reached the log")
		}
		if want == 0 {
			continue
		}
		for _, part := range []string{`"function":"f"`, `"method":"PUT"`, `"path":"/a/path"`, `"status":404`, `"requestId":"req-1"`, `"ms":`} {
			if !strings.Contains(log.String(), part) {
				t.Errorf("%s is missing in %s", part, log.String())
			}
		}
	}
}

// BenchmarkFunction is what the wrapper costs around a handler that does nothing.
func BenchmarkFunction(b *testing.B) {
	f := serve.Function("f", func(context.Context) (http.Handler, error) {
		return http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}), nil
	})
	for name, header := range map[string]string{"bare": "", "with trace": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"} {
		b.Run(name, func(b *testing.B) {
			r := httptest.NewRequest("POST", "/", nil)
			if header != "" {
				r.Header.Set("Traceparent", header)
			}
			w := httptest.NewRecorder()
			b.ReportAllocs()
			for b.Loop() {
				f(w, r)
			}
		})
	}
}
