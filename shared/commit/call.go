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

// alive answers the calls whose callers have gone and returns the others.
func (l *Loop[S]) alive(calls []*call[S]) []*call[S] {
	kept := calls[:0]
	for _, c := range calls {
		if c.dead {
			continue
		}
		if c.ctx.Err() != nil {
			c.finish(errGone)
			continue
		}
		kept = append(kept, c)
	}
	return kept
}

// newest is when the last of the calls came in.
func newest[S any](calls []*call[S]) time.Time {
	var at time.Time
	for _, c := range calls {
		if c.at.After(at) {
			at = c.at
		}
	}
	return at
}

// latest is when the most patient of the callers gives up.
func (l *Loop[S]) latest(calls []*call[S]) time.Time {
	var latest time.Time
	for _, c := range calls {
		end := c.at.Add(l.opts.Patience)
		if dl, ok := c.ctx.Deadline(); ok && dl.Before(end) {
			end = dl
		}
		if end.After(latest) {
			latest = end
		}
	}
	return latest
}

func (l *Loop[S]) fail(calls []*call[S], err error) {
	for _, c := range calls {
		c.finish(err)
	}
}
