package group_test

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/throng-im/throng/shared/commit"
	"github.com/throng-im/throng/shared/fault"
	"github.com/throng-im/throng/shared/group"
	"github.com/throng-im/throng/shared/id"
)

// fold is what a device makes of the entries it was sent, each taken the first
// time it came: the messages as they must be stored now.
func fold(announced []group.Entry) []group.Entry {
	bySeq := map[int64]group.Entry{}
	for _, e := range announced {
		if _, known := bySeq[e.Seq]; !known {
			bySeq[e.Seq] = e
		}
	}
	for _, seq := range slices.Sorted(maps.Keys(bySeq)) {
		e := bySeq[seq]
		m := bySeq[e.Target]
		switch e.Kind {
		case group.KindRecall:
			m.Recalled, m.Content, m.Extra, m.Push, m.Expansion = seq, "", "", nil, nil
			m.Admin, m.Delete = e.Admin, e.Delete
		case group.KindEdit:
			m.Edited, m.Content, m.Type, m.Mention = seq, e.Content, e.Type, e.Mention
		case group.KindExpansion:
			keys := map[string]group.Value{}
			maps.Copy(keys, m.Expansion)
			maps.Copy(keys, e.Expansion)
			for _, k := range e.Removed {
				delete(keys, k)
			}
			m.Extended = seq
			if m.Expansion = keys; len(keys) == 0 {
				m.Expansion = nil
			}
		case group.KindReceiptRequest:
			m.Receipt, m.Asked = true, seq
		default:
			continue
		}
		bySeq[e.Target] = m
	}
	var out []group.Entry
	for _, seq := range slices.Sorted(maps.Keys(bySeq)) {
		out = append(out, bySeq[seq])
	}
	return out
}

// step is one thing that somebody does to a group's messages.
type step struct {
	Do      string
	From    id.User
	Process int
	// Which of the messages, counted from the newest.
	Which int
	// Size is of what is sent or set, Key names it.
	Size int
	Key  string
	// Open messages take extension keys.
	Open bool
}

var steps = rapid.Custom(func(t *rapid.T) step {
	return step{
		Do:      rapid.SampledFrom([]string{"send", "send", "burst", "recall", "edit", "edit", "set", "set", "delete", "ask", "extend"}).Draw(t, "do"),
		From:    rapid.SampledFrom([]id.User{"ann", "bob"}).Draw(t, "from"),
		Process: rapid.IntRange(0, 1).Draw(t, "process"),
		Which:   rapid.IntRange(0, 300).Draw(t, "which"),
		Size:    rapid.SampledFrom([]int{1, 1, 1, 100, 4000, 20_000, 70_000}).Draw(t, "size"),
		Key:     rapid.SampledFrom([]string{"a", "b", "c"}).Draw(t, "key"),
		Open:    rapid.IntRange(0, 3).Draw(t, "open") > 0,
	}
})

// fateful is a group with two processes on a store that fails now and then.
type fateful struct {
	*house
	processes [2]*group.Groups
	mu        sync.Mutex
	uids      []id.Message
	dice      *rand.Rand
	rate      int
}

// fails fails so many commits in a hundred, before they are made or after.
func (f *fateful) chance(errs ...error) func([]commit.Write) error {
	return func([]commit.Write) error {
		f.mu.Lock()
		defer f.mu.Unlock()
		if f.dice.IntN(200) < f.rate {
			return errs[f.dice.IntN(len(errs))]
		}
		return nil
	}
}

func newFateful(t *testing.T, seed uint64, rate int) *fateful {
	f := &fateful{house: newHouse(t), dice: rand.New(rand.NewPCG(seed, 1)), rate: rate}
	f.processes = [2]*group.Groups{f.process(group.Options{Linger: -1}), f.process(group.Options{Linger: -1})}
	f.ok(f.processes[0].Join(t.Context(), "g", []id.User{"ann", "bob"}, "G"))
	f.store.Before, f.store.After = f.chance(commit.ErrAborted, commit.ErrUnknown), f.chance(commit.ErrUnknown)
	return f
}

// message picks a message that was sent.
func (f *fateful) message(which int) (id.Message, int64) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if len(f.uids) == 0 {
		return "none", 0
	}
	uid := f.uids[len(f.uids)-1-which%len(f.uids)]
	_, seq, _ := uid.Parse()
	return uid, seq
}

func (f *fateful) send(s step) error {
	m := text(s.From, strings.Repeat("s", s.Size))
	m.Expandable = s.Open
	if s.Open && s.Size > 1 {
		m.Expansion = map[string]group.Value{"a": {V: "first"}}
	}
	r, err := f.processes[s.Process].Publish(f.Context(), "g", m)
	f.mu.Lock()
	defer f.mu.Unlock()
	f.uids = append(f.uids, r.UID)
	return err
}

// do takes a step.
func (f *fateful) do(s step) error {
	g, ctx := f.processes[s.Process], f.Context()
	uid, _ := f.message(s.Which)
	switch s.Do {
	case "send":
		return f.send(s)
	case "burst":
		for range 30 {
			if err := f.send(step{From: s.From, Process: s.Process, Size: 1, Open: s.Open}); err != nil {
				return err
			}
		}
		return nil
	case "recall":
		return g.Recall(ctx, "g", uid, group.Recall{From: s.From})
	case "edit":
		return g.Edit(ctx, "g", uid, group.Edit{From: s.From, Content: strings.Repeat(s.Key, s.Size)})
	case "set":
		return g.SetExpansion(ctx, "g", uid, s.From, map[string]string{s.Key: strings.Repeat(s.Key, min(s.Size, 4096))}, false)
	case "ask":
		_, err := g.AskReceipts(ctx, "g", uid, group.Actor{User: s.From}, "")
		return err
	case "extend":
		_, err := g.SetExpansionAs(ctx, "g", uid, group.Actor{User: s.From}, "", map[string]string{s.Key: strings.Repeat(s.Key, min(s.Size, 4096))})
		return err
	default:
		return g.DeleteExpansion(ctx, "g", uid, s.From, []string{s.Key}, false)
	}
}

// expect says what a change must come to: a mistake of the caller, or so many
// new entries.
func (s step) expect(m group.Entry) (mistake bool, added int) {
	old, has := m.Expansion[s.Key]
	switch {
	case s.Do == "ask" || s.Do == "extend":
		return s.expectOfDevice(m, old.V)
	case s.Do == "send":
		return false, 1
	case s.Do == "burst":
		return false, 30
	case m.Seq == 0 || m.Recalled > 0:
		return false, 0
	case s.Do == "edit" && m.From != s.From, s.Do == "set" && !m.Expandable, s.Do == "delete" && !m.Expandable:
		return true, 0
	case s.Do == "edit" && m.Content == strings.Repeat(s.Key, s.Size), s.Do == "delete" && !has:
		return false, 0
	}
	return false, 1
}

// expectOfDevice is expect for what devices do, to whom more is a mistake.
func (s step) expectOfDevice(m group.Entry, old string) (mistake bool, added int) {
	switch {
	case m.Seq == 0, m.Recalled > 0, s.Do == "ask" && m.From != s.From, s.Do == "extend" && !m.Expandable:
		return true, 0
	case s.Do == "ask" && m.Receipt, s.Do == "extend" && old == strings.Repeat(s.Key, min(s.Size, 4096)):
		return false, 0
	}
	return false, 1
}

func isMistake(err error) bool {
	return fault.Is(err, fault.InvalidArgument) || fault.Is(err, fault.PermissionDenied) || fault.Is(err, fault.NotFound)
}

// check holds that what is stored is what devices were told, as both processes
// and a new one read it, and by id.
func (f *fateful) check(t *rapid.T) []group.Entry {
	want := fold(f.heard())
	for i, g := range []*group.Groups{f.processes[0], f.processes[1], f.process(group.Options{})} {
		stored := f.timeline(g, "g")
		if len(stored) != len(want) {
			t.Fatalf("process %d reads %d entries, %d were announced", i, len(stored), len(want))
		}
		for k, e := range stored {
			if !reflect.DeepEqual(e, want[k]) {
				t.Fatalf("process %d reads %.300s, devices were told %.300s", i, fmt.Sprintf("%+v", e), fmt.Sprintf("%+v", want[k]))
			}
		}
	}
	return want
}

// TestWhatIsStoredIsWhatWasTold sends and changes messages in turn and then all
// at once, while commits fail.
func TestWhatIsStoredIsWhatWasTold(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		f := newFateful(t, rapid.Uint64().Draw(r, "seed"), rapid.IntRange(0, 30).Draw(r, "faults in a hundred"))
		for _, s := range rapid.SliceOfN(steps, 1, 25).Draw(r, "steps") {
			f.clock = f.clock.Add(time.Millisecond)
			now := fold(f.heard())
			_, seq := f.message(s.Which)
			var m group.Entry
			if seq > 0 {
				m = now[seq-1]
			}
			mistake, added := s.expect(m)
			err := f.do(s)
			if mistake != isMistake(err) || err != nil && !mistake {
				r.Fatalf("%+v on %.200s: %v", s, fmt.Sprintf("%+v", m), err)
			}
			if n := len(fold(f.heard())) - len(now); n != added {
				r.Fatalf("%+v on %.200s added %d entries, want %d", s, fmt.Sprintf("%+v", m), n, added)
			}
		}
		f.check(r)
		var wg sync.WaitGroup
		for _, s := range rapid.SliceOfN(steps, 0, 30).Draw(r, "at once") {
			wg.Go(func() {
				if err := f.do(s); err != nil && !isMistake(err) && !fault.Is(err, fault.TooLarge) {
					t.Errorf("%+v: %v", s, err)
				}
			})
		}
		wg.Wait()
		f.check(r)
	})
}
