package fcm_test

import (
	"bufio"
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/throng-im/throng/emulator/fcm"
)

// pageState is some of what the page is told.
type pageState struct {
	Counts struct {
		Accepted int
		Refused  map[string]int
		Fates    map[fcm.Fate]int
	}
	Quotas      fcm.Quotas
	Faults      map[string]float64
	Phones      []fcm.View
	PhonesTotal int
}

// TestThePageIsToldLive follows the events as the page does.
func TestThePageIsToldLive(t *testing.T) {
	h := fcm.New()
	s := httptest.NewServer(h)
	defer s.Close()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, s.URL+"/emulator/events?match=bob", nil)
	if err != nil {
		t.Fatal(err)
	}
	res, err := http.DefaultClient.Do(r)
	if err != nil || res.Header.Get("Content-Type") != "text/event-stream" {
		t.Fatal(res, err)
	}
	defer func() { _ = res.Body.Close() }()
	lines := bufio.NewScanner(res.Body)
	lines.Buffer(nil, 1<<20)
	// next is the first state that is as the page should become.
	next := func(what string, is func(pageState) bool) {
		t.Helper()
		for lines.Scan() {
			text, isData := strings.CutPrefix(lines.Text(), "data: ")
			if !isData {
				continue
			}
			var state pageState
			if err := json.Unmarshal([]byte(text), &state); err != nil {
				t.Fatalf("%v in %s", err, text)
			}
			if is(state) {
				return
			}
		}
		t.Fatalf("%s: the events ended: %v", what, lines.Err())
	}
	next("nothing", func(p pageState) bool { return p.Phones != nil && len(p.Phones) == 0 && p.Quotas == fcm.DefaultQuotas })
	p := &play{t, h}
	p.chat("bob", "", 1, "Hello\n\ndata: Bob")
	p.chat("cem", "", 1, "Hello, Cem")
	next("a push", func(p pageState) bool {
		return p.Counts.Accepted == 2 && p.PhonesTotal == 2 && len(p.Phones) == 1 && p.Phones[0].Notifications[0].Body == "Hello\n\ndata: Bob"
	})
	p.chat("bob", "recall", 1, "gone")
	next("a recall", func(p pageState) bool {
		return len(p.Phones[0].Notifications) == 1 && p.Phones[0].Notifications[0].Body == "gone" && p.Counts.Fates[fcm.Replaced] == 1
	})
	p.turn("bob", false)
	next("a phone that is off", func(p pageState) bool { return !p.Phones[0].Online })
	ok(t, h, "PUT", "/emulator/tokens/bob", `{"error":"UNREGISTERED"}`)
	sendTo(h, "bob")
	next("a refusal", func(p pageState) bool {
		return p.Counts.Refused["UNREGISTERED"] == 1 && p.Phones[0].Fault.Error == "UNREGISTERED"
	})
	ok(t, h, "PUT", "/emulator/faults", `{"INTERNAL":0.5}`)
	next("rates", func(p pageState) bool { return p.Faults["INTERNAL"] == 0.5 })
	ok(t, h, "DELETE", "/emulator/state", "")
	next("all is new", func(p pageState) bool {
		return p.PhonesTotal == 0 && p.Counts.Accepted == 0 && len(p.Counts.Refused) == 0 && len(p.Faults) == 0
	})
}

func TestThePageComesFromOneFile(t *testing.T) {
	h := fcm.New()
	status, page, header := do(h, "GET", "/", "")
	if status != 200 || !strings.HasPrefix(header.Get("Content-Type"), "text/html") || !strings.Contains(header.Get("Content-Security-Policy"), "default-src 'none'") {
		t.Errorf("%d %v", status, header)
	}
	for _, outside := range []string{"http://", "https://", "src=", "@import", "innerHTML"} {
		if strings.Contains(page, outside) {
			t.Errorf("the page has %s", outside)
		}
	}
	if status, _, _ := do(h, "GET", "/elsewhere", ""); status != 404 {
		t.Errorf("another page: %d", status)
	}
}
