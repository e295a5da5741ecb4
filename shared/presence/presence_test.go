package presence_test

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/throng-im/throng/shared/commit"
	"github.com/throng-im/throng/shared/firestore/firestoretest"
	"github.com/throng-im/throng/shared/id"
	"github.com/throng-im/throng/shared/presence"
)

// counting is a store that counts its queries and may fail them.
type counting struct {
	commit.Store
	mu      sync.Mutex
	queries int
	fail    error
}

func (c *counting) Query(ctx context.Context, q commit.Query) ([]commit.Doc, error) {
	c.mu.Lock()
	c.queries++
	err := c.fail
	c.mu.Unlock()
	if err != nil {
		return nil, err
	}
	return c.Store.Query(ctx, q)
}

func TestTheBoardSaysWhoIsConnected(t *testing.T) {
	for name, store := range firestoretest.Stores(t) {
		t.Run(name, func(t *testing.T) {
			clock := time.UnixMilli(1_800_000_000_000)
			board := presence.New(store, func() time.Time { return clock })
			ctx := t.Context()
			ok := func(err error) {
				t.Helper()
				if err != nil {
					t.Fatal(err)
				}
			}
			expect := func(when string, want ...id.User) {
				t.Helper()
				clock = clock.Add(time.Second) // past what was read before
				got, err := board.Online(ctx, "ann", "bob", "cid", "dan")
				ok(err)
				for _, u := range []id.User{"ann", "bob", "cid", "dan"} {
					if got[u] != slices.Contains(want, u) {
						t.Errorf("%s: %s is connected: %v", when, u, got[u])
					}
				}
			}
			expect("nobody yet")
			ok(board.Set(ctx, "one", []id.User{"ann", "bob"}))
			ok(board.Set(ctx, "__two__", []id.User{"bob", "cid"}))
			expect("two instances", "ann", "bob", "cid")
			ok(board.Set(ctx, "one", []id.User{"dan"}))
			expect("one has others", "bob", "cid", "dan")
			ok(board.Remove(ctx, "__two__"))
			expect("two stopped", "dan")
			clock = clock.Add(presence.Lease - 10*time.Second)
			ok(board.Renew(ctx, "one"))
			ok(board.Renew(ctx, "never set"))
			clock = clock.Add(presence.Lease - 10*time.Second)
			expect("one renewed its lease", "dan")
			clock = clock.Add(presence.Lease)
			expect("one died")
			ok(board.Set(ctx, "one", nil))
			expect("one is back, and empty")
		})
	}
}

func TestOneReadingServesASecond(t *testing.T) {
	store := &counting{Store: new(commit.Memory)}
	clock := time.UnixMilli(1_800_000_000_000)
	board := presence.New(store, func() time.Time { return clock })
	if err := board.Set(t.Context(), "one", []id.User{"ann"}); err != nil {
		t.Fatal(err)
	}
	ask := func() {
		t.Helper()
		var wg sync.WaitGroup
		for range 50 {
			wg.Go(func() {
				if got, err := board.Online(t.Context(), "ann"); err != nil || !got["ann"] {
					t.Errorf("%v, %v", got, err)
				}
			})
		}
		wg.Wait()
	}
	ask()
	clock = clock.Add(999 * time.Millisecond)
	ask()
	if store.queries != 1 {
		t.Errorf("%d readings in a second", store.queries)
	}
	clock = clock.Add(time.Millisecond)
	ask()
	if store.queries != 2 {
		t.Errorf("%d readings in two seconds", store.queries)
	}
}

// TestALeaseEndsWithinAReading: what was read is not believed longer than said.
func TestALeaseEndsWithinAReading(t *testing.T) {
	clock := time.UnixMilli(1_800_000_000_000)
	board := presence.New(new(commit.Memory), func() time.Time { return clock })
	if err := board.Set(t.Context(), "one", []id.User{"ann"}); err != nil {
		t.Fatal(err)
	}
	clock = clock.Add(presence.Lease - time.Millisecond)
	for _, want := range []bool{true, false} {
		if got, err := board.Online(t.Context(), "ann"); err != nil || got["ann"] != want {
			t.Errorf("%v, %v, want %v", got, err, want)
		}
		clock = clock.Add(time.Millisecond)
	}
}

func TestAFailedReadingIsNotRemembered(t *testing.T) {
	store := &counting{Store: new(commit.Memory), fail: errors.New("permission denied")}
	board := presence.New(store, time.Now)
	if _, err := board.Online(t.Context(), "ann"); err == nil {
		t.Error("nobody could know")
	}
	store.fail = nil
	if got, err := board.Online(t.Context(), "ann"); err != nil || got["ann"] {
		t.Errorf("%v, %v", got, err)
	}
}
