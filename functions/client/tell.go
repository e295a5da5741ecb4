package client

import (
	"context"
	"net/http"
	"time"

	"github.com/throng-im/throng/shared/deviceapi"
	"github.com/throng-im/throng/shared/event"
	"github.com/throng-im/throng/shared/fault"
)

// What follows is announced for the app's own server, where it wants to be told. It
// is durable before the call is answered: a device that gets no answer repeats the
// call, which changes nothing then and is announced once more.

func (f calls) tellDeleted(ctx context.Context, who caller, d event.Deleted) error {
	if f.Settings.Callbacks.Operations == "" {
		return nil
	}
	d.User, d.At, d.Source = who.user, time.Now().UnixMilli(), who.source
	return f.announce(ctx, event.TopicCallback, event.Callback{Kind: event.CallbackOperations, Deleted: &d})
}

// tellLoggedOut says that a device is not to be notified any more.
func (f calls) tellLoggedOut(ctx context.Context, who caller, r *http.Request) error {
	if f.Settings.Callbacks.Status == "" {
		return nil
	}
	return f.announce(ctx, event.TopicPresence, event.Presence{Changes: []event.Change{{
		User: who.user, Status: event.LoggedOut, At: time.Now().UnixMilli(), Source: who.source, IP: deviceapi.ClientIP(r),
	}}})
}

func (f calls) announce(ctx context.Context, topic string, what any) error {
	if err := event.Publish(ctx, f.publish, topic, what); err != nil {
		return fault.New(fault.Unavailable, "done but not announced, try again")
	}
	return nil
}
