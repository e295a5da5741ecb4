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
	"strings"
	"testing"

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
