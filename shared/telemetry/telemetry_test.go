package telemetry_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http/httptest"
	"runtime"
	"strconv"
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

// logged runs log on a fresh handler and returns the line that it wrote.
func logged(t *testing.T, log func(*slog.Logger)) (line map[string]any, raw string) {
	t.Helper()
	var b bytes.Buffer
	log(slog.New(telemetry.NewHandler("proj", &b, slog.LevelDebug)))
	if err := json.Unmarshal(b.Bytes(), &line); err != nil {
		t.Fatalf("%s: %v", b.Bytes(), err)
	}
	return line, b.String()
}

func TestSeverities(t *testing.T) {
	for level, want := range map[slog.Level]string{
		slog.LevelDebug: "DEBUG", slog.LevelInfo: "INFO", slog.LevelWarn: "WARNING", slog.LevelError: "ERROR", slog.LevelError + 4: "ERROR", slog.LevelInfo + 1: "INFO",
	} {
		line, _ := logged(t, func(l *slog.Logger) { l.Log(t.Context(), level, "m") })
		if line["severity"] != want || line["message"] != "m" || line["time"] == nil || line["level"] != nil || line["msg"] != nil {
			t.Errorf("%v: %v", level, line)
		}
	}
}

func TestSecretsNeverReachALog(t *testing.T) {
	secret := "hunter2"
	for name, log := range map[string]func(*slog.Logger){
		"attributes":       func(l *slog.Logger) { l.Info("m", "token", secret, "TOKEN_OLD", secret, "x-signature", secret) },
		"bytes and errors": func(l *slog.Logger) { l.Info("m", "secret", []byte(secret), "password", errors.New(secret)) },
		"a lasting one":    func(l *slog.Logger) { l.With("authorization", "Bearer "+secret).Info("m") },
		"in a group":       func(l *slog.Logger) { l.Info("m", slog.Group("user", "token", secret)) },
		"under a group":    func(l *slog.Logger) { l.WithGroup("g").With("token", secret).Info("m", "secret", secret) },
		"a group of secrets": func(l *slog.Logger) {
			l.Info("m", slog.Group("tokens", "ann", secret, slog.Group("more", "bob", secret)))
		},
	} {
		if _, raw := logged(t, log); strings.Contains(raw, secret) || !strings.Contains(raw, "[hidden]") {
			t.Errorf("%s: %s", name, raw)
		}
	}
}

func TestTheTopOfALineStaysOutOfGroups(t *testing.T) {
	r := httptest.NewRequest("GET", "/", nil)
	r.Header.Set("X-Request-ID", "req-1")
	ctx, _ := telemetry.Begin(r)
	line, raw := logged(t, func(l *slog.Logger) {
		l.With("a", 1).WithGroup("").WithGroup("g").With("b", 2).WithGroup("h").ErrorContext(ctx, "m", "level", 3)
	})
	g, _ := line["g"].(map[string]any)
	h, _ := g["h"].(map[string]any)
	if line["requestId"] != "req-1" || line["logging.googleapis.com/trace"] == nil || line["logging.googleapis.com/sourceLocation"] == nil {
		t.Errorf("the top is incomplete: %s", raw)
	}
	if line["a"] != 1.0 || g["b"] != 2.0 || h["level"] != 3.0 {
		t.Errorf("the attributes moved: %s", raw)
	}
	if h := telemetry.NewHandler("", io.Discard, slog.LevelInfo); h.WithGroup("") != h {
		t.Error("a group without a name is one")
	}
	if line, _ := logged(t, func(l *slog.Logger) { l.Info("m", "level", 3) }); line["level"] != 3.0 || line["severity"] != "INFO" {
		t.Errorf("an attribute named level: %v", line)
	}
}

func TestLoggersThatShareABeginningDoNotMix(t *testing.T) {
	var b bytes.Buffer
	base := slog.New(telemetry.NewHandler("", &b, slog.LevelInfo)).WithGroup("g").With("x", 1).With("y", 2)
	one, two := base.With("who", "one"), base.With("who", "two")
	one.Info("m")
	two.Info("m")
	lines := strings.Split(b.String(), "\n")
	if !strings.Contains(lines[0], `"who":"one"`) || !strings.Contains(lines[1], `"who":"two"`) || strings.Contains(lines[0], "two") {
		t.Errorf("logged %s", b.String())
	}
}

func TestAnErrorSaysWhereItWasLogged(t *testing.T) {
	_, _, here, _ := runtime.Caller(0)
	line, raw := logged(t, func(l *slog.Logger) { l.Error("m") })
	source, _ := line["logging.googleapis.com/sourceLocation"].(map[string]any)
	file, _ := source["file"].(string)
	function, _ := source["function"].(string)
	if !strings.HasSuffix(file, "telemetry_test.go") || source["line"] != strconv.Itoa(here+1) || !strings.Contains(function, "TestAnErrorSaysWhereItWasLogged") {
		t.Errorf("logged %s", raw)
	}
	if line, _ := logged(t, func(l *slog.Logger) { l.Warn("m") }); line["logging.googleapis.com/sourceLocation"] != nil {
		t.Errorf("a warning says it, too: %v", line)
	}
}

func TestTracesOfGooglesFrontEnds(t *testing.T) {
	const trace, parent = "105445aa7843bc8bf206b12000100000", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
	for _, c := range []struct{ google, standard, want string }{
		{trace + "/1;o=1", "", "00-" + trace + "-0000000000000001-01"},
		{strings.ToUpper(trace) + "/18446744073709551615;o=0", "", "00-" + trace + "-ffffffffffffffff-00"},
		{trace, "", "00-" + trace + "-"},
		{trace + "/0", "", "00-" + trace + "-"},
		{trace + "/1;o=1", parent, parent},
	} {
		r := httptest.NewRequest("GET", "/", nil)
		r.Header.Set("X-Cloud-Trace-Context", c.google)
		r.Header.Set("Traceparent", c.standard)
		ctx, _ := telemetry.Begin(r)
		if got := telemetry.Carry(ctx)["traceparent"]; !strings.HasPrefix(got, c.want) || len(got) != len(parent) {
			t.Errorf("%q and %q became %q, want %q", c.google, c.standard, got, c.want)
		}
	}
	seen := map[string]bool{}
	for _, bad := range []string{"", "/", "xyz/1;o=1", "00000000000000000000000000000000/1;o=1", trace + "00/1", ";o=1"} {
		r := httptest.NewRequest("GET", "/", nil)
		r.Header.Set("X-Cloud-Trace-Context", bad)
		ctx, _ := telemetry.Begin(r)
		got := telemetry.Carry(ctx)["traceparent"]
		if len(got) != len(parent) || seen[got] || strings.Contains(got, trace) {
			t.Errorf("%q became %q", bad, got)
		}
		seen[got] = true
	}
}

func TestASpanKeepsTheTrace(t *testing.T) {
	ctx, _ := telemetry.Begin(httptest.NewRequest("POST", "/", nil))
	inner, end := telemetry.Span(ctx, "f")
	defer end()
	if before, after := telemetry.Carry(ctx)["traceparent"], telemetry.Carry(inner)["traceparent"]; before[:35] != after[:35] {
		t.Errorf("%s went on as %s", before, after)
	}
	if got := telemetry.RequestID(context.Background()); got != "" {
		t.Errorf("no request has the id %q", got)
	}
}

func BenchmarkBegin(b *testing.B) {
	r := httptest.NewRequest("POST", "/", nil)
	b.ReportAllocs()
	for b.Loop() {
		telemetry.Begin(r)
	}
}

// BenchmarkSpan is what a span costs when nothing exports it.
func BenchmarkSpan(b *testing.B) {
	ctx, _ := telemetry.Begin(httptest.NewRequest("POST", "/", nil))
	b.ReportAllocs()
	for b.Loop() {
		_, end := telemetry.Span(ctx, "f")
		end()
	}
}
