package chaos_test

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/throng-im/throng/shared/chaos"
)

func TestThePlanComesFromTheEnvironment(t *testing.T) {
	env := map[string]string{}
	get := func(name string) string { return env[name] }
	if p, err := chaos.FromEnv(get); err != nil || p.Latency != 0 || p.Rate != 0 || p.Serial != 0 {
		t.Errorf("%+v, %v", p, err)
	}
	if len(chaos.New(chaos.Plan{}).DialOptions()) > 0 {
		t.Error("a good day changes the connections")
	}
	env["THRONG_LATENCY"], env["THRONG_CHAOS"], env["THRONG_SERIAL"] = "30ms", "0.05", "5"
	if p, err := chaos.FromEnv(get); err != nil || p.Latency != 30*time.Millisecond || p.Rate != 0.05 || p.Serial != 5 {
		t.Errorf("%+v, %v", p, err)
	}
	for name, bad := range map[string]string{"THRONG_LATENCY": "-1s", "THRONG_CHAOS": "1.5", "THRONG_SERIAL": "few"} {
		old := env[name]
		env[name] = bad
		if _, err := chaos.FromEnv(get); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("%s=%s: %v", name, bad, err)
		}
		env[name] = old
	}
}

// TestADocumentTakesItsWritesOneByOne holds writes to one document apart, and
// those to another not.
func TestADocumentTakesItsWritesOneByOne(t *testing.T) {
	c := chaos.New(chaos.Plan{Serial: 50})
	started := time.Now()
	for range 4 {
		if err := c.Queue(t.Context(), []string{"a"}); err != nil {
			t.Fatal(err)
		}
	}
	if took := time.Since(started); took < 60*time.Millisecond {
		t.Errorf("four writes at 50 a second took %s", took)
	}
}

// TestEventsHaveABadDay counts what becomes of events that all go wrong.
func TestEventsHaveABadDay(t *testing.T) {
	const events = 200
	var mu sync.Mutex
	handled := map[string]int{}
	next := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		mu.Lock()
		defer mu.Unlock()
		handled[string(body)]++
		w.WriteHeader(http.StatusNoContent)
	})
	day := chaos.New(chaos.Plan{Rate: 1, Seed: 1})
	h := day.Events(next)
	again := make([]bool, events)
	var wg sync.WaitGroup
	for i := range events {
		wg.Go(func() {
			w := httptest.NewRecorder()
			h.ServeHTTP(w, httptest.NewRequest(http.MethodPost, "/", strings.NewReader(fmt.Sprint(i))))
			again[i] = w.Code == http.StatusServiceUnavailable
		})
	}
	wg.Wait()
	kinds := map[string]int{}
	for i := range events {
		kinds[fmt.Sprintf("handled %d times, again %t", handled[fmt.Sprint(i)], again[i])]++
	}
	for _, want := range []string{"handled 0 times, again true", "handled 1 times, again true", "handled 2 times, again false", "handled 1 times, again false"} {
		if kinds[want] < events/10 {
			t.Errorf("%s: %d of %d events", want, kinds[want], events)
		}
		delete(kinds, want)
	}
	if len(kinds) > 0 {
		t.Errorf("unexpected: %v", kinds)
	}
	day.End()
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest(http.MethodPost, "/", strings.NewReader("x")))
	if w.Code != http.StatusNoContent || handled["x"] != 1 {
		t.Errorf("after the end an event is answered %d and handled %d times", w.Code, handled["x"])
	}
}

func TestTheProxyCutsAndForwards(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "here") }))
	defer server.Close()
	p, err := chaos.NewProxy(server.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	for range 2 {
		c, err := net.Dial("tcp", p.Addr())
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(c, "GET / HTTP/1.1\r\nHost: x\r\n\r\n"); err != nil {
			t.Fatal(err)
		}
		b := make([]byte, 4096)
		if n, err := c.Read(b); err != nil || !strings.HasSuffix(string(b[:n]), "here") {
			t.Fatalf("%q, %v", b[:n], err)
		}
		p.Cut()
		if n, err := c.Read(b); err == nil {
			t.Errorf("a cut connection still says %q", b[:n])
		}
	}
}
