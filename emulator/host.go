package main

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"

	"github.com/throng-im/throng/functions"
	"github.com/throng-im/throng/functions/all"
	"github.com/throng-im/throng/shared/chaos"
	"github.com/throng-im/throng/shared/debug"
	"github.com/throng-im/throng/shared/serve"
	"github.com/throng-im/throng/shared/telemetry"
)

// hostFunction runs one function in this process. Beside the function it serves
// what a developer wants to see of it.
func hostFunction(name string) error {
	h, ok := all.Handlers[name]
	if !ok {
		return fmt.Errorf("there is no function %q", name)
	}
	level := slog.LevelWarn
	if os.Getenv("THRONG_TRACE") != "" {
		level = slog.LevelInfo
	}
	telemetry.Setup(os.Getenv("GOOGLE_CLOUD_PROJECT"), os.Stderr, level)
	day, err := chaos.Process()
	if err != nil {
		return err
	}
	m, err := functions.Load()
	if err != nil {
		return err
	}
	handler := http.Handler(h)
	for _, f := range m.Functions {
		if f.Name == name && f.Trigger == "pubsub" {
			handler = day.Events(h)
		}
	}
	return serve.Run(context.Background(), net.JoinHostPort("127.0.0.1", os.Getenv("PORT")), debug.Handler(handler))
}
