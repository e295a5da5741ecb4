// Package commit is the heart of Throng: a loop that changes one document at a
// time by group commit.
//
// Callers hand in commands and wait. The loop takes every command that waits,
// applies them in order to the state it holds in memory, and writes the result
// in one atomic commit on the condition that the document is still the one it
// had loaded. There is no lock, no read before each write and no transaction.
// A process that others keep getting ahead of claims the right of way, see claim.
// While one batch is being announced the next is already being committed.
//
// What a caller may rely on: when Do returns no error, the command's changes
// are stored and announced. When it returns a command's own error, the command
// changed nothing, and it was judged on a state that was current after Do was
// called. Commands are applied in an order that every process agrees on.
//
// Nothing else in the tree locks, batches or retries.
package commit

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/throng-im/throng/shared/fault"
)

// Model tells a loop how one kind of document is read, changed and written.
// S is the state of one root document and whatever belongs to it. The loop
// calls a Model from one goroutine at a time per document.
type Model[S any] interface {
	// Load reads the state of key afresh; a missing document is an empty
	// state, not an error. old is what this process knew before, or nil:
	// parts of it that are still current may be reused.
	Load(ctx context.Context, r Reader, key string, old *S) (*S, error)
	// Draft returns a copy for commands to change. The original must never
	// show the changes.
	Draft(s *S) *S
	// Weight estimates the bytes the draft would write if it were committed now.
	Weight(draft *S) int
	// Plan says what committing the draft writes and announces. It writes the
	// root; the loop adds the journal, and the condition that nobody changed it.
	Plan(draft *S) (Plan, error)
	// Settle makes a committed draft the current state at its new version.
	Settle(draft *S, version time.Time) *S
	// Journal returns the state's own record of its latest commits, which Load
	// reads from the root document by ReadJournal and the loop writes there.
	Journal(s *S) *Journal
	// Root names the root document and its version; zero when there is none yet.
	Root(s *S) (path string, version time.Time)
	// Size estimates the memory that a state takes, in bytes.
	Size(s *S) int
}

// Plan is one commit.
type Plan struct {
	// Writes is empty when nothing changed.
	Writes []Write
	// Announce runs after the commit and before the callers are answered; nil
	// when there is nothing to say. It may run for changes that were committed
	// earlier by someone who could not announce them.
	Announce func(ctx context.Context) error
}

// Command is one change to a document.
type Command[S any] struct {
	// Need, if set, completes the loaded state with documents that Apply will
	// look at. ErrConflict means that the state turned out to be stale.
	Need func(ctx context.Context, r Reader, s *S) error
	// Apply changes the draft and returns the caller's result. It must be a
	// pure function of the draft, for it runs again whenever a commit has to be
	// repeated, and must not have changed anything when it returns an error.
	Apply func(draft *S) (any, error)
}

// Options bound a loop. Zero fields take the defaults named beside them.
type Options struct {
	// CommitTimeout bounds one read or write of the store: 5 s.
	CommitTimeout time.Duration
	// Patience bounds how long a command is tried when its caller set no
	// earlier deadline: 20 s.
	Patience time.Duration
	// AnnounceTimeout bounds one announcement: 10 s.
	AnnounceTimeout time.Duration
	// BatchBytes is where a batch stops growing: 1.5 MiB. What one command may
	// add on top must keep a commit under the 3 MiB that every store takes.
	BatchBytes int
	// BatchCommands bounds the commands in one commit: 4096.
	BatchCommands int
	// Announcing bounds the batches of one document that are being announced
	// while later ones commit: 4.
	Announcing int
	// Linger bounds how long commits of a busy document wait for company: 100 ms.
	// Below zero none ever waits.
	Linger time.Duration
	// ClaimAfter is how many commits in a row a process must lose to others before
	// it claims the right of way: 5.
	ClaimAfter int
	// CacheBytes bounds the states kept for documents nobody is changing: 64 MiB.
	CacheBytes int
}

func (o Options) withDefaults() Options {
	set := func(d *time.Duration, v time.Duration) {
		if *d == 0 {
			*d = v
		}
	}
	num := func(n *int, v int) {
		if *n == 0 {
			*n = v
		}
	}
	set(&o.CommitTimeout, 5*time.Second)
	set(&o.Patience, 20*time.Second)
	set(&o.AnnounceTimeout, 10*time.Second)
	set(&o.Linger, 100*time.Millisecond)
	num(&o.BatchBytes, 3<<19)
	num(&o.BatchCommands, 4096)
	num(&o.Announcing, 4)
	num(&o.ClaimAfter, 5)
	num(&o.CacheBytes, 64<<20)
	return o
}

// Loop runs the commit loops of all documents of one kind in one process.
type Loop[S any] struct {
	store Store
	model Model[S]
	opts  Options

	mu    sync.Mutex
	docs  map[string]*document[S]
	idle  idleList[S]
	bytes int
}

// New makes a loop over store.
func New[S any](store Store, model Model[S], opts Options) *Loop[S] {
	return &Loop[S]{store: store, model: model, opts: opts.withDefaults(), docs: map[string]*document[S]{}}
}

// Do applies cmd to the document named key and returns what its Apply
// returned, once the change is stored and announced. Errors: the command's
// own; fault.Unavailable when the store could not be reached in time, in which
// case the change may or may not have been made; ctx's error likewise.
func (l *Loop[S]) Do(ctx context.Context, key string, cmd Command[S]) (any, error) {
	c := &call[S]{ctx: ctx, cmd: cmd, at: time.Now(), doneCh: make(chan struct{})}
	l.mu.Lock()
	d := l.docs[key]
	if d == nil {
		d = &document[S]{key: key, announcing: make(chan struct{}, l.opts.Announcing)}
		l.docs[key] = d
	}
	d.queue = append(d.queue, c)
	if d.gathered != nil && len(d.queue) == d.awaited {
		close(d.gathered)
	}
	if !d.running {
		d.running = true
		l.idle.remove(d)
		go l.run(d)
	}
	l.mu.Unlock()
	select {
	case <-c.doneCh:
		return c.value, c.err
	case <-ctx.Done():
		return nil, errGone
	}
}

// run works on one document until nobody waits for it.
func (l *Loop[S]) run(d *document[S]) {
	for l.linger(d); l.turn(d); {
		l.linger(d)
	}
}

// linger waits for company where that is worth it.
func (l *Loop[S]) linger(d *document[S]) {
	pause, company := d.pace.pause(time.Now(), l.opts.Linger)
	if pause == 0 {
		return
	}
	l.mu.Lock()
	before := len(d.queue)
	if before < company {
		d.awaited, d.gathered = company, make(chan struct{})
	}
	gathered := d.gathered
	l.mu.Unlock()
	if gathered != nil {
		timer := time.NewTimer(pause)
		select {
		case <-timer.C:
		case <-gathered:
		}
		timer.Stop()
	}
	l.mu.Lock()
	after := len(d.queue)
	d.awaited, d.gathered = 0, nil
	l.mu.Unlock()
	d.pace.waited(time.Now(), after, after > before || after > 1)
}

// turn commits one batch of what waits for a document and sees to its
// announcement. It says whether somebody must take the next turn.
func (l *Loop[S]) turn(d *document[S]) bool {
	l.mu.Lock()
	n := min(len(d.queue), l.opts.BatchCommands)
	batch := d.queue[:n:n]
	d.queue = d.queue[n:]
	l.mu.Unlock()
	d.pace.took(n)
	rest, announce := l.batch(d, batch)
	if announce != nil {
		d.announcing <- struct{}{}
	}
	l.mu.Lock()
	d.queue = append(rest, d.queue...)
	more := len(d.queue) > 0
	if !more {
		d.running = false
		l.rest(d)
	}
	l.mu.Unlock()
	switch {
	case announce == nil:
	case more:
		go l.announce(d, announce)
	default:
		l.announce(d, announce)
	}
	return more
}

// announce runs an announcement that holds a token.
func (l *Loop[S]) announce(d *document[S], announce func()) {
	defer func() { <-d.announcing }()
	announce()
}

// batch brings every call in calls to its end, but for those it returns: they
// did not fit and go first in the next batch. announce, if not nil, is what is
// left to do for the others; the next batch need not wait for it.
func (l *Loop[S]) batch(d *document[S], calls []*call[S]) (rest []*call[S], announce func()) {
	var tries backoff
	var last error
	d.doubts = nil
	for {
		if calls = l.alive(calls); len(calls) == 0 {
			return rest, nil
		}
		if tries.n > 0 && !tries.wait(l.latest(calls)) {
			reason := errGaveUp
			if errors.Is(last, ErrConflict) {
				reason = errOutrun
			}
			l.fail(calls, reason)
			return rest, nil
		}
		step, left, announce, err := l.attempt(d, calls)
		last = err
		rest = slices.Concat(left, rest)
		calls = calls[:len(calls)-len(left)]
		switch {
		case err == nil && step == settled:
			return rest, announce
		case errors.Is(err, errGaveUp), errors.Is(err, errLost):
			l.fail(calls, err)
			return rest, nil
		case err == nil, errors.Is(err, ErrConflict), errors.Is(err, ErrAborted), errors.Is(err, ErrUnknown):
			tries.note(step)
		case len(calls) > 1:
			// One command may have spoilt the commit for all: try them singly.
			for _, c := range calls {
				if _, announce := l.batch(d, []*call[S]{c}); announce != nil {
					d.announcing <- struct{}{}
					go l.announce(d, announce)
				}
			}
			return rest, nil
		default:
			l.fail(calls, err)
			return rest, nil
		}
	}
}

// attempt applies calls to the state and commits once. left are the calls that
// did not fit into the commit; they have not been applied.
func (l *Loop[S]) attempt(d *document[S], calls []*call[S]) (step outcome, left []*call[S], announce func(), err error) {
	begun := time.Now()
	if d.state == nil {
		if err := l.load(d); err != nil {
			return retryLater, nil, nil, err
		}
	}
	if landed, announce, err := l.landedLate(d, calls); landed || err != nil {
		return settled, nil, announce, err
	}
	if step, err := l.claim(d); err != nil {
		return step, nil, nil, err
	}
	ready := time.Now()
	if err := l.need(d, calls); err != nil {
		if errors.Is(err, ErrConflict) {
			d.forget()
			d.contest.met(time.Since(begun), time.Since(ready))
		}
		return retryNow, nil, nil, err
	}
	draft := l.model.Draft(d.state)
	for i, c := range calls {
		// A batch in doubt stays together, for it may yet land as a whole.
		if i > 0 && len(d.doubts) == 0 && l.model.Weight(draft) > l.opts.BatchBytes {
			calls, left = calls[:i], calls[i:]
			break
		}
		if c.apply(draft); c.dead {
			return retryNow, left, nil, nil
		}
	}
	base := l.model.Journal(d.state).last()
	nonce := l.model.Journal(draft).append()
	plan, err := l.model.Plan(draft)
	if err != nil {
		return retryNow, left, nil, err
	}
	if len(plan.Writes) == 0 {
		// Nothing to write, so no precondition proves the state current.
		if d.asOf.Before(newest(calls)) {
			d.forget()
			return retryNow, left, nil, nil
		}
		return settled, left, l.release(d, plan, calls), nil
	}
	since, err := l.hang(d, draft, plan)
	if err != nil {
		return retryNow, left, nil, err
	}
	if wait := d.contest.yields(l.model.Journal(d.state), since); wait > 0 {
		time.Sleep(wait)
		d.forget()
		return retryNow, left, nil, ErrConflict
	}
	started := time.Now()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(calls[0].ctx), l.opts.CommitTimeout)
	version, err := l.store.Commit(ctx, plan.Writes)
	cancel()
	switch {
	case err == nil:
		d.state, d.asOf = l.model.Settle(draft, version), started
		d.pace.committed(started, time.Now())
		d.contest.over()
	case errors.Is(err, ErrUnknown):
		landed, lerr := l.landed(d, base, nonce)
		if lerr != nil {
			return retryLater, left, nil, lerr
		}
		if !landed {
			d.doubts = append(d.doubts, newDoubt(base, nonce, plan, calls))
			return retryLater, left, nil, nil
		}
	case errors.Is(err, ErrConflict):
		d.forget()
		d.pace.met(started)
		d.contest.met(time.Since(begun), started.Sub(ready))
		return retryNow, left, nil, err
	default:
		return retryLater, left, nil, err
	}
	return settled, left, l.release(d, plan, calls), nil
}

// landed finds out what became of a commit whose outcome is unknown. Whatever
// the answer, the loaded state is current afterwards.
func (l *Loop[S]) landed(d *document[S], base, nonce uint64) (bool, error) {
	var tries backoff
	deadline := time.Now().Add(l.opts.Patience)
	for {
		tries.note(retryLater)
		if !tries.wait(deadline) {
			d.forget()
			return false, errGaveUp
		}
		err := l.load(d)
		if err == nil {
			break
		}
		if !errors.Is(err, ErrUnknown) && !errors.Is(err, ErrAborted) {
			d.forget()
			return false, err
		}
	}
	j := l.model.Journal(d.state)
	if j.has(nonce) {
		return true, nil
	}
	if !j.reachesBack(base) {
		d.forget()
		return false, errLost
	}
	return false, nil
}

// landedLate looks whether a commit that had not landed when its outcome was
// looked up has landed since: a request may outlive its deadline. If so the
// callers get the answers of that commit.
func (l *Loop[S]) landedLate(d *document[S], calls []*call[S]) (landed bool, announce func(), err error) {
	j := l.model.Journal(d.state)
	open := d.doubts[:0]
	for _, doubt := range d.doubts {
		if !j.has(doubt.nonce) {
			switch {
			case !j.reachesBack(doubt.base):
				return false, nil, errLost
			case j.last() == doubt.base:
				open = append(open, doubt)
			}
			continue // or somebody else came first, and it can land no more
		}
		for _, c := range calls {
			r := doubt.results[c]
			c.value, c.err = r.value, r.err
		}
		return true, l.release(d, doubt.plan, calls), nil
	}
	d.doubts = open
	return false, nil, nil
}

// release answers the callers whose command was refused, and returns what
// announces the batch and then answers the others; nil when that is done.
func (l *Loop[S]) release(d *document[S], plan Plan, calls []*call[S]) func() {
	accepted := make([]*call[S], 0, len(calls))
	for _, c := range calls {
		if c.err != nil || plan.Announce == nil {
			c.finish(c.err)
			continue
		}
		accepted = append(accepted, c)
	}
	if plan.Announce == nil {
		return nil
	}
	ctx := context.WithoutCancel(calls[0].ctx)
	return func() {
		ctx, cancel := context.WithTimeout(ctx, l.opts.AnnounceTimeout)
		defer cancel()
		err := plan.Announce(ctx)
		if err != nil {
			slog.ErrorContext(ctx, "committed but not announced", "document", d.key, "error", err)
			err = fault.New(fault.Unavailable, "stored but not announced, try again with the same idempotency key")
		}
		for _, c := range accepted {
			c.finish(err)
		}
	}
}

func (l *Loop[S]) load(d *document[S]) error {
	started := time.Now()
	ctx, cancel := context.WithTimeout(context.Background(), l.opts.CommitTimeout)
	defer cancel()
	state, err := l.model.Load(ctx, l.store, d.key, d.old())
	if err != nil {
		return err
	}
	d.state, d.asOf, d.stale = state, started, nil
	return nil
}

func (l *Loop[S]) need(d *document[S], calls []*call[S]) error {
	ctx, cancel := context.WithTimeout(context.Background(), l.opts.CommitTimeout)
	defer cancel()
	for _, c := range calls {
		if c.cmd.Need == nil {
			continue
		}
		if err := c.cmd.Need(ctx, l.store, d.state); err != nil {
			return err
		}
	}
	return nil
}

var (
	errGone   = fault.New(fault.Unavailable, "the request ended before its outcome was known")
	errGaveUp = fault.New(fault.Unavailable, "the store could not be reached in time")
	errOutrun = fault.New(fault.Unavailable, "others kept changing the same thing first, try again")
	errLost   = fault.New(fault.Unavailable, "the outcome of a commit could not be established")
)
