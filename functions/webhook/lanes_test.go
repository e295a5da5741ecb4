package webhook

import (
	"context"
	"errors"
	"testing"
	"time"
)

// TestWhoIsBeforeIsWaitedFor but not for ever.
func TestWhoIsBeforeIsWaitedFor(t *testing.T) {
	l := newLanes(time.Hour)
	enter := func(first, last int64) func() {
		t.Helper()
		leave, err := l.enter(t.Context(), "g", first, last)
		if err != nil {
			t.Fatal(err)
		}
		return leave
	}
	enter(1, 2)() // the first that this process sees waits for nobody
	order := make(chan int64, 2)
	go func() {
		leave, err := l.enter(t.Context(), "g", 5, 6)
		if err != nil {
			t.Error(err)
			return
		}
		order <- 5
		leave()
	}()
	for waiting := 0; waiting == 0; time.Sleep(time.Millisecond) {
		l.mu.Lock()
		if one := l.busy["g"]; one != nil {
			waiting = len(one.waiting)
		}
		l.mu.Unlock()
	}
	leave := enter(3, 4)
	order <- 3
	leave()
	if a, b := <-order, <-order; a != 3 || b != 5 {
		t.Errorf("%d came before %d", a, b)
	}
	enter(2, 2)() // what comes once more is late, and waits for nobody
	l.skip("g", 7, 8)
	enter(9, 9)() // nor does what follows on what there was nothing to tell of
	l.gap = time.Millisecond
	enter(20, 20)() // they never came, or went to another process
	if len(l.busy) != 0 {
		t.Errorf("%d groups are still busy", len(l.busy))
	}
}

// TestACrowdIsSentAway, and who gives up does not hold up the others.
func TestACrowdIsSentAway(t *testing.T) {
	l := newLanes(time.Hour)
	leave, err := l.enter(t.Context(), "g", 1, 1)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	results := make(chan error, crowd)
	for i := range crowd {
		go func() {
			_, err := l.enter(ctx, "g", int64(i+2), int64(i+2))
			results <- err
		}()
	}
	for full := false; !full; time.Sleep(time.Millisecond) {
		l.mu.Lock()
		full = len(l.busy["g"].waiting) == crowd
		l.mu.Unlock()
	}
	if _, err := l.enter(t.Context(), "g", 999, 999); !errors.Is(err, errCrowded) {
		t.Errorf("one more: %v", err)
	}
	if other, err := l.enter(t.Context(), "another", 1, 1); err != nil {
		t.Errorf("another group: %v", err)
	} else {
		other()
	}
	cancel()
	for range crowd {
		if err := <-results; !errors.Is(err, context.Canceled) {
			t.Errorf("who gave up: %v", err)
		}
	}
	leave()
	l.gap = time.Millisecond
	if leave, err = l.enter(t.Context(), "g", 50, 50); err != nil {
		t.Fatal(err)
	}
	leave()
	if len(l.busy) != 0 {
		t.Errorf("%d groups are still busy", len(l.busy))
	}
}
