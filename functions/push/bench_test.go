package push_test

import (
	"fmt"
	"net/http/httptest"
	"sync"
	"testing"

	"github.com/throng-im/throng/emulator/fcm"
	"github.com/throng-im/throng/functions/push"
	"github.com/throng-im/throng/shared/event"
	"github.com/throng-im/throng/shared/settings"
)

// BenchmarkPush hands jobs of 500 devices to the stand-in in the same process, eight
// at a time.
func BenchmarkPush(b *testing.B) {
	p := &phone{T: new(testing.T)}
	server := httptest.NewServer(fcm.New())
	defer server.Close()
	send, err := push.Sender(b.Context(), settings.Settings{Project: "demo", FCMEndpoint: server.URL + "/v1"})
	if err != nil {
		b.Fatal(err)
	}
	p.handler = push.Handler(push.Deps{Send: send, Publish: p.publish, Forget: p.forgetToken})
	tokens := make([]string, event.MaxPushTargets)
	for i := range tokens {
		tokens[i] = fmt.Sprint("token-", i)
	}
	var wg sync.WaitGroup
	slots := make(chan struct{}, 8)
	for i := range b.N {
		slots <- struct{}{}
		wg.Go(func() { defer func() { <-slots }(); p.takes(job(fmt.Sprint(i), tokens...)) })
	}
	wg.Wait()
	if len(p.later) > 0 {
		b.Errorf("%d jobs are left", len(p.later))
	}
	b.ReportMetric(float64(b.N*len(tokens))/b.Elapsed().Seconds(), "devices/s")
}
