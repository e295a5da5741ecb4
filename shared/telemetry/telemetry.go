// Package telemetry writes logs the way Cloud Logging reads them and carries
// the trace of a request through every function, so that a developer can follow
// one message by its id.
package telemetry

import (
	"context"
	"encoding/binary"
	"encoding/hex"
	"math/rand/v2"
	"net/http"
	"strconv"
	"strings"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"
)

func init() { otel.SetTextMapPropagator(propagation.TraceContext{}) }

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
		requestID = newRequestID()
	}
	ctx = context.WithValue(r.Context(), requestKey{}, requestID)
	ctx = propagation.TraceContext{}.Extract(ctx, propagation.HeaderCarrier(r.Header))
	if header := r.Header.Get("X-Cloud-Trace-Context"); header != "" && !trace.SpanContextFromContext(ctx).IsValid() {
		ctx = trace.ContextWithRemoteSpanContext(ctx, googleTrace(header))
	}
	return ensureTrace(ctx), requestID
}

// BeginEvent continues the trace that the attributes of an event carry.
func BeginEvent(ctx context.Context, attributes map[string]string) context.Context {
	return ensureTrace(propagation.TraceContext{}.Extract(ctx, propagation.MapCarrier(attributes)))
}

// googleTrace reads the header that Google's front ends knew before traceparent
// was a standard, and still send: TRACE/SPAN;o=OPTIONS, where the span is a
// decimal number and may be missing. What cannot be read is no trace.
func googleTrace(header string) trace.SpanContext {
	ids, options, _ := strings.Cut(header, ";")
	traceID, spanID, _ := strings.Cut(ids, "/")
	var cfg trace.SpanContextConfig
	var err error
	if cfg.TraceID, err = trace.TraceIDFromHex(strings.ToLower(traceID)); err != nil {
		return trace.SpanContext{}
	}
	span, err := strconv.ParseUint(spanID, 10, 64)
	if err != nil || span == 0 {
		span = rand.Uint64()
	}
	binary.BigEndian.PutUint64(cfg.SpanID[:], span)
	cfg.TraceFlags = cfg.TraceFlags.WithSampled(options == "o=1")
	return trace.NewSpanContext(cfg)
}

// ensureTrace begins a trace where there is none. Its ids need be unique, not
// secret.
func ensureTrace(ctx context.Context) context.Context {
	if trace.SpanContextFromContext(ctx).IsValid() {
		return ctx
	}
	var cfg trace.SpanContextConfig
	binary.NativeEndian.PutUint64(cfg.TraceID[:8], rand.Uint64())
	binary.NativeEndian.PutUint64(cfg.TraceID[8:], rand.Uint64())
	binary.NativeEndian.PutUint64(cfg.SpanID[:], rand.Uint64())
	return trace.ContextWithSpanContext(ctx, trace.NewSpanContext(cfg))
}

// tracer forwards to the tracer provider that the process sets, if it sets one.
var tracer = otel.Tracer("github.com/throng-im/throng")

// Span starts an OpenTelemetry span around a function's call. Without a tracer
// provider, which the process may set, it costs next to nothing and changes
// nothing.
func Span(ctx context.Context, name string) (context.Context, func()) {
	ctx, span := tracer.Start(ctx, name)
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

func newRequestID() string {
	var b [8]byte
	binary.NativeEndian.PutUint64(b[:], rand.Uint64())
	return hex.EncodeToString(b[:])
}
