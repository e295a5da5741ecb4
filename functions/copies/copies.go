// Package copies is the function that brings the rosters of users who are in very
// many groups up to date with their devices and settings. Whoever is in a few has
// that done before the call is answered that changed them.
//
// Trigger: Pub/Sub, topic copies. An event is for some of the groups and publishes
// one for the rest, so that a thousand groups are no burst of writes. It may come
// twice, late or out of order: a copy never goes back. What a retry can cure is
// answered with an error and delivered again.
package copies

import (
	"context"
	"encoding/json"
	"net/http"

	"github.com/GoogleCloudPlatform/functions-framework-go/functions"
	"golang.org/x/time/rate"

	"github.com/throng-im/throng/shared/cloud"
	"github.com/throng-im/throng/shared/event"
	"github.com/throng-im/throng/shared/fault"
	"github.com/throng-im/throng/shared/pubsub"
)

// Serve is the function's entry point.
var Serve = cloud.Function("copies", Handler)

func init() { functions.HTTP("copies", Serve) }

// groupsPerSecond bounds the groups that this process copies to, for all users
// together. A copy is two documents written, and Firestore asks of who begins to
// write to stay below 500 documents a second.
const groupsPerSecond = 100

// Handler serves the function on c.
func Handler(c *cloud.Cloud) http.Handler {
	pace := rate.NewLimiter(groupsPerSecond, 1).Wait
	return pubsub.Handler(func(ctx context.Context, d pubsub.Delivery) error {
		var ev event.Copies
		if err := json.Unmarshal(d.Data, &ev); err != nil {
			return fault.New(fault.InvalidArgument, "not an event of copies: %s", err)
		}
		if ev.User == "" || ev.Revision <= 0 {
			return fault.New(fault.InvalidArgument, "an event of copies names a user and a revision")
		}
		return c.Users.Copy(ctx, ev, pace)
	})
}
