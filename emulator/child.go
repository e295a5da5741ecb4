package main

import (
	"fmt"
	"io"
	"os"
	"os/exec"
	"sync"
	"syscall"
)

// child is a process behind a guard.
type child struct {
	name string
	cmd  *exec.Cmd
	hold io.Closer
	done chan struct{}
	once sync.Once
	code int
}

// start runs a command behind a guard. env is added to the launcher's own.
func start(name string, env []string, stdout, stderr io.Writer, command ...string) (*child, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	cmd := exec.Command(self, append([]string{"guard"}, command...)...)
	cmd.Env = append(os.Environ(), env...)
	cmd.Stdout, cmd.Stderr = stdout, stderr
	// A group of its own, so that Ctrl-C reaches the launcher only.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	hold, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	c := &child{name: name, cmd: cmd, hold: hold, done: make(chan struct{})}
	go func() {
		_ = cmd.Wait()
		c.code = cmd.ProcessState.ExitCode()
		close(c.done)
	}()
	return c, nil
}

// stop asks the child to end and waits; the guard kills it if it does not.
func (c *child) stop() {
	c.once.Do(func() { _ = c.hold.Close() })
	<-c.done
}
