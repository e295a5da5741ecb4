package group_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"runtime"
	"strings"
	"testing"

	"github.com/throng-im/throng/shared/cost"
	"github.com/throng-im/throng/shared/fault"
	"github.com/throng-im/throng/shared/firestore/firestoretest"
	"github.com/throng-im/throng/shared/group"
	"github.com/throng-im/throng/shared/id"
)

// onFirestore opens groups on Google's emulator in a project of their own.
func onFirestore(t *testing.T, o group.Options) *group.Groups {
	t.Helper()
	store := firestoretest.Open(t, new(cost.Meter))
	return group.New(store, func(context.Context, ...[]byte) error { return nil }, o)
}

// noise is text that hardly packs: any letter of ASCII that JSON leaves as it is.
func noise(n int) string {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte('(' + rand.N('Z'-'('+1))
	}
	return string(b)
}

// TestFirestoreTakesTheLargestThereIs stores what is just within the bounds, in
// company, and refuses what is beyond them before Firestore does; nobody else in
// the batch is hurt.
func TestFirestoreTakesTheLargestThereIs(t *testing.T) {
	g := onFirestore(t, group.Options{})
	ctx := t.Context()
	if err := g.Join(ctx, "g", []id.User{"ann"}, "G"); err != nil {
		t.Fatal(err)
	}
	many(24, 24, func(i int) {
		size, ok := 128<<10, true
		switch i % 8 {
		case 3:
			size = group.MaxEntryBytes - 1024
		case 5:
			size, ok = group.MaxEntryBytes, false
		}
		_, err := g.Publish(ctx, "g", text("app", noise(size)))
		if ok && err != nil || !ok && !fault.Is(err, fault.TooLarge) {
			t.Errorf("%d bytes: %v", size, err)
		}
	})
	entries, err := g.Timeline(ctx, "g", 0, 100)
	if err != nil || len(entries) != 1+24-3 {
		t.Errorf("%d entries, %v", len(entries), err)
	}
}

// TestManyGroupsAtOnce works on many groups in one process. What it keeps of
// them is bounded, and groups that were dropped are found again.
func TestManyGroupsAtOnce(t *testing.T) {
	const cache = 4 << 20
	groups := 2_000
	if os.Getenv("THRONG_LONG") != "" {
		groups = 10_000
	}
	g := onFirestore(t, group.Options{CacheBytes: cache})
	ctx := t.Context()
	heap := func() int64 {
		var m runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&m)
		return int64(m.HeapAlloc)
	}
	before := heap()
	name := func(i int) id.Group { return id.Group(fmt.Sprint("g", i%groups)) }
	many(64, groups, func(i int) {
		if err := g.Join(ctx, name(i), []id.User{"ann"}, "G"); err != nil {
			t.Error(err)
		}
	})
	many(256, 2*groups, func(i int) {
		if _, err := g.Publish(ctx, name(i), text("app", strings.Repeat("x", 8<<10))); err != nil {
			t.Error(err)
		}
	})
	if grown := heap() - before; grown > 4*cache {
		t.Errorf("after %d groups the heap has grown by %d bytes; the cache is bounded to %d", groups, grown, cache)
	}
	for _, i := range []int{0, groups / 2, groups - 1} {
		entries, err := g.Timeline(ctx, name(i), 0, 10)
		if err != nil || len(entries) != 3 {
			t.Errorf("%s has %d entries, %v", name(i), len(entries), err)
		}
	}
}
