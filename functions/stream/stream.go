// Package stream is the device API's stream: what happens in a user's groups, as
// server-sent events, for as long as the device is connected.
//
// Trigger: HTTP, a request that lasts up to an hour. A device that was cut off
// connects again with the id of the last event it read and misses nothing.
package stream

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/GoogleCloudPlatform/functions-framework-go/functions"

	"github.com/throng-im/throng/shared/cloud"
	"github.com/throng-im/throng/shared/deviceapi"
	"github.com/throng-im/throng/shared/fault"
	"github.com/throng-im/throng/shared/live"
	"github.com/throng-im/throng/shared/presence"
	"github.com/throng-im/throng/shared/serve"
	"github.com/throng-im/throng/shared/token"
)

// Serve is the function's entry point.
var Serve = cloud.Function("stream", Handler)

func init() { functions.HTTP("stream", Serve) }

const path = deviceapi.Base + "/stream"

type function struct {
	hub *live.Hub
	// check says what a token says, if it counts.
	check func(ctx context.Context, text string) (token.Claims, error)
	book  *book
}

// Handler serves the function on c.
func Handler(c *cloud.Cloud) http.Handler {
	instance := fmt.Sprintf("stream-%016x", rand.Uint64())
	feed := &feed{Cloud: c, name: instance}
	book := newBook(c, instance)
	feed.hub = live.New(live.Options{
		Feed: feed.follow, List: c.Conversations.List, Groups: c.Groups, Missed: feed.missed,
		Presence: live.Presence{
			Set: book.set, Renew: book.renew, Remove: book.remove, Every: presence.Heartbeat,
		},
		Connections: c.Settings.StreamConnections, Ping: c.Settings.StreamPing, Lifetime: c.Settings.StreamLifetime, Window: c.Settings.OfflineWindow(),
	})
	return http.HandlerFunc((&function{feed.hub, check(c), book}).serve)
}

// check says what a token says, if the app has not ended it.
func check(c *cloud.Cloud) func(context.Context, string) (token.Claims, error) {
	return func(ctx context.Context, text string) (token.Claims, error) {
		claims, err := c.Tokens.Verify(text)
		if err != nil {
			return claims, err
		}
		standing, err := c.Users.Standing(ctx, claims.User)
		if err == nil && !standing.Accepts(claims.Issued) {
			err = fault.New(fault.TokenExpired, "the token was ended by the app")
		}
		return claims, err
	}
}

func (f *function) serve(w http.ResponseWriter, r *http.Request) {
	text := takeToken(r)
	switch {
	case r.URL.Path != path:
		deviceapi.WriteError(w, r, fault.New(fault.NotFound, "there is no %s here", r.URL.Path))
		return
	case r.Method != http.MethodGet:
		w.Header().Set("Allow", http.MethodGet)
		deviceapi.WriteError(w, r, fault.New(fault.MethodNotAllowed, "%s does not take %s", r.URL.Path, r.Method))
		return
	}
	claims, err := f.caller(r.Context(), text)
	if err != nil {
		deviceapi.WriteError(w, r, err)
		return
	}
	lastID := r.Header.Get("Last-Event-ID")
	if lastID == "" {
		lastID = r.URL.Query().Get("lastEventId")
	}
	defer f.book.enter(claims.User, r)()
	conn, err := f.hub.Connect(r.Context(), claims.User, lastID)
	if err != nil {
		deviceapi.WriteError(w, r, err)
		return
	}
	conn.Recheck(func(ctx context.Context) error {
		_, err := f.check(ctx, text)
		return err
	})
	if !claims.Expires.IsZero() {
		defer time.AfterFunc(time.Until(claims.Expires), func() { conn.End("token") }).Stop()
	}
	out := live.NewAnswer(conn.Context(), w)
	defer out.End()
	if err := conn.Run(out.Send, serve.Stopping(r.Context())); err != nil && !out.Begun() {
		deviceapi.WriteError(w, r, err)
	}
}

// takeToken returns the request's token. One in the query is removed from there,
// before anybody can write the URL down.
func takeToken(r *http.Request) string {
	text := r.URL.Query().Get("token")
	// By hand, so that one that is not well-formed goes, too.
	kept := slices.DeleteFunc(strings.Split(r.URL.RawQuery, "&"), func(pair string) bool {
		name, _, _ := strings.Cut(pair, "=")
		name, err := url.QueryUnescape(name)
		return err == nil && name == "token"
	})
	r.URL.RawQuery = strings.Join(kept, "&")
	r.RequestURI = r.URL.RequestURI()
	if scheme, bearer, ok := strings.Cut(r.Header.Get("Authorization"), " "); ok && strings.EqualFold(scheme, "Bearer") {
		return strings.TrimSpace(bearer)
	}
	return text
}

func (f *function) caller(ctx context.Context, text string) (token.Claims, error) {
	if text == "" {
		return token.Claims{}, fault.New(fault.Unauthenticated, "the stream needs Authorization: Bearer, or ?token=, and a token")
	}
	return f.check(ctx, text)
}
