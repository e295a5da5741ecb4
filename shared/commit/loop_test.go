package commit_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/throng-im/throng/shared/commit"
	"github.com/throng-im/throng/shared/fault"
)

// words is the smallest document there is: a list that grows.
type words struct {
	key     string
	version time.Time
	list    []string
	journal commit.Journal
	changed bool
	extra   int
}

type wordsModel struct {
	announce func(key string, list []string) error
	loads    *atomic.Int64
}

func (m wordsModel) Load(ctx context.Context, r commit.Reader, key string, _ *words) (*words, error) {
	if m.loads != nil {
		m.loads.Add(1)
	}
	docs, err := r.Get(ctx, []string{"words/" + key})
	if err != nil {
		return nil, err
	}
	list, _ := docs[0].Fields["list"].([]string)
	return &words{key: key, version: docs[0].Version, list: list, journal: commit.ReadJournal(docs[0])}, nil
}

func (m wordsModel) Draft(s *words) *words {
	return &words{key: s.key, version: s.version, list: slices.Clone(s.list), journal: s.journal.Clone()}
}
func (m wordsModel) Weight(d *words) int               { return d.extra }
func (m wordsModel) Journal(s *words) *commit.Journal  { return &s.journal }
func (m wordsModel) Root(s *words) (string, time.Time) { return "words/" + s.key, s.version }
func (m wordsModel) Size(s *words) int                 { return 100 + 10*len(s.list) }

func (m wordsModel) Plan(d *words) (commit.Plan, error) {
	if !d.changed {
		return commit.Plan{}, nil
	}
	w := commit.Write{Path: "words/" + d.key, Fields: commit.Fields{"list": slices.Clone(d.list)}}
	list := slices.Clone(d.list)
	return commit.Plan{Writes: []commit.Write{w}, Announce: func(context.Context) error {
		if m.announce == nil {
			return nil
		}
		return m.announce(d.key, list)
	}}, nil
}

func (m wordsModel) Settle(d *words, version time.Time) *words {
	return &words{key: d.key, version: version, list: d.list, journal: d.journal}
}

var errTaken = errors.New("the word is there already")

// add appends a word unless it is there.
func add(word string) commit.Command[words] {
	return commit.Command[words]{Apply: func(d *words) (any, error) {
		if slices.Contains(d.list, word) {
			return nil, errTaken
		}
		d.list, d.changed = append(d.list, word), true
		return len(d.list), nil
	}}
}

func stored(t interface {
	Helper()
	Fatal(...any)
}, store commit.Store, key string) []string {
	t.Helper()
	docs, err := store.Get(context.Background(), []string{"words/" + key})
	if err != nil {
		t.Fatal(err)
	}
	list, _ := docs[0].Fields["list"].([]string)
	return list
}

func TestManyCallersShareCommits(t *testing.T) {
	var commits atomic.Int64
	gate := make(chan struct{})
	store := &commit.Memory{Before: func([]commit.Write) error {
		if commits.Add(1) == 1 {
			<-gate // everyone else gathers behind the first commit
		}
		return nil
	}}
	loop := commit.New[words](store, wordsModel{}, commit.Options{})
	var waiting, done sync.WaitGroup
	for i := range 200 {
		waiting.Add(1)
		done.Go(func() {
			waiting.Done()
			if _, err := loop.Do(t.Context(), "k", add(fmt.Sprint(i))); err != nil {
				t.Error(err)
			}
		})
	}
	waiting.Wait()
	close(gate)
	done.Wait()
	if n := len(stored(t, store, "k")); n != 200 {
		t.Errorf("%d words are stored", n)
	}
	if n := commits.Load(); n > 100 {
		t.Errorf("200 commands took %d commits: they do not share", n)
	}
}

func TestARefusedCommandChangesNothingAndIsJudgedOnTheCurrentState(t *testing.T) {
	store := new(commit.Memory)
	mine, other := commit.New[words](store, wordsModel{}, commit.Options{}), commit.New[words](store, wordsModel{}, commit.Options{})
	ctx := t.Context()
	if _, err := mine.Do(ctx, "k", add("a")); err != nil {
		t.Fatal(err)
	}
	remove := commit.Command[words]{Apply: func(d *words) (any, error) { d.list, d.changed = nil, true; return nil, nil }}
	if _, err := other.Do(ctx, "k", remove); err != nil {
		t.Fatal(err)
	}
	// mine still holds a state with the word; the refusal must not come from it.
	if _, err := mine.Do(ctx, "k", add("a")); err != nil {
		t.Errorf("refused on a stale state: %v", err)
	}
	if _, err := mine.Do(ctx, "k", add("a")); !errors.Is(err, errTaken) {
		t.Errorf("got %v, want the command's own error", err)
	}
	if got := stored(t, store, "k"); !slices.Equal(got, []string{"a"}) {
		t.Errorf("stored %v", got)
	}
}

func TestAnswersComeAfterTheAnnouncement(t *testing.T) {
	announced := make(chan struct{})
	loop := commit.New[words](new(commit.Memory), wordsModel{announce: func(string, []string) error { <-announced; return nil }}, commit.Options{})
	answered := make(chan error, 1)
	go func() { _, err := loop.Do(t.Context(), "k", add("a")); answered <- err }()
	// The loop goes on committing while the first announcement hangs.
	silent := commit.New[words](new(commit.Memory), wordsModel{}, commit.Options{})
	for i := range 100 {
		if _, err := silent.Do(t.Context(), "k", add(fmt.Sprint(i))); err != nil {
			t.Fatal(err)
		}
	}
	select {
	case <-answered:
		t.Fatal("answered before it was announced")
	default:
	}
	close(announced)
	if err := <-answered; err != nil {
		t.Fatal(err)
	}
	deaf := commit.New[words](new(commit.Memory), wordsModel{announce: func(string, []string) error { return errors.New("down") }}, commit.Options{})
	if _, err := deaf.Do(t.Context(), "k", add("a")); !fault.Is(err, fault.Unavailable) {
		t.Errorf("not announced, answered with %v", err)
	}
}

func TestOneBadCommandDoesNotSpoilTheOthers(t *testing.T) {
	refused := errors.New("the store refuses this for good")
	store := &commit.Memory{Before: func(ws []commit.Write) error {
		if slices.Contains(ws[0].Fields["list"].([]string), "poison") {
			return refused
		}
		return nil
	}}
	loop := commit.New[words](store, wordsModel{}, commit.Options{})
	var wg sync.WaitGroup
	for i := range 50 {
		wg.Go(func() {
			if _, err := loop.Do(t.Context(), "k", add(fmt.Sprint(i))); err != nil {
				t.Errorf("%d: %v", i, err)
			}
		})
	}
	wg.Go(func() {
		if _, err := loop.Do(t.Context(), "k", add("poison")); !errors.Is(err, refused) {
			t.Errorf("poison: %v", err)
		}
	})
	wg.Go(func() {
		_, err := loop.Do(t.Context(), "k", commit.Command[words]{Apply: func(d *words) (any, error) {
			d.list = append(d.list, "half done")
			panic("oops")
		}})
		if err == nil || fault.Of(err).Kind != fault.Internal {
			t.Errorf("panic: %v", err)
		}
	})
	wg.Wait()
	got := stored(t, store, "k")
	if len(got) != 50 || slices.Contains(got, "half done") {
		t.Errorf("stored %v", got)
	}
}

func TestABatchStopsAtItsWeight(t *testing.T) {
	var largest atomic.Int64
	hold := make(chan struct{})
	var first sync.Once
	store := &commit.Memory{Before: func(ws []commit.Write) error {
		first.Do(func() { <-hold })
		return nil
	}}
	var before int
	store.After = func(ws []commit.Write) error {
		n := len(ws[0].Fields["list"].([]string))
		largest.Store(max(largest.Load(), int64(n-before)))
		before = n
		return nil
	}
	loop := commit.New[words](store, wordsModel{}, commit.Options{BatchBytes: 5})
	var queued, wg sync.WaitGroup
	for i := range 40 {
		queued.Add(1)
		wg.Go(func() {
			queued.Done()
			cmd := add(fmt.Sprint(i))
			inner := cmd.Apply
			cmd.Apply = func(d *words) (any, error) { d.extra += 2; return inner(d) }
			if _, err := loop.Do(t.Context(), "k", cmd); err != nil {
				t.Error(err)
			}
		})
	}
	queued.Wait()
	close(hold)
	wg.Wait()
	if n := len(stored(t, store, "k")); n != 40 {
		t.Errorf("%d stored", n)
	}
	if largest.Load() > 3 {
		t.Errorf("a commit carried %d commands, the bound lets 3 through", largest.Load())
	}
}

func TestAStoreThatIsGoneIsAnHonestError(t *testing.T) {
	store := &commit.Memory{Before: func([]commit.Write) error { return commit.ErrAborted }}
	loop := commit.New[words](store, wordsModel{}, commit.Options{Patience: 50 * time.Millisecond})
	if _, err := loop.Do(t.Context(), "k", add("a")); !fault.Is(err, fault.Unavailable) {
		t.Errorf("got %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := loop.Do(ctx, "k", add("b")); !fault.Is(err, fault.Unavailable) {
		t.Errorf("a caller who has gone got %v", err)
	}
	store.Calm()
	if _, err := loop.Do(t.Context(), "k", add("c")); err != nil {
		t.Errorf("the loop did not recover: %v", err)
	}
}

func TestWhoGivesUpSaysWhatWasInTheWay(t *testing.T) {
	for cause, want := range map[error]string{commit.ErrAborted: "could not be reached", commit.ErrConflict: "others kept changing"} {
		store := &commit.Memory{Before: func([]commit.Write) error { return cause }}
		loop := commit.New[words](store, wordsModel{}, commit.Options{Patience: 50 * time.Millisecond})
		if _, err := loop.Do(t.Context(), "k", add("a")); !fault.Is(err, fault.Unavailable) || !strings.Contains(err.Error(), want) {
			t.Errorf("%v: got %v, want %q", cause, err, want)
		}
	}
}

func TestIdleDocumentsAreDropped(t *testing.T) {
	var loads atomic.Int64
	loop := commit.New[words](new(commit.Memory), wordsModel{loads: &loads}, commit.Options{CacheBytes: 1000})
	visit := func(key string) {
		t.Helper()
		if _, err := loop.Do(t.Context(), key, commit.Command[words]{Apply: func(d *words) (any, error) {
			d.list, d.changed = append(d.list, "x"), true
			return nil, nil
		}}); err != nil {
			t.Fatal(err)
		}
	}
	for i := range 50 {
		visit(fmt.Sprint(i))
	}
	n := loads.Load()
	visit("49")
	if loads.Load() != n {
		t.Error("the document used last was dropped")
	}
	visit("0")
	if loads.Load() == n {
		t.Error("fifty documents of over 100 bytes fit into 1000")
	}
}

// lateStore sometimes says that it does not know the outcome of a commit, and
// applies it some time after.
type lateStore struct {
	*commit.Memory
	late func() bool
	wg   sync.WaitGroup
}

func (s *lateStore) Commit(ctx context.Context, writes []commit.Write) (time.Time, error) {
	if !s.late() {
		return s.Memory.Commit(ctx, writes)
	}
	s.wg.Go(func() {
		time.Sleep(rand.N(4 * time.Millisecond))
		_, _ = s.Memory.Commit(context.Background(), writes)
	})
	return time.Time{}, commit.ErrUnknown
}

// TestFaults drives callers in several processes through a store that refuses,
// conflicts, loses answers and applies what it says it did not, and compares
// with the plain truth: what was answered is there once and in the order of the
// answers, and what was not answered is there at most once.
func TestFaults(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		rate := rapid.IntRange(0, 60).Draw(t, "faults in a hundred commits")
		seed := rapid.Uint64().Draw(t, "seed")
		processes := rapid.IntRange(1, 3).Draw(t, "processes")
		callers := rapid.IntRange(1, 12).Draw(t, "callers")
		each := rapid.IntRange(1, 6).Draw(t, "words each")
		claimAfter := rapid.IntRange(1, 5).Draw(t, "claims after")

		var mu sync.Mutex
		rng := rand.New(rand.NewPCG(seed, 1))
		roll := func(errs ...error) error {
			mu.Lock()
			defer mu.Unlock()
			if rng.IntN(100) < rate {
				return errs[rng.IntN(len(errs))]
			}
			return nil
		}
		memory := &commit.Memory{
			Before: func([]commit.Write) error { return roll(commit.ErrAborted, commit.ErrUnknown, commit.ErrConflict) },
			After:  func([]commit.Write) error { return roll(commit.ErrUnknown) },
		}
		store := &lateStore{Memory: memory, late: func() bool { return roll(nil, commit.ErrUnknown) != nil }}
		var wg sync.WaitGroup
		answers := map[string]int{}
		failed := map[string]bool{}
		for range processes {
			loop := commit.New[words](store, wordsModel{}, commit.Options{ClaimAfter: claimAfter})
			for range callers {
				mu.Lock()
				name := fmt.Sprint("w", rng.Uint64())
				mu.Unlock()
				wg.Go(func() {
					for i := range each {
						word := fmt.Sprint(name, "-", i)
						cmd := add(word)
						// Who takes longer than reading and committing may claim.
						cmd.Need = func(context.Context, commit.Reader, *words) error { time.Sleep(50 * time.Microsecond); return nil }
						at, err := loop.Do(context.Background(), "k", cmd)
						mu.Lock()
						if err == nil {
							answers[word] = at.(int)
						} else if failed[word] = true; !fault.Is(err, fault.Unavailable) {
							t.Errorf("%s: %v", word, err)
						}
						mu.Unlock()
					}
				})
			}
		}
		wg.Wait()
		store.wg.Wait()
		list := stored(t, store, "k")
		at := map[string]int{}
		for i, word := range list {
			if at[word] != 0 {
				t.Fatalf("%q is there twice", word)
			}
			at[word] = i + 1
		}
		for word, told := range answers {
			if at[word] != told {
				t.Fatalf("%q is at %d, its caller was told %d", word, at[word], told)
			}
			delete(at, word)
		}
		// Whoever got no answer was told so, and may find the word there or not.
		for word := range at {
			if !failed[word] {
				t.Fatalf("%q is there, and nobody asked for it", word)
			}
		}
		if rate == 0 && len(failed) > 0 {
			t.Fatalf("without faults %d calls failed", len(failed))
		}
	})
}
