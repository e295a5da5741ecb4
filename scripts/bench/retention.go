package main

import (
	"context"
	"fmt"
	"runtime"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/throng-im/throng/shared/conversation"
	"github.com/throng-im/throng/shared/cost"
	"github.com/throng-im/throng/shared/firestore"
	"github.com/throng-im/throng/shared/group"
	"github.com/throng-im/throng/shared/id"
	"github.com/throng-im/throng/shared/receipt"
	"github.com/throng-im/throng/shared/retention"
)

// What expires in the retention table.
const (
	// oldGroups are filled where a row is measured for a second or longer, and fewer
	// where it is shorter.
	oldGroups, fewestGroups = 500, 10
	// oldEach is how many messages a group has.
	oldEach = 200
	// oldAtOnce groups are filled at the same time, with so many messages at once.
	oldAtOnce, oldBatch = 32, 5
)

// retentionTable fills groups, lets eight days pass and measures the run that removes
// what is over. It is measured once: what was removed is gone.
func (t *town) retentionTable(ctx context.Context, r *report) error {
	meter := new(cost.Meter)
	store, err := firestore.Open(ctx, "demo-bench-old", meter)
	if err != nil {
		return err
	}
	defer func() { _ = store.Close() }()
	ahead := time.Duration(0)
	now := func() time.Time { return time.Now().Add(ahead) }
	quiet := func(context.Context, ...[]byte) error { return nil }
	groups := group.New(store, quiet, group.Options{Linger: -1, Now: now})
	count := max(fewestGroups, int(oldGroups*min(1, t.per.Seconds())))
	var filling errgroup.Group
	filling.SetLimit(oldAtOnce)
	for i := range count {
		filling.Go(func() error { return fillOld(ctx, groups, id.Group(fmt.Sprint("old", i))) })
	}
	if err := filling.Wait(); err != nil {
		return err
	}
	ahead = 9 * 24 * time.Hour
	o := retention.Options{
		Store: store, Groups: groups, Receipts: receipt.New(store, quiet, 0, now), Conversations: conversation.New(store, nil, 0, now),
		Rules: retention.Rules{OfflineDays: 7}, Now: now,
	}
	out := table{Name: "retention", Title: fmt.Sprintf("%d messages of %d groups expire", count*oldEach, count), Unit: "documents/s",
		Note: "the plan reads and the run deletes; reads and writes (deletes here) are for each document removed"}
	kinds := row{Name: "expire"}
	for _, dry := range []bool{true, false} {
		o.Dry = dry
		m, note, err := runOld(ctx, o, meter)
		if err != nil {
			return err
		}
		kinds.Variants, out.Note = append(kinds.Variants, m), out.Note+"; "+note
	}
	out.Rows = []row{kinds}
	r.add(out)
	return nil
}

func fillOld(ctx context.Context, groups *group.Groups, name id.Group) error {
	if err := groups.Join(ctx, name, []id.User{"ann", "bob"}, ""); err != nil {
		return err
	}
	for range oldEach / oldBatch {
		var batch errgroup.Group
		for range oldBatch {
			batch.Go(func() error {
				_, err := groups.Publish(ctx, name, group.Entry{From: "ann", Type: "RC:TxtMsg", Content: content})
				return err
			})
		}
		if err := batch.Wait(); err != nil {
			return err
		}
	}
	return nil
}

// runOld is one run, with the largest heap that it had beyond what there was before.
func runOld(ctx context.Context, o retention.Options, meter *cost.Meter) (measured, string, error) {
	runtime.GC()
	base := heap()
	peak := base // the watcher's, until it has ended
	over := make(chan struct{})
	watched := make(chan struct{})
	go func() {
		defer close(watched)
		for {
			select {
			case <-over:
				return
			case <-time.After(20 * time.Millisecond):
				peak = max(peak, heap())
			}
		}
	}()
	before, began := meter.Counts(), time.Now()
	all, err := retention.Run(ctx, o, retention.Budget{})
	took, spent := time.Since(began), meter.Counts().Sub(before)
	close(over)
	<-watched
	removed := 0
	for _, p := range all {
		removed += p.Removed
	}
	name := "a run"
	if o.Dry {
		name = "a plan"
	}
	per := float64(max(removed, 1))
	rate := per / took.Seconds()
	grown := peak - base
	return measured{Variant: name, Rate: rate, Low: rate, High: rate, Reads: float64(spent.Reads) / per, Writes: float64(spent.Deletes) / per, Operations: removed},
		fmt.Sprintf("%s: %d deletes, %d reads, %d commits, %.1f s, heap %+.1f MiB", name, spent.Deletes, spent.Reads, spent.Commits, took.Seconds(), float64(grown)/(1<<20)), err
}

func heap() uint64 {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}
