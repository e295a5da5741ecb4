package live

import (
	"context"
	"errors"
	"testing"

	"github.com/throng-im/throng/shared/id"
)

func TestTheSenderWaitsForMostAndForNobodySlow(t *testing.T) {
	f := &flow{limit: flowLeast, changed: make(chan struct{})}
	now, cancel := context.WithCancel(t.Context())
	cancel() // a wait that would be one fails at once
	var w wave
	w.begin(f, 400, flowLeast, 100)
	if err := f.wait(now); !errors.Is(err, context.Canceled) {
		t.Fatalf("with everything still to write, wait returned %v", err)
	}
	for range 299 {
		w.done()
	}
	if err := f.wait(now); err == nil {
		t.Fatal("wait returned while more than a quarter had still to write")
	}
	waited := make(chan error)
	go func() { waited <- f.wait(t.Context()) }()
	w.done()
	if err := <-waited; err != nil {
		t.Fatal(err)
	}
	for range 100 {
		w.done() // the slow ones count no more
	}
	if f.deliveries != 0 || f.bytes != 0 {
		t.Errorf("%d deliveries and %d bytes are still counted", f.deliveries, f.bytes)
	}
	var few wave
	few.begin(f, fewReaders, 1<<20, 1<<30)
	if err := f.wait(now); err != nil {
		t.Errorf("a handful of readers held the sender back: %v", err)
	}
}

func TestACursorStaysSmall(t *testing.T) {
	c := cursor{since: 1000, at: map[id.Serial]place{}}
	for i := range 500 {
		c.move(id.Serial(i+1), place{seq: int64(i), at: 2000 + int64(i)})
	}
	c.advance(1500)
	if len(c.at) != cursorGroups || c.since != 2000+500-cursorGroups-1 {
		t.Errorf("%d groups are left, since %d", len(c.at), c.since)
	}
	if n := len(c.append(nil)); n > 1500 {
		t.Errorf("an id takes %d bytes", n)
	}
	c.advance(1) // time never goes back
	if c.since != 2000+500-cursorGroups-1 {
		t.Errorf("since fell to %d", c.since)
	}
}
