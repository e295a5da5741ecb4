package fcm_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/throng-im/throng/emulator/fcm"
)

// TestManySendWhileManyLook has everything happen at once; the race detector
// looks on, and in the end nothing is lost or shown twice.
func TestManySendWhileManyLook(t *testing.T) {
	const senders, phones, each = 6, 20, 8
	h := fcm.New()
	s := httptest.NewServer(h)
	defer s.Close()
	stop := make(chan struct{})
	var lookers, sending sync.WaitGroup
	for _, look := range []string{"GET /emulator/pushes", "GET /emulator/phones?match=1", "GET /emulator/phones/p1", "GET /emulator/state", "GET /emulator/quotas", "GET /emulator/faults"} {
		method, path, _ := strings.Cut(look, " ")
		lookers.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
					if _, body, _ := do(h, method, path, ""); !json.Valid([]byte(body)) {
						t.Errorf("%s: %s", look, body)
					}
				}
			}
		})
	}
	res, err := http.Get(s.URL + "/emulator/events")
	if err != nil {
		t.Fatal(err)
	}
	lookers.Go(func() { _, _ = io.Copy(io.Discard, res.Body) })
	for sender := range senders {
		sending.Go(func() {
			for i := range phones * each {
				token, seq := fmt.Sprint("p", i%phones), 1+i/phones
				if sender == 0 {
					do(h, "PUT", "/emulator/phones/"+token, fmt.Sprintf(`{"online":%v}`, seq%2 == 0))
					do(h, "PUT", "/emulator/faults", `{"latencyMs":0,"seed":3}`)
					do(h, "POST", "/emulator/clock", `{"advance":"1s"}`)
				}
				// All senders send the same messages: each is to be seen once.
				status, body, _ := do(h, "POST", sendPath, fmt.Sprintf(`{"message":{"token":%q,"data":{"group":"g","seq":"%d","messageUID":"u%d","body":"%d"}}}`, token, seq, seq, seq))
				if status != 200 {
					t.Errorf("%d %s", status, body)
				}
			}
		})
	}
	sending.Wait()
	close(stop)
	_ = res.Body.Close()
	lookers.Wait()
	if got := len(pushes(t, h, "")); got != senders*phones*each {
		t.Errorf("%d pushes of %d", got, senders*phones*each)
	}
	p := &play{t, h}
	for i := range phones {
		token := fmt.Sprint("p", i)
		p.turn(token, true)
		v := p.phone(token)
		if len(v.Notifications) != each || v.Received != senders*each || v.Waiting != 0 {
			t.Errorf("%s shows %d of %d, received %d, %d wait", token, len(v.Notifications), each, v.Received, v.Waiting)
		}
	}
}
