package commit_test

import (
	"errors"
	"fmt"
	"slices"
	"testing"

	"github.com/throng-im/throng/shared/commit"
)

// TestEachVisitsAllPages visits five documents, two at a time: where the visit leaves
// them, and where it deletes them, so that the walk goes on behind what is gone.
func TestEachVisitsAllPages(t *testing.T) {
	for _, deletes := range []bool{false, true} {
		store := new(commit.Memory)
		var want []string
		for n := range 5 {
			path := fmt.Sprint("things/", n)
			want = append(want, path)
			if _, err := store.Commit(t.Context(), []commit.Write{{Path: path, Fields: commit.Fields{"n": int64(n)}}}); err != nil {
				t.Fatal(err)
			}
		}
		var visited []string
		err := commit.Each(t.Context(), store, commit.Query{Collection: "things", Limit: 2}, func(d commit.Doc) error {
			if visited = append(visited, d.Path); len(visited) > len(want) {
				return errors.New("it does not end")
			}
			if !deletes {
				return nil
			}
			return commit.Delete(t.Context(), store, []string{d.Path})
		})
		if err != nil || !slices.Equal(visited, want) {
			t.Errorf("deleting %t: visited %q, %v", deletes, visited, err)
		}
		if left := len(store.All()); deletes && left > 0 {
			t.Errorf("%d documents are left", left)
		}
	}
}

// TestEachEndsWithAnError has a visit fail, and nothing be visited behind it.
func TestEachEndsWithAnError(t *testing.T) {
	store := new(commit.Memory)
	for n := range 3 {
		if _, err := store.Commit(t.Context(), []commit.Write{{Path: fmt.Sprint("things/", n)}}); err != nil {
			t.Fatal(err)
		}
	}
	broken, visits := errors.New("broken"), 0
	err := commit.Each(t.Context(), store, commit.Query{Collection: "things", Limit: 2}, func(commit.Doc) error { visits++; return broken })
	if !errors.Is(err, broken) || visits != 1 {
		t.Errorf("%d visits, %v", visits, err)
	}
}
