// Command server runs one function, the one that FUNCTION_TARGET names, on
// PORT. It serves the same handlers as the Functions Framework's own main, and
// in addition drains on SIGTERM: what is in flight is answered before it ends.
package main

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"maps"
	"net"
	"os"
	"slices"
	"strings"

	"github.com/throng-im/throng/functions/all"
	"github.com/throng-im/throng/shared/serve"
	"github.com/throng-im/throng/shared/telemetry"
)

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run() error {
	telemetry.Setup(os.Getenv("GOOGLE_CLOUD_PROJECT"), os.Stderr, slog.LevelInfo)
	target := os.Getenv("FUNCTION_TARGET")
	h, ok := all.Handlers[target]
	if !ok {
		return fmt.Errorf("FUNCTION_TARGET is %q; it must be one of %s", target, strings.Join(slices.Sorted(maps.Keys(all.Handlers)), ", "))
	}
	return serve.Run(context.Background(), net.JoinHostPort("", cmp.Or(os.Getenv("PORT"), "8080")), h)
}
