package commit_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"github.com/throng-im/throng/shared/commit"
)

// distant is a store that takes as long as Firestore: a read 30 ms, a commit 60,
// both give or take a half. It counts the commits that were claims, and those
// of them that cost the document more than its journal.
type distant struct {
	*commit.Memory
	claims, broken atomic.Int64
}

func some(d time.Duration) { time.Sleep(d/2 + rand.N(d)) }

func (s *distant) Get(ctx context.Context, paths []string, fields ...string) ([]commit.Doc, error) {
	some(15 * time.Millisecond)
	docs, err := s.Memory.Get(ctx, paths, fields...)
	some(15 * time.Millisecond)
	return docs, err
}

func (s *distant) Commit(ctx context.Context, ws []commit.Write) (time.Time, error) {
	some(30 * time.Millisecond)
	version, err := s.Memory.Commit(ctx, ws)
	if _, words := ws[0].Fields["list"]; err == nil && !words {
		s.claims.Add(1)
		docs, _ := s.Memory.Get(ctx, []string{ws[0].Path})
		if _, kept := docs[0].Fields["list"]; !kept {
			s.broken.Add(1)
		}
	}
	some(30 * time.Millisecond)
	return version, err
}

// busy lets processes change a document without a pause, each for three callers,
// until the returned function is called.
func busy(t *testing.T, store commit.Store, processes int) (stop func()) {
	ctx, cancel := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	for range processes {
		loop := commit.New[words](store, wordsModel{}, commit.Options{})
		for range 3 {
			wg.Go(func() {
				for ctx.Err() == nil {
					_, _ = loop.Do(ctx, "k", touch(0))
				}
			})
		}
	}
	time.Sleep(3 * time.Second)
	return func() {
		cancel()
		wg.Wait()
		time.Sleep(time.Minute) // what they began ends
	}
}

// touch changes a document after so much work.
func touch(work time.Duration) commit.Command[words] {
	return commit.Command[words]{
		Need:  func(context.Context, commit.Reader, *words) error { time.Sleep(work); return nil },
		Apply: func(d *words) (any, error) { d.changed = true; return nil, nil },
	}
}

// TestNobodyStarves: a command that needs longer than others leave between two
// commits is done all the same. Without claims hardly any of these ends. The
// clock is not the machine's.
func TestNobodyStarves(t *testing.T) {
	for _, work := range []time.Duration{50 * time.Millisecond, 200 * time.Millisecond, 600 * time.Millisecond} {
		t.Run(fmt.Sprint(work), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				store := &distant{Memory: new(commit.Memory)}
				stop := busy(t, store, 2)
				loop := commit.New[words](store, wordsModel{}, commit.Options{Patience: time.Minute})
				if _, err := loop.Do(t.Context(), "k", add("the list is kept")); err != nil {
					t.Fatal(err)
				}
				for range 20 {
					if _, err := loop.Do(t.Context(), "k", touch(work)); err != nil {
						t.Fatal(err)
					}
				}
				stop()
				if n := store.claims.Load(); n == 0 || n > 60 {
					t.Errorf("20 commands took %d claims", n)
				}
				if list := stored(t, store, "k"); !slices.Equal(list, []string{"the list is kept"}) || store.broken.Load() > 0 {
					t.Errorf("claims changed more than the journal: %q, %d documents", list, store.broken.Load())
				}
			})
		})
	}
}

// TestWhoIsQuickDoesNotClaim: it would cost a commit and gain nothing.
func TestWhoIsQuickDoesNotClaim(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := &distant{Memory: new(commit.Memory)}
		stop := busy(t, store, 9)
		time.Sleep(30 * time.Second)
		stop()
		if n := store.claims.Load(); n > 0 {
			t.Errorf("%d claims", n)
		}
	})
}

// claimed makes a document that somebody claimed, who then was heard of no more.
func claimed(t *testing.T, store commit.Store, wait time.Duration) {
	t.Helper()
	var journal commit.Journal
	journal.Append()
	journal.Claim(wait)
	if _, err := store.Commit(t.Context(), []commit.Write{{Path: "words/k", Fields: journal.Stored()}}); err != nil {
		t.Fatal(err)
	}
}

func TestAClaimIsHeededOnceAndNoLongerThanItAsksFor(t *testing.T) {
	for name, s := range map[string]struct{ asked, later, least, most time.Duration }{
		"at once":                 {500 * time.Millisecond, 0, 500 * time.Millisecond, 750 * time.Millisecond},
		"when some of it is over": {500 * time.Millisecond, 300 * time.Millisecond, 200 * time.Millisecond, 450 * time.Millisecond},
		"when it is over":         {500 * time.Millisecond, time.Second, 0, 0},
		"that asks for too much":  {time.Hour, 0, 2 * time.Second, 3 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				store := new(commit.Memory)
				claimed(t, store, s.asked)
				time.Sleep(s.later)
				loop := commit.New[words](store, wordsModel{}, commit.Options{Linger: -1})
				for i, word := range []string{"a", "b"} {
					at := time.Now()
					if _, err := loop.Do(t.Context(), "k", add(word)); err != nil {
						t.Fatal(err)
					}
					took := time.Since(at)
					if i == 0 && (took < s.least || took > s.most) || i > 0 && took > 0 {
						t.Errorf("%s took %v", word, took)
					}
				}
				if list := stored(t, store, "k"); len(list) != 2 {
					t.Errorf("stored %q", list)
				}
			})
		})
	}
}

// TestAClaimHoldsUpChangesOnly: who changes nothing gets an answer at once.
func TestAClaimHoldsUpChangesOnly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := new(commit.Memory)
		claimed(t, store, time.Second)
		loop := commit.New[words](store, wordsModel{}, commit.Options{})
		at := time.Now()
		if _, err := loop.Do(t.Context(), "k", commit.Command[words]{Apply: func(*words) (any, error) { return nil, nil }}); err != nil || time.Since(at) > 0 {
			t.Errorf("%v after %v", err, time.Since(at))
		}
	})
}

// TestOnlyClaimsAreClaims: no other commit looks like one, and the journal of a
// document that says anything at all makes nobody wait for long.
func TestOnlyClaimsAreClaims(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		j := commit.ReadJournal(commit.Doc{Fields: commit.Fields{commit.JournalField: rapid.SliceOf(rapid.Byte()).Draw(t, "stored")}})
		if wait := j.Claimed(); wait < 0 || wait > 2*time.Second {
			t.Errorf("waits %v", wait)
		}
		asked := time.Duration(rapid.Int64Range(0, 5000).Draw(t, "ms")) * time.Millisecond
		j.Claim(asked)
		kept := commit.ReadJournal(commit.Doc{Fields: j.Stored()})
		if wait := kept.Claimed(); wait != max(min(asked, 2*time.Second), time.Millisecond) {
			t.Errorf("asked for %v, and %v is read", asked, wait)
		}
		if kept.Append(); kept.Claimed() != 0 {
			t.Error("the commit after a claim is one")
		}
	})
}

// careless leaves out the root.
type careless struct{ wordsModel }

func (careless) Plan(d *words) (commit.Plan, error) {
	p, err := wordsModel{}.Plan(d)
	p.Writes[0].Path += "/parts/0"
	return p, err
}

func TestNothingIsCommittedThatCouldOverwriteAnother(t *testing.T) {
	store := new(commit.Memory)
	loop := commit.New[words](store, careless{}, commit.Options{})
	if _, err := loop.Do(t.Context(), "k", add("a")); err == nil || !strings.Contains(err.Error(), "leaves out words/k") || len(store.All()) > 0 {
		t.Errorf("%v", err)
	}
}

func TestWhoGivesUpBehindAClaimSaysThatOthersWereFirst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := new(commit.Memory)
		claimed(t, store, 2*time.Second)
		loop := commit.New[words](store, wordsModel{}, commit.Options{Patience: time.Second})
		if _, err := loop.Do(t.Context(), "k", add("a")); err == nil || !strings.Contains(err.Error(), "others kept changing") {
			t.Errorf("%v", err)
		}
	})
}
