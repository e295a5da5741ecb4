// Package client is the device API but the stream: what phones, browsers and
// desktop clients call with a bearer token.
//
// Trigger: HTTP. Every write may be repeated with the same idempotency key.
package client

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/GoogleCloudPlatform/functions-framework-go/functions"

	"github.com/throng-im/throng/shared/callback"
	"github.com/throng-im/throng/shared/cloud"
	"github.com/throng-im/throng/shared/deviceapi"
	"github.com/throng-im/throng/shared/event"
	"github.com/throng-im/throng/shared/fault"
	"github.com/throng-im/throng/shared/group"
	"github.com/throng-im/throng/shared/id"
	"github.com/throng-im/throng/shared/user"
)

// Serve is the function's entry point.
var Serve = cloud.Function("client", Handler)

func init() { functions.HTTP("client", Serve) }

// Handler serves the function on c.
func Handler(c *cloud.Cloud) http.Handler {
	return handler(c, c.PubSub.Publish, time.Now)
}

func handler(c *cloud.Cloud, publish event.Publisher, now func() time.Time) http.Handler {
	f := calls{c, newPace(c.Settings.DeviceRate), newClears(c, publish, now), callback.NewCensor(c.Settings, time.Now), publish}
	mux := http.NewServeMux()
	for path, methods := range f.routes() {
		mux.Handle(deviceapi.Base+path, f.route(methods))
	}
	nothing := func(w http.ResponseWriter, r *http.Request) {
		writeError(w, r, fault.New(fault.NotFound, "there is no %s here", r.URL.Path))
	}
	mux.HandleFunc("/", nothing)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		// The mux would send who asks for an unclean path elsewhere, with an answer
		// that is no JSON.
		if escaped := r.URL.EscapedPath(); path.Clean(escaped) != escaped {
			nothing(w, r)
			return
		}
		mux.ServeHTTP(w, r)
	})
}

// handlers are the calls by their names in the table.
func (f calls) handlers() map[string]call {
	return map[string]call{
		"registerDevice": f.putDevice, "removeDevice": f.removeDevice,
		"sendMessage": f.send, "listMessages": f.history, "deleteMessages": f.deleteMessages,
		"getMessage": f.message, "editMessage": f.edit, "recallMessage": f.recall,
		"setExpansion": f.setExpansion, "removeExpansion": f.deleteExpansion, "sendTyping": f.typing,
		"requestReceipts": f.askReceipts, "sendReceipts": f.haveRead, "listReceipts": f.readers,
		"sync": f.sync, "readUpTo": f.markRead, "getUnread": f.unread,
		"listConversations": f.list, "changeConversation": f.patch, "deleteConversation": f.remove,
		"listTags": f.tags, "getTag": f.tag, "setTag": f.putTag, "deleteTag": f.removeTag,
		"getSettings": f.settings, "changeSettings": f.putSettings,
	}
}

// routes binds the handlers to the table's rows, by path and method. It panics
// when one has not the other: that is a mistake of whoever builds the program, and
// no request should be the first to find it.
func (f calls) routes() map[string]map[string]call {
	routes, handlers := map[string]map[string]call{}, f.handlers()
	for _, row := range deviceapi.Calls() {
		if row.Function != "client" {
			continue
		}
		do := handlers[row.Name]
		if do == nil {
			panic("client: nothing handles " + row.Name)
		}
		delete(handlers, row.Name)
		if row.Paced {
			do = f.paced(do)
		}
		if routes[row.Path] == nil {
			routes[row.Path] = map[string]call{}
		}
		routes[row.Path][row.Method] = do
	}
	if len(handlers) > 0 {
		panic(fmt.Sprint("client: the table has no row for ", slices.Collect(maps.Keys(handlers))))
	}
	return routes
}

type calls struct {
	*cloud.Cloud
	pace   *pace
	clears *clears
	// censor is asked before a message is stored, nil where the app has none.
	censor  *callback.Censor
	publish event.Publisher
}

// caller is the user whom the token names, how the user stands, and whether the
// token is an administrator's.
type caller struct {
	user     id.User
	standing user.Standing
	admin    bool
	// source is what kind of device calls.
	source string
}

// actor is the caller as groups know one.
func (f calls) actor(who caller) group.Actor {
	return group.Actor{User: who.user, Gagged: who.standing.Gagged(time.Now()), Admin: who.admin, BeforeJoin: f.Settings.HistoryBeforeJoin, Source: who.source}
}

// call is one call of the device API.
type call func(ctx context.Context, who caller, r *http.Request) (any, error)

// route picks the call by method, and lets nobody in without a valid token: the
// caller can only ever be itself.
func (f calls) route(methods map[string]call) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		do, ok := methods[r.Method]
		if !ok {
			for m := range methods {
				w.Header().Add("Allow", m)
			}
			writeError(w, r, fault.New(fault.MethodNotAllowed, "%s does not take %s", r.URL.Path, r.Method))
			return
		}
		r.Body = http.MaxBytesReader(w, r.Body, deviceapi.MaxBody)
		who, err := f.caller(r)
		if err != nil {
			writeError(w, r, err)
			return
		}
		reply, err := do(r.Context(), who, r)
		if err != nil {
			writeError(w, r, err)
			return
		}
		writeJSON(w, http.StatusOK, reply)
	})
}

// caller says who calls, before anything of the call's body is looked at. It
// costs one read: tokens may be ended, and mutes bind at once.
func (f calls) caller(r *http.Request) (caller, error) {
	scheme, text, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	if !strings.EqualFold(scheme, "Bearer") || text == "" {
		return caller{}, fault.New(fault.Unauthenticated, "the call needs Authorization: Bearer and a token")
	}
	claims, err := f.Tokens.Verify(strings.TrimSpace(text))
	if err != nil {
		return caller{}, err
	}
	standing, err := f.Users.Standing(r.Context(), claims.User)
	if err != nil {
		return caller{}, err
	}
	if !standing.Accepts(claims.Issued) {
		return caller{}, fault.New(fault.TokenExpired, "the token was ended by the app")
	}
	return caller{claims.User, standing, claims.Admin, deviceapi.Source(r)}, nil
}

// How the device API answers, by the names that calls are written with here.
var writeError, writeJSON = deviceapi.WriteError, deviceapi.WriteJSON

// read decodes a JSON body. Unknown fields are for newer versions and ignored, and
// no body is an empty one.
func read(r *http.Request, into any) error {
	err := json.NewDecoder(r.Body).Decode(into)
	if errors.Is(err, io.EOF) {
		return nil
	}
	if tooBig := (*http.MaxBytesError)(nil); errors.As(err, &tooBig) {
		return fault.New(fault.TooLarge, "the request body is larger than %d bytes", tooBig.Limit)
	}
	if err != nil {
		return fault.New(fault.InvalidArgument, "the request body is not the JSON that this call takes")
	}
	return nil
}

// groupOf is the group that a call's path names.
func groupOf(r *http.Request) (id.Group, error) {
	g := r.PathValue("groupId")
	return id.Group(g), id.Valid("groupId", g)
}

// begin reads what most calls of a group begin with: its id, and the body.
func begin(r *http.Request, into any) (id.Group, error) {
	g, err := groupOf(r)
	if err == nil {
		err = read(r, into)
	}
	return g, err
}

// empty is the answer of calls that say nothing but yes.
type empty struct{}
