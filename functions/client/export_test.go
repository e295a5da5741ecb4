package client

import (
	"slices"

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
