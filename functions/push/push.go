// Package push is the function that hands notifications to FCM, and the only
// package that talks to it.
//
// Trigger: Pub/Sub, topic push. A job that no device could be reached with is
// delivered again later; one that reached some is acknowledged, and a new job
// carries the devices that are left.
package push

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"time"

	firebase "firebase.google.com/go/v4"
	"firebase.google.com/go/v4/messaging"
	"github.com/GoogleCloudPlatform/functions-framework-go/functions"
	lru "github.com/hashicorp/golang-lru/v2"
	"golang.org/x/sync/singleflight"
	"google.golang.org/api/option"

	"github.com/throng-im/throng/shared/cloud"
	"github.com/throng-im/throng/shared/event"
	"github.com/throng-im/throng/shared/fault"
	"github.com/throng-im/throng/shared/id"
	"github.com/throng-im/throng/shared/pubsub"
	"github.com/throng-im/throng/shared/serve"
	"github.com/throng-im/throng/shared/settings"
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
	return Handler(Deps{
		Style:  style,
		Send:   send,
		Forget: c.Users.ForgetToken,
		Requeue: func(ctx context.Context, job event.Push) error {
			payload, err := json.Marshal(job)
			if err != nil {
				return err
			}
			return c.PubSub.Publish(ctx, event.TopicPush, payload)
		},
	}), nil
})

func init() { functions.HTTP("push", Serve) }

// Deps are what the function needs done.
type Deps struct {
	// Style is how notifications look; nil is that of an app that set nothing.
	Style *Style
	// Send hands at most event.MaxPushTargets messages to FCM.
	Send func(ctx context.Context, messages []*messaging.Message) (*messaging.BatchResponse, error)
	// Requeue publishes a job for the devices that are left.
	Requeue func(ctx context.Context, job event.Push) error
	// Forget drops a token that FCM says is dead.
	Forget func(ctx context.Context, user id.User, token string) error
}

// Sender connects to FCM, or to the stand-in that the settings name.
func Sender(ctx context.Context, s settings.Settings) (func(context.Context, []*messaging.Message) (*messaging.BatchResponse, error), error) {
	var opts []option.ClientOption
	if s.FCMEndpoint != "" {
		// The library's own client would keep two idle connections for fifty
		// workers and open the rest anew for every message.
		transport := http.DefaultTransport.(*http.Transport).Clone()
		transport.MaxIdleConnsPerHost = idleConnections
		opts = append(opts, option.WithEndpoint(s.FCMEndpoint), option.WithHTTPClient(&http.Client{Transport: transport}))
	}
	app, err := firebase.NewApp(ctx, &firebase.Config{ProjectID: s.Project}, opts...)
	if err != nil {
		return nil, fmt.Errorf("firebase: %w", err)
	}
	client, err := app.Messaging(ctx)
	if err != nil {
		return nil, fmt.Errorf("firebase messaging: %w", err)
	}
	return client.SendEach, nil
}

const (
	idleConnections = 64
	// doneJobs is how many jobs an instance remembers to have done. A job that
	// another instance did, too, shows once all the same: phones replace a
	// notification by one with the same message id.
	doneJobs = 4096
	// sendTimeout leaves room within the event's deadline to requeue what is
	// left: the library retries an overloaded FCM for seven seconds.
	sendTimeout = 15 * time.Second
)

type function struct {
	Deps
	done     *lru.Cache[string, struct{}]
	inFlight singleflight.Group
}

// Handler serves the function.
func Handler(d Deps) http.Handler {
	done, _ := lru.New[string, struct{}](doneJobs) // fails for a size of zero only
	if d.Style == nil {
		d.Style = plain
	}
	f := &function{Deps: d, done: done}
	return pubsub.Handler(f.handle)
}

func (f *function) handle(ctx context.Context, d pubsub.Delivery) error {
	var job event.Push
	if err := json.Unmarshal(d.Data, &job); err != nil {
		return fault.New(fault.InvalidArgument, "not a push job: %s", err)
	}
	if job.Job == "" || len(job.Targets) == 0 || len(job.Targets) > event.MaxPushTargets {
		return fault.New(fault.InvalidArgument, "a push job needs a name and 1 to %d devices", event.MaxPushTargets)
	}
	_, err, _ := f.inFlight.Do(job.Job, func() (any, error) {
		if f.done.Contains(job.Job) {
			return nil, nil
		}
		err := f.push(ctx, job)
		if err == nil {
			f.done.Add(job.Job, struct{}{})
		}
		return nil, err
	})
	return err
}

func (f *function) push(ctx context.Context, job event.Push) error {
	sendCtx, cancel := context.WithTimeout(ctx, sendTimeout)
	defer cancel()
	batch, err := f.Send(sendCtx, f.Style.messages(job))
	if err != nil {
		return fmt.Errorf("fcm: %w", err)
	}
	var left []event.PushTarget
	sent, forgotten, refused := 0, 0, 0
	for i, r := range batch.Responses {
		target := job.Targets[i]
		switch verdictOf(r.Error) {
		case delivered:
			sent++
		case dead:
			forgotten++
			if err := f.Forget(ctx, target.User, target.Token); err != nil {
				slog.WarnContext(ctx, "a dead device could not be forgotten", "user", target.User, "device", target.Device, "error", err)
			}
		case refusedForGood:
			refused++
			slog.ErrorContext(ctx, "FCM refused a notification", "user", target.User, "device", target.Device, "messageUID", job.MessageUID, "error", r.Error)
		case retryable:
			left = append(left, target)
		}
	}
	slog.InfoContext(ctx, "pushed", "job", job.Job, "group", job.Group, "seq", job.Seq, "messageUID", job.MessageUID,
		"sent", sent, "forgotten", forgotten, "refused", refused, "left", len(left))
	switch {
	case len(left) == 0:
		return nil
	case len(left) == len(job.Targets):
		return fmt.Errorf("FCM took none of %d notifications", len(left))
	}
	job.Job, job.Targets = nextName(job.Job), left
	return f.Requeue(ctx, job)
}

// nextName names the job for what a job left over: name, name~1, name~2.
func nextName(name string) string {
	base, n := name, 0
	if cut := strings.LastIndexByte(name, '~'); cut >= 0 {
		if _, err := fmt.Sscanf(name[cut:], "~%d", &n); err == nil {
			base = name[:cut]
		}
	}
	return fmt.Sprintf("%s~%d", base, n+1)
}

// verdict is what became of one notification.
type verdict int

const (
	delivered verdict = iota
	dead
	refusedForGood
	retryable
)

// verdictOf classifies FCM's answer. The library's predicates look at the error
// itself and not at what it wraps, so this comes before any wrapping.
func verdictOf(err error) verdict {
	switch {
	case err == nil:
		return delivered
	case messaging.IsUnregistered(err), messaging.IsSenderIDMismatch(err):
		return dead
	case messaging.IsInvalidArgument(err), messaging.IsThirdPartyAuthError(err):
		return refusedForGood
	default:
		return retryable
	}
}
