package fcm_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/throng-im/throng/emulator/fcm"
)

func do(h http.Handler, method, path, body string) (int, string, http.Header) {
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest(method, path, strings.NewReader(body)))
	return w.Code, w.Body.String(), w.Header()
}

const sendPath = "/v1/projects/p/messages:send"

func pushes(t *testing.T, h http.Handler, query string) []fcm.Push {
	t.Helper()
	_, body, _ := do(h, "GET", "/emulator/pushes"+query, "")
	var out struct{ Pushes []fcm.Push }
	if err := json.Unmarshal([]byte(body), &out); err != nil || out.Pushes == nil {
		t.Fatalf("%s: %v", body, err)
	}
	return out.Pushes
}

func TestMessagesAreCheckedAsFCMDoes(t *testing.T) {
	h := fcm.New()
	big := strings.Repeat("x", 4096)
	for name, c := range map[string]struct {
		message string
		ok      bool
	}{
		"data":             {`{"token":"t","data":{"a":"1"}}`, true},
		"notification":     {`{"token":"t","notification":{"title":"T","body":"B"}}`, true},
		"topic":            {`{"topic":"news","data":{"a":"1"}}`, true},
		"android":          {`{"token":"t","android":{"priority":"high","ttl":"3.5s","collapse_key":"k"}}`, true},
		"apns":             {`{"token":"t","apns":{"headers":{"apns-priority":"10"},"payload":{"aps":{"alert":"x"},"more":1}}}`, true},
		"webpush":          {`{"token":"t","webpush":{"notification":{"title":"x"}}}`, true},
		"no target":        {`{"data":{"a":"1"}}`, false},
		"two targets":      {`{"token":"t","topic":"n"}`, false},
		"unknown field":    {`{"token":"t","colour":"red"}`, false},
		"number in data":   {`{"token":"t","data":{"a":1}}`, false},
		"reserved from":    {`{"token":"t","data":{"from":"x"}}`, false},
		"reserved google":  {`{"token":"t","data":{"google.x":"x"}}`, false},
		"priority":         {`{"token":"t","android":{"priority":"urgent"}}`, false},
		"ttl":              {`{"token":"t","android":{"ttl":"soon"}}`, false},
		"apns without aps": {`{"token":"t","apns":{"payload":{"x":1}}}`, false},
		"too large":        {`{"token":"t","data":{"a":"` + big + `"}}`, false},
		"null":             {`null`, false},
	} {
		status, body, _ := do(h, "POST", sendPath, `{"message":`+c.message+`}`)
		if (status == 200) != c.ok || !c.ok && (status != 400 || !strings.Contains(body, `"errorCode":"INVALID_ARGUMENT"`)) {
			t.Errorf("%s: %d %s", name, status, body)
		}
	}
	before := len(pushes(t, h, ""))
	if status, _, _ := do(h, "POST", sendPath, `{"validate_only":true,"message":{"token":"t"}}`); status != 200 || len(pushes(t, h, "")) != before {
		t.Error("validate_only delivered or was refused")
	}
	if _, body, _ := do(h, "POST", "/v1/projects/the%22project/messages:send", `{"message":{"token":"t"}}`); !json.Valid([]byte(body)) {
		t.Errorf("a project with a quote in its name: %s", body)
	}
	if status, _, _ := do(h, "POST", "/v1/projects/p/messages:other", `{}`); status != 400 {
		t.Errorf("an unknown call: %d", status)
	}
}

func TestInspection(t *testing.T) {
	h := fcm.New()
	for i := range 5 {
		do(h, "POST", sendPath, fmt.Sprintf(`{"message":{"token":"t%d","data":{"n":"%d"}}}`, i%2, i))
	}
	all := pushes(t, h, "")
	if len(all) != 5 || string(all[0].Message) != `{"token":"t0","data":{"n":"0"}}` {
		t.Errorf("%+v", all)
	}
	// As it is written, for what is not Go looks for these names.
	one := fmt.Sprintf(`{"pushes":[{"id":%q,"token":"t0","at":%d,"message":{"token":"t0","data":{"n":"4"}}}]}`+"\n", all[4].ID, all[4].At)
	if _, body, _ := do(h, "GET", "/emulator/pushes?token=t0&since="+all[3].ID, ""); body != one {
		t.Errorf("the last one is %s, not %s", body, one)
	}
	if got := pushes(t, h, "?token=t1"); len(got) != 2 {
		t.Errorf("t1 has %d", len(got))
	}
	if got := pushes(t, h, "?since="+all[2].ID); len(got) != 2 || got[0].ID != all[3].ID {
		t.Errorf("since the third: %+v", got)
	}
	if got := pushes(t, h, fmt.Sprintf("?since=%d", all[4].At)); len(got) != 0 {
		t.Errorf("since the last one's time: %+v", got)
	}
	if status, _, _ := do(h, "GET", "/emulator/pushes?since=yesterday", ""); status != 400 {
		t.Errorf("since yesterday: %d", status)
	}
	do(h, "DELETE", "/emulator/pushes", "")
	if len(pushes(t, h, "")) != 0 {
		t.Error("pushes were not forgotten")
	}
}

func TestTokensMisbehave(t *testing.T) {
	h := fcm.New()
	send := func() (int, string, http.Header) { return do(h, "POST", sendPath, `{"message":{"token":"t"}}`) }
	const always = 3
	for code, status := range map[string]int{"UNREGISTERED": 404, "INVALID_ARGUMENT": 400, "SENDER_ID_MISMATCH": 403, "QUOTA_EXCEEDED": 429, "UNAVAILABLE": 503, "INTERNAL": 500} {
		do(h, "PUT", "/emulator/tokens/t", fmt.Sprintf(`{"error":%q,"retryAfter":7}`, code))
		for range always {
			got, body, header := send()
			if got != status || !strings.Contains(body, `"errorCode":"`+code+`"`) || header.Get("Retry-After") != "7" {
				t.Errorf("%s: %d %s %v", code, got, body, header)
			}
		}
	}
	do(h, "PUT", "/emulator/tokens/t", `{"error":"INTERNAL","times":2}`)
	for i, want := range []int{500, 500, 200} {
		if got, _, _ := send(); got != want {
			t.Errorf("call %d of a token that fails twice: %d", i, got)
		}
	}
	do(h, "PUT", "/emulator/tokens/t", `{"error":"INTERNAL"}`)
	do(h, "DELETE", "/emulator/tokens", "")
	if got, _, _ := send(); got != 200 {
		t.Errorf("all tokens behave again: %d", got)
	}
	for _, bad := range []string{"{", `{"error":"TIRED"}`, `{}`, `{"error":"INTERNAL","time":2}`, `{"error":"INTERNAL","times":-1}`, `{"error":"INTERNAL","retryAfter":-1}`, `{"latencyMs":600001}`} {
		if got, _, _ := do(h, "PUT", "/emulator/tokens/t", bad); got != 400 {
			t.Errorf("%s: %d", bad, got)
		}
	}
}

func FuzzSend(f *testing.F) {
	f.Add(`{"message":{"token":"t","data":{"a":"1"}}}`)
	f.Add(`{"message":{"token":"t","apns":{"payload":{"aps":{}}}}}`)
	h := fcm.New()
	f.Fuzz(func(t *testing.T, body string) {
		status, out, _ := do(h, "POST", sendPath, body)
		if status != 200 && status != 400 || !json.Valid([]byte(out)) {
			t.Fatalf("%d %s", status, out)
		}
	})
}
