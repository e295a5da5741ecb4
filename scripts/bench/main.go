// Command bench measures Throng on the local cloud and prints a table. It
// starts the cloud itself, loads it from this separate process, checks every
// answer, and measures a bare Firestore commit in the same run, in turn with
// what it is compared to. It asserts no time: machines differ, ratios travel.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"time"
)

// inCloud marks the process that the launcher runs inside the local cloud.
const inCloud = "THRONG_BENCH"

func main() {
	seconds := flag.Float64("seconds", 3, "how long each row of senders is measured")
	rounds := flag.Int("rounds", 3, "how often each row is measured; the median is shown")
	members := flag.Int("members", 3000, "size of the big group")
	flag.Parse()
	var err error
	if os.Getenv(inCloud) == "" {
		err = launch()
	} else {
		err = measure(context.Background(), plan{per: time.Duration(*seconds * float64(time.Second)), rounds: *rounds, members: *members})
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

// launch runs this very program inside a fresh local cloud.
func launch() error {
	self, err := os.Executable()
	if err != nil {
		return err
	}
	args := append([]string{"run", "./emulator", "--port", "0", "--fresh", "--project", "demo-bench", "--", self}, os.Args[1:]...)
	cmd := exec.Command("go", args...)
	cmd.Env = append(os.Environ(), inCloud+"=1", "THRONG_FIRESTORE_HEAP=4g")
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	if err := cmd.Run(); err != nil {
		return errors.Join(errors.New("the local cloud or what ran in it failed; what it said is above"), err)
	}
	return nil
}
