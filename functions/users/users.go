// Package users is the function that app servers register users with.
//
// Trigger: HTTP. A caller that got no answer may repeat any of these calls.
package users

import (
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

// Limits of the contract: a name counts any character as one.
const (
	maxName     = 64
	maxPortrait = 1024
	// timeFormat is how the contract writes instants.
	timeFormat = "2006-01-02 15:04:05"
)

var (
	user     = wire.Param{Name: "userId", Kind: wire.ID, Required: true, About: "the user"}
	name     = wire.Param{Name: "name", MaxChars: maxName, About: "the name that pushes show"}
	portrait = wire.Param{Name: "portraitUri", MaxBytes: maxPortrait, About: "address of the user's picture"}
)

// Handler serves the function on c.
func Handler(c *cloud.Cloud) http.Handler {
	f := calls{c}
	named := name
	named.Required = true
	return wire.Handler(c.Settings, time.Now, []wire.Route{
		{Path: "/user/getToken.json", Params: []wire.Param{user, named, portrait}, Handle: f.getToken,
			About: "register a user and get a device token"},
		{Path: "/user/refresh.json", Params: []wire.Param{user, name, portrait}, Handle: f.refresh,
			About: "change a user's name or portrait"},
		{Path: "/user/info.json", Params: []wire.Param{user}, Handle: f.info,
			About: "read what is registered of a user"},
	})
}

type calls struct{ *cloud.Cloud }

func (f calls) getToken(ctx context.Context, a *wire.Args) (wire.Reply, error) {
	user := a.User("userId")
	if err := f.Users.Register(ctx, user, a.Text("name"), a.Text("portraitUri")); err != nil {
		return nil, err
	}
	token, err := f.Tokens.Issue(user, f.Settings.TokenLifetime, false)
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
	return wire.Reply{"userName": info.Name, "userPortrait": info.Portrait, "createTime": info.CreatedAt.UTC().Format(timeFormat)}, nil
}
