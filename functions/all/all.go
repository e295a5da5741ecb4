// Package all links every function into one program. A container image of it
// serves any of them; FUNCTION_TARGET chooses.
package all

import (
	"net/http"

	"github.com/throng-im/throng/functions/archive"
	"github.com/throng-im/throng/functions/client"
	"github.com/throng-im/throng/functions/conversations"
	"github.com/throng-im/throng/functions/copies"
	"github.com/throng-im/throng/functions/fanout"
	"github.com/throng-im/throng/functions/groups"
	"github.com/throng-im/throng/functions/history"
	"github.com/throng-im/throng/functions/messages"
	"github.com/throng-im/throng/functions/mutes"
	"github.com/throng-im/throng/functions/push"
	"github.com/throng-im/throng/functions/retention"
	"github.com/throng-im/throng/functions/stream"
	"github.com/throng-im/throng/functions/users"
	"github.com/throng-im/throng/functions/watch"
	"github.com/throng-im/throng/functions/webhook"
)

// Handlers are the functions' entry points by name.
var Handlers = map[string]http.HandlerFunc{
	"archive":       archive.Serve,
	"client":        client.Serve,
	"conversations": conversations.Serve,
	"copies":        copies.Serve,
	"fanout":        fanout.Serve,
	"groups":        groups.Serve,
	"history":       history.Serve,
	"messages":      messages.Serve,
	"mutes":         mutes.Serve,
	"push":          push.Serve,
	"retention":     retention.Serve,
	"stream":        stream.Serve,
	"users":         users.Serve,
	"watch":         watch.Serve,
	"webhook":       webhook.Serve,
}
