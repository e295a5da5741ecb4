package presence_test

import (
	"context"
	"testing"
	"time"

	"github.com/throng-im/throng/shared/commit"
	"github.com/throng-im/throng/shared/id"
	"github.com/throng-im/throng/shared/presence"
)

// leaving is a store in which the first document that is read by name is deleted just
// before.
type leaving struct {
	*commit.Memory
	gone string
}

func (l *leaving) Get(ctx context.Context, paths []string, fields ...string) ([]commit.Doc, error) {
	if l.gone == "" {
		l.gone = paths[0]
		if err := commit.Delete(ctx, l.Memory, paths[:1]); err != nil {
			return nil, err
		}
	}
	return l.Memory.Get(ctx, paths, fields...)
}

// TestAnInstanceThatStopsMeanwhileKeepsNobodyOnTheBoard: it vanishes between being
// listed and being read, and the person is taken off all others. Those who are
// connected beside her stay.
func TestAnInstanceThatStopsMeanwhileKeepsNobodyOnTheBoard(t *testing.T) {
	store := &leaving{Memory: new(commit.Memory)}
	board := presence.New(store, func() time.Time { return time.UnixMilli(1_800_000_000_000) })
	instances := []string{"one", "two", "three"}
	for _, instance := range instances {
		if err := board.Set(t.Context(), instance, []id.User{"ann", "zoe"}); err != nil {
			t.Fatal(err)
		}
	}
	if err := board.Erase(t.Context(), id.People{"zoe": true}, func(string, id.User) error { return nil }); err != nil {
		t.Fatal(err)
	}
	if store.gone == "" {
		t.Fatal("no instance vanished")
	}
	has := func(u id.User) (n int) {
		if err := board.Has(t.Context(), id.People{u: true}, func(string, id.User) error { n++; return nil }); err != nil {
			t.Fatal(err)
		}
		return n
	}
	if hers, others := has("zoe"), has("ann"); hers != 0 || others != len(instances)-1 {
		t.Errorf("%d instances have her and %d the other", hers, others)
	}
}
