// Package retention is the function that removes what nobody may see any more.
//
// Trigger: Pub/Sub, topic hourly, by the scheduler. A tick does a bounded part of the
// work and the next one goes on; one that fails is delivered again, and may also come
// twice, late and beside another.
package retention

import (
	"context"
	"net/http"
	"time"

	"github.com/GoogleCloudPlatform/functions-framework-go/functions"

	"github.com/throng-im/throng/shared/cloud"
	"github.com/throng-im/throng/shared/pubsub"
	"github.com/throng-im/throng/shared/retention"
)

// Serve is the function's entry point.
var Serve = cloud.Function("retention", Handler)

func init() { functions.HTTP("retention", Serve) }

// tickTime bounds the work of one tick. It leaves the last page room within the
// function's timeout.
const tickTime = 4 * time.Minute

// Handler serves the function on c.
func Handler(c *cloud.Cloud) http.Handler {
	return handler(c.Retention(), retention.Budget{Documents: c.Settings.RetentionDocuments, Time: tickTime})
}

func handler(o retention.Options, b retention.Budget) http.Handler {
	return pubsub.Handler(func(ctx context.Context, _ pubsub.Delivery) error {
		_, err := retention.Run(ctx, o, b)
		return err
	})
}
