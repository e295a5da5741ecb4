package client

import (
	"context"
	"net/http"
	"slices"
	"time"

	"github.com/throng-im/throng/shared/cloud"
)

// Routes lists every call as its method and its path, in order.
func Routes() []string {
	var all []string
	for path, methods := range (calls{Cloud: &cloud.Cloud{}}).routes() {
		for method := range methods {
			all = append(all, method+" "+path)
		}
	}
	slices.Sort(all)
	return all
}

// HandlerPublishing is Handler with something else in the places of Pub/Sub and of
// the clock that clearing goes by.
func HandlerPublishing(c *cloud.Cloud, publish func(ctx context.Context, topic string, payloads ...[]byte) error, now func() time.Time) http.Handler {
	return handler(c, newClears(c, publish, now))
}
