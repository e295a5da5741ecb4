package presence_test

import (
	"context"
	"errors"
	"fmt"
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

// TestTheDeadAreBuried takes the users of an instance off the board in two steps,
// and fails where the instance spoke meanwhile or somebody else was faster.
func TestTheDeadAreBuried(t *testing.T) {
	for name, store := range firestoretest.Stores(t) {
		t.Run(name, func(t *testing.T) {
			clock := time.UnixMilli(1_800_000_000_000)
			board := presence.New(store, func() time.Time { return clock })
			ctx := t.Context()
			last := func(want ...id.User) presence.Last {
				t.Helper()
				l, said, err := board.Last(ctx, "__one__")
				if err != nil || said != (len(want) > 0) || !slices.Equal(l.Users, want) {
					t.Fatalf("%+v, %v, %v, want %v", l, said, err, want)
				}
				return l
			}
			ok := func(err error) {
				t.Helper()
				if err != nil {
					t.Fatal(err)
				}
			}
			last()
			ok(board.Set(ctx, "__one__", []id.User{"ann", "bob", "cem"}))
			clock = clock.Add(presence.Heartbeat)
			ok(board.Renew(ctx, "__one__"))
			l := last("ann", "bob", "cem")
			if !l.SpokeAt.Equal(clock) || !l.Until.Equal(clock.Add(presence.Lease)) {
				t.Errorf("it spoke at %s and is believed until %s, now is %s", l.SpokeAt, l.Until, clock)
			}
			clock = clock.Add(presence.Heartbeat)
			ok(board.Renew(ctx, "__one__"))
			if err := board.Bury(ctx, &l, nil); !errors.Is(err, commit.ErrConflict) {
				t.Errorf("it has spoken, and was buried: %v", err)
			}
			l = last("ann", "bob", "cem")
			other := l
			ok(board.Bury(ctx, &l, l.Users[2:]))
			if err := board.Bury(ctx, &other, other.Users[2:]); !errors.Is(err, commit.ErrConflict) {
				t.Errorf("it was buried twice: %v", err)
			}
			if now := last("cem"); !now.SpokeAt.Equal(clock) {
				t.Errorf("burying some counts as speaking at %s", now.SpokeAt)
			}
			ok(board.Bury(ctx, &l, nil))
			last()
		})
	}
}

// TestWhereSomebodyIs: every instance that has one of them, as long as it is
// believed.
func TestWhereSomebodyIs(t *testing.T) {
	clock := time.UnixMilli(1_800_000_000_000)
	board := presence.New(new(commit.Memory), func() time.Time { return clock })
	for instance, users := range map[string][]id.User{"one": {"ann", "bob"}, "two": {"ann"}, "three": {"cem"}, "four": nil} {
		if err := board.Set(t.Context(), instance, users); err != nil {
			t.Fatal(err)
		}
	}
	where := func(users ...id.User) []string {
		t.Helper()
		_, instances, err := board.Where(t.Context(), users...)
		if err != nil {
			t.Fatal(err)
		}
		slices.Sort(instances)
		return instances
	}
	for want, got := range map[string][]string{"[one two]": where("ann", "dan"), "[one]": where("bob"), "[]": where("dan"), "[three]": where("cem")} {
		if fmt.Sprint(got) != want {
			t.Errorf("%v, want %s", got, want)
		}
	}
	clock = clock.Add(presence.Lease)
	if got := where("ann", "bob", "cem"); len(got) > 0 {
		t.Errorf("%v are believed", got)
	}
}
