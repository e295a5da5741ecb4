package telemetry_test

import (
	"bytes"
	"encoding/json"
	"log/slog"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/throng-im/throng/shared/telemetry"
)

func TestALineIsWhatCloudLoggingReads(t *testing.T) {
	var b bytes.Buffer
	log := slog.New(telemetry.NewHandler("proj", &b, slog.LevelInfo))
	r := httptest.NewRequest("GET", "/", nil)
	r.Header.Set("Traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01")
	r.Header.Set("X-Request-ID", "req-1")
	ctx, _ := telemetry.Begin(r)
	log.WarnContext(ctx, "hello", "pushToken", "abc", "app_secret", "def", "Authorization", "Bearer x", "group", "g1")
	var line map[string]any
	if err := json.Unmarshal(b.Bytes(), &line); err != nil {
		t.Fatal(err)
	}
	for key, want := range map[string]string{
		"severity": "WARNING", "message": "hello", "requestId": "req-1", "group": "g1",
		"logging.googleapis.com/trace":  "projects/proj/traces/0af7651916cd43dd8448eb211c80319c",
		"logging.googleapis.com/spanId": "b7ad6b7169203331",
		"pushToken":                     "[hidden]", "app_secret": "[hidden]", "Authorization": "[hidden]",
	} {
		if line[key] != want {
			t.Errorf("%s is %v, want %s", key, line[key], want)
		}
	}
}

func TestATraceGoesOnInEvents(t *testing.T) {
	ctx, _ := telemetry.Begin(httptest.NewRequest("POST", "/", nil))
	attributes := telemetry.Carry(ctx)
	if len(attributes["traceparent"]) != 55 {
		t.Fatalf("attributes %v", attributes)
	}
	after := telemetry.Carry(telemetry.BeginEvent(t.Context(), attributes))
	if after["traceparent"] != attributes["traceparent"] {
		t.Errorf("the trace became %v", after)
	}
}

func TestStrangeRequestIDsAreReplaced(t *testing.T) {
	for _, bad := range []string{"", "a b", "a\nb", "é", strings.Repeat("x", 65)} {
		r := httptest.NewRequest("GET", "/", nil)
		r.Header["X-Request-Id"] = []string{bad}
		ctx, rid := telemetry.Begin(r)
		if rid == bad || len(rid) != 16 || telemetry.RequestID(ctx) != rid {
			t.Errorf("%q became %q", bad, rid)
		}
	}
}
