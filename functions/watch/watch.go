// Package watch is the function that finds out whether an instance of the stream
// lives to which members were connected who were not notified for that reason. For
// those of one that died without a word it has the fan-out make up for what they
// missed. It also has the fan-out tell the count of a burst of messages when the
// burst is over.
//
// Trigger: Pub/Sub, topic watch. While the answer is not known the event is given
// back and delivered again later; so it is when something fails. Whatever is done
// twice shows once, for a notification is known by its message.
package watch

import (
	"context"
	"encoding/json"
	"net/http"
	"time"

	"github.com/GoogleCloudPlatform/functions-framework-go/functions"

	"github.com/throng-im/throng/shared/cloud"
	"github.com/throng-im/throng/shared/event"
	"github.com/throng-im/throng/shared/fault"
	"github.com/throng-im/throng/shared/presence"
	"github.com/throng-im/throng/shared/pubsub"
)

// Serve is the function's entry point.
var Serve = cloud.Function("watch", Handler)

func init() { functions.HTTP("watch", Serve) }

const (
	// margin is more than a message takes from its commit to the connected devices,
	// or until a broken connection was noticed, and more than clocks differ.
	margin = presence.Heartbeat
	// answersFor is how long after the event an instance must have spoken to have
	// answered for all whom the event stands for.
	answersFor = presence.Heartbeat + margin
	// waitAtMost bounds a wait within one delivery. It leaves the rest of the
	// deadline of a minute for the work, and an instance that is believed for no
	// longer than this has missed a heartbeat: only those that are in trouble are
	// waited for.
	waitAtMost = 25 * time.Second
)

type function struct {
	*cloud.Cloud
	now     func() time.Time
	wait    func(context.Context, time.Duration) error
	publish event.Publisher
}

// Handler serves the function on c.
func Handler(c *cloud.Cloud) http.Handler {
	f := &function{Cloud: c, now: time.Now, wait: sleep, publish: c.PubSub.Publish}
	return pubsub.Handler(f.handle)
}

func sleep(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(d):
		return nil
	}
}

func (f *function) handle(ctx context.Context, d pubsub.Delivery) error {
	var ev event.Watch
	if err := json.Unmarshal(d.Data, &ev); err != nil {
		return fault.New(fault.InvalidArgument, "not a watch event: %s", err)
	}
	if ev.Group != "" {
		return f.tellCount(ctx, ev)
	}
	if ev.Instance == "" {
		return fault.New(fault.InvalidArgument, "a watch event names neither an instance nor a group")
	}
	for waited := false; ; waited = true {
		last, said, err := f.Presence.Last(ctx, ev.Instance)
		if err != nil {
			return err
		}
		if !said {
			// It stopped, and has said itself what may be missing, or was buried.
			return nil
		}
		now := f.now()
		switch judge(last, time.UnixMilli(ev.At), now) {
		case lives:
			return nil
		case dead:
			return f.bury(ctx, last)
		case silent:
			// The next delivery might come up to a minute after the lease.
			if !waited {
				if err := f.wait(ctx, last.Until.Sub(now)); err != nil {
					return err
				}
				continue
			}
		}
		return pubsub.ErrLater
	}
}

// verdict is what is known of an instance.
type verdict int

const (
	// unknown: it may have died since it spoke last, or not.
	unknown verdict = iota
	// silent is unknown of an instance that should have spoken by now.
	silent
	lives
	dead
)

// judge says what is known of an instance that an event of some time is about. An
// instance that spoke long enough after it has brought what was said by then to its
// devices, or has reported those whom it lost. Speaking any earlier proves nothing:
// it may have died with the message on its way to it.
func judge(last presence.Last, at, now time.Time) verdict {
	left := last.Until.Sub(now)
	switch {
	case !last.SpokeAt.Before(at.Add(answersFor)):
		return lives
	case left <= 0:
		return dead
	case left <= waitAtMost:
		return silent
	default:
		return unknown
	}
}
