package receipt_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/throng-im/throng/shared/commit"
	"github.com/throng-im/throng/shared/cost"
	"github.com/throng-im/throng/shared/event"
	"github.com/throng-im/throng/shared/fault"
	"github.com/throng-im/throng/shared/firestore"
	"github.com/throng-im/throng/shared/id"
	"github.com/throng-im/throng/shared/receipt"
)

// ear hears what senders are told.
type ear struct {
	*testing.T
	mu   sync.Mutex
	told []event.Receipt
	deaf bool
}

func (e *ear) hear(_ context.Context, payloads ...[]byte) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.deaf {
		return errors.New("nobody listens")
	}
	for _, p := range payloads {
		var r event.Receipt
		if err := json.Unmarshal(p, &r); err != nil {
			return err
		}
		e.told = append(e.told, r)
	}
	return nil
}

// highest is the highest count that a sender was told of a message.
func (e *ear) highest(uid id.Message) (n int) {
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, r := range e.told {
		if r.Receipt.MessageUID == uid {
			n = max(n, r.Receipt.Read)
		}
	}
	return n
}

func message(n int64) receipt.Message {
	return receipt.Message{Group: "g", Seq: n, UID: id.NewMessage(7, n), From: "ann"}
}

// TestReadersFollowTheModel has users read messages at two processes, in turn and
// at once, again and again, while commits fail.
func TestReadersFollowTheModel(t *testing.T) {
	type step struct{ Process, User, Message int }
	steps := rapid.Custom(func(t *rapid.T) step {
		return step{rapid.IntRange(0, 1).Draw(t, "process"), rapid.IntRange(0, 15).Draw(t, "user"), rapid.IntRange(1, 3).Draw(t, "message")}
	})
	rapid.Check(t, func(r *rapid.T) {
		rate := rapid.IntRange(0, 30).Draw(r, "faults in a hundred")
		var mu sync.Mutex
		dice := rand.New(rand.NewPCG(rapid.Uint64().Draw(r, "seed"), 1))
		chance := func(errs ...error) func([]commit.Write) error {
			return func([]commit.Write) error {
				mu.Lock()
				defer mu.Unlock()
				if dice.IntN(200) < rate {
					return errs[dice.IntN(len(errs))]
				}
				return nil
			}
		}
		store := &commit.Memory{Before: chance(commit.ErrAborted, commit.ErrUnknown), After: chance(commit.ErrUnknown)}
		e := &ear{T: t}
		now := time.UnixMilli(1_800_000_000_000)
		processes := []*receipt.Receipts{receipt.New(store, e.hear, 0, func() time.Time { return now }), receipt.New(store, e.hear, 0, func() time.Time { return now })}
		want := map[int64]map[id.User]int64{1: {}, 2: {}, 3: {}}
		read := func(s step) {
			if err := processes[s.Process].Read(t.Context(), id.User(fmt.Sprint(s.User)), message(int64(s.Message))); err != nil {
				t.Errorf("%+v: %v", s, err)
			}
		}
		check := func() {
			for n, users := range want {
				got, err := processes[0].Of(t.Context(), "g", n)
				if err != nil {
					r.Fatal(err)
				}
				if !slices.IsSortedFunc(got, func(a, b receipt.Reader) int { return int(a.At - b.At) }) {
					r.Fatalf("%v is not in order", got)
				}
				have := map[id.User]int64{}
				for _, one := range got {
					have[one.User] = one.At
				}
				if !maps.Equal(have, users) || len(got) != len(users) {
					r.Fatalf("message %d was read by %v, want %v", n, got, users)
				}
				if told := e.highest(message(n).UID); told != len(users) {
					r.Fatalf("the sender was told of %d readers of message %d, it has %d", told, n, len(users))
				}
			}
		}
		note := func(s step) {
			if _, known := want[int64(s.Message)][id.User(fmt.Sprint(s.User))]; !known {
				want[int64(s.Message)][id.User(fmt.Sprint(s.User))] = now.UnixMilli()
			}
		}
		for _, s := range rapid.SliceOfN(steps, 0, 20).Draw(r, "in turn") {
			now = now.Add(time.Second)
			read(s)
			note(s)
			check()
		}
		var wg sync.WaitGroup
		atOnce := rapid.SliceOfN(steps, 0, 40).Draw(r, "at once")
		for _, s := range atOnce {
			note(s)
			wg.Go(func() { read(s) })
		}
		wg.Wait()
		check()
		if t.Failed() {
			r.Fatal("a call failed")
		}
	})
}

// readers are ids as long as any.
func readers(n int) []id.User {
	r := rand.New(rand.NewPCG(1, 2))
	const letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
	out := make([]id.User, n)
	for i := range out {
		var b strings.Builder
		for range 64 {
			b.WriteByte(letters[r.IntN(len(letters))])
		}
		out[i] = id.User(b.String())
	}
	return out
}

// crowd has 20,000 members with the longest ids read one message, through two
// processes, and looks at what is stored. writes counts what that took.
func crowd(t *testing.T, store commit.Store, processes int, writes func() int64) {
	t.Helper()
	e := &ear{T: t}
	all := readers(20_000)
	var loops []*receipt.Receipts
	for range processes {
		loops = append(loops, receipt.New(store, e.hear, 0, time.Now))
	}
	m := message(12)
	for chunk := range slices.Chunk(all, 4_000) {
		var wg sync.WaitGroup
		for i, u := range chunk {
			wg.Go(func() {
				if err := loops[i%processes].Read(context.Background(), u, m); err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
	}
	if n := writes(); n > 400 {
		t.Errorf("%d readers made %d writes", len(all), n)
	}
	got, err := receipt.New(store, e.hear, 0, time.Now).Of(context.Background(), "g", 12)
	if err != nil {
		t.Fatal(err)
	}
	var have []id.User
	for _, one := range got {
		have = append(have, one.User)
	}
	slices.Sort(have)
	slices.Sort(all)
	if !slices.Equal(have, all) {
		t.Errorf("%d have read it, %d are there", len(all), len(have))
	}
	if n := e.highest(m.UID); n != len(all) {
		t.Errorf("the sender was told of %d", n)
	}
	docs, err := store.Query(context.Background(), commit.Query{Collection: "groups/g/receipts"})
	if err != nil {
		t.Fatal(err)
	}
	if len(docs) != 4 {
		t.Errorf("they are in %d documents", len(docs))
	}
	for _, d := range docs {
		if n := len(d.Fields["data"].([]byte)); n > 700<<10 {
			t.Errorf("%s takes %d bytes", d.Path, n)
		}
	}
	before := writes()
	if err := loops[0].Read(context.Background(), all[0], m); err != nil || writes() != before {
		t.Errorf("who has read it already made %d writes, %v", writes()-before, err)
	}
}

func TestTwentyThousandReaders(t *testing.T) {
	var mu sync.Mutex
	n := int64(0)
	store := &commit.Memory{After: func(ws []commit.Write) error {
		mu.Lock()
		defer mu.Unlock()
		n += int64(len(ws))
		return nil
	}}
	crowd(t, store, 2, func() int64 { mu.Lock(); defer mu.Unlock(); return n })
}

// TestTwentyThousandReadersOnFirestore has documents that a real store takes.
func TestTwentyThousandReadersOnFirestore(t *testing.T) {
	if os.Getenv("FIRESTORE_EMULATOR_HOST") == "" {
		if os.Getenv("CI") != "" {
			t.Fatal("FIRESTORE_EMULATOR_HOST is not set: run make test")
		}
		t.Skip("needs the Firestore emulator: run make test")
	}
	meter := new(cost.Meter)
	store, err := firestore.Open(t.Context(), fmt.Sprintf("demo-receipts-%x", rand.Uint64()), meter)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = store.Close() })
	crowd(t, store, 2, func() int64 { return meter.Counts().Writes })
}

func TestAReaderAgain(t *testing.T) {
	writes := 0
	store := &commit.Memory{Before: func([]commit.Write) error { writes++; return nil }}
	e := &ear{T: t, deaf: true}
	now := time.UnixMilli(1_800_000_000_000)
	r := receipt.New(store, e.hear, 0, func() time.Time { return now })
	ctx := t.Context()
	if err := r.Read(ctx, "bob", message(5)); !fault.Is(err, fault.Unavailable) {
		t.Errorf("nobody was told, and the answer is %v", err)
	}
	e.deaf = false
	now = now.Add(time.Minute)
	if err := r.Read(ctx, "bob", message(5), message(5)); err != nil {
		t.Fatal(err)
	}
	if want := (event.Receipt{User: "ann", Receipt: event.ReadCount{Group: "g", MessageUID: message(5).UID, Read: 1}}); len(e.told) == 0 || e.told[0] != want {
		t.Errorf("told %+v, want %+v", e.told, want)
	}
	told := len(e.told)
	now = now.Add(time.Hour)
	if err := r.Read(ctx, "bob", message(5)); err != nil || len(e.told) != told {
		t.Errorf("an hour later the sender was told again, %v", err)
	}
	if writes != 1 {
		t.Errorf("%d writes", writes)
	}
	if err := r.Read(ctx, "bob"); err != nil {
		t.Errorf("nothing read: %v", err)
	}
	got, err := r.Of(ctx, "g", 5)
	if want := []receipt.Reader{{User: "bob", At: 1_800_000_000_000}}; err != nil || !slices.Equal(got, want) {
		t.Errorf("read by %v, want %v (%v)", got, want, err)
	}
	if none, err := r.Of(ctx, "g", 6); err != nil || len(none) != 0 {
		t.Errorf("read by %v, %v", none, err)
	}
	// A clock that jumps back does not put the next one before.
	now = now.Add(-24 * time.Hour)
	if err := r.Read(ctx, "amy", message(5)); err != nil {
		t.Fatal(err)
	}
	if got, err = r.Of(ctx, "g", 5); err != nil || len(got) != 2 || got[0].At < 1_800_000_000_000 {
		t.Errorf("read by %v, %v", got, err)
	}
}

func TestPagesOfReaders(t *testing.T) {
	all := []receipt.Reader{{"b", 1}, {"a", 2}, {"c", 2}, {"a", 5}}
	for _, c := range []struct {
		last receipt.Reader
		want int
	}{{receipt.Reader{}, 4}, {all[0], 3}, {all[1], 2}, {receipt.Reader{User: "b", At: 2}, 2}, {all[3], 0}, {receipt.Reader{User: "z", At: 9}, 0}} {
		if got := receipt.After(all, c.last); !slices.Equal(got, all[len(all)-c.want:]) {
			t.Errorf("after %v: %v", c.last, got)
		}
	}
}
