package commit_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/throng-im/throng/shared/commit"
	"github.com/throng-im/throng/shared/commit/committest"
)

func TestAGatheringStore(t *testing.T) {
	committest.Store(t, func(*testing.T) commit.Store { return commit.Gather(&commit.Memory{}) })
}

// slow is a store whose reads wait to be let go.
type slow struct {
	commit.Memory
	mu    sync.Mutex
	reads [][]string
	let   chan struct{}
	err   error
}

func (s *slow) Get(ctx context.Context, paths []string, fields ...string) ([]commit.Doc, error) {
	s.mu.Lock()
	s.reads = append(s.reads, paths)
	s.mu.Unlock()
	select {
	case <-s.let:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	if s.err != nil {
		return nil, s.err
	}
	return s.Memory.Get(ctx, paths, fields...)
}

// TestReadsGoTogether asks for many documents at once: two reads go at once, all
// that come meanwhile go in few, and everybody has their own.
func TestReadsGoTogether(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &slow{let: make(chan struct{})}
		var writes []commit.Write
		for i := range 250 {
			writes = append(writes, commit.Write{Path: fmt.Sprintf("things/%d", i), Fields: commit.Fields{"n": int64(i), "m": int64(-i)}})
		}
		must(t, s, writes)
		g := commit.Gather(s)
		ask := func(i int, field string, sign int64) {
			docs, err := g.Get(t.Context(), []string{fmt.Sprintf("things/%d", i)}, field)
			if err != nil || len(docs) != 1 || docs[0].Path != fmt.Sprintf("things/%d", i) || docs[0].Fields[field] != sign*int64(i) || len(docs[0].Fields) != 1 {
				t.Errorf("%d: %+v, %v", i, docs, err)
			}
		}
		var all sync.WaitGroup
		for i := range 250 {
			all.Go(func() { ask(i, "n", 1) })
			if i < 2 {
				synctest.Wait()
			}
		}
		all.Go(func() { ask(7, "m", -1) })
		all.Go(func() { ask(249, "n", 1) }) // the same as another
		synctest.Wait()
		if len(s.reads) != 2 || len(s.reads[0]) != 1 || len(s.reads[1]) != 1 {
			t.Fatalf("%d reads went first", len(s.reads))
		}
		close(s.let)
		all.Wait()
		documents := 0
		for _, paths := range s.reads {
			documents += len(paths)
			if len(paths) > 100 {
				t.Errorf("a read of %d documents", len(paths))
			}
			if slices.Sort(paths); len(slices.Compact(paths)) != len(paths) {
				t.Error("a document is asked for twice in one read")
			}
		}
		if len(s.reads) > 2+3+1 || documents < 251 {
			t.Errorf("%d reads of %d documents", len(s.reads), documents)
		}
	})
}

// TestWhoGivesUpLeavesTheOthersTheirRead: the first caller's end is not the end of a
// read that others wait for.
func TestWhoGivesUpLeavesTheOthersTheirRead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &slow{let: make(chan struct{}), err: errors.New("the store is down")}
		g := commit.Gather(s)
		get := func(ctx context.Context) error {
			_, err := g.Get(ctx, []string{"things/a"}, "n")
			return err
		}
		ctx, cancel := context.WithCancel(t.Context())
		first, others := make(chan error), make(chan error)
		for range 2 {
			go func() { first <- get(ctx) }()
			synctest.Wait()
		}
		for range 3 {
			go func() { others <- get(t.Context()) }()
		}
		synctest.Wait()
		cancel()
		for range 2 {
			if err := <-first; !errors.Is(err, context.Canceled) {
				t.Errorf("who gave up was told %v", err)
			}
		}
		close(s.let)
		for range 3 {
			if err := <-others; !errors.Is(err, s.err) {
				t.Errorf("the others were told %v", err)
			}
		}
	})
}

func must(t *testing.T, s commit.Store, writes []commit.Write) {
	t.Helper()
	if _, err := s.Commit(t.Context(), writes); err != nil {
		t.Fatal(err)
	}
}
