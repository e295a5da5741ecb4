// Package retention removes what nobody may see any more.
//
// What is over is never shown, whether or not it was removed: every reader goes by
// the clock. So retention may come late and stop anywhere, and needs no lock. It
// only has to be sure that what it removes is over for everybody, by the settings
// as they are now; that is why nothing of a timeline is stamped with the time of its
// end. A run goes through tasks in pages:
//
//	segments   of all groups, by the day of their newest entry, with receipts
//	windows    segments of groups that have an offline window of their own
//	ended      groups that were dismissed long ago
//	states     what users set of groups that they left long ago
//	users      what a rule says of each user's document, such as silent devices
//	presence   instances of the stream that are long gone
//	nonces     of the stronger signature
//
// retention/{task} says how far a task came, and is written every few pages on the
// condition that nobody else has done so: of two runs at once one goes on.
package retention

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/throng-im/throng/shared/commit"
	"github.com/throng-im/throng/shared/conversation"
	"github.com/throng-im/throng/shared/fault"
	"github.com/throng-im/throng/shared/group"
	"github.com/throng-im/throng/shared/id"
	"github.com/throng-im/throng/shared/receipt"
)

const (
	// mostPage is how many documents a task looks at in one step.
	mostPage = 200
	// saveEvery is after how many steps progress is stored: what a run repeats that
	// takes over from one that was killed.
	saveEvery = 5
	// changeAtOnce bounds the changes of a step that are under way at the same time.
	changeAtOnce = 8
)

// UserRule is something that time does to users' documents.
type UserRule struct {
	// Due says, of users/{user} as stored, whether there is something to do.
	Due func(user commit.Doc, now time.Time) bool
	// Do does it.
	Do func(ctx context.Context, user id.User) error
}

// Options are what retention works with.
type Options struct {
	Store         commit.Store
	Groups        *group.Groups
	Receipts      *receipt.Receipts
	Conversations *conversation.Conversations
	Rules         Rules
	// Users may be nil.
	Users *UserRule
	// Now is the clock that decides what is over.
	Now func() time.Time
	// Dry removes and stores nothing: it says what a run without bounds would do.
	Dry bool
	// Removing, when set, is told of every document that is about to be removed.
	Removing func(path string)
}

// Budget bounds one run: documents looked at, changed and removed, and time. Each is
// exceeded by one page at most. Zero is no bound.
type Budget struct {
	Documents int
	Time      time.Duration
}

// run is one run.
type run struct {
	Options
	now time.Time
	// own are the offline windows that groups have of their own, once asked for.
	own map[id.Group]int
	// receipts are how far groups' receipts were listed.
	receipts map[id.Group]commit.Doc
	// seen are the tasks that a dry run has done.
	seen map[string]bool
	end  time.Time
	// left is how many documents the budget has left, page how many one step asks for.
	left, page int
}

// task is one kind of work. A round of it goes through everything, from page to
// page, and begins once in every so much time.
type task struct {
	name  string
	every time.Duration
	step  func(r *run, ctx context.Context, at place) (step, error)
}

// step is one page: what it read, what is to be done, and where the next one begins.
type step struct {
	// reads counts documents read.
	reads int
	// remove are documents to delete, in that order.
	remove []string
	// change are what goes through commit loops. They count as one document each.
	change []func(context.Context) error
	next   place
	done   bool
}

// tasks in their order: the small ones first.
var tasks = []task{
	{"presence", time.Hour, (*run).presence},
	{"nonces", time.Hour, (*run).nonces},
	{"segments", 24 * time.Hour, (*run).segments},
	{"windows", 24 * time.Hour, (*run).windows},
	{"ended", 24 * time.Hour, (*run).ended},
	{"states", 30 * 24 * time.Hour, (*run).states},
	{"users", 30 * 24 * time.Hour, (*run).users},
}

// errTaken ends a run beside which another one is at work.
var errTaken = errors.New("another run is at work")

// Run does what is due, as far as the budget goes, and says how far each task is
// that it worked on. It may be repeated, killed and run beside itself. No error
// means that the next run goes on where this one ended.
func Run(ctx context.Context, o Options, b Budget) ([]Progress, error) {
	r := &run{Options: o, now: o.Now(), receipts: map[id.Group]commit.Doc{}, seen: map[string]bool{}, left: b.Documents}
	if b.Documents == 0 {
		r.left = 1 << 62
	}
	if b.Time > 0 {
		r.end = time.Now().Add(b.Time)
	}
	var all []Progress
	var failed []error
	// At first each task leaves half of the budget to those behind it.
	for _, share := range []int{2, 1} {
		for _, t := range tasks {
			p, worked, err := r.work(ctx, t, r.left/share)
			if worked {
				all = note(all, p)
			}
			if errors.Is(err, errTaken) {
				slog.InfoContext(ctx, "retention leaves the work to another run", "task", t.name)
				return all, nil
			}
			if err != nil {
				// The others can be done all the same.
				failed = append(failed, fmt.Errorf("retention of %s: %w", t.name, err))
			}
		}
		if len(failed) > 0 {
			break
		}
	}
	return all, errors.Join(failed...)
}

// note keeps the newest progress of each task.
func note(all []Progress, p Progress) []Progress {
	for i := range all {
		if all[i].Task == p.Task {
			all[i] = p
			return all
		}
	}
	return append(all, p)
}

// late says whether the run's time is over.
func (r *run) late() bool { return !r.end.IsZero() && time.Now().After(r.end) }

// work goes on with a task, for so many documents.
func (r *run) work(ctx context.Context, t task, documents int) (p Progress, worked bool, err error) {
	if documents <= 0 || r.late() {
		return p, false, nil
	}
	if p, err = r.load(ctx, t); err != nil || !p.due {
		return p, false, err
	}
	for n := 1; !p.Done && documents > 0 && !r.late(); n++ {
		r.page = min(documents, mostPage)
		s, err := t.step(r, ctx, p.at)
		if err == nil {
			err = r.do(ctx, s)
		}
		if err != nil {
			return p, true, err
		}
		cost := s.reads + len(s.remove) + len(s.change)
		documents, r.left = documents-cost, r.left-cost
		p.Reads, p.Removed, p.Changed = p.Reads+s.reads, p.Removed+len(s.remove), p.Changed+len(s.change)
		if p.at, p.Done = s.next, s.done; n%saveEvery == 0 && !p.Done {
			if err := r.save(ctx, &p); err != nil {
				return p, true, err
			}
		}
	}
	err = r.save(ctx, &p)
	if !r.Dry {
		slog.InfoContext(ctx, "retention", "task", t.name, "removed", p.Removed, "changed", p.Changed, "reads", p.Reads, "done", p.Done, "began", p.Began, "at", p.at.path)
	}
	return p, true, err
}

// do carries out a step.
func (r *run) do(ctx context.Context, s step) error {
	if r.Removing != nil {
		for _, path := range s.remove {
			r.Removing(path)
		}
	}
	if r.Dry {
		return nil
	}
	if err := commit.Delete(ctx, r.Store, s.remove); err != nil {
		return err
	}
	work, ctx := errgroup.WithContext(ctx)
	work.SetLimit(changeAtOnce)
	for _, change := range s.change {
		work.Go(func() error {
			err := change(ctx)
			if err != nil && !fault.Is(err, fault.Unavailable) {
				// No retry would cure it, and it must not hold up everything else.
				slog.ErrorContext(ctx, "something old could not be changed", "error", err)
				return nil
			}
			return err
		})
	}
	return work.Wait()
}
