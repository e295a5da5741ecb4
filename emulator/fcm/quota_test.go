package fcm_test

import (
	"fmt"
	"strconv"
	"strings"
	"testing"

	"github.com/throng-im/throng/emulator/fcm"
)

func TestAProjectsMinute(t *testing.T) {
	h := fcm.New()
	if shown := ok(t, h, "GET", "/emulator/quotas", ""); !strings.Contains(shown, `"perMinute":600000,"devicePerMinute":240,"devicePerHour":5000,"collapsibleBurst":20`) {
		t.Errorf("by default: %s", shown)
	}
	ok(t, h, "PUT", "/emulator/quotas", `{"perMinute":3}`)
	send := func(project, body string) (int, string, int) {
		status, answer, header := do(h, "POST", "/v1/projects/"+project+"/messages:send", body)
		wait, _ := strconv.Atoi(header.Get("Retry-After"))
		return status, answer, wait
	}
	// What is refused counts, too.
	for i, want := range []int{200, 400, 200} {
		body := `{"message":{"token":"t"}}`
		if want == 400 {
			body = `{"message":{}}`
		}
		if got, answer, _ := send("p", body); got != want {
			t.Errorf("message %d: %d %s", i, got, answer)
		}
	}
	status, answer, wait := send("p", `{"message":{"token":"t"}}`)
	if status != 429 || wait < 1 || wait > 60 || !strings.Contains(answer, `"errorCode":"QUOTA_EXCEEDED"`) || !strings.Contains(answer, "google.rpc.QuotaFailure") || !strings.Contains(answer, `"status":"RESOURCE_EXHAUSTED"`) {
		t.Errorf("the fourth: %d, Retry-After %d, %s", status, wait, answer)
	}
	if status, _, _ := send("other", `{"message":{"token":"t"}}`); status != 200 {
		t.Errorf("another project: %d", status)
	}
	ok(t, h, "POST", "/emulator/clock", fmt.Sprintf(`{"advance":"%ds"}`, wait))
	if status, _, _ := send("p", `{"message":{"token":"t"}}`); status != 200 {
		t.Errorf("after Retry-After: %d", status)
	}
	if shown := ok(t, h, "GET", "/emulator/quotas", ""); !strings.Contains(shown, `"project":"p","used":1`) {
		t.Errorf("the page would show %s", shown)
	}
	ok(t, h, "PUT", "/emulator/quotas", `{"perMinute":0}`)
	for range 10 {
		if status, _, _ := send("p", `{"message":{"token":"t"}}`); status != 200 {
			t.Fatalf("without a quota: %d", status)
		}
	}
	for _, bad := range []string{"", `{"perHour":1}`, `{"perMinute":-1}`, `{"collapsibleEverySeconds":0}`} {
		if status, _, _ := do(h, "PUT", "/emulator/quotas", bad); status != 400 {
			t.Errorf("%s: %d", bad, status)
		}
	}
	for _, bad := range []string{"", `{}`, `{"advance":"soon"}`, `{"advance":"1s","project":"p"}`, `{"advance":"-1s"}`, `{"advance":"200000h"}`} {
		if status, _, _ := do(h, "POST", "/emulator/clock", bad); status != 400 {
			t.Errorf("the clock took %s: %d", bad, status)
		}
	}
}

func TestADevicesMinuteAndHour(t *testing.T) {
	h := fcm.New()
	ok(t, h, "PUT", "/emulator/quotas", `{"devicePerMinute":3,"devicePerHour":5}`)
	send := func(message string) int {
		status, _, _ := do(h, "POST", sendPath, `{"message":`+message+`}`)
		return status
	}
	const android, ios = `{"token":"a","android":{"priority":"high"}}`, `{"token":"i","apns":{"payload":{"aps":{"alert":"x"}}}}`
	for i, want := range []int{200, 200, 200, 429, 429} {
		if got := send(android); got != want {
			t.Errorf("message %d to an Android phone: %d", i, got)
		}
		if got := send(ios); got != 200 {
			t.Errorf("message %d to an iPhone: %d", i, got)
		}
	}
	if got := sendTo(h, "another"); got != 200 {
		t.Errorf("another phone: %d", got)
	}
	ok(t, h, "POST", "/emulator/clock", `{"advance":"1m"}`)
	for i, want := range []int{200, 200, 429} {
		if got := send(android); got != want {
			t.Errorf("message %d in the next minute: %d", i, got)
		}
	}
	ok(t, h, "POST", "/emulator/clock", `{"advance":"1h"}`)
	if got := send(android); got != 200 {
		t.Errorf("in the next hour: %d", got)
	}
	if got := len(pushes(t, h, "?token=a")); got != 6 {
		t.Errorf("%d pushes to the Android phone", got)
	}
}
