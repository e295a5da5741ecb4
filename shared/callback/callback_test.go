package callback

import (
	"context"
	"crypto/sha1"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/throng-im/throng/shared/settings"
)

// clock is one that a test sets.
type clock struct{ at time.Time }

func (c *clock) now() time.Time { return c.at }

func local() settings.Settings {
	return settings.Settings{AppKey: "the-app", AppSecret: "the-secret", Callbacks: settings.Callbacks{Local: true}}
}

// server is the app's server in a test.
func server(t *testing.T, h http.HandlerFunc) string {
	t.Helper()
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	return s.URL
}

func TestACallIsSignedAsTheContractHasIt(t *testing.T) {
	at := &clock{time.UnixMilli(1_795_500_000_123)}
	nonces := map[string]bool{}
	asked := 0
	base := server(t, func(w http.ResponseWriter, r *http.Request) {
		asked++
		q := r.URL.Query()
		// The formula again, and not the code that is tested.
		sum := fmt.Sprintf("%x", sha1.Sum([]byte("the-secret"+q.Get("nonce")+q.Get("timestamp"))))
		body, _ := io.ReadAll(r.Body)
		switch {
		case q.Get("signature") != sum, q.Get("appKey") != "the-app", q.Get("timestamp") != "1795500000123", q.Get("signTimestamp") != q.Get("timestamp"):
			t.Errorf("the query is %s", r.URL.RawQuery)
		case len(q.Get("nonce")) == 0 || len(q.Get("nonce")) > 18 || nonces[q.Get("nonce")]:
			t.Errorf("the nonce is %q", q.Get("nonce"))
		case q.Get("tenant") != "7", r.URL.Path != "/hook", r.Method != http.MethodPost:
			t.Errorf("%s %s", r.Method, r.URL)
		case string(body) != "a=b", r.Header.Get("Content-Type") != "application/x-www-form-urlencoded":
			t.Errorf("%q, %q", body, r.Header)
		}
		nonces[q.Get("nonce")] = true
	})
	c := New(local(), at.now)
	for range 2 {
		if _, err := c.Do(t.Context(), Call{URL: base + "/hook?tenant=7", Type: Form, Body: []byte("a=b"), Timeout: time.Minute}); err != nil {
			t.Error(err)
		}
	}
	if asked != 2 {
		t.Errorf("%d calls came", asked)
	}
}

// TestServersOfAllSorts: what is an answer, and what is none.
func TestServersOfAllSorts(t *testing.T) {
	elsewhere := server(t, func(http.ResponseWriter, *http.Request) { t.Error("a redirect was followed") })
	stop := make(chan struct{})
	defer close(stop)
	hang := func(w http.ResponseWriter, r *http.Request) {
		select {
		case <-stop:
		case <-r.Context().Done():
		}
	}
	for name, s := range map[string]struct {
		serve   http.HandlerFunc
		timeout time.Duration
		wants   int64
		answer  string
		fails   string
	}{
		"says yes":                  {serve: func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "yes") }},
		"is asked for more":         {serve: func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "yes") }, wants: 3, answer: "yes"},
		"says more than is wanted":  {serve: func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "yes!") }, wants: 3, fails: "more than 3 bytes"},
		"answers 500":               {serve: func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(500) }, fails: "answered 500"},
		"answers 204, which is not": {serve: func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(204) }, fails: "answered 204"},
		"redirects": {serve: func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, elsewhere, http.StatusTemporaryRedirect)
		}, fails: "answered 307"},
		"does not answer": {serve: hang, timeout: 50 * time.Millisecond, fails: "deadline"},
		"never ends its answer": {serve: func(w http.ResponseWriter, r *http.Request) {
			w.(http.Flusher).Flush()
			hang(w, r)
		}},
		"never ends what is wanted": {serve: func(w http.ResponseWriter, r *http.Request) {
			w.(http.Flusher).Flush()
			hang(w, r)
		}, timeout: 50 * time.Millisecond, wants: 3, fails: "deadline"},
		"answers without an end": {serve: func(w http.ResponseWriter, r *http.Request) {
			for r.Context().Err() == nil {
				if _, err := w.Write(make([]byte, 32<<10)); err != nil {
					return
				}
			}
		}},
		"hangs up": {serve: func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }, fails: "EOF"},
	} {
		t.Run(name, func(t *testing.T) {
			if s.timeout == 0 {
				s.timeout = time.Minute
			}
			soon, cancel := context.WithTimeout(t.Context(), 30*time.Second)
			defer cancel()
			got, err := New(local(), time.Now).Do(soon, Call{URL: server(t, s.serve) + "/?key=hush", Type: JSON, Timeout: s.timeout, Answer: s.wants})
			if string(got) != s.answer && s.fails == "" {
				t.Errorf("answered %q", got)
			}
			switch {
			case soon.Err() != nil:
				t.Error("it held up the caller")
			case (err == nil) != (s.fails == ""):
				t.Errorf("failed with %v", err)
			case err != nil && (!strings.Contains(err.Error(), s.fails) || strings.Contains(err.Error(), "hush")):
				t.Errorf("failed with %v", err)
			}
		})
	}
}

func TestOnlyPublicAddressesAreDialled(t *testing.T) {
	for _, a := range []string{
		"127.0.0.1", "127.8.8.8", "0.0.0.0", "10.1.2.3", "172.16.0.1", "172.31.255.255", "192.168.1.1", "169.254.169.254", "100.64.0.1", "198.18.0.1",
		"192.0.2.1", "224.0.0.1", "240.0.0.1", "255.255.255.255",
		"::", "::1", "fe80::1", "fe80::1%eth0", "fc00::1", "fd20:ce::254", "ff02::1", "::ffff:127.0.0.1", "::ffff:10.0.0.1", "64:ff9b::7f00:1", "2002:7f00:1::", "::127.0.0.1", "fec0::1",
	} {
		if public(netip.MustParseAddr(a)) {
			t.Errorf("%s counts as public", a)
		}
	}
	for _, a := range []string{"8.8.8.8", "172.32.0.1", "100.128.0.1", "2606:4700::1111", "::ffff:8.8.8.8"} {
		if !public(netip.MustParseAddr(a)) {
			t.Errorf("%s counts as private", a)
		}
	}
}

// TestAPrivateAddressIsRefusedInProduction: by its number, and by a name that is
// looked up; the server is not even connected to.
func TestAPrivateAddressIsRefusedInProduction(t *testing.T) {
	var reached atomic.Int64
	s := httptest.NewTLSServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { reached.Add(1) }))
	defer s.Close()
	set := local()
	set.Callbacks.Local = false
	u, _ := url.Parse(s.URL)
	for _, host := range []string{"127.0.0.1", "localhost", "[::ffff:127.0.0.1]"} {
		c := New(set, time.Now)
		c.client.Transport.(*http.Transport).TLSClientConfig = s.Client().Transport.(*http.Transport).TLSClientConfig
		_, err := c.Do(t.Context(), Call{URL: "https://" + host + ":" + u.Port(), Timeout: time.Minute})
		if err == nil || !strings.Contains(err.Error(), "not a public address") {
			t.Errorf("%s: %v", host, err)
		}
	}
	for target, want := range map[string]string{s.URL[:4] + s.URL[5:]: "https", "https://": "none", "https://other.example.com": "no host that may be called"} {
		set.Callbacks.Hosts = []string{"app.example.com"}
		if _, err := New(set, time.Now).Do(t.Context(), Call{URL: target, Timeout: time.Minute}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", target, err)
		}
	}
	if reached.Load() > 0 {
		t.Error("the server was reached")
	}
}

// TestADeadServerIsLeftAlone: after ten failures in a row and a second no call goes
// out; later one does, and decides whether the others may.
func TestADeadServerIsLeftAlone(t *testing.T) {
	at := &clock{time.UnixMilli(1_795_500_000_000)}
	var calls atomic.Int64
	var dead atomic.Bool
	dead.Store(true)
	base := server(t, func(w http.ResponseWriter, r *http.Request) {
		calls.Add(1)
		if dead.Load() && r.URL.Path == "/dead" {
			w.WriteHeader(503)
		}
	})
	c := New(local(), at.now)
	try := func(path string) error {
		_, err := c.Do(t.Context(), Call{URL: base + path, Timeout: time.Minute})
		return err
	}
	expect := func(when string, n int64) {
		t.Helper()
		if got := calls.Swap(0); got != n {
			t.Errorf("%s: %d calls went out, not %d", when, got, n)
		}
	}
	for range 30 {
		if try("/dead") == nil {
			t.Fatal("a dead server took a call")
		}
		at.at = at.at.Add(apart / (trips - 2))
	}
	expect("after failures", trips)
	if err := try("/dead"); !errors.Is(err, ErrPutOff) {
		t.Errorf("a call was not put off: %v", err)
	}
	if err := try("/alive"); err != nil {
		t.Errorf("another path of the server: %v", err)
	}
	expect("while it is left alone", 1)
	at.at = at.at.Add(rests)
	_ = errors.Join(try("/dead"), try("/dead"))
	expect("when its rest is over", 1)
	dead.Store(false)
	at.at = at.at.Add(rests)
	for range 5 {
		if err := try("/dead"); err != nil {
			t.Errorf("it is back: %v", err)
		}
	}
	expect("when it is back", 5)
}

// TestWhoAnswersIsNotDown: not a server that takes no message of some kind, and not one
// that takes none of many calls at their first try; one whose proxy answers for it is.
func TestWhoAnswersIsNotDown(t *testing.T) {
	at := &clock{time.UnixMilli(1_795_500_000_000)}
	base := server(t, func(w http.ResponseWriter, r *http.Request) {
		status, err := strconv.Atoi(r.URL.Path[1:])
		if err != nil {
			t.Error(err)
		}
		w.WriteHeader(status)
	})
	c := New(local(), at.now)
	putOff := func(status string, apart time.Duration) bool {
		for range 3 * trips {
			if _, err := c.Do(t.Context(), Call{URL: base + "/" + status, Timeout: time.Minute}); errors.Is(err, ErrPutOff) {
				return true
			}
			at.at = at.at.Add(apart)
		}
		return false
	}
	for status, down := range map[string]bool{"200": false, "204": false, "307": false, "400": false, "404": false, "429": false, "500": false, "502": true, "503": true, "504": true} {
		if putOff(status, 0) {
			t.Errorf("%s to %d calls at the same time puts the next one off", status, 3*trips)
		}
		if putOff(status, apart/3) != down {
			t.Errorf("who answers %s for %v is left alone: %v", status, trips*apart, !down)
		}
	}
}

// TestWhoGivesUpSaysNothingOfTheServer: the breaker does not count it.
func TestWhoGivesUpSaysNothingOfTheServer(t *testing.T) {
	base := server(t, func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() })
	c := New(local(), time.Now)
	for range trips + 5 {
		ctx, cancel := context.WithTimeout(t.Context(), 2*time.Millisecond)
		_, err := c.Do(ctx, Call{URL: base, Timeout: time.Minute})
		cancel()
		if err == nil || errors.Is(err, ErrPutOff) {
			t.Fatalf("%v", err)
		}
	}
}

// TestOneCallFindsOut whether a server is back, and no other goes out meanwhile.
func TestOneCallFindsOut(t *testing.T) {
	at := &clock{time.UnixMilli(1_795_500_000_000)}
	b := &breaker{now: at.now, failed: trips, since: at.at.Add(-apart), until: at.at}
	if !b.enter() || b.enter() {
		t.Error("not one call went out")
	}
	b.leave(false, true)
	if !b.enter() {
		t.Error("nobody found out, and nobody may")
	}
}
