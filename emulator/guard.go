package main

import (
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"runtime"
	"syscall"
	"time"
)

// guardGrace is how long a child may take to end before it is killed. Functions
// drain for eight seconds.
const guardGrace = 9 * time.Second

// guard runs one command and sees to it that the command never outlives the
// launcher, however that ends: the launcher holds the other end of the guard's
// standard input, which the kernel closes for it. The guard's own death takes
// the command along where the system can do that (Linux).
func guard(command []string) int {
	runtime.LockOSThread() // the kernel ties the death signal to this thread
	signal.Ignore(syscall.SIGINT)
	cmd := exec.Command(command[0], command[1:]...)
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	cmd.SysProcAttr = dieWithParent(&syscall.SysProcAttr{Setpgid: true})
	if err := cmd.Start(); err != nil {
		fmt.Fprintln(os.Stderr, "throng:", err)
		return 1
	}
	stop := make(chan struct{}, 2)
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin)
		stop <- struct{}{}
	}()
	terminated := make(chan os.Signal, 1)
	signal.Notify(terminated, syscall.SIGTERM)
	go func() {
		<-terminated
		stop <- struct{}{}
	}()
	go func() {
		<-stop
		_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGTERM)
		time.Sleep(guardGrace)
		_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL)
	}()
	err := cmd.Wait()
	_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) // what it left behind
	if err != nil {
		if code := cmd.ProcessState.ExitCode(); code > 0 {
			return code
		}
		return 1
	}
	return 0
}
