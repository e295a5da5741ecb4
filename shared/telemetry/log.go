package telemetry

import (
	"context"
	"io"
	"log/slog"
	"runtime"
	"slices"
	"strconv"
	"strings"

	"go.opentelemetry.io/otel/trace"
)

// Setup makes slog write JSON lines for Cloud Logging to w. project completes
// the trace names; it may be empty.
func Setup(project string, w io.Writer, level slog.Leveler) {
	slog.SetDefault(slog.New(NewHandler(project, w, level)))
}

// NewHandler is the slog.Handler behind Setup.
func NewHandler(project string, w io.Writer, level slog.Leveler) slog.Handler {
	return &handler{project: project, top: slog.NewJSONHandler(w, &slog.HandlerOptions{Level: level, ReplaceAttr: replace})}
}

// secrets are attribute names whose values never reach a log.
var secrets = []string{"token", "secret", "signature", "authorization", "password"}

func hidden(name string) bool {
	name = strings.ToLower(name)
	return slices.ContainsFunc(secrets, func(s string) bool { return strings.Contains(name, s) })
}

func replace(groups []string, a slog.Attr) slog.Attr {
	if len(groups) == 0 {
		switch a.Key {
		case slog.LevelKey:
			// An attribute of the caller's may have this name, too.
			if l, ok := a.Value.Any().(slog.Level); ok {
				return slog.String("severity", severity(l))
			}
		case slog.MessageKey:
			a.Key = "message"
			return a
		}
	}
	if hidden(a.Key) || slices.ContainsFunc(groups, hidden) {
		return slog.String(a.Key, "[hidden]")
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

// handler adds what Cloud Logging wants at the top of a line, whatever groups a
// logger has opened since.
type handler struct {
	project string
	// top has no group open; groups are the steps from it to the logger.
	top    slog.Handler
	groups []func(slog.Handler) slog.Handler
}

func (h *handler) Enabled(ctx context.Context, l slog.Level) bool { return h.top.Enabled(ctx, l) }

func (h *handler) Handle(ctx context.Context, r slog.Record) error {
	var about []slog.Attr
	if rid := RequestID(ctx); rid != "" {
		about = append(about, slog.String("requestId", rid))
	}
	if span := trace.SpanContextFromContext(ctx); span.IsValid() {
		name := span.TraceID().String()
		if h.project != "" {
			name = "projects/" + h.project + "/traces/" + name
		}
		about = append(about, slog.String("logging.googleapis.com/trace", name), slog.String("logging.googleapis.com/spanId", span.SpanID().String()))
	}
	if r.Level >= slog.LevelError && r.PC != 0 {
		about = append(about, slog.Attr{Key: "logging.googleapis.com/sourceLocation", Value: source(r.PC)})
	}
	if len(h.groups) == 0 {
		r.AddAttrs(about...)
		return h.top.Handle(ctx, r)
	}
	inner := h.top.WithAttrs(about)
	for _, step := range h.groups {
		inner = step(inner)
	}
	return inner.Handle(ctx, r)
}

func source(pc uintptr) slog.Value {
	frame, _ := runtime.CallersFrames([]uintptr{pc}).Next()
	return slog.GroupValue(slog.String("file", frame.File), slog.String("line", strconv.Itoa(frame.Line)), slog.String("function", frame.Function))
}

func (h *handler) WithAttrs(as []slog.Attr) slog.Handler {
	if len(h.groups) == 0 {
		return &handler{project: h.project, top: h.top.WithAttrs(as)}
	}
	return h.step(func(inner slog.Handler) slog.Handler { return inner.WithAttrs(as) })
}

func (h *handler) WithGroup(name string) slog.Handler {
	if name == "" {
		return h
	}
	return h.step(func(inner slog.Handler) slog.Handler { return inner.WithGroup(name) })
}

func (h *handler) step(s func(slog.Handler) slog.Handler) *handler {
	return &handler{project: h.project, top: h.top, groups: append(slices.Clip(h.groups), s)}
}
