package chaos_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/anishathalye/porcupine"
	"pgregory.net/rapid"

	"github.com/throng-im/throng/shared/chaos"
	"github.com/throng-im/throng/shared/commit"
	"github.com/throng-im/throng/shared/cost"
	"github.com/throng-im/throng/shared/event"
	"github.com/throng-im/throng/shared/fault"
	"github.com/throng-im/throng/shared/firestore"
	"github.com/throng-im/throng/shared/group"
	"github.com/throng-im/throng/shared/id"
)

// people take part in a history; a set of them is a bit mask.
var people = []id.User{"ann", "bob", "cem", "dee"}

func usersOf(mask uint8) []id.User {
	var out []id.User
	for i, u := range people {
		if mask>>i&1 == 1 {
			out = append(out, u)
		}
	}
	return out
}

func maskOf(users []id.User) (mask uint8) {
	for _, u := range users {
		mask |= 1 << slices.Index(people, u)
	}
	return mask
}

// call is one thing that a caller does. Sends and publishes carry a key that
// names their entry in the timeline.
type call struct {
	Do   string // send, publish, join, quit, dismiss, read, or a mute
	Who  uint8
	Key  string
	Seq  int64 // the answer: of the entry, or the last one read; 0 for none
	Err  fault.Kind
	Lost bool // no answer that says what happened
}

// entry is one of the final timeline's, as far as the model knows it.
type entry struct {
	kind group.Kind
	key  string
	who  uint8
}

// world is the sequential model's state: how much of the final timeline has
// happened, who is a member, and who may not speak.
type world struct {
	last            int64
	members         uint8
	dead            bool
	gagged, allowed uint8
	muted           bool
}

// mute is what a mute makes of the world; ok is false for other calls.
func (w world) mute(c call) (after world, ok bool) {
	switch c.Do {
	case "gag":
		w.gagged |= c.Who
	case "ungag":
		w.gagged &^= c.Who
	case "allow":
		w.allowed |= c.Who
	case "disallow":
		w.allowed &^= c.Who
	case "mute", "unmute":
		w.muted = c.Do == "mute"
	default:
		return w, false
	}
	return w, true
}

// model is what a group does when one thing happens at a time. The final
// timeline says which entry is whose; what is left to find is an order of the
// calls, each between its beginning and its end, that explains every answer.
func model(final []entry) porcupine.Model {
	seqOf := map[string]int64{}
	for i, e := range final {
		if e.key != "" {
			seqOf[e.key] = int64(i) + 1
		}
	}
	// next is the world after the next entry, if that is of a kind and of people.
	next := func(w world, kind group.Kind, who uint8) (world, bool) {
		if w.last == int64(len(final)) || final[w.last].kind != kind || kind != group.KindDismissed && final[w.last].who != who {
			return w, false
		}
		w.last++
		return w, true
	}
	step := func(w world, c call) (after world, changed bool, seq int64, err fault.Kind, ok bool) {
		if after, ok := w.mute(c); ok {
			return after, after != w, 0, "", true
		}
		switch c.Do {
		case "read":
			return w, false, w.last, "", true
		case "send":
			at := seqOf[c.Key]
			switch {
			case at > 0 && w.last >= at:
				return w, false, at, "", true // the same key, the same entry
			case w.dead:
				return w, false, 0, fault.GroupDismissed, true
			case w.members&c.Who == 0:
				return w, false, 0, fault.NotMember, true
			case w.gagged&c.Who != 0:
				return w, false, 0, fault.Muted, true
			case w.muted && w.allowed&c.Who == 0:
				return w, false, 0, fault.GroupMuted, true
			}
			after, ok = next(w, group.KindMessage, c.Who)
			return after, true, at, "", ok && after.last == at
		case "publish":
			if w.dead || w.last == 0 {
				return w, false, 0, "", true
			}
			after, ok = next(w, group.KindMessage, c.Who)
			return after, true, seqOf[c.Key], "", ok && after.last == seqOf[c.Key]
		case "join":
			fresh := c.Who &^ w.members
			if fresh == 0 {
				return w, false, 0, "", true
			}
			after, ok = next(w, group.KindJoined, fresh)
			after.members |= fresh
			after.dead = false
			return after, true, 0, "", ok
		case "quit":
			leaving := c.Who & w.members
			if leaving == 0 || w.dead {
				return w, false, 0, "", true
			}
			after, ok = next(w, group.KindLeft, leaving)
			after.members &^= leaving
			return after, true, 0, "", ok
		default: // dismiss
			if w.dead || w.last == 0 {
				return w, false, 0, "", true
			}
			after, ok = next(w, group.KindDismissed, 0)
			after.dead, after.members = true, 0
			return after, true, 0, "", ok
		}
	}
	nm := porcupine.NondeterministicModel{
		Init: func() []any { return []any{world{}} },
		Step: func(state, input, _ any) []any {
			w, c := state.(world), input.(call)
			after, changed, seq, err, ok := step(w, c)
			switch {
			case c.Lost && ok && changed:
				return []any{w, after}
			case c.Lost:
				return []any{w}
			case ok && seq == c.Seq && err == c.Err:
				return []any{after}
			}
			return nil
		},
		DescribeOperation: func(input, _ any) string { return fmt.Sprintf("%+v", input) },
		DescribeState:     func(state any) string { return fmt.Sprintf("%+v", state) },
	}
	return nm.ToModel()
}

// stage is where a history happens: processes on one store, and what they told
// the world.
type stage struct {
	processes []*group.Groups
	// calm ends the faults.
	calm func()
	told *heard
}

// heard is a topic that may refuse an event, or take it and not say so.
type heard struct {
	mu    sync.Mutex
	seqs  map[int64]bool
	fails func() int // 0 refuse, 1 take and fail, else take
}

func (h *heard) hear(_ context.Context, payloads ...[]byte) error {
	f := h.fails()
	if f == 0 {
		return errors.New("refused")
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, p := range payloads {
		var ev event.Timeline
		if err := json.Unmarshal(p, &ev); err != nil {
			return err
		}
		entries, err := group.DecodeEntries(ev.Entries)
		if err != nil {
			return err
		}
		for _, e := range entries {
			h.seqs[e.Seq] = true
		}
	}
	if f == 1 {
		return errors.New("taken, but the answer was lost")
	}
	return nil
}

// dice roll with a seed that rapid chose.
type dice struct {
	mu   sync.Mutex
	rng  *rand.Rand
	rate int
	off  atomic.Bool
}

func newDice(seed uint64, rate int) *dice {
	return &dice{rng: rand.New(rand.NewPCG(seed, 2)), rate: rate}
}

// roll says which of n things goes wrong, or n for none.
func (d *dice) roll(n int) int {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.off.Load() || d.rng.IntN(100) >= d.rate {
		return n
	}
	return d.rng.IntN(n)
}

// claiming has the processes of every other history claim at the first loss.
func claiming(seed uint64) group.Options { return group.Options{ClaimAfter: int(seed % 2)} }

// memoryStage has the store in memory, so that many histories can be tried.
func memoryStage(_ *testing.T, seed uint64, rate, processes int) stage {
	d := newDice(seed, rate)
	store := &commit.Memory{
		Before: func([]commit.Write) error {
			return []error{commit.ErrAborted, commit.ErrUnknown, commit.ErrConflict, nil}[d.roll(3)]
		},
		After: func([]commit.Write) error { return []error{commit.ErrUnknown, nil}[d.roll(1)] },
	}
	s := stage{calm: func() { d.off.Store(true) }, told: &heard{seqs: map[int64]bool{}, fails: func() int { return d.roll(2) }}}
	for range processes {
		s.processes = append(s.processes, group.New(store, s.told.hear, claiming(seed)))
	}
	return s
}

// fireStage has Google's Firestore emulator behind connections that fail.
func fireStage(t *testing.T, seed uint64, rate, processes int) stage {
	d := newDice(seed, rate)
	s := stage{told: &heard{seqs: map[int64]bool{}, fails: func() int { return d.roll(2) }}}
	project := fmt.Sprintf("demo-fire-%x", rand.Uint64())
	var days []*chaos.Chaos
	s.calm = func() {
		d.off.Store(true)
		for _, day := range days {
			day.End()
		}
	}
	for i := range processes {
		day := chaos.New(chaos.Plan{Rate: float64(rate) / 100, Seed: seed + uint64(i)})
		days = append(days, day)
		store, err := firestore.Open(context.Background(), project, new(cost.Meter), day.DialOptions()...)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = store.Close() })
		s.processes = append(s.processes, group.New(store, s.told.hear, claiming(seed)))
	}
	return s
}

// scripts draws what every caller does. Some keys are used twice, by the caller
// that retries.
func scripts(t *rapid.T) [][]call {
	one := rapid.Custom(func(t *rapid.T) call {
		do := rapid.SampledFrom([]string{"send", "send", "send", "send", "send", "send", "publish", "publish", "join", "join", "quit", "read", "dismiss",
			"gag", "ungag", "allow", "disallow", "mute", "unmute"}).Draw(t, "do")
		c := call{Do: do, Who: 1 << rapid.IntRange(0, len(people)-1).Draw(t, "who")}
		if do == "join" || do == "quit" {
			c.Who |= 1 << rapid.IntRange(0, len(people)-1).Draw(t, "and")
		}
		return c
	})
	return rapid.SliceOfN(rapid.SliceOfN(one, 1, 8), 1, 6).Draw(t, "callers")
}

// tries is how often a device repeats a send that got no answer.
const tries = 3

func do(ctx context.Context, g *group.Groups, name id.Group, c call) call {
	var err error
	var r group.Receipt
	switch c.Do {
	case "send":
		r, err = g.Send(ctx, name, group.Entry{From: usersOf(c.Who)[0], Type: "t", Content: c.Key, ClientID: c.Key})
	case "publish":
		r, err = g.Publish(ctx, name, group.Entry{From: usersOf(c.Who)[0], Type: "t", Content: c.Key})
	case "join":
		err = g.Join(ctx, name, usersOf(c.Who), "")
	case "quit":
		err = g.Quit(ctx, name, usersOf(c.Who))
	case "dismiss":
		err = g.Dismiss(ctx, name, "ann")
	case "gag":
		err = g.Gag(ctx, name, usersOf(c.Who), time.Time{})
	case "ungag":
		err = g.Ungag(ctx, name, usersOf(c.Who))
	case "allow":
		err = g.Allow(ctx, name, usersOf(c.Who))
	case "disallow":
		err = g.Disallow(ctx, name, usersOf(c.Who))
	case "mute", "unmute":
		err = g.Mute(ctx, name, c.Do == "mute")
	case "read":
		var entries []group.Entry
		entries, err = g.Timeline(ctx, name, 0, 1<<20)
		r.Seq = int64(len(entries))
	}
	c.Seq = r.Seq
	if err != nil {
		if c.Err = fault.Of(err).Kind; c.Err == fault.Unavailable {
			c.Err, c.Seq, c.Lost = "", 0, true
		}
	}
	return c
}

// perform lets the callers do what they do, and returns the history.
func perform(s stage, name id.Group, callers [][]call) []porcupine.Operation {
	var mu sync.Mutex
	var history []porcupine.Operation
	var clock atomic.Int64
	var wg sync.WaitGroup
	for i, script := range callers {
		wg.Go(func() {
			for k, c := range script {
				c.Key = fmt.Sprintf("%d-%d", i, k)
				for try := range tries {
					g := s.processes[(i+try)%len(s.processes)]
					started := clock.Add(1)
					done := do(context.Background(), g, name, c)
					ended := clock.Add(1)
					if done.Lost {
						ended = math.MaxInt64 - 1 // it may still land
					}
					mu.Lock()
					history = append(history, porcupine.Operation{ClientId: i, Input: done, Call: started, Return: ended})
					mu.Unlock()
					if !done.Lost || c.Do != "send" {
						break
					}
				}
			}
		})
	}
	wg.Wait()
	return history
}

// check holds a history against the sequential model.
func check(t *rapid.T, s stage, name id.Group, history []porcupine.Operation) {
	entries, err := s.processes[0].Timeline(context.Background(), name, 0, 1<<20)
	if err != nil {
		t.Fatal(err)
	}
	final := make([]entry, len(entries))
	keys := map[string]bool{}
	for i, e := range entries {
		if e.Seq != int64(i)+1 {
			t.Fatalf("entry %d has seq %d", i+1, e.Seq)
		}
		final[i] = entry{kind: e.Kind}
		switch e.Kind {
		case group.KindMessage:
			final[i].key, final[i].who = e.Content, maskOf([]id.User{e.From})
			if keys[e.Content] {
				t.Fatalf("%q is there twice", e.Content)
			}
			keys[e.Content] = true
		case group.KindJoined, group.KindLeft:
			final[i].who = maskOf(e.Users)
		case group.KindDismissed, group.KindRenamed:
		}
	}
	var kept []porcupine.Operation
	for _, op := range history {
		c := op.Input.(call)
		if c.Lost && (c.Do == "read" || c.Key != "" && (c.Do == "send" || c.Do == "publish") && !keys[c.Key]) {
			continue // it never happened
		}
		if c.Seq > 0 && c.Do != "read" && !s.told.seqs[c.Seq] {
			t.Fatalf("%+v was answered and not announced", c)
		}
		kept = append(kept, op)
	}
	kept = append(kept, porcupine.Operation{Input: call{Do: "read", Seq: int64(len(final))}, Call: math.MaxInt64 - 1, Return: math.MaxInt64})
	m := model(final)
	switch result, info := porcupine.CheckOperationsVerbose(m, kept, 30*time.Second); result {
	case porcupine.Ok:
	case porcupine.Unknown:
		t.Fatalf("a history of %d calls could not be checked in time", len(kept))
	default:
		path := fmt.Sprintf("%s/throng-history-%x.html", os.TempDir(), rand.Uint32())
		_ = porcupine.VisualizePath(m, info, path)
		var all strings.Builder
		for _, op := range kept {
			fmt.Fprintf(&all, "%d-%d %+v\n", op.Call, op.Return, op.Input)
		}
		t.Fatalf("no order of these calls explains their answers (drawn in %s):\n%sentries: %+v", path, &all, final)
	}
}

func histories(t *testing.T, open func(t *testing.T, seed uint64, rate, processes int) stage) func(*rapid.T) {
	return func(r *rapid.T) {
		s := open(t, rapid.Uint64().Draw(r, "seed"), rapid.IntRange(0, 40).Draw(r, "faults in a hundred"), rapid.IntRange(1, 3).Draw(r, "processes"))
		callers := scripts(r)
		name := id.Group("g")
		// Whatever else happens, there is somebody to talk.
		callers = append(callers, []call{{Do: "join", Who: 0b0111}})
		history := perform(s, name, callers)
		s.calm()
		check(r, s, name, history)
	}
}

// TestHistories lets callers in several processes do everything at once on a
// store that refuses, conflicts and loses answers, and checks that what each of
// them was told is what would have happened one thing at a time.
func TestHistories(t *testing.T) {
	rapid.Check(t, histories(t, memoryStage))
}
