// Package push is the function that hands notifications to FCM, and the only
// package that talks to it.
//
// Trigger: Pub/Sub, topics push and push-later. A job is tried once and
// acknowledged. The devices that FCM could not take now go into a new job on
// push-later that says when it is due; those that are done stay out of it. So what
// fails holds up nothing on push. A job that comes early is held for a while and then
// published once more. After an hour a job is given up, to the dead-letter topic.
package push

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"time"

	"firebase.google.com/go/v4/messaging"
	"github.com/GoogleCloudPlatform/functions-framework-go/functions"
	lru "github.com/hashicorp/golang-lru/v2"
	"golang.org/x/sync/singleflight"

	"github.com/throng-im/throng/shared/cloud"
	"github.com/throng-im/throng/shared/event"
	"github.com/throng-im/throng/shared/fault"
	"github.com/throng-im/throng/shared/gate"
	"github.com/throng-im/throng/shared/id"
	"github.com/throng-im/throng/shared/pubsub"
	"github.com/throng-im/throng/shared/serve"
)

// Serve is the function's entry point.
var Serve = serve.Function("push", func(ctx context.Context) (http.Handler, error) {
	c, err := cloud.Shared(ctx)
	if err != nil {
		return nil, err
	}
	send, err := Sender(ctx, c.Settings)
	if err != nil {
		return nil, err
	}
	style, err := NewStyle(c.Settings.Notifications)
	if err != nil {
		return nil, err
	}
	d := On(c, send)
	d.Style = style
	return Handler(d), nil
})

func init() { functions.HTTP("push", Serve) }

// Deps are what the function needs done.
type Deps struct {
	// Style is how notifications look; nil is that of an app that set nothing.
	Style *Style
	// Send hands one message to FCM, once. Its error is the SDK's own, not wrapped.
	Send func(ctx context.Context, m *messaging.Message) error
	// Publish publishes jobs that wait until they are due, or were given up, to the
	// topic for it.
	Publish event.Publisher
	// Forget drops a token that FCM says is dead.
	Forget func(ctx context.Context, user id.User, token string) error
	// StillTheirs returns those of the devices whose token is their user's still; nil is
	// all.
	StillTheirs func(ctx context.Context, targets []event.PushTarget) ([]event.PushTarget, error)
	// Ask asks whether so many messages may go to FCM now; nil is always.
	Ask func(ctx context.Context, n int) (gate.Answer, error)
	// Close tells all processes that FCM takes nothing until some time.
	Close func(ctx context.Context, until time.Time) error
	// DeviceRate is how many messages a minute a device is shown, 0 for any number.
	DeviceRate int
	// Now is the clock, and Wait waits; nil is the real ones.
	Now  func() time.Time
	Wait func(ctx context.Context, d time.Duration) error
}

// On is what the function needs, done by a cloud.
func On(c *cloud.Cloud, send func(context.Context, *messaging.Message) error) Deps {
	return Deps{
		Send: send, Publish: c.PubSub.Publish, Forget: c.Users.ForgetToken, StillTheirs: c.Users.StillTheirs, Ask: c.Gate.Ask, Close: c.Gate.Close, DeviceRate: c.Settings.PushDeviceRate,
	}
}

const (
	// doneJobs is how many jobs an instance remembers to have done. A job that
	// another instance did, too, shows once all the same: phones replace a
	// notification by one with the same message id.
	doneJobs = 4096
	// holdAtMost bounds the wait for a job's time within one delivery. What is due
	// later is published again. To refuse it would have Pub/Sub deliver it again, too,
	// but slow down the whole subscription.
	holdAtMost = 20 * time.Second
	// giveUpAfter is how long a job is tried: FCM asks for no more than an hour.
	giveUpAfter = time.Hour
	// spread is over how long jobs come back that have waited for the same moment.
	spread = 10 * time.Second
	// oldAfter is after how long the devices of a job are looked at again, before it is
	// tried: some may have changed hands meanwhile.
	oldAfter = time.Minute
	// pausedFor is after how long a job that met a pause looks again.
	pausedFor = 30 * time.Second
)

// Why a job waits or was given up, beside FCM's own codes.
const (
	reasonPaused = "PAUSED"
	reasonQuota  = "QUOTA_WINDOW_USED"
)

type function struct {
	Deps
	// done are jobs that must not be sent again, with the jobs that they left behind
	// and that are still to be published.
	done     *lru.Cache[string, []event.Push]
	inFlight singleflight.Group
	budget   *budget
	// slots bound the messages that this process has under way.
	slots chan struct{}
}

// Handler serves the function.
func Handler(d Deps) http.Handler {
	if d.Style == nil {
		d.Style = plain
	}
	if d.Now == nil {
		d.Now = time.Now
	}
	if d.Wait == nil {
		d.Wait = sleep
	}
	if d.Ask == nil {
		d.Ask = func(context.Context, int) (gate.Answer, error) { return gate.Answer{Open: true}, nil }
	}
	f := &function{Deps: d, budget: newBudget(d.DeviceRate), slots: make(chan struct{}, underWay)}
	f.done, _ = lru.New[string, []event.Push](doneJobs) // fails for a size of zero only
	return pubsub.Handler(f.handle)
}

// sleep waits, but not for longer than the process lives.
func sleep(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-serve.Stopping(ctx):
		return pubsub.ErrLater
	case <-time.After(d):
		return nil
	}
}

func (f *function) handle(ctx context.Context, d pubsub.Delivery) error {
	var job event.Push
	if err := json.Unmarshal(d.Data, &job); err != nil {
		return fault.New(fault.InvalidArgument, "not a push job: %s", err)
	}
	if job.Job == "" || len(job.Targets) == 0 || len(job.Targets) > event.MaxPushTargets {
		return fault.New(fault.InvalidArgument, "a push job needs a name and 1 to %d devices", event.MaxPushTargets)
	}
	if early := time.UnixMilli(job.Due).Sub(f.Now()); early > 0 {
		if err := f.Wait(ctx, min(early, holdAtMost)); err != nil {
			return err
		}
		if early > holdAtMost {
			return event.Publish(ctx, f.Publish, event.TopicPushLater, job)
		}
	}
	_, err, _ := f.inFlight.Do(job.Job, func() (any, error) { return nil, f.do(ctx, job) })
	return err
}

// do tries a job, unless that was done or its time has not come.
func (f *function) do(ctx context.Context, job event.Push) error {
	if left, done := f.done.Get(job.Job); done {
		return f.hand(ctx, job.Job, left)
	}
	now := f.Now()
	if job.First == 0 {
		job.First = now.UnixMilli()
	}
	if givenUp(job, now) {
		return f.hand(ctx, job.Job, []event.Push{job})
	}
	answer, err := f.Ask(ctx, len(job.Targets))
	switch {
	case err != nil:
		return err
	case answer.Open:
		left, err := f.stillTheirs(ctx, job, now)
		if err != nil {
			return err
		}
		return f.hand(ctx, job.Job, f.push(ctx, left))
	case answer.Paused:
		job.Reason = reasonPaused
		job.Due = now.Add(pausedFor).UnixMilli()
	default:
		job.Reason = reasonQuota
		job.Due = answer.Until.Add(rand.N(spread)).UnixMilli()
	}
	slog.InfoContext(ctx, "push waits", "job", job.Job, "messageUID", job.MessageUID, "reason", job.Reason, "devices", len(job.Targets), "due", time.UnixMilli(job.Due))
	return event.Publish(ctx, f.Publish, event.TopicPushLater, job)
}

// stillTheirs takes those devices off a job that are not their users' any more, where
// it was tried before or has waited, also in Pub/Sub. A young job says what the roster
// did just now.
func (f *function) stillTheirs(ctx context.Context, job event.Push, now time.Time) (event.Push, error) {
	if f.StillTheirs == nil || job.Tries == 0 && now.UnixMilli()-min(job.First, cmp.Or(job.At, job.First)) < oldAfter.Milliseconds() {
		return job, nil
	}
	targets, err := f.StillTheirs(ctx, job.Targets)
	if gone := len(job.Targets) - len(targets); err == nil && gone > 0 {
		slog.InfoContext(ctx, "devices that are not their users' any more are not pushed to", "job", job.Job, "messageUID", job.MessageUID, "devices", gone)
		job.Targets = targets
	}
	return job, err
}

// givenUp says whether a job, when its time comes, will have been tried for too long.
func givenUp(job event.Push, now time.Time) bool {
	return job.First > 0 && max(job.Due, now.UnixMilli())-job.First >= giveUpAfter.Milliseconds()
}

// hand publishes what a job leaves behind. From then on the job is done. When it
// cannot be published, only that is tried again: nothing that succeeded is sent twice.
func (f *function) hand(ctx context.Context, name string, left []event.Push) error {
	// The messages are out, so what is left must not be lost with the request.
	ctx = context.WithoutCancel(ctx)
	topics := map[string][]event.Push{}
	for _, job := range left {
		topic := event.TopicPushLater
		if givenUp(job, f.Now()) {
			topic = event.TopicPushDead
		}
		topics[topic] = append(topics[topic], job)
	}
	left = nil
	var errs []error
	for topic, jobs := range topics {
		if err := event.Publish(ctx, f.Publish, topic, jobs...); err != nil {
			errs, left = append(errs, err), append(left, jobs...)
			continue
		}
		for _, job := range jobs {
			if topic == event.TopicPushDead {
				slog.ErrorContext(ctx, "a push was given up", "alarm", "push_given_up", "job", job.Job, "group", job.Group, "messageUID", job.MessageUID,
					"reason", job.Reason, "devices", len(job.Targets), "since", time.UnixMilli(job.First))
			}
		}
	}
	f.done.Add(name, left)
	return errors.Join(errs...)
}
