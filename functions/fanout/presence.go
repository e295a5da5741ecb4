package fanout

import (
	"context"
	"log/slog"
	"maps"
	"slices"
	"strings"

	"github.com/throng-im/throng/shared/event"
	"github.com/throng-im/throng/shared/id"
	"github.com/throng-im/throng/shared/notify"
	"github.com/throng-im/throng/shared/presence"
)

// watchedInstances is how many instances of the stream a process remembers to
// have asked about; with more of them it asks more often.
const watchedInstances = 4096

// passOver takes those who are connected off the notices. When nobody knows who
// is, everybody is notified: rather one notification too many.
func (f *function) passOver(ctx context.Context, notices []notice) error {
	users := map[id.User]bool{}
	for _, n := range notices {
		for _, part := range [][]event.PushTarget{n.everyone, n.mentioned, n.folded} {
			for _, d := range part {
				users[d.User] = true
			}
		}
	}
	if len(users) == 0 {
		return nil
	}
	online, instances, err := f.Presence.Where(ctx, slices.Collect(maps.Keys(users))...)
	if err != nil {
		slog.WarnContext(ctx, "everybody is notified, for nobody knows who is connected", "error", err)
		return nil
	}
	for i := range notices {
		notices[i].everyone = without(notices[i].everyone, online)
		notices[i].mentioned = without(notices[i].mentioned, online)
		notices[i].folded = without(notices[i].folded, online)
	}
	return f.watch(ctx, instances)
}

// without returns the devices of those whom the last rule leaves: all the others
// have been asked.
func without(targets []event.PushTarget, online map[id.User]bool) []event.PushTarget {
	return slices.DeleteFunc(targets, func(d event.PushTarget) bool { return !notify.Pushed.Unless(online[d.User]).Tells() })
}

// watch sees to it that somebody finds out whether the instances live that
// members were passed over for. One event stands for all who are within a
// heartbeat, so that the cost goes by the clock and not by the messages.
func (f *function) watch(ctx context.Context, instances []string) error {
	if len(f.unwatched(instances)) == 0 {
		return nil
	}
	slices.Sort(instances)
	_, err, _ := f.asking.Do(strings.Join(instances, " "), func() (any, error) {
		now, todo := f.now(), f.unwatched(instances)
		if len(todo) == 0 {
			return nil, nil
		}
		asks := make([]event.Watch, len(todo))
		for i, instance := range todo {
			asks[i] = event.Watch{Instance: instance, At: now.UnixMilli()}
		}
		if err := event.Publish(ctx, f.publish, event.TopicWatch, asks...); err != nil {
			return nil, err
		}
		for _, instance := range todo {
			f.watched.Add(instance, now)
		}
		return nil, nil
	})
	return err
}

// unwatched returns the instances that no event of the last heartbeat was about.
func (f *function) unwatched(instances []string) []string {
	var out []string
	for _, instance := range instances {
		if at, known := f.watched.Get(instance); !known || f.now().Sub(at) >= presence.Heartbeat {
			out = append(out, instance)
		}
	}
	return out
}
