package retention_test

import (
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/throng-im/throng/shared/group"
	"github.com/throng-im/throng/shared/id"
	"github.com/throng-im/throng/shared/retention"
)

// TestRetentionBesideSendersAndReaders lets days pass while fifty send, twenty read
// and retention runs twice over: what was answered and is in the window is never
// missing, and what is out of it is never shown.
func TestRetentionBesideSendersAndReaders(t *testing.T) {
	const senders, readers, groups = 50, 20, 4
	w := newWorld(t, retention.Rules{OfflineDays: 1, HistoryMonths: 0})
	for i := range groups {
		w.join(id.Group(fmt.Sprint("g", i)), "ann", "bob")
	}
	var over atomic.Bool
	var sending, others sync.WaitGroup
	for n := range senders {
		sending.Go(func() {
			for range 60 {
				g := id.Group(fmt.Sprint("g", n%groups))
				r, err := w.groups.Publish(w.ctx, g, group.Entry{From: "bob", Type: "RC:TxtMsg", Content: fmt.Sprint(n)})
				if err != nil {
					t.Error(err)
					return
				}
				w.mu.Lock()
				w.log[g] = append(w.log[g], said{r.Seq, r.At})
				w.mu.Unlock()
				w.passes(2 * time.Minute) // 3,000 messages take four days
			}
		})
	}
	for n := range readers {
		others.Go(func() {
			for !over.Load() {
				w.reads(id.Group(fmt.Sprint("g", n%groups)))
			}
		})
	}
	var removed atomic.Int64
	for range 2 {
		others.Go(func() {
			for !over.Load() {
				all, err := retention.Run(w.ctx, w.options(), retention.Budget{})
				if err != nil {
					t.Error(err)
				}
				n, _, _ := total(all)
				removed.Add(int64(n))
			}
		})
	}
	sending.Wait()
	over.Store(true)
	others.Wait()
	if removed.Load() == 0 {
		t.Error("nothing was removed")
	}
	for i := range groups {
		w.reads(id.Group(fmt.Sprint("g", i)))
	}
}

// reads compares what a device gets with what had been answered before it asked.
func (w *world) reads(g id.Group) {
	w.mu.Lock()
	answered := slices.Clone(w.log[g])
	w.mu.Unlock()
	before := w.window(g)
	seqs, _, err := w.sync(g, 0)
	after := w.window(g)
	if err != nil {
		w.Error(err)
		return
	}
	shown := map[int64]bool{}
	for _, seq := range seqs {
		shown[seq] = true
	}
	for _, m := range answered {
		switch {
		case m.at >= after && !shown[m.seq]:
			w.Errorf("%s: message %d is missing of %s", g, m.seq, span(seqs))
		case m.at < before && shown[m.seq]:
			w.Errorf("%s: message %d is shown, and over", g, m.seq)
		}
	}
}
