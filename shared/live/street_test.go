package live_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/throng-im/throng/shared/commit"
	"github.com/throng-im/throng/shared/conversation"
	"github.com/throng-im/throng/shared/event"
	"github.com/throng-im/throng/shared/group"
	"github.com/throng-im/throng/shared/id"
	"github.com/throng-im/throng/shared/inbox"
	"github.com/throng-im/throng/shared/live"
	"github.com/throng-im/throng/shared/user"
)

// tb is what tests and property tests have in common.
type tb interface {
	Helper()
	Fatalf(format string, args ...any)
	Errorf(format string, args ...any)
}

// street is groups in a store in memory, and hubs that follow what they announce
// in the order that the test chooses.
type street struct {
	tb
	ctx    context.Context
	groups *group.Groups
	// conversations are the copies of memberships, which inbox keeps up.
	conversations *conversation.Conversations
	inbox         *inbox.Inbox
	later         atomic.Int64 // what the clock is ahead

	mu sync.Mutex
	// heard are the events that each hub has yet to get, behind those that the
	// fan-out has.
	heard  map[*live.Hub][]event.Timeline
	behind []event.Timeline
	// byHand has the test call for the fan-out, which else is at once and needs no
	// word to the hubs.
	byHand bool
	lives  map[*live.Hub]int
	// missed are the messages that hubs reported, by user.
	missed map[id.User][]int64
}

func newStreet(t tb, ctx context.Context) *street {
	s := &street{tb: t, ctx: ctx, heard: map[*live.Hub][]event.Timeline{}, lives: map[*live.Hub]int{}, missed: map[id.User][]int64{}}
	store := new(commit.Memory)
	s.groups = group.New(store, s.announce, group.Options{Now: s.now, Linger: -1})
	s.conversations = conversation.New(store, nil, 0, s.now)
	s.inbox = inbox.New(s.groups, user.New(store, s.groups, nil, 0, s.now), s.conversations, inbox.Options{Offline: 7 * 24 * time.Hour, Now: s.now})
	return s
}

func (s *street) now() time.Time { return time.Now().Add(time.Duration(s.later.Load())) }

func (s *street) announce(_ context.Context, payloads ...[]byte) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, p := range payloads {
		var ev event.Timeline
		if err := json.Unmarshal(p, &ev); err != nil {
			return err
		}
		s.publish(ev)
		s.behind = append(s.behind, ev)
	}
	if byHand := s.byHand; !byHand {
		s.mu.Unlock()
		s.fanOutAll()
		s.mu.Lock()
	}
	return nil
}

// publish hands an event to the hubs. s.mu is held.
func (s *street) publish(ev event.Timeline) {
	for h := range s.lives {
		s.heard[h] = append(s.heard[h], ev)
	}
}

// fanOut has the fan-out handle the event at index i of those it has yet to get.
func (s *street) fanOut(i int) {
	s.Helper()
	s.mu.Lock()
	if i >= len(s.behind) {
		s.mu.Unlock()
		return
	}
	ev := s.behind[i]
	s.behind = slices.Delete(s.behind, i, i+1)
	s.mu.Unlock()
	entries, err := group.DecodeEntries(ev.Entries)
	s.ok(err)
	var changes []group.Entry
	told := ev
	// The rooms have to keep to what they know of the roster where an event says nothing.
	told.Entries, told.Shards = nil, nil
	for i, e := range entries {
		if e.Kind == group.KindJoined || e.Kind == group.KindLeft || e.Kind == group.KindDismissed {
			changes, told.Entries = append(changes, e), append(told.Entries, ev.Entries[i])
		}
	}
	if len(changes) == 0 {
		return
	}
	s.ok(s.inbox.Follow(s.ctx, &ev, entries))
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.byHand {
		s.publish(told)
	}
}

func (s *street) fanOutAll() {
	s.Helper()
	for s.fanOutLeft() > 0 {
		s.fanOut(0)
	}
}

func (s *street) fanOutLeft() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.behind)
}

func (s *street) list(ctx context.Context, u id.User) (conversation.List, error) {
	return s.conversations.List(ctx, u)
}

// hub returns a process that follows the street. change may set options.
func (s *street) hub(change ...func(*live.Options)) *live.Hub {
	var h *live.Hub
	o := live.Options{
		Feed: func(ctx context.Context, live func(), _ func(context.Context, *event.Timeline) error) error {
			s.mu.Lock()
			s.lives[h]++
			s.mu.Unlock()
			live()
			<-ctx.Done()
			s.mu.Lock()
			delete(s.lives, h)
			delete(s.heard, h)
			s.mu.Unlock()
			return nil
		},
		List: s.list, Groups: s.groups,
		Missed: func(_ context.Context, u id.User, _ id.Group, spans []live.Span) {
			s.mu.Lock()
			defer s.mu.Unlock()
			for _, span := range spans {
				for seq := span.After + 1; seq <= span.Last; seq++ {
					s.missed[u] = append(s.missed[u], seq)
				}
			}
		},
		GapWait: 5 * time.Millisecond, Linger: -1, Now: s.now,
	}
	for _, c := range change {
		c(&o)
	}
	h = live.New(o)
	return h
}

// deliver hands a hub the event at index i of those it has yet to get; it keeps
// it when again is set.
func (s *street) deliver(h *live.Hub, i int, again bool) {
	s.Helper()
	s.mu.Lock()
	if i >= len(s.heard[h]) {
		s.mu.Unlock()
		return // the hub has stopped to follow
	}
	ev := s.heard[h][i]
	if !again {
		s.heard[h] = slices.Delete(s.heard[h], i, i+1)
	}
	s.mu.Unlock()
	if err := h.Deliver(s.ctx, &ev); err != nil {
		s.Fatalf("deliver: %v", err)
	}
}

func (s *street) waiting(h *live.Hub) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.heard[h])
}

func (s *street) deliverAll(h *live.Hub) {
	s.Helper()
	for s.waiting(h) > 0 {
		s.deliver(h, 0, false)
	}
}

func (s *street) ok(err error) {
	s.Helper()
	if err != nil {
		s.Fatalf("%v", err)
	}
}

func (s *street) say(g id.Group, e group.Entry) int64 {
	s.Helper()
	e.Type = "RC:TxtMsg"
	if e.Content == "" {
		e.Content = "{}"
	}
	r, err := s.groups.Publish(s.ctx, g, e)
	s.ok(err)
	return r.Seq
}

// patience is how long a test waits for what must come.
var patience = 2 * time.Minute

// eventually waits until ok; what says for what.
func (s *street) eventually(what func() string, ok func() bool) {
	s.Helper()
	for deadline := time.Now().Add(patience); !ok(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			s.Fatalf("waited in vain: %s", what())
		}
	}
}

// frame is one event as a device reads it.
type frame struct {
	name string
	id   string
	data struct {
		Group   id.Group `json:"groupId"`
		After   int64
		LastSeq int64
		Entries []struct {
			Seq     int64
			Kind    group.Kind
			Content string
		}
		Kind   group.Kind
		Seq    int64
		Reason string
	}
}

var errCut = errors.New("the line was cut")

// device is a phone on the stream.
type device struct {
	user id.User

	mu     sync.Mutex
	rest   []byte
	lastID string
	frames []frame
	// budget is how many bytes arrive before the line is cut; below zero, all.
	budget int
	// on is closed when the connection has ended.
	on   chan struct{}
	err  error
	stop context.CancelFunc
	// gate, when set, holds every write until it is closed.
	gate chan struct{}
	// hear is called for each event, with mu held.
	hear func(frame)
}

// connect connects the device with the last id it read.
func (s *street) connect(h *live.Hub, d *device, budget int) error {
	ctx, stop := context.WithCancel(s.ctx)
	c, err := h.Connect(ctx, d.user, d.lastID)
	if err != nil {
		stop()
		return err
	}
	d.rest, d.budget, d.stop, d.on, d.err = nil, budget, stop, make(chan struct{}), nil
	on := d.on
	go func() {
		err := c.Run(d.read, nil)
		d.mu.Lock()
		d.err = err
		d.mu.Unlock()
		close(on)
	}()
	return nil
}

// away says whether the device is not connected.
func (d *device) away() bool {
	select {
	case <-d.on:
		return true
	default:
		return false
	}
}

func (d *device) read(b []byte) error {
	d.mu.Lock()
	gate := d.gate
	d.mu.Unlock()
	if gate != nil {
		<-gate
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	cut := d.budget >= 0 && len(b) > d.budget
	if cut {
		b = b[:d.budget]
	}
	if d.budget >= 0 {
		d.budget -= len(b)
	}
	d.rest = append(d.rest, b...)
	for {
		text, rest, whole := bytes.Cut(d.rest, []byte("\n\n"))
		if !whole {
			break
		}
		d.rest = rest
		d.parse(string(text))
	}
	if cut {
		return errCut
	}
	return nil
}

func (d *device) parse(text string) {
	var f frame
	for line := range strings.Lines(text) {
		field, value, _ := strings.Cut(strings.TrimSuffix(line, "\n"), ": ")
		switch field {
		case "event":
			f.name = value
		case "id":
			d.lastID, f.id = value, value
		case "data":
			if err := json.Unmarshal([]byte(value), &f.data); err != nil {
				panic(fmt.Sprintf("%q: %v", text, err))
			}
		}
	}
	if f.name == "" {
		return
	}
	d.frames = append(d.frames, f)
	if d.hear != nil {
		d.hear(f)
	}
}

// story tells what the device heard in few words: groups, seqs, and kinds. Which
// entries came in one event and which in several is not told.
func (d *device) story() string {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.told()
}

// told is story with mu held.
func (d *device) told() string {
	var out []string
	var open *frame
	var seqs []string
	end := func() {
		if open != nil {
			out = append(out, fmt.Sprintf("%s(%d,%d]:%s", open.data.Group, open.data.After, open.data.LastSeq, strings.Join(seqs, ",")))
		}
		open, seqs = nil, nil
	}
	for _, f := range d.frames {
		if f.name == "entries" {
			if open == nil || open.data.Group != f.data.Group || open.data.LastSeq != f.data.After {
				end()
				open = &f
			}
			open.data.LastSeq = f.data.LastSeq
			for _, e := range f.data.Entries {
				seqs = append(seqs, fmt.Sprint(e.Seq))
			}
			continue
		}
		if f.name == "ping" {
			continue
		}
		end()
		switch f.name {
		case "membership":
			out = append(out, fmt.Sprintf("%s %s@%d", f.data.Kind, f.data.Group, f.data.Seq))
		case "goodbye":
			out = append(out, "goodbye "+f.data.Reason)
		default:
			out = append(out, strings.TrimSpace(f.name+" "+string(f.data.Group)))
		}
	}
	end()
	return strings.Join(out, "; ")
}

// hears waits until the device has heard just this.
func (s *street) hears(d *device, want string) {
	s.Helper()
	s.eventually(func() string { return fmt.Sprintf("%s heard %q, not %q", d.user, d.story(), want) }, func() bool { return d.story() == want })
}

func (s *street) phone(h *live.Hub, u id.User) *device {
	s.Helper()
	d := &device{user: u}
	s.ok(s.connect(h, d, -1))
	return d
}

func play(t *testing.T) *street {
	t.Helper()
	return newStreet(t, t.Context())
}

// newest is the last seq of a group that the device knows of.
func (d *device) newest(g id.Group) int64 {
	d.mu.Lock()
	defer d.mu.Unlock()
	last := int64(0)
	for _, f := range d.frames {
		if f.name == "entries" && f.data.Group == g {
			last = max(last, f.data.LastSeq)
		}
	}
	return last
}

func (s *street) missedBy(u id.User) []int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.missed[u])
}
