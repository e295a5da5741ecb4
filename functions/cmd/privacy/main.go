// Command privacy finds, hands out and erases all that is kept of users or of a group,
// what a privacy law asks. With the app's settings in the environment:
//
//	privacy find user ID...      says what is kept and where
//	privacy find group ID
//	privacy export user ID...    writes all of it, a JSON object a line
//	privacy export group ID
//	privacy erase user ID...     takes it, for good
//	privacy erase group ID
//
// With users, all three go through the whole of the app's data, for several of them
// at once; with a group, through that one and all users. Each may be stopped and
// repeated.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"maps"
	"os"
	"os/signal"
	"slices"
	"time"

	"github.com/throng-im/throng/shared/cloud"
	"github.com/throng-im/throng/shared/cost"
	"github.com/throng-im/throng/shared/hourlog"
	"github.com/throng-im/throng/shared/id"
	"github.com/throng-im/throng/shared/privacy"
	"github.com/throng-im/throng/shared/settings"
)

func main() {
	verbose := flag.Bool("v", false, "with find and erase: name everything that is found, with where it is")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, *verbose, flag.Args()); err != nil {
		fmt.Fprintln(os.Stderr, "privacy:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, verbose bool, args []string) error {
	s, err := settings.FromEnv(os.Getenv)
	if err != nil {
		return err
	}
	c, err := cloud.Open(ctx, s, cost.Process)
	if err != nil {
		return err
	}
	defer func() { _ = c.Close() }()
	o := privacy.Options{
		Store: c.Store, Groups: c.Groups, Users: c.Users, Conversations: c.Conversations, Receipts: c.Receipts, Presence: c.Presence,
		Logs: hourlog.New(c.Groups, hourlog.Options{Bucket: s.Logs, Secret: s.AppSecret, App: s.AppKey, Zone: s.TimeZone}),
		Now:  time.Now,
	}
	return command(ctx, os.Stdout, o, verbose, args)
}

var errUsage = errors.New("say find, export or erase, then user with ids, or group with one")

// command carries out what the arguments say.
func command(ctx context.Context, out io.Writer, o privacy.Options, verbose bool, args []string) error {
	if len(args) < 3 || args[1] != "user" && (args[1] != "group" || len(args) > 3) {
		return errUsage
	}
	for _, name := range args[2:] {
		if err := id.Valid(args[1], name); err != nil {
			return err
		}
	}
	verb, work := args[0], finding(args)
	switch verb {
	case "find":
	case "erase":
		work = erasing(args)
	case "export":
		lines := json.NewEncoder(out)
		lines.SetEscapeHTML(false)
		o.Found = func(f privacy.Finding) error { return lines.Encode(f) }
		return work(ctx, o)
	default:
		return errUsage
	}
	found := map[string]int{}
	o.Found = func(f privacy.Finding) error {
		found[f.What]++
		if verbose {
			_, err := fmt.Fprintf(out, "%s: %s\n", f.Where, f.What)
			return err
		}
		return nil
	}
	err := work(ctx, o)
	for _, what := range slices.Sorted(maps.Keys(found)) {
		_, _ = fmt.Fprintf(out, "%6d  %s\n", found[what], what)
	}
	switch {
	case err != nil:
		return fmt.Errorf("it did not come to its end, do it again: %w", err)
	case len(found) == 0:
		_, err = fmt.Fprintln(out, "nothing is kept")
	case verb == "erase":
		_, err = fmt.Fprintln(out, "erased; find says whether anything has come since")
	}
	return err
}

func finding(args []string) func(context.Context, privacy.Options) error {
	return func(ctx context.Context, o privacy.Options) error {
		if args[1] == "group" {
			return privacy.FindGroup(ctx, o, id.Group(args[2]))
		}
		return privacy.FindUsers(ctx, o, people(args[2:]))
	}
}

func erasing(args []string) func(context.Context, privacy.Options) error {
	return func(ctx context.Context, o privacy.Options) error {
		if args[1] == "group" {
			return privacy.EraseGroup(ctx, o, id.Group(args[2]))
		}
		return privacy.EraseUsers(ctx, o, people(args[2:]))
	}
}

func people(names []string) id.People {
	all := id.People{}
	for _, name := range names {
		all[id.User(name)] = true
	}
	return all
}
