package inbox_test

import (
	"cmp"
	"context"
	"encoding/json"
	"slices"
	"time"

	"github.com/throng-im/throng/shared/commit"
	"github.com/throng-im/throng/shared/commit/committest"
	"github.com/throng-im/throng/shared/conversation"
	"github.com/throng-im/throng/shared/event"
	"github.com/throng-im/throng/shared/group"
	"github.com/throng-im/throng/shared/id"
	"github.com/throng-im/throng/shared/inbox"
	"github.com/throng-im/throng/shared/user"
)

// tb is what a world needs of a test.
type tb interface {
	Helper()
	Fatal(...any)
}

// world is groups, what users set, and ann's inbox, with everything that happened
// in the groups as one would write it down by hand.
type world struct {
	tb
	ctx           context.Context
	store         *committest.Counting
	groups        *group.Groups
	users         *user.Users
	conversations *conversation.Conversations
	inbox         *inbox.Inbox
	now           int64

	logs    map[id.Group][]group.Entry
	serials map[id.Group]id.Serial
	// events are those that nobody has followed yet.
	events []event.Timeline
	told   []event.Conversation
}

const window = 7 * 24 * time.Hour

func newWorld(t tb, months int) *world {
	w := &world{
		tb: t, ctx: context.Background(), store: &committest.Counting{Memory: new(commit.Memory)}, now: 1_800_000_000_000,
		logs: map[id.Group][]group.Entry{}, serials: map[id.Group]id.Serial{},
	}
	clock := func() time.Time { return time.UnixMilli(w.now) }
	w.groups = group.New(w.store, w.hear, group.Options{Linger: -1, Now: clock})
	tell := func(_ context.Context, payloads ...[]byte) error {
		for _, p := range payloads {
			var ev event.Conversation
			if err := json.Unmarshal(p, &ev); err != nil {
				return err
			}
			w.told = append(w.told, ev)
		}
		return nil
	}
	w.users = user.New(w.store, w.groups, tell, 0, clock)
	w.conversations = conversation.New(w.store, tell, 0, clock)
	w.inbox = inbox.New(w.groups, w.users, w.conversations, inbox.Options{Offline: window, HistoryMonths: months, Now: clock})
	return w
}

// cost is the documents read so far.
func (w *world) cost() int { return int(w.store.Reads.Load()) }

// reads has ann read up to seq, and expects where that moves the position to.
func (w *world) reads(seq, to int64) {
	w.Helper()
	if moved, err := w.inbox.Read(w.ctx, "ann", "g", seq); err != nil || moved != to {
		w.Fatal("reading up to", seq, "moved to", moved, "want", to, err)
	}
}

func (w *world) ok(err error) {
	w.Helper()
	if err != nil {
		w.Fatal(err)
	}
}

// hear writes down what was announced, each entry once, and what it changed.
func (w *world) hear(_ context.Context, payloads ...[]byte) error {
	for _, p := range payloads {
		var ev event.Timeline
		if err := json.Unmarshal(p, &ev); err != nil {
			return err
		}
		w.events = append(w.events, ev)
		w.serials[ev.Group] = ev.Serial
		entries, err := group.DecodeEntries(ev.Entries)
		if err != nil {
			return err
		}
		for _, e := range entries {
			log := w.logs[ev.Group]
			if e.Seq <= int64(len(log)) {
				continue
			}
			switch e.Kind {
			case group.KindRecall:
				log[e.Target-1].Content, log[e.Target-1].Recalled = "", e.Seq
			case group.KindEdit:
				log[e.Target-1].Content, log[e.Target-1].Mention, log[e.Target-1].Edited = e.Content, e.Mention, e.Seq
			}
			w.logs[ev.Group] = append(log, e)
		}
	}
	return nil
}

// deliver follows one of the waiting events; where keep says so, it stays there to
// come again.
func (w *world) deliver(i int, keep bool) {
	ev := w.events[i]
	if !keep {
		w.events = slices.Delete(w.events, i, i+1)
	}
	entries, err := group.DecodeEntries(ev.Entries)
	w.ok(err)
	w.ok(w.inbox.Follow(w.ctx, &ev, entries))
}

func (w *world) deliverAll() {
	for len(w.events) > 0 {
		w.deliver(0, false)
	}
}

// stay is ann's membership of a group, as its log tells it.
type stay struct {
	joined, left int64
	away         []int64
}

func (w *world) stay(g id.Group) (s stay) {
	dismissal := int64(0)
	for _, e := range w.logs[g] {
		switch named := slices.Contains(e.Users, "ann"); {
		case e.Kind == group.KindJoined && named && s.left > 0 && s.left == dismissal:
			s.away, s.left = append(s.away, s.left, e.Seq), 0
		case e.Kind == group.KindJoined && named:
			s = stay{joined: e.Seq}
		case e.Kind == group.KindLeft && named:
			s.left = e.Seq
		case e.Kind == group.KindDismissed:
			if dismissal = e.Seq; s.left == 0 && s.joined > 0 {
				s.left = e.Seq
			}
		}
	}
	return s
}

func (s stay) present() bool { return s.joined > 0 && s.left == 0 }

// sees is the rule of who sees what, written down once more.
func (w *world) sees(s stay, c conversation.Conversation, e group.Entry) bool {
	within := func(seq, at int64) bool { return seq > s.joined && seq > c.ClearedSeq && at > c.ClearedAt }
	if !s.present() || !within(e.Seq, e.At) || e.Target > 0 && !within(e.Target, e.TargetAt) {
		return false
	}
	// An entry about a message shows to whoever knows that message.
	about := cmp.Or(e.Target, e.Seq)
	for gap := range slices.Chunk(s.away, 2) {
		if gap[0] <= about && about <= gap[1] {
			return false
		}
	}
	if slices.Contains(c.Deleted, about) {
		return false
	}
	if e.From == "ann" {
		return !e.HideFromSender
	}
	mine := e.Kind == group.KindRecall && slices.Contains(e.Users, "ann")
	return len(e.To) == 0 || slices.Contains(e.To, "ann") || mine
}

// unread is what ann has not read of a group, by the log.
func (w *world) unread(g id.Group, s stay, c conversation.Conversation) (unread, mentions int, first int64) {
	for _, e := range slices.Backward(w.logs[g]) {
		if e.Kind != group.KindMessage || e.From == "ann" || e.Uncounted || e.Recalled > 0 || e.Seq <= c.ReadSeq ||
			!w.sees(s, c, e) || e.At < w.now-window.Milliseconds() || unread == inbox.MaxUnread {
			continue
		}
		unread, first = unread+1, e.Seq
		if e.Mention != nil && (e.Mention.Type == group.MentionAll || slices.Contains(e.Mention.Users, "ann")) {
			mentions++
		}
	}
	return unread, mentions, first
}

// conversation is what is stored of ann's conversation.
func (w *world) conversation(g id.Group) conversation.Conversation {
	c, err := w.conversations.Of(w.ctx, "ann", g)
	w.ok(err)
	return c
}
