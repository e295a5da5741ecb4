package client

import (
	"net/http"
	"slices"

	"github.com/throng-im/throng/shared/cloud"
)

// HandlerPublishing serves the function on c, with what it announces for the app's
// own server handed to publish.
func HandlerPublishing(c *cloud.Cloud, publish publish) http.Handler { return handler(c, publish) }

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
