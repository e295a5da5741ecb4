package client_test

import (
	"flag"
	"fmt"
	"net/http/httptest"
	"os"
	"slices"
	"sync"
	"testing"

	"github.com/throng-im/throng/shared/deviceapi"
	"github.com/throng-im/throng/shared/deviceapi/checker"
	"github.com/throng-im/throng/shared/fault"
)

// exchange is a call and its answer, as the description is asked about them.
func exchange(method, path, body string, w *httptest.ResponseRecorder) checker.Exchange {
	return checker.Exchange{Method: method, Target: path, Body: body, Status: w.Code, Header: w.Header(), Reply: w.Body.Bytes()}
}

// meetings are the answers that the tests have met.
type meetings struct {
	mu  sync.Mutex
	all map[checker.Seen]bool
}

var met = meetings{all: map[checker.Seen]bool{}}

func (m *meetings) note(seen checker.Seen) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.all[seen] = true
}

// missing are the answers that the description has and no test has met.
func (m *meetings) missing() (missing []string) {
	for _, c := range deviceapi.Calls() {
		if c.Function != "client" {
			continue
		}
		for _, code := range append(c.Errors(), "") {
			if !m.all[checker.Seen{Operation: c.Name, Code: string(code)}] {
				missing = append(missing, fmt.Sprintf("%s %q", c.Name, code))
			}
		}
	}
	return missing
}

// TestMain holds, when all tests have run, that together they met every call with
// success and with every failure that the description says it may have.
func TestMain(m *testing.M) {
	status := m.Run()
	for _, part := range []string{"run", "skip", "list", "fuzz", "fuzzworker", "bench"} {
		if f := flag.Lookup("test." + part); f != nil && f.Value.String() != "" && f.Value.String() != "false" {
			os.Exit(status)
		}
	}
	if missing := met.missing(); len(missing) > 0 {
		fmt.Println("no test met these answers, which the description has:")
		for _, one := range missing {
			fmt.Println("\t" + one)
		}
		status = 1
	}
	os.Exit(status)
}

// TestMissesAreFound holds the reckoning itself.
func TestMissesAreFound(t *testing.T) {
	none := meetings{all: map[checker.Seen]bool{}}
	all := len(none.missing())
	for _, one := range []string{`sync ""`, `sync "invalid_argument"`, `sendMessage "rate_limited"`} {
		if !slices.Contains(none.missing(), one) {
			t.Errorf("%s is not missed", one)
		}
	}
	none.note(checker.Seen{Operation: "sync"})
	none.note(checker.Seen{Operation: "sync", Code: string(fault.Unauthenticated)})
	if left := none.missing(); len(left) != all-2 || slices.Contains(left, `sync ""`) {
		t.Errorf("%d of %d are missed", len(left), all)
	}
}
