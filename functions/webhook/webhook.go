// Package webhook is the function that tells the app's own server what happened:
// which messages were stored, which were recalled or deleted, who came online and
// who went.
//
// Trigger: Pub/Sub, with a subscription for each kind of callback, so that a server
// that is slow to take the one does not hold up the others: topic timeline for
// messages and once more for operations, presence for status, and callback for what
// is left. A call is tried three times at once. An event of which no call succeeded
// is delivered again later; where some did, it is acknowledged, and a new event
// carries the calls that are left. After many deliveries, over hours, Pub/Sub puts an event by, and
// functions/cmd/replay has what was put by delivered once more. A call may be made
// twice, and a message has the same msgUID then.
package webhook

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"time"

	"github.com/GoogleCloudPlatform/functions-framework-go/functions"
	lru "github.com/hashicorp/golang-lru/v2"

	"github.com/throng-im/throng/shared/callback"
	"github.com/throng-im/throng/shared/cloud"
	"github.com/throng-im/throng/shared/event"
	"github.com/throng-im/throng/shared/fault"
	"github.com/throng-im/throng/shared/group"
	"github.com/throng-im/throng/shared/id"
	"github.com/throng-im/throng/shared/pubsub"
)

// Serve is the function's entry point.
var Serve = cloud.Function("webhook", Handler)

func init() { functions.HTTP("webhook", Serve) }

const (
	// doneCalls is how many calls an instance remembers to have made, so that an
	// event that comes twice is mostly told once.
	doneCalls = 16384
	// callTimeout is the contract's, and so is it that a call that failed is made
	// twice more: after firstPause, and again after four times as long.
	callTimeout = 5 * time.Second
	firstPause  = 150 * time.Millisecond
	tries       = 3
	// workFor is how long after an event came the last call for it may begin. It
	// leaves room within the deadline of a minute for one that takes its longest,
	// and for publishing what is left.
	workFor = 25 * time.Second
	// waitFor is how long an event waits for its turn in its group, or for a place
	// among the calls, before it is given back.
	waitFor = 10 * time.Second
	// callsAtOnce bounds the calls of one kind that a process makes at the same time.
	callsAtOnce = 64
)

type function struct {
	*cloud.Cloud
	kinds   map[event.CallbackKind]*kind
	publish event.Publisher
	online  func(ctx context.Context, dead string, users ...id.User) (map[id.User]bool, error)
	find    func(ctx context.Context, uid id.Message) (id.Group, group.Entry, error)
	caller  *callback.Caller
	now     func() time.Time
	pause   func(context.Context, time.Duration) error
	timeout time.Duration
}

// kind is what there is of each kind of callback.
type kind struct {
	url   string
	lanes *lanes
	slots chan struct{}
	done  *lru.Cache[string, struct{}]
}

// Handler serves the function on c.
func Handler(c *cloud.Cloud) http.Handler {
	f := newFunction(c)
	f.publish, f.online, f.find = c.PubSub.Publish, c.Presence.OnlineNow, c.Groups.Find
	return f.handler()
}

func newFunction(c *cloud.Cloud) *function {
	f := &function{Cloud: c, caller: callback.New(c.Settings, time.Now), now: time.Now, pause: sleep, timeout: callTimeout, kinds: map[event.CallbackKind]*kind{}}
	set := c.Settings.Callbacks
	for name, url := range map[event.CallbackKind]string{event.CallbackMessages: set.Messages, event.CallbackOperations: set.Operations, event.CallbackStatus: set.Status} {
		if url == "" {
			continue
		}
		k := &kind{url: url, lanes: newLanes(gapFor), slots: make(chan struct{}, callsAtOnce)}
		k.done, _ = lru.New[string, struct{}](doneCalls) // fails for a size of zero only
		f.kinds[name] = k
	}
	return f
}

func sleep(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(d):
		return nil
	}
}

// handler has a path for each subscription; functions.json lists them.
func (f *function) handler() http.Handler {
	mux := http.NewServeMux()
	mux.Handle("/", pubsub.Handler(func(ctx context.Context, d pubsub.Delivery) error { return f.timeline(ctx, d, event.CallbackMessages) }))
	mux.Handle("/operations", pubsub.Handler(func(ctx context.Context, d pubsub.Delivery) error {
		return f.timeline(ctx, d, event.CallbackOperations)
	}))
	mux.Handle("/status", pubsub.Handler(f.status))
	mux.Handle("/later", pubsub.Handler(f.later))
	return mux
}

func (f *function) timeline(ctx context.Context, d pubsub.Delivery, kind event.CallbackKind) error {
	if f.kinds[kind] == nil {
		return nil
	}
	var ev event.Timeline
	if err := json.Unmarshal(d.Data, &ev); err != nil {
		return fault.New(fault.InvalidArgument, "not a timeline event: %s", err)
	}
	return f.tell(ctx, event.Callback{Kind: kind, Timeline: &ev})
}

func (f *function) status(ctx context.Context, d pubsub.Delivery) error {
	if f.kinds[event.CallbackStatus] == nil {
		return nil
	}
	var ev event.Presence
	if err := json.Unmarshal(d.Data, &ev); err != nil {
		return fault.New(fault.InvalidArgument, "not a presence event: %s", err)
	}
	return f.tell(ctx, event.Callback{Kind: event.CallbackStatus, Presence: &ev})
}

func (f *function) later(ctx context.Context, d pubsub.Delivery) error {
	var ev event.Callback
	if err := json.Unmarshal(d.Data, &ev); err != nil {
		return fault.New(fault.InvalidArgument, "not a callback event: %s", err)
	}
	return f.tell(ctx, ev)
}

// call is one call, and the part of the event that asks for it again.
type call struct {
	// name is what the call is remembered by, empty for one that is not.
	name string
	form string
	body []byte
	// entry is the entry of a timeline that it is about, deleted what was.
	entry   json.RawMessage
	deleted *event.DeletedMessage
}

// tell makes the calls that an event asks for.
func (f *function) tell(ctx context.Context, ev event.Callback) error {
	k := f.kinds[ev.Kind]
	if k == nil {
		return nil // nobody is to be told any more
	}
	calls, turn, err := f.callsOf(ctx, ev)
	if err != nil {
		return err
	}
	all := len(calls)
	calls = k.news(calls)
	if len(calls) == 0 {
		k.lanes.skip(turn.group, turn.first, turn.last)
		return nil
	}
	began := f.now()
	if turn.last > 0 {
		waiting, cancel := context.WithTimeout(ctx, waitFor)
		leave, err := k.lanes.enter(waiting, turn.group, turn.first, turn.last)
		cancel()
		if err != nil {
			return fmt.Errorf("%w: %w", pubsub.ErrLater, err)
		}
		defer leave()
		// Another delivery of the same event may have had its turn first.
		if calls = k.news(calls); len(calls) == 0 {
			return nil
		}
	}
	left, err := f.make(ctx, k, calls, began)
	slog.InfoContext(ctx, "told the app's server", "kind", ev.Kind, "group", turn.group, "calls", len(calls)-len(left), "left", len(left))
	switch {
	case len(left) == 0:
		return nil
	case len(left) == all:
		// Neither the server nor the event is any further than before.
		return fmt.Errorf("%s: %w", ev.Kind, err)
	}
	return f.putOff(ctx, ev, left)
}

// news are the calls that have not been made.
func (k *kind) news(calls []call) []call {
	var out []call
	for _, c := range calls {
		if c.name == "" || !k.done.Contains(c.name) {
			out = append(out, c)
		}
	}
	return out
}

// make makes calls one after the other. It returns those that are left, and why the
// last of them is. What the server does not take does not hold up what comes after
// it; where the server does not answer at all, the rest is not tried.
func (f *function) make(ctx context.Context, k *kind, calls []call, began time.Time) (left []call, err error) {
	for i, c := range calls {
		if f.now().Sub(began) > workFor {
			return append(left, calls[i:]...), pubsub.ErrLater
		}
		failed := f.one(ctx, k, c)
		if failed == nil {
			if c.name != "" {
				k.done.Add(c.name, struct{}{})
			}
			continue
		}
		left, err = append(left, c), failed
		if _, answered := errors.AsType[callback.StatusError](failed); !answered {
			return append(left, calls[i+1:]...), err
		}
	}
	return left, err
}

// one makes a call, up to three times.
func (f *function) one(ctx context.Context, k *kind, c call) error {
	select {
	case k.slots <- struct{}{}:
		defer func() { <-k.slots }()
	case <-time.After(waitFor):
		return pubsub.ErrLater
	case <-ctx.Done():
		return ctx.Err()
	}
	for try := 1; ; try++ {
		_, err := f.caller.Do(ctx, callback.Call{URL: k.url, Type: c.form, Body: c.body, Timeout: f.timeout})
		if err == nil || try == tries || errors.Is(err, callback.ErrPutOff) {
			return err
		}
		if err := f.pause(ctx, firstPause<<(2*(try-1))); err != nil {
			return err
		}
	}
}

// putOff publishes the calls that are left of an event.
func (f *function) putOff(ctx context.Context, ev event.Callback, left []call) error {
	switch {
	case ev.Timeline != nil:
		rest := *ev.Timeline
		rest.Entries = nil
		for _, c := range left {
			rest.Entries = append(rest.Entries, c.entry)
		}
		ev.Timeline = &rest
	case ev.Deleted != nil:
		rest := *ev.Deleted
		rest.Single = nil
		for _, c := range left {
			if c.deleted != nil {
				rest.Single = append(rest.Single, *c.deleted)
			}
		}
		ev.Deleted = &rest
	}
	return event.Publish(ctx, f.publish, event.TopicCallback, ev)
}

// turn is where an event stands in its group; last is zero where it stands nowhere.
type turn struct {
	group       id.Group
	first, last int64
}

// callsOf are the calls that an event asks for, in order.
func (f *function) callsOf(ctx context.Context, ev event.Callback) ([]call, turn, error) {
	switch {
	case ev.Timeline != nil && ev.Kind == event.CallbackMessages:
		return f.entries(ev.Timeline, f.message)
	case ev.Timeline != nil && ev.Kind == event.CallbackOperations:
		return f.entries(ev.Timeline, recalled)
	case ev.Deleted != nil && ev.Kind == event.CallbackOperations:
		calls, err := f.deleted(ctx, ev.Deleted)
		return calls, turn{group: ev.Deleted.Group}, err
	case ev.Presence != nil && ev.Kind == event.CallbackStatus:
		calls, err := f.changes(ctx, ev.Presence)
		return calls, turn{}, err
	}
	return nil, turn{}, fault.New(fault.InvalidArgument, "a callback event of kind %q has nothing of that kind", ev.Kind)
}

// entries are the calls that entries of a timeline ask for.
func (f *function) entries(ev *event.Timeline, of func(*event.Timeline, group.Entry) (*call, error)) (calls []call, t turn, err error) {
	t.group = ev.Group
	if !ev.News() {
		return nil, t, nil
	}
	entries, err := group.DecodeEntries(ev.Entries)
	if err != nil {
		return nil, t, fault.New(fault.InvalidArgument, "an event of %s: %s", ev.Group, err)
	}
	for i, e := range entries {
		if e.Seq == 0 {
			continue // a status message is stored nowhere and told nobody
		}
		if t.first == 0 || e.Seq < t.first {
			t.first = e.Seq
		}
		t.last = max(t.last, e.Seq)
		c, err := of(ev, e)
		if err != nil {
			return nil, t, err
		}
		if c != nil {
			c.entry = ev.Entries[i]
			calls = append(calls, *c)
		}
	}
	return calls, t, nil
}
