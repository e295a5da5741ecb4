// Package telemetry writes logs the way Cloud Logging reads them and carries
// the trace of a request through every function, so that a developer can follow
// one message by its id.
package telemetry

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"io"
	"log/slog"
	"net/http"
	"strings"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"
)

func init() { otel.SetTextMapPropagator(propagation.TraceContext{}) }

// Setup makes slog write JSON lines for Cloud Logging to w. project completes
// the trace names; it may be empty.
func Setup(project string, w io.Writer, level slog.Leveler) {
	slog.SetDefault(slog.New(NewHandler(project, w, level)))
}

// NewHandler is the slog.Handler behind Setup.
func NewHandler(project string, w io.Writer, level slog.Leveler) slog.Handler {
	return handler{project: project, Handler: slog.NewJSONHandler(w, &slog.HandlerOptions{Level: level, ReplaceAttr: replace})}
}

// secrets are attribute names whose values never reach a log.
var secrets = []string{"token", "secret", "signature", "authorization", "password"}

func replace(groups []string, a slog.Attr) slog.Attr {
	if len(groups) == 0 {
		switch a.Key {
		case slog.LevelKey:
			return slog.String("severity", severity(a.Value.Any().(slog.Level)))
		case slog.MessageKey:
			a.Key = "message"
			return a
		}
	}
	name := strings.ToLower(a.Key)
	for _, s := range secrets {
		if strings.Contains(name, s) {
			return slog.String(a.Key, "[hidden]")
		}
	}
	return a
}

func severity(l slog.Level) string {
	switch {
	case l >= slog.LevelError:
		return "ERROR"
	case l >= slog.LevelWarn:
		return "WARNING"
	case l >= slog.LevelInfo:
		return "INFO"
	default:
		return "DEBUG"
	}
}

type handler struct {
	slog.Handler
	project string
}

func (h handler) Handle(ctx context.Context, r slog.Record) error {
	if rid := RequestID(ctx); rid != "" {
		r.AddAttrs(slog.String("requestId", rid))
	}
	if span := trace.SpanContextFromContext(ctx); span.IsValid() {
		name := span.TraceID().String()
		if h.project != "" {
			name = "projects/" + h.project + "/traces/" + name
		}
		r.AddAttrs(slog.String("logging.googleapis.com/trace", name), slog.String("logging.googleapis.com/spanId", span.SpanID().String()))
	}
	return h.Handler.Handle(ctx, r)
}

func (h handler) WithAttrs(as []slog.Attr) slog.Handler {
	return handler{h.Handler.WithAttrs(as), h.project}
}
func (h handler) WithGroup(name string) slog.Handler {
	return handler{h.Handler.WithGroup(name), h.project}
}

type requestKey struct{}

// RequestID returns the id of the request that ctx belongs to, or "".
func RequestID(ctx context.Context) string {
	rid, _ := ctx.Value(requestKey{}).(string)
	return rid
}

// maxRequestID bounds a caller's own request id, in bytes.
const maxRequestID = 64

// Begin puts the request's id and trace on its context. A caller's X-Request-ID
// is kept when it is short and printable; otherwise one is made. A request
// without a trace begins one, so that the log lines of all functions meet.
func Begin(r *http.Request) (ctx context.Context, requestID string) {
	requestID = r.Header.Get("X-Request-Id")
	if !printable(requestID) {
		requestID = random(8)
	}
	ctx = context.WithValue(r.Context(), requestKey{}, requestID)
	return begin(ctx, propagation.HeaderCarrier(r.Header)), requestID
}

// BeginEvent continues the trace that the attributes of an event carry.
func BeginEvent(ctx context.Context, attributes map[string]string) context.Context {
	return begin(ctx, propagation.MapCarrier(attributes))
}

func begin(ctx context.Context, carrier propagation.TextMapCarrier) context.Context {
	ctx = propagation.TraceContext{}.Extract(ctx, carrier)
	if trace.SpanContextFromContext(ctx).IsValid() {
		return ctx
	}
	var cfg trace.SpanContextConfig
	_, _ = rand.Read(cfg.TraceID[:])
	_, _ = rand.Read(cfg.SpanID[:])
	return trace.ContextWithSpanContext(ctx, trace.NewSpanContext(cfg))
}

// Span starts an OpenTelemetry span around a function's call. Without a tracer
// provider, which the process may set, it costs nothing and changes nothing.
func Span(ctx context.Context, name string) (context.Context, func()) {
	ctx, span := otel.Tracer("github.com/throng-im/throng").Start(ctx, name)
	return ctx, func() { span.End() }
}

// Carry returns the attributes that continue ctx's trace in another function.
func Carry(ctx context.Context) map[string]string {
	attributes := propagation.MapCarrier{}
	propagation.TraceContext{}.Inject(ctx, attributes)
	return attributes
}

func printable(s string) bool {
	if s == "" || len(s) > maxRequestID {
		return false
	}
	for i := 0; i < len(s); i++ {
		if s[i] <= ' ' || s[i] > '~' {
			return false
		}
	}
	return true
}

func random(bytes int) string {
	b := make([]byte, bytes)
	_, _ = rand.Read(b)
	return hex.EncodeToString(b)
}
