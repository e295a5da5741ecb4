// Package users is the function that app servers register users with, end their
// tokens with, and ask who is connected.
//
// Trigger: HTTP. A caller that got no answer may repeat any of these calls.
package users

import (
	"cmp"
	"context"
	"net/http"
	"time"

	"github.com/GoogleCloudPlatform/functions-framework-go/functions"

	"github.com/throng-im/throng/shared/cloud"
	"github.com/throng-im/throng/shared/fault"
	"github.com/throng-im/throng/shared/wire"
)

// Serve is the function's entry point.
var Serve = cloud.Function("users", Handler)

func init() { functions.HTTP("users", Serve) }

// timeFormat is how the contract writes instants.
const timeFormat = "2006-01-02 15:04:05"

// Handler serves the function on c.
func Handler(c *cloud.Cloud) http.Handler {
	f := calls{c}
	return c.API("users", map[string]wire.Call{
		"/user/getToken.json":     f.getToken,
		"/user/refresh.json":      f.refresh,
		"/user/info.json":         f.info,
		"/user/token/expire.json": f.expire,
		"/user/checkOnline.json":  f.online,
	})
}

type calls struct{ *cloud.Cloud }

func (f calls) getToken(ctx context.Context, a *wire.Args) (wire.Reply, error) {
	user := a.User("userId")
	if err := f.Users.Register(ctx, user, a.Text("name"), a.Text("portraitUri")); err != nil {
		return nil, err
	}
	token, err := f.Tokens.Issue(user, f.Settings.TokenLifetime, a.Bool("admin"))
	return wire.Reply{"userId": user, "token": token}, err
}

func (f calls) refresh(ctx context.Context, a *wire.Args) (wire.Reply, error) {
	return nil, f.Users.Refresh(ctx, a.User("userId"), a.Text("name"), a.Text("portraitUri"))
}

func (f calls) info(ctx context.Context, a *wire.Args) (wire.Reply, error) {
	info, err := f.Users.Info(ctx, a.User("userId"))
	if fault.Is(err, fault.NotFound) {
		// The contract answers for unknown users with empty values.
		return wire.Reply{"userName": "", "userPortrait": "", "createTime": ""}, nil
	}
	if err != nil {
		return nil, err
	}
	created := info.CreatedAt.In(cmp.Or(f.Settings.TimeZone, time.UTC)).Format(timeFormat)
	return wire.Reply{"userName": info.Name, "userPortrait": info.Portrait, "createTime": created}, nil
}

// maxAhead is how far into the future tokens may be ended. The point only moves
// forward, so a time in another unit would lock its users out for good.
const maxAhead = 24 * time.Hour

func (f calls) expire(ctx context.Context, a *wire.Args) (wire.Reply, error) {
	before := time.UnixMilli(int64(a.Int("time", 0)))
	if before.After(time.Now().Add(maxAhead)) {
		return nil, fault.New(fault.InvalidArgument, "time is in Unix milliseconds, and no more than a day from now")
	}
	return nil, f.Users.ExpireTokens(ctx, a.Users("userId"), before)
}

func (f calls) online(ctx context.Context, a *wire.Args) (wire.Reply, error) {
	user := a.User("userId")
	online, err := f.Presence.Online(ctx, user)
	if err != nil {
		return nil, err
	}
	if online[user] {
		return wire.Reply{"status": "1"}, nil
	}
	return wire.Reply{"status": "0"}, nil
}
