package fcm_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/throng-im/throng/emulator/fcm"
)

// chatMessage is one as a chat app sends it to an Android phone.
func chatMessage(token string, n int) string {
	return fmt.Sprintf(`{"message":{"token":%q,"android":{"priority":"high","ttl":"604800s"},"data":{"group":"team","seq":"%d","messageUID":"5FGT-7VA9-G4DD-%04d","sender":"ann","type":"RC:TxtMsg","at":"1764000000000","title":"The team","body":"Ann: %s"}}}`, token, n, n, strings.Repeat("hello ", 20))
}

// BenchmarkSend is a send to one of 20,000 phones without what HTTP costs.
func BenchmarkSend(b *testing.B) {
	h := fcm.New()
	do(h, "PUT", "/emulator/quotas", `{"perMinute":0}`)
	b.ReportAllocs()
	n := 0
	for b.Loop() {
		n++
		w := discard{header: http.Header{}}
		h.ServeHTTP(&w, httptest.NewRequest("POST", sendPath, strings.NewReader(chatMessage(fmt.Sprint("phone", n%20_000), n/20_000))))
		if w.status > 200 {
			b.Fatal(w.status)
		}
	}
}

type discard struct {
	header http.Header
	status int
}

func (d *discard) Header() http.Header         { return d.header }
func (d *discard) Write(p []byte) (int, error) { return len(p), nil }
func (d *discard) WriteHeader(status int)      { d.status = status }

// BenchmarkSendOverHTTP is the same over a connection, sender included.
func BenchmarkSendOverHTTP(b *testing.B) {
	s := httptest.NewServer(fcm.New())
	defer s.Close()
	n := 0
	for b.Loop() {
		n++
		res, err := http.Post(s.URL+sendPath, "application/json", strings.NewReader(chatMessage(fmt.Sprint("phone", n%20_000), n/20_000)))
		if err != nil || res.StatusCode != 200 {
			b.Fatal(res, err)
		}
		_, _ = io.Copy(io.Discard, res.Body)
		_ = res.Body.Close()
	}
}
