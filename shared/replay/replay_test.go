package replay_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/throng-im/throng/shared/commit"
	"github.com/throng-im/throng/shared/fault"
	"github.com/throng-im/throng/shared/replay"
)

var at = time.UnixMilli(1_800_000_000_000)

func once(t *testing.T, n *replay.Nonces, at time.Time, nonce string) bool {
	t.Helper()
	first, err := n.Once(t.Context(), at, nonce)
	if err != nil {
		t.Fatal(err)
	}
	return first
}

func TestANonceIsFirstOnce(t *testing.T) {
	store := new(commit.Memory)
	one, other := replay.New(store, time.Minute), replay.New(store, time.Minute)
	for i, c := range []struct {
		on    *replay.Nonces
		at    time.Time
		nonce string
		want  bool
	}{
		{one, at, "a", true}, {one, at, "a", false}, {other, at, "a", false}, {other, at, "b", true}, {one, at, "b", false},
		// The same slice, and another one.
		{one, at.Add(9999 * time.Millisecond), "a", false}, {one, at.Add(10 * time.Second), "a", true}, {other, at.Add(-time.Millisecond), "a", true},
	} {
		if got := once(t, c.on, c.at, c.nonce); got != c.want {
			t.Errorf("call %d: %s is first: %v", i, c.nonce, got)
		}
	}
}

// TestOneOfManyIsFirst has several processes see the same few requests at once,
// while the store refuses some commits and loses some answers.
func TestOneOfManyIsFirst(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		chance := rapid.Float64Range(0, 0.3).Draw(t, "chance of a fault")
		store := new(commit.Memory)
		fail := func([]commit.Write) error {
			if rand.Float64() < chance {
				return fmt.Errorf("%w: broken", commit.ErrUnknown)
			}
			return nil
		}
		store.Before, store.After = fail, fail
		processes := []*replay.Nonces{replay.New(store, time.Minute), replay.New(store, time.Minute), replay.New(store, time.Minute)}
		nonces, times := rapid.IntRange(1, 20).Draw(t, "nonces"), rapid.IntRange(2, 6).Draw(t, "times each")
		var mu sync.Mutex
		firsts, unknown := map[string]int{}, map[string]bool{}
		var wg sync.WaitGroup
		for i := range nonces * times {
			nonce := fmt.Sprint("nonce", i%nonces)
			wg.Go(func() {
				first, err := processes[i%3].Once(context.Background(), at.Add(time.Duration(i%nonces)*time.Second), nonce)
				mu.Lock()
				defer mu.Unlock()
				if err != nil {
					unknown[nonce] = true
				} else if first {
					firsts[nonce]++
				}
			})
		}
		wg.Wait()
		for i := range nonces {
			nonce := fmt.Sprint("nonce", i)
			if n := firsts[nonce]; n > 1 || n == 0 && !unknown[nonce] {
				t.Errorf("%s was first %d times", nonce, n)
			}
		}
	})
}

// TestAFullDocumentSpills marks more nonces of one slice than its document holds.
func TestAFullDocumentSpills(t *testing.T) {
	store := new(commit.Memory)
	one, other := replay.New(store, time.Minute), replay.New(store, time.Minute)
	const nonces = 6000
	mark := func(n *replay.Nonces, want bool) {
		var wg sync.WaitGroup
		for i := range nonces {
			wg.Go(func() {
				if first, err := n.Once(t.Context(), at, fmt.Sprint("nonce", i)); err != nil || first != want {
					t.Errorf("nonce %d is first: %v, %v", i, first, err)
				}
			})
		}
		wg.Wait()
	}
	mark(one, true)
	mark(one, false)
	mark(other, false)
	docs, err := store.Query(t.Context(), commit.Query{Collection: "nonces"})
	if err != nil {
		t.Fatal(err)
	}
	held := 0
	for _, d := range docs {
		seen, _ := d.Fields["seen"].([]byte)
		held += len(seen) / 8
		if end, _ := d.Fields["expireAt"].(time.Time); end.Before(at.Add(10*time.Second+time.Minute)) || end.After(at.Add(48*time.Hour)) {
			t.Errorf("%s ends at %v", d.Path, end)
		}
		if first := !strings.Contains(d.Path, "-"); first != (len(seen) == 8*4096) {
			t.Errorf("%s holds %d nonces", d.Path, len(seen)/8)
		}
	}
	if held != nonces || len(docs) != 17 {
		t.Errorf("%d documents hold %d nonces", len(docs), held)
	}
}

// TestManyNoncesAreFewCommits counts what a burst costs.
func TestManyNoncesAreFewCommits(t *testing.T) {
	store := new(commit.Memory)
	commits := 0
	store.Before = func([]commit.Write) error { commits++; time.Sleep(5 * time.Millisecond); return nil }
	nonces := replay.New(store, time.Minute)
	var wg sync.WaitGroup
	for i := range 1000 {
		wg.Go(func() {
			if first, err := nonces.Once(t.Context(), at, fmt.Sprint(i)); err != nil || !first {
				t.Errorf("nonce %d is first: %v, %v", i, first, err)
			}
		})
	}
	wg.Wait()
	if commits > 100 {
		t.Errorf("1,000 nonces took %d commits", commits)
	}
}

func TestWhoCannotAskIsNotTold(t *testing.T) {
	store := new(commit.Memory)
	store.Before = func([]commit.Write) error { return errors.New("permission denied") }
	nonces := replay.New(store, time.Minute)
	if first, err := nonces.Once(t.Context(), at, "a"); first || err == nil {
		t.Errorf("refused: %v, %v", first, err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if first, err := nonces.Once(ctx, at, "a"); first || !fault.Is(err, fault.Unavailable) {
		t.Errorf("gone: %v, %v", first, err)
	}
	store.Calm()
	if !once(t, nonces, at, "b") {
		t.Error("it did not heal")
	}
}

func TestABrokenDocumentPassesNothing(t *testing.T) {
	store := new(commit.Memory)
	if _, err := store.Commit(t.Context(), []commit.Write{{Path: fmt.Sprint("nonces/", at.UnixMilli()/10_000), Fields: commit.Fields{"seen": []byte("broken")}}}); err != nil {
		t.Fatal(err)
	}
	if first, err := replay.New(store, time.Minute).Once(t.Context(), at, "a"); first || err == nil {
		t.Errorf("%v, %v", first, err)
	}
}
