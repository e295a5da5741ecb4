package main

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// ancestors returns the processes whose end means that the launcher has been
// abandoned: the go command that built and runs it, and the make above it. A
// shell is not among them; people start things from shells that they close.
func ancestors(pid int, lookup func(pid int) (parent int, command string)) []int {
	var out []int
	for {
		_, command := lookup(pid)
		if command != "go" && command != "make" && command != "gmake" {
			return out
		}
		out = append(out, pid)
		pid, _ = lookup(pid)
	}
}

// processInfo asks the system about a process. The answer for one that cannot
// be asked about is that nobody watches over us.
func processInfo(pid int) (parent int, command string) {
	out, err := exec.Command("ps", "-o", "ppid=,comm=", "-p", strconv.Itoa(pid)).Output()
	if err != nil {
		return 0, ""
	}
	fields := strings.Fields(string(out))
	if len(fields) < 2 {
		return 0, ""
	}
	parent, _ = strconv.Atoi(fields[0])
	return parent, filepath.Base(fields[1])
}

// abandoned is closed when go or make above the launcher has died.
func abandoned() <-chan struct{} {
	gone := make(chan struct{})
	parent := os.Getppid()
	watch := ancestors(parent, processInfo)
	if len(watch) == 0 {
		return gone
	}
	go func() {
		for range time.Tick(200 * time.Millisecond) {
			if os.Getppid() != parent || slices.ContainsFunc(watch, func(pid int) bool { return !alive(pid) }) {
				close(gone)
				return
			}
		}
	}()
	return gone
}

// alive says whether the process runs. One that was killed stays in the list of
// processes until its parent asks how it ended; it is there, and runs no more.
func alive(pid int) bool {
	if stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid)); err == nil {
		// "pid (command) state ...", where the command may hold anything.
		rest := strings.Fields(string(stat[bytes.LastIndexByte(stat, ')')+1:]))
		return len(rest) > 0 && rest[0] != "Z" && rest[0] != "X"
	}
	p, err := os.FindProcess(pid)
	return err == nil && p.Signal(syscall.Signal(0)) == nil
}
