package client

import (
	"net/http"
	"slices"
	"time"

	"github.com/throng-im/throng/shared/cloud"
	"github.com/throng-im/throng/shared/event"
)

// HandlerPublishing is Handler with something else in the places of Pub/Sub and of
// the clock that clearing goes by.
func HandlerPublishing(c *cloud.Cloud, publish event.Publisher, now func() time.Time) http.Handler {
	return handler(c, publish, now)
}

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
