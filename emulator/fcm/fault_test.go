package fcm_test

import (
	"context"
	"errors"
	"fmt"
	"math"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/throng-im/throng/emulator/fcm"
)

// ok calls the stand-in's own calls, which have to work.
func ok(t *testing.T, h http.Handler, method, path, body string) string {
	t.Helper()
	status, answer, _ := do(h, method, path, body)
	if status != 200 {
		t.Fatalf("%s %s %s: %d %s", method, path, body, status, answer)
	}
	return answer
}

func sendTo(h http.Handler, token string) int {
	status, _, _ := do(h, "POST", sendPath, fmt.Sprintf(`{"message":{"token":%q}}`, token))
	return status
}

// outcomes sends to each token several times, from many senders at once, and
// returns the statuses by token.
func outcomes(h http.Handler, tokens, times int) [][]int {
	out := make([][]int, tokens)
	var wg sync.WaitGroup
	for i := range out {
		wg.Go(func() {
			for range times {
				out[i] = append(out[i], sendTo(h, fmt.Sprint("t", i)))
			}
		})
	}
	wg.Wait()
	return out
}

func TestRatesOverAllTokens(t *testing.T) {
	const tokens, times = 1000, 5
	rates := `{"UNAVAILABLE":0.1,"UNREGISTERED":0.05,"seed":7}`
	h := fcm.New()
	ok(t, h, "PUT", "/emulator/faults", rates)
	got := outcomes(h, tokens, times)
	dead, unavailable := 0, 0
	for i, statuses := range got {
		n := 0
		for _, s := range statuses {
			switch s {
			case 404:
				n++
			case 503:
				unavailable++
			case 200:
			default:
				t.Errorf("t%d answered %d", i, s)
			}
		}
		if n != 0 && n != times {
			t.Errorf("t%d is unregistered now and then: %v", i, statuses)
		}
		dead += n / times
	}
	// The seed decides, so these are the same in each run; they have to be near
	// what was asked for.
	if math.Abs(float64(dead)-50) > 20 || math.Abs(float64(unavailable)-475) > 60 {
		t.Errorf("%d of %d tokens are unregistered, %d sends unavailable", dead, tokens, unavailable)
	}
	again := fcm.New()
	ok(t, again, "PUT", "/emulator/faults", rates)
	if a, b := fmt.Sprint(got), fmt.Sprint(outcomes(again, tokens, times)); a != b {
		t.Error("the same seed failed differently")
	}
	ok(t, again, "DELETE", "/emulator/state", "")
	ok(t, again, "PUT", "/emulator/faults", strings.Replace(rates, "7", "8", 1))
	if a, b := fmt.Sprint(got), fmt.Sprint(outcomes(again, tokens, times)); a == b {
		t.Error("another seed failed alike")
	}
	ok(t, h, "DELETE", "/emulator/faults", "")
	for i, statuses := range outcomes(h, tokens, 1) {
		if statuses[0] != 200 {
			t.Fatalf("t%d answers %v though all is well", i, statuses)
		}
	}
}

func TestTheWholeServiceIsOut(t *testing.T) {
	h := fcm.New()
	ok(t, h, "PUT", "/emulator/faults", `{"UNAVAILABLE":1,"retryAfter":30}`)
	for i := range 20 {
		status, body, header := do(h, "POST", sendPath, fmt.Sprintf(`{"message":{"token":"t%d"}}`, i))
		if status != 503 || header.Get("Retry-After") != "30" || !strings.Contains(body, `"status":"UNAVAILABLE"`) {
			t.Fatalf("%d %s %v", status, body, header)
		}
	}
	// What a token does by itself goes before what all do.
	ok(t, h, "PUT", "/emulator/tokens/t1", `{"error":"UNREGISTERED"}`)
	if got := sendTo(h, "t1"); got != 404 {
		t.Errorf("t1 answered %d", got)
	}
	ok(t, h, "DELETE", "/emulator/tokens/t1", "")
	if got := sendTo(h, "t1"); got != 503 {
		t.Errorf("t1 answered %d", got)
	}
	for _, bad := range []string{"", "{", `{"TIRED":0.1}`, `{"INTERNAL":1.1}`, `{"INTERNAL":-0.1}`, `{"INTERNAL":0.6,"HANG":0.6}`, `{"latencyMs":-1}`, `{"INTERNAL":"all"}`} {
		if status, _, _ := do(h, "PUT", "/emulator/faults", bad); status != 400 {
			t.Errorf("%s: %d", bad, status)
		}
	}
	if shown := ok(t, h, "GET", "/emulator/faults", ""); !strings.Contains(shown, `"UNAVAILABLE":1`) {
		t.Errorf("a refused change changed something: %s", shown)
	}
}

// TestFaultsAreShownAsTheyAre looks at a token that fails some times, and behaves
// then.
func TestFaultsAreShownAsTheyAre(t *testing.T) {
	h := fcm.New()
	ok(t, h, "PUT", "/emulator/tokens/t", `{"error":"INTERNAL","times":2}`)
	for _, left := range []string{`"tokens":{"t":{"error":"INTERNAL","times":2}}`, `"tokens":{"t":{"error":"INTERNAL","times":1}}`, `"tokens":{"t":{"error":"INTERNAL","times":0}}`, `"tokens":{}`} {
		if shown := ok(t, h, "GET", "/emulator/faults", ""); !strings.Contains(shown, left) {
			t.Errorf("there is no %s in %s", left, shown)
		}
		sendTo(h, "t")
	}
}

func TestAFieldIsNamedWhereTheTestSaysSo(t *testing.T) {
	h := fcm.New()
	ok(t, h, "PUT", "/emulator/tokens/t", `{"error":"INVALID_ARGUMENT","field":"message.token"}`)
	if at := refusedAt(t, h, `{"token":"t"}`); at != "message.token" {
		t.Errorf("refused at %s", at)
	}
}

func TestLatency(t *testing.T) {
	h := fcm.New()
	ok(t, h, "PUT", "/emulator/faults", `{"latencyMs":20,"jitterMs":5}`)
	ok(t, h, "PUT", "/emulator/tokens/slow", `{"latencyMs":30}`)
	for token, least := range map[string]time.Duration{"t": 20 * time.Millisecond, "slow": 50 * time.Millisecond} {
		started := time.Now()
		if got := sendTo(h, token); got != 200 || time.Since(started) < least {
			t.Errorf("%s answered %d after %s", token, got, time.Since(started))
		}
	}
	// Who does not wait is not delivered to.
	ok(t, h, "PUT", "/emulator/tokens/slower", `{"latencyMs":600000}`)
	ctx, cancel := context.WithCancel(t.Context())
	r := httptest.NewRequestWithContext(ctx, "POST", sendPath, strings.NewReader(`{"message":{"token":"slower"}}`))
	cancel()
	h.ServeHTTP(httptest.NewRecorder(), r)
	if got := pushes(t, h, "?token=slower"); len(got) != 0 {
		t.Errorf("delivered to nobody who waits: %v", got)
	}
}

// TestConnectionsBreak talks over real connections: one is reset before the
// message is taken, one after, and one hangs until the token behaves again.
func TestConnectionsBreak(t *testing.T) {
	h := fcm.New()
	s := httptest.NewServer(h)
	defer s.Close()
	send := func(token string) error {
		res, err := http.Post(s.URL+sendPath, "application/json", strings.NewReader(fmt.Sprintf(`{"message":{"token":%q}}`, token)))
		if err == nil {
			_ = res.Body.Close()
		}
		return err
	}
	for _, c := range []struct {
		how  string
		kept int
	}{{"RESET", 0}, {"ACCEPT_AND_RESET", 1}} {
		ok(t, h, "PUT", "/emulator/tokens/"+c.how, fmt.Sprintf(`{"error":%q,"times":1}`, c.how))
		if err := send(c.how); err == nil {
			t.Errorf("%s: there is an answer", c.how)
		}
		if got := len(pushes(t, h, "?token="+c.how)); got != c.kept {
			t.Errorf("%s: %d pushes are kept, not %d", c.how, got, c.kept)
		}
		if err := send(c.how); err != nil {
			t.Errorf("%s: the next one: %v", c.how, err)
		}
	}
	ok(t, h, "PUT", "/emulator/tokens/hangs", `{"error":"HANG"}`)
	ended := make(chan error)
	go func() { ended <- send("hangs") }()
	awaitLog(t, h, "hangs", `"why":"HANG"`)
	select {
	case err := <-ended:
		t.Fatalf("it does not hang: %v", err)
	default:
	}
	ok(t, h, "DELETE", "/emulator/tokens", "")
	if err := <-ended; err == nil {
		t.Error("what hung was answered in the end")
	}
	// Who gives up does not wait for the end of the test.
	ok(t, h, "PUT", "/emulator/faults", `{"HANG":1}`)
	ctx, cancel := context.WithCancel(t.Context())
	r, _ := http.NewRequestWithContext(ctx, "POST", s.URL+sendPath, strings.NewReader(`{"message":{"token":"more"}}`))
	go func() {
		_, err := http.DefaultClient.Do(r)
		ended <- err
	}()
	awaitLog(t, h, "more", `"why":"HANG"`)
	cancel()
	if err := <-ended; !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}

// awaitLog waits until a phone's log has a line.
func awaitLog(t *testing.T, h http.Handler, token, line string) {
	t.Helper()
	for deadline := time.Now().Add(2 * time.Minute); ; time.Sleep(time.Millisecond) {
		if _, body, _ := do(h, "GET", "/emulator/phones/"+token, ""); strings.Contains(body, line) {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("%s never logged %s", token, line)
		}
	}
}
