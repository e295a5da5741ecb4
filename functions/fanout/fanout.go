// Package fanout is the function that turns what happened in a group into push
// jobs: it finds who should be notified and hands out the work. Whoever is
// connected is passed over: the stream brings it to them, and says so when it may
// not have. It also keeps up what devices are told of their users' memberships.
//
// Trigger: Pub/Sub, topic timeline. An event may come twice, late or out of
// order. What a retry can cure is answered with an error and delivered again.
package fanout

import (
	"context"
	"encoding/json"
	"log/slog"
	"net/http"
	"slices"
	"strconv"
	"time"

	"github.com/GoogleCloudPlatform/functions-framework-go/functions"
	lru "github.com/hashicorp/golang-lru/v2"
	"github.com/hashicorp/golang-lru/v2/expirable"
	"golang.org/x/sync/singleflight"

	"github.com/throng-im/throng/shared/cloud"
	"github.com/throng-im/throng/shared/event"
	"github.com/throng-im/throng/shared/fault"
	"github.com/throng-im/throng/shared/group"
	"github.com/throng-im/throng/shared/id"
	"github.com/throng-im/throng/shared/pubsub"
)

// Serve is the function's entry point.
var Serve = cloud.Function("fanout", Handler)

func init() { functions.HTTP("fanout", Serve) }

const (
	// doneEntries is how many entries an instance remembers to have fanned out.
	// A duplicate that reaches another instance, or comes later than that, makes
	// a second notification with the same id, which a phone shows once.
	doneEntries = 16384
	// namesKept and namesFor bound the cache of senders' names; a new name is
	// shown at the latest after namesFor.
	namesKept = 10000
	namesFor  = time.Minute
	// countedGroups is how many groups with a burst are remembered at a time. One
	// that is forgotten has its count told more often.
	countedGroups = 4096
)

type entryKey struct {
	group id.Group
	seq   int64
}

type function struct {
	*cloud.Cloud
	done    *lru.Cache[entryKey, struct{}]
	names   *expirable.LRU[id.User, string]
	watched *lru.Cache[string, time.Time]
	// counts are the groups with a burst, and until when its count is asked for.
	counts   *lru.Cache[id.Group, int64]
	inFlight singleflight.Group
	asking   singleflight.Group
	// lookingUp is by group.
	lookingUp singleflight.Group
	publish   event.Publisher
	now       func() time.Time
}

// Handler serves the function on c.
func Handler(c *cloud.Cloud) http.Handler { return pubsub.Handler(newFunction(c).handle) }

func newFunction(c *cloud.Cloud) *function {
	f := &function{Cloud: c, publish: c.PubSub.Publish, now: time.Now, names: expirable.NewLRU[id.User, string](namesKept, nil, namesFor)}
	f.done, _ = lru.New[entryKey, struct{}](doneEntries) // New fails for a size of zero only
	f.watched, _ = lru.New[string, time.Time](watchedInstances)
	f.counts, _ = lru.New[id.Group, int64](countedGroups)
	return f
}

func (f *function) handle(ctx context.Context, d pubsub.Delivery) error {
	var ev event.Timeline
	if err := json.Unmarshal(d.Data, &ev); err != nil {
		return fault.New(fault.InvalidArgument, "not a timeline event: %s", err)
	}
	entries, err := group.DecodeEntries(ev.Entries)
	if err != nil {
		return fault.New(fault.InvalidArgument, "an event of %s: %s", ev.Group, err)
	}
	// A status message is for who is online, and has no seq to be known by.
	entries = slices.DeleteFunc(entries, func(e group.Entry) bool { return e.Kind == group.KindStatus })
	if len(entries) == 0 {
		return nil
	}
	work := f.fanOut
	switch {
	case ev.Fold:
		work = f.tellCount
	case len(ev.Missed) > 0:
		work = f.makeUp
	}
	// The same event twice at the same time is done once.
	_, err, _ = f.inFlight.Do(keyOf(&ev, entries), func() (any, error) { return nil, work(ctx, &ev, entries) })
	return err
}

// keyOf names what an event is about. All seqs are in it: an event may have
// entries that are announced once more, so its ends do not tell what is between.
func keyOf(ev *event.Timeline, entries []group.Entry) string {
	key := []byte(ev.Group)
	for _, e := range entries {
		key = strconv.AppendInt(append(key, '/'), e.Seq, 10)
	}
	if ev.Fold {
		key = append(key, "/fold"...)
	}
	return string(key) + missedBy(ev)
}

func (f *function) fanOut(ctx context.Context, ev *event.Timeline, entries []group.Entry) error {
	var todo []group.Entry
	for _, e := range entries {
		if !f.done.Contains(entryKey{ev.Group, e.Seq}) {
			todo = append(todo, e)
		}
	}
	if len(todo) == 0 {
		return nil
	}
	if err := f.welcome(ctx, ev, todo); err != nil {
		return err
	}
	if err := f.Inbox.Follow(ctx, ev, todo); err != nil {
		return err
	}
	if err := f.tellMemberships(ctx, ev, todo); err != nil {
		return err
	}
	jobs, err := f.tell(ctx, ev, todo)
	if err != nil {
		return err
	}
	if err := f.askForCount(ctx, ev, todo); err != nil {
		return err
	}
	for _, e := range todo {
		f.done.Add(entryKey{ev.Group, e.Seq}, struct{}{})
	}
	slog.InfoContext(ctx, "fanned out", "group", ev.Group, "firstSeq", todo[0].Seq, "lastSeq", todo[len(todo)-1].Seq, "jobs", jobs)
	return nil
}

// tell hands out the jobs for whom entries notify, and returns how many they are.
// Those who are connected are passed over, but for those who may have missed them.
func (f *function) tell(ctx context.Context, ev *event.Timeline, entries []group.Entry) (int, error) {
	notices, err := f.notices(ctx, ev, entries)
	if err != nil {
		return 0, err
	}
	if len(ev.Missed) == 0 {
		if err := f.passOver(ctx, notices); err != nil {
			return 0, err
		}
	}
	return f.handOut(ctx, ev, notices)
}

// makeUp notifies the users who may have missed entries that were fanned out
// before, whether they are connected now or not.
func (f *function) makeUp(ctx context.Context, ev *event.Timeline, entries []group.Entry) error {
	jobs, err := f.tell(ctx, ev, entries)
	if err != nil {
		return err
	}
	slog.InfoContext(ctx, "made up for what was missed", "group", ev.Group, "firstSeq", entries[0].Seq, "lastSeq", entries[len(entries)-1].Seq, "users", len(ev.Missed), "jobs", jobs)
	return nil
}

// tellMemberships publishes which changes of memberships have reached the users'
// own documents. A stream that read such a document before learns of them by it.
func (f *function) tellMemberships(ctx context.Context, ev *event.Timeline, entries []group.Entry) error {
	told := event.Memberships{Memberships: event.Timeline{Group: ev.Group, Name: ev.Name, Serial: ev.Serial, Shards: ev.Shards}}
	for _, e := range entries {
		switch e.Kind {
		case group.KindJoined, group.KindLeft, group.KindDismissed:
			raw, err := json.Marshal(e)
			if err != nil {
				return err
			}
			told.Memberships.Entries = append(told.Memberships.Entries, raw)
		}
	}
	if len(told.Memberships.Entries) == 0 {
		return nil
	}
	return event.Publish(ctx, f.publish, event.TopicConversation, told)
}

// welcome copies the devices and settings of users who joined into the roster, so that no
// message has to look them up.
func (f *function) welcome(ctx context.Context, ev *event.Timeline, entries []group.Entry) error {
	joined := map[id.User]bool{}
	for _, e := range entries {
		if e.Kind == group.KindJoined {
			for _, u := range e.Users {
				joined[u] = true
			}
		}
	}
	if len(joined) == 0 {
		return nil
	}
	_, err := f.rosterWith(ctx, ev, func(u id.User, m group.Member) bool { return joined[u] && m.Present() })
	return err
}

// nameOf returns what a notification calls the sender.
func (f *function) nameOf(ctx context.Context, u id.User) (string, error) {
	if name, known := f.names.Get(u); known {
		return name, nil
	}
	profiles, err := f.Users.Profiles(ctx, []id.User{u})
	if err != nil {
		return "", err
	}
	name := profiles[u].Name
	if name != "" { // who is unknown now may be registered the next moment
		f.names.Add(u, name)
	}
	return name, nil
}
