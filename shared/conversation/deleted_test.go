package conversation_test

import (
	"encoding/json"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/throng-im/throng/shared/commit"
	"github.com/throng-im/throng/shared/conversation"
	"github.com/throng-im/throng/shared/fault"
)

// TestWhatIsDeletedStaysDeleted deletes and clears in any order, from two
// processes, and compares what is out of sight with a plain set.
func TestWhatIsDeletedStaysDeleted(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		var store commit.Memory
		processes := []*conversation.Conversations{conversation.New(&store, nil, 0, time.Now), conversation.New(&store, nil, 0, time.Now)}
		ctx := t.Context()
		floor := rapid.Int64Range(0, 5).Draw(r, "floor")
		hidden := map[int64]bool{}
		for range rapid.IntRange(1, 20).Draw(r, "steps") {
			c := processes[rapid.IntRange(0, 1).Draw(r, "process")]
			if rapid.IntRange(0, 4).Draw(r, "clears") == 0 {
				to := rapid.Int64Range(0, 20).Draw(r, "to")
				for seq := int64(1); seq <= to; seq++ {
					hidden[seq] = true
				}
				if err := c.Clear(ctx, "ann", "g", to, 0); err != nil {
					r.Fatal(err)
				}
			} else {
				seqs := rapid.SliceOfN(rapid.Int64Range(1, 30), 0, 6).Draw(r, "seqs")
				for _, seq := range seqs {
					hidden[seq] = true
				}
				if err := c.DeleteMessages(ctx, "ann", "g", floor, seqs); err != nil {
					r.Fatal(err)
				}
			}
			got, err := c.Of(ctx, "ann", "g")
			if err != nil {
				r.Fatal(err)
			}
			if !slices.IsSorted(got.Deleted) || len(got.Deleted) > 0 && got.Deleted[0] <= max(got.ClearedSeq, floor)+1 {
				r.Fatalf("%v is deleted beside what is cleared up to %d, the floor is %d", got.Deleted, got.ClearedSeq, floor)
			}
			for seq := floor + 1; seq <= 30; seq++ {
				if out := seq <= got.ClearedSeq || slices.Contains(got.Deleted, seq); out != hidden[seq] {
					r.Fatalf("%d is out of sight: %v, want %v; %+v", seq, out, hidden[seq], got)
				}
			}
		}
	})
}

// TestDeletionsHaveALimit fills a conversation with deletions.
func TestDeletionsHaveALimit(t *testing.T) {
	var store commit.Memory
	c := conversation.New(&store, nil, 0, time.Now)
	ctx := t.Context()
	odd := func(from, n int64) (seqs []int64) {
		for i := range n {
			seqs = append(seqs, from+2*i)
		}
		return seqs
	}
	for i := range int64(10) {
		if err := c.DeleteMessages(ctx, "ann", "g", 1, odd(1_000_003+200*i, 100)); err != nil {
			t.Fatal(err)
		}
	}
	full, err := c.Of(ctx, "ann", "g")
	if err != nil || len(full.Deleted) != conversation.MaxDeleted {
		t.Fatalf("%d are deleted, %v", len(full.Deleted), err)
	}
	if err := c.DeleteMessages(ctx, "ann", "g", 1, []int64{2_000_000}); !fault.Is(err, fault.TooLarge) {
		t.Errorf("one more: %v", err)
	}
	if err := c.DeleteMessages(ctx, "ann", "g", 1, []int64{full.Deleted[7]}); err != nil {
		t.Errorf("one that is deleted already: %v", err)
	}
	if err := c.DeleteMessages(ctx, "ann", "other", 1, []int64{2_000_000}); err != nil {
		t.Errorf("another conversation: %v", err)
	}
	docs, err := store.Get(ctx, []string{"users/ann/state/0"})
	if err != nil || len(docs[0].Fields["data"].([]byte)) > 2000 {
		t.Errorf("a thousand take %d bytes, %v", len(docs[0].Fields["data"].([]byte)), err)
	}
	if again, err := c.Of(ctx, "ann", "g"); err != nil || !slices.Equal(again.Deleted, full.Deleted) {
		t.Errorf("a refusal changed what is deleted (%v)", err)
	}
	// Clearing makes room.
	if err := c.Clear(ctx, "ann", "g", full.Deleted[500], 0); err != nil {
		t.Fatal(err)
	}
	if now, err := c.Of(ctx, "ann", "g"); err != nil || len(now.Deleted) != 499 {
		t.Errorf("%d are left, %v", len(now.Deleted), err)
	}
}

// TestADeletionAgainWritesNothing repeats one.
func TestADeletionAgainWritesNothing(t *testing.T) {
	store := commit.Memory{}
	writes := 0
	store.Before = func([]commit.Write) error { writes++; return nil }
	c := conversation.New(&store, nil, 0, time.Now)
	for range 2 {
		if err := c.DeleteMessages(t.Context(), "ann", "g", 1, []int64{7, 5, 7}); err != nil {
			t.Fatal(err)
		}
	}
	if err := c.DeleteMessages(t.Context(), "ann", "g", 10, []int64{3}); err != nil {
		t.Fatal(err)
	}
	if writes != 2 { // the last drops what the floor has passed
		t.Errorf("%d writes", writes)
	}
}

func TestSeqsAreStoredAsSteps(t *testing.T) {
	raw, err := json.Marshal(conversation.Seqs{1_000_000, 1_000_001, 1_000_005})
	if err != nil || string(raw) != "[1000000,1,4]" {
		t.Errorf("%s, %v", raw, err)
	}
	var back conversation.Seqs
	if err := json.Unmarshal(raw, &back); err != nil || !slices.Equal(back, conversation.Seqs{1_000_000, 1_000_001, 1_000_005}) {
		t.Errorf("%v, %v", back, err)
	}
	if err := json.Unmarshal([]byte(`{}`), &back); err == nil {
		t.Error("an object is no list")
	}
}
