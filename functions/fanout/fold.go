package fanout

import (
	"context"
	"log/slog"

	"github.com/throng-im/throng/shared/event"
	"github.com/throng-im/throng/shared/group"
	"github.com/throng-im/throng/shared/id"
)

// A burst is folded by what the entries carry: each message past what a group may
// notify in a minute has its number, from 1. Members are told of the first and of
// each that doubles the count, and in the end, some time after what was said last,
// of the newest. All of it follows from the entries and from the group's head, so
// any process does the same, in whatever order and however often it is asked.

// foldFor is how long one event to watch stands for the messages of a burst, in Unix
// milliseconds: as long as notifications are counted.
const foldFor = 60_000

// tellsFold says whether members are told of the count that an entry carries. fold
// marks an event that asks for that.
func tellsFold(e group.Entry, fold bool) bool {
	return e.Kind == group.KindMessage && e.Folded > 0 && (fold || e.Folded&(e.Folded-1) == 0)
}

// foldOf is the notification of how many messages a burst has had. It stands for
// all of them, so it names no sender.
func foldOf(ev *event.Timeline, e group.Entry) event.Push {
	return event.Push{
		Kind: event.PushFold, Group: ev.Group, Name: ev.Name, Count: e.Folded,
		Seq: e.Seq, MessageUID: id.NewMessage(ev.Serial, e.Seq), At: e.At,
	}
}

// tellCount tells the count of a burst to those who are not connected, also to those
// who were told of its newest message by name.
func (f *function) tellCount(ctx context.Context, ev *event.Timeline, entries []group.Entry) error {
	for i := range entries {
		entries[i].Mention = nil
	}
	jobs, err := f.tell(ctx, ev, entries)
	if err != nil {
		return err
	}
	slog.InfoContext(ctx, "told the count of a burst", "group", ev.Group, "seq", entries[0].Seq, "count", entries[0].Folded, "jobs", jobs)
	return nil
}

// askForCount sees to it that members are told the count when what is folded here
// has been said. One event stands for all of a minute.
func (f *function) askForCount(ctx context.Context, ev *event.Timeline, entries []group.Entry) error {
	last := int64(0)
	for _, e := range entries {
		if e.Kind == group.KindMessage && e.Folded > 0 {
			last = max(last, e.At)
		}
	}
	if last == 0 {
		return nil
	}
	if due, known := f.counts.Get(ev.Group); known && due >= last {
		return nil
	}
	due := last + foldFor
	if err := event.Publish(ctx, f.publish, event.TopicWatch, event.Watch{Group: ev.Group, At: due}); err != nil {
		return err
	}
	f.counts.Add(ev.Group, due)
	return nil
}
