// Command push is the operator's switch: it pauses push, has it go on, and says how
// it stands. GOOGLE_CLOUD_PROJECT names the project, and FIRESTORE_EMULATOR_HOST the
// emulator where there is one.
//
//	push pause WHY
//	push resume
//	push status
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"time"

	"github.com/throng-im/throng/shared/cost"
	"github.com/throng-im/throng/shared/firestore"
	"github.com/throng-im/throng/shared/gate"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, os.Args[1:], os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "push:", err)
		os.Exit(1)
	}
}

var errUsage = errors.New("say pause and why, resume or status")

func run(ctx context.Context, args []string, out io.Writer) error {
	if len(args) == 0 {
		return errUsage
	}
	why := strings.TrimSpace(strings.Join(args[1:], " "))
	if known := args[0] == "pause" || args[0] == "resume" || args[0] == "status"; !known || (args[0] == "pause") != (why != "") {
		return errUsage
	}
	project := os.Getenv("GOOGLE_CLOUD_PROJECT")
	if project == "" {
		return errors.New("GOOGLE_CLOUD_PROJECT is not set")
	}
	store, err := firestore.Open(ctx, project, new(cost.Meter))
	if err != nil {
		return err
	}
	defer func() { _ = store.Close() }()
	g := gate.New(store, 0, time.Now)
	switch args[0] {
	case "pause":
		err = g.Pause(ctx, why)
	case "resume":
		err = g.Resume(ctx)
	}
	if err != nil {
		return err
	}
	status, err := g.Status(ctx)
	if err != nil {
		return err
	}
	text, err := json.Marshal(status)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(out, "%s\n", text)
	return err
}
