package firestore_test

import (
	"bytes"
	"fmt"
	"testing"

	"github.com/throng-im/throng/shared/commit"
	"github.com/throng-im/throng/shared/commit/committest"
	"github.com/throng-im/throng/shared/cost"
	"github.com/throng-im/throng/shared/fault"
	"github.com/throng-im/throng/shared/firestore"
	"github.com/throng-im/throng/shared/firestore/firestoretest"
)

func TestFirestoreKeepsTheStoreContract(t *testing.T) {
	committest.Store(t, func(t *testing.T) commit.Store { return firestoretest.Open(t, new(cost.Meter)) })
}

func TestCountsWhatIsBilled(t *testing.T) {
	var meter cost.Meter
	s := firestoretest.Open(t, &meter)
	ctx := t.Context()
	if _, err := s.Commit(ctx, []commit.Write{
		{Path: "a/1", Fields: commit.Fields{"n": int64(1)}},
		{Path: "a/2", Fields: commit.Fields{"n": int64(1)}},
		{Path: "a/3", Delete: true},
	}); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Get(ctx, []string{"a/1", "a/9"}); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Query(ctx, commit.Query{Collection: "a", Field: "n", Equals: int64(7)}); err != nil {
		t.Fatal(err)
	}
	if got, want := meter.Counts(), (cost.Counts{Reads: 3, Writes: 2, Deletes: 1, Commits: 1}); got != want {
		t.Errorf("counted %+v, want %+v: two reads, an empty query is billed as one, two writes, one delete", got, want)
	}
}

func TestAnOversizedCommitIsRefusedHere(t *testing.T) {
	s := firestoretest.Open(t, new(cost.Meter))
	for size, ok := range map[int]bool{firestore.MaxDocumentBytes - 1024: true, firestore.MaxDocumentBytes: false, 1 << 20: false} {
		_, err := s.Commit(t.Context(), []commit.Write{{Path: "big/one", Fields: commit.Fields{"b": bytes.Repeat([]byte("x"), size)}}})
		if ok && err != nil || !ok && !fault.Is(err, fault.TooLarge) {
			t.Errorf("a field of %d bytes: %v", size, err)
		}
	}
	big := bytes.Repeat([]byte("x"), 1_000_000)
	var writes []commit.Write
	for i := range 5 {
		writes = append(writes, commit.Write{Path: fmt.Sprintf("big/%d", i), Fields: commit.Fields{"b": big}})
	}
	if _, err := s.Commit(t.Context(), writes); !fault.Is(err, fault.TooLarge) {
		t.Errorf("5 MB in one commit: %v, want too_large", err)
	}
}
