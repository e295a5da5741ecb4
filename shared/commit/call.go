package commit

import (
	"context"
	"fmt"
	"log/slog"
	"runtime/debug"
	"time"
)

// doubt is a commit whose outcome is unknown, and what it would answer.
type doubt[S any] struct {
	// base is the commit that this one was to follow.
	base, nonce uint64
	plan        Plan
	results     map[*call[S]]result
}

type result struct {
	value any
	err   error
}

func newDoubt[S any](base, nonce uint64, plan Plan, calls []*call[S]) doubt[S] {
	d := doubt[S]{base: base, nonce: nonce, plan: plan, results: make(map[*call[S]]result, len(calls))}
	for _, c := range calls {
		d.results[c] = result{c.value, c.err}
	}
	return d
}

type call[S any] struct {
	ctx    context.Context
	cmd    Command[S]
	at     time.Time
	value  any
	err    error
	doneCh chan struct{}
	// dead marks a call that was answered because its command panicked.
	dead bool
}

// apply runs the command. A panic ends that call alone: the draft it may have
// half changed is thrown away with the attempt.
func (c *call[S]) apply(draft *S) {
	defer func() {
		if p := recover(); p != nil {
			slog.ErrorContext(c.ctx, "command panicked", "panic", p, "stack", string(debug.Stack()))
			c.dead = true
			c.finish(fmt.Errorf("command panicked: %v", p))
		}
	}()
	c.value, c.err = c.cmd.Apply(draft)
}

func (c *call[S]) finish(err error) {
	if err != nil {
		c.value, c.err = nil, err
	}
	close(c.doneCh)
}
