// Package archive is the function that makes the hourly logs: a file for each hour
// that is over, for the app's server to download, and removes those of more than
// three days ago.
//
// Trigger: Pub/Sub, topic hourly, a tick of the scheduler. What a tick says does not
// matter: whatever is due is done, so that one that was missed is made up for by
// the next. A tick that is stopped or fails is delivered again, and goes on where
// the last one noted down to be; so is one that comes before the hour that is over
// has settled. Several at a time do the same work, and the first to finish counts.
package archive

import (
	"context"
	"net/http"

	"github.com/GoogleCloudPlatform/functions-framework-go/functions"

	"github.com/throng-im/throng/shared/cloud"
	"github.com/throng-im/throng/shared/hourlog"
	"github.com/throng-im/throng/shared/pubsub"
)

// Serve is the function's entry point.
var Serve = cloud.Function("archive", Handler)

func init() { functions.HTTP("archive", Serve) }

// Handler serves the function on c.
func Handler(c *cloud.Cloud) http.Handler {
	s := c.Settings
	return handler(hourlog.New(c.Groups, hourlog.Options{Bucket: s.Logs, Secret: s.AppSecret, App: s.AppKey, Zone: s.TimeZone}))
}

func handler(logs *hourlog.Logs) http.Handler {
	return pubsub.Handler(func(ctx context.Context, _ pubsub.Delivery) error {
		if logs.Bucket == "" {
			return nil // the app has no logs
		}
		later, err := logs.Tick(ctx)
		if err == nil && later {
			return pubsub.ErrLater
		}
		return err
	})
}
