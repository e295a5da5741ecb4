package pubsub

import (
	"slices"
	"testing"
	"time"
)

// TestTheWaitDoubles up to the most that a subscription allows.
func TestTheWaitDoubles(t *testing.T) {
	var got []time.Duration
	for attempt := 1; attempt <= 8; attempt++ {
		got = append(got, backoff(attempt, MaxBackoff)/time.Second)
	}
	if want := []time.Duration{1, 2, 4, 8, 16, 32, 60, 60}; !slices.Equal(got, want) {
		t.Errorf("the waits are %v s, not %v", got, want)
	}
	if wait := backoff(100, 5*time.Minute); wait != 5*time.Minute {
		t.Errorf("after 100 attempts it waits %s", wait)
	}
}
