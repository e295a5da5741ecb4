package main

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"strings"

	"github.com/throng-im/throng/functions/all"
	"github.com/throng-im/throng/shared/cost"
	"github.com/throng-im/throng/shared/serve"
	"github.com/throng-im/throng/shared/telemetry"
)

// hostFunction runs one function in this process. Beside the function it serves
// the counters; no production program links this.
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
	mux := http.NewServeMux()
	mux.HandleFunc("GET /debug/cost", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(cost.Process.Counts())
	})
	mux.HandleFunc("POST /debug/cost/reset", func(w http.ResponseWriter, _ *http.Request) {
		cost.Process.Reset()
		w.WriteHeader(http.StatusNoContent)
	})
	// The mux would redirect a doubled slash, and so would lose a POST's body:
	// only the debug calls go through it.
	root := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasPrefix(r.URL.Path, "/debug/") {
			mux.ServeHTTP(w, r)
			return
		}
		h(w, r)
	})
	return serve.Run(context.Background(), net.JoinHostPort("127.0.0.1", os.Getenv("PORT")), root)
}
