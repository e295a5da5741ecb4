// Command retention is the operator's view of retention: what a run would remove and
// what that costs, how far it is, and a run right now. With the app's settings in the
// environment:
//
//	retention [-v] plan       says what would be removed, and removes nothing
//	retention state           says how far the hourly runs are
//	retention run             does all that is due now
//	retention window G DAYS   gives a group an offline window of its own, 0 the app's
package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"strconv"
	"time"

	"github.com/throng-im/throng/shared/cloud"
	"github.com/throng-im/throng/shared/cost"
	"github.com/throng-im/throng/shared/id"
	"github.com/throng-im/throng/shared/retention"
	"github.com/throng-im/throng/shared/settings"
)

func main() {
	verbose := flag.Bool("v", false, "with plan: name every document")
	flag.Parse()
	if err := run(*verbose, flag.Args()); err != nil {
		fmt.Fprintln(os.Stderr, "retention:", err)
		os.Exit(1)
	}
}

func run(verbose bool, args []string) error {
	s, err := settings.FromEnv(os.Getenv)
	if err != nil {
		return err
	}
	ctx := context.Background()
	c, err := cloud.Open(ctx, s, cost.Process)
	if err != nil {
		return err
	}
	defer func() { _ = c.Close() }()
	o := c.Retention()
	if verbose {
		o.Removing = func(path string) { fmt.Println(path) }
	}
	return command(ctx, os.Stdout, o, args)
}

// command carries out what the arguments say.
func command(ctx context.Context, out io.Writer, o retention.Options, args []string) error {
	verb := ""
	if len(args) > 0 {
		verb = args[0]
	}
	switch {
	case verb == "plan" && len(args) == 1:
		o.Dry = true
		return print(out, "would remove", o)(retention.Run(ctx, o, retention.Budget{}))
	case verb == "run" && len(args) == 1:
		return print(out, "removed", o)(retention.Run(ctx, o, retention.Budget{}))
	case verb == "state" && len(args) == 1:
		return print(out, "removed", o)(retention.State(ctx, o.Store))
	case verb == "window" && len(args) == 3:
		days, err := strconv.Atoi(args[2])
		if err != nil {
			return fmt.Errorf("%q is no number of days", args[2])
		}
		return o.Groups.SetOffline(ctx, id.Group(args[1]), days)
	}
	return fmt.Errorf("say plan, state, run, or window with a group and a number of days")
}

// print shows the progress of all tasks.
func print(out io.Writer, removed string, o retention.Options) func([]retention.Progress, error) error {
	return func(all []retention.Progress, err error) error {
		now := o.Now()
		_, _ = fmt.Fprintf(out, "entries are kept from %s on\n", time.UnixMilli(o.Rules.Since(now, 0)).UTC().Format(time.RFC3339))
		_, _ = fmt.Fprintf(out, "%-10s %13s %9s %9s %9s  %-5s %s\n", "", removed, "changes", "reads", "dollars", "done", "began")
		for _, p := range all {
			_, _ = fmt.Fprintf(out, "%-10s %13d %9d %9d %9.4f  %-5t %s\n", p.Task, p.Removed, p.Changed, p.Reads, p.Dollars(), p.Done, p.Began.UTC().Format(time.RFC3339))
		}
		return err
	}
}
