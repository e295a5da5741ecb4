// Command bench measures Throng on the local cloud, beside what a user would
// build instead and beside the bare store, and writes a table, a result that
// machines can read, and charts. It starts the cloud itself, loads it from this
// separate process, warms up, measures the variants in turn, and checks every
// answer. It asserts no time: machines differ, ratios travel.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// inCloud marks the process that the launcher runs inside the local cloud.
const inCloud = "THRONG_BENCH"

// options are what a run measures.
type options struct {
	per     time.Duration
	rounds  int
	members int
	out     string
	only    *regexp.Regexp
	// variants are those that are measured.
	variants *regexp.Regexp
	// senders and groups are the rows of the send table.
	senders, groups []int
	// launcher is the program that hosts functions.
	launcher string
}

func main() {
	seconds := flag.Float64("seconds", 1, "how long one measurement of a row takes")
	rounds := flag.Int("rounds", 3, "how often each row is measured; the median is shown")
	members := flag.Int("members", 3000, "size of the big group")
	out := flag.String("out", "", "folder to write the result and the charts to")
	only := flag.String("only", "", "measure only the tables whose name this expression matches: send, group, read, processes, fanout, push, stream, linger, retention, scale")
	variants := flag.String("variants", "", "measure only the variants whose name this expression matches")
	senders := flag.String("senders", "256,64,16,1", "how many callers send at once")
	groups := flag.String("groups", "1,100,1000", "to how many groups they send")
	flag.Parse()
	o := options{per: time.Duration(*seconds * float64(time.Second)), rounds: *rounds, members: *members, out: *out, launcher: os.Getenv(inCloud)}
	err := errors.Join(numbers(*senders, &o.senders), numbers(*groups, &o.groups))
	if err == nil {
		err = o.run(*only, *variants)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func (o options) run(only, variants string) (err error) {
	if o.only, err = regexp.Compile(only); err != nil {
		return err
	}
	if o.variants, err = regexp.Compile(variants); err != nil {
		return err
	}
	switch {
	case flag.Arg(0) == "alternatives":
		return serveAlternatives(context.Background())
	case o.launcher == "":
		return o.launch()
	default:
		return measure(context.Background(), o)
	}
}

func numbers(list string, into *[]int) error {
	for text := range strings.SplitSeq(list, ",") {
		n, err := strconv.Atoi(text)
		if err != nil || n < 1 {
			return fmt.Errorf("%q is no list of numbers", list)
		}
		*into = append(*into, n)
	}
	return nil
}

// launch builds the local cloud's program and runs this very program inside a
// fresh cloud.
func (o options) launch() error {
	self, err := os.Executable()
	if err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "throng-bench-")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	launcher := filepath.Join(dir, "emulator")
	build := exec.Command("go", "build", "-o", launcher, "./emulator")
	build.Stdout, build.Stderr = os.Stdout, os.Stderr
	if err := build.Run(); err != nil {
		return fmt.Errorf("building the local cloud: %w", err)
	}
	args := append([]string{"--port", "0", "--fresh", "--project", "demo-bench", "--", self}, os.Args[1:]...)
	cmd := exec.Command(launcher, args...)
	cmd.Env = append(os.Environ(), inCloud+"="+launcher, "THRONG_FIRESTORE_HEAP=4g", fmt.Sprint("THRONG_MAX_MEMBERS=", max(o.members, 3000)))
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	if err := cmd.Run(); err != nil {
		return errors.Join(errors.New("the local cloud or what ran in it failed; what it said is above"), err)
	}
	return nil
}
