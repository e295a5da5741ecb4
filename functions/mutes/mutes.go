// Package mutes is the function that app servers keep users from speaking with:
// gags of single users, mute-all of groups, and who may speak all the same. All
// of them bind what devices send, at once, and nothing that app servers send.
//
// Trigger: HTTP. A caller that got no answer may repeat any of these calls.
package mutes

import (
	"context"
	"net/http"
	"time"

	"github.com/GoogleCloudPlatform/functions-framework-go/functions"
	"golang.org/x/sync/errgroup"

	"github.com/throng-im/throng/shared/cloud"
	"github.com/throng-im/throng/shared/contract"
	"github.com/throng-im/throng/shared/group"
	"github.com/throng-im/throng/shared/id"
	"github.com/throng-im/throng/shared/user"
	"github.com/throng-im/throng/shared/wire"
)

// Serve is the function's entry point.
var Serve = cloud.Function("mutes", Handler)

func init() { functions.HTTP("mutes", Serve) }

// Handler serves the function on c.
func Handler(c *cloud.Cloud) http.Handler {
	return handler(c, time.Now)
}

func handler(c *cloud.Cloud, now func() time.Time) http.Handler {
	f := calls{groups: c.Groups, users: c.Users, zone: c.Settings.TimeZone, now: now}
	if f.zone == nil {
		f.zone = time.UTC
	}
	return c.API("mutes", map[string]wire.Call{
		"/group/user/gag/add.json":                f.gag,
		"/group/user/gag/rollback.json":           f.ungag,
		"/group/user/gag/list.json":               f.gagged,
		"/group/ban/add.json":                     f.mute(true),
		"/group/ban/rollback.json":                f.mute(false),
		"/group/ban/query.json":                   f.muted,
		"/group/user/ban/whitelist/add.json":      f.allow,
		"/group/user/ban/whitelist/rollback.json": f.disallow,
		"/group/user/ban/whitelist/query.json":    f.allowed,
	})
}

type calls struct {
	groups *group.Groups
	// users keep the gags that hold in all groups.
	users *user.Users
	zone  *time.Location
	now   func() time.Time
}

func (f calls) gag(ctx context.Context, a *wire.Args) (wire.Reply, error) {
	var until time.Time
	if minutes := a.Int("minute", 0); minutes > 0 {
		until = f.now().Add(time.Duration(minutes) * time.Minute)
	}
	if a.Has("groupId") {
		return nil, f.groups.Gag(ctx, a.Group("groupId"), a.Users("userId"), until)
	}
	return nil, f.users.GagEverywhere(ctx, a.Users("userId"), until)
}

func (f calls) ungag(ctx context.Context, a *wire.Args) (wire.Reply, error) {
	if a.Has("groupId") {
		return nil, f.groups.Ungag(ctx, a.Group("groupId"), a.Users("userId"))
	}
	return nil, f.users.UngagEverywhere(ctx, a.Users("userId"))
}

type gag struct {
	User  id.User `json:"userId"`
	Start string  `json:"startTime"`
	Until string  `json:"time"`
}

// forever is what an end that never comes is written as: the contract wants a
// time in all cases.
const forever = "9999-12-31 23:59:59"

func (f calls) gagged(ctx context.Context, a *wire.Args) (wire.Reply, error) {
	var found []group.Gag
	var err error
	if a.Has("groupId") {
		found, err = f.groups.Gagged(ctx, a.Group("groupId"))
	} else {
		found, err = f.users.GaggedEverywhere(ctx)
	}
	if err != nil {
		return nil, err
	}
	list := make([]gag, len(found))
	for i, g := range found {
		list[i] = gag{g.User, g.Start.In(f.zone).Format(time.DateTime), forever}
		if !g.Until.IsZero() {
			list[i].Until = g.Until.In(f.zone).Format(time.DateTime)
		}
	}
	return wire.Reply{"users": list}, nil
}

func (f calls) mute(on bool) wire.Call {
	return func(ctx context.Context, a *wire.Args) (wire.Reply, error) {
		work, ctx := errgroup.WithContext(ctx)
		for _, g := range a.Groups("groupId") {
			work.Go(func() error { return f.groups.Mute(ctx, g, on) })
		}
		return nil, work.Wait()
	}
}

type stat struct {
	Group id.Group `json:"groupId"`
	Stat  int      `json:"stat"`
}

func (f calls) muted(ctx context.Context, a *wire.Args) (wire.Reply, error) {
	asked := a.Groups("groupId")
	if a.Has("page") || a.Has("size") || len(asked) == 0 {
		return f.page(ctx, a)
	}
	found, err := f.groups.Muted(ctx, asked)
	if err != nil {
		return nil, err
	}
	list := make([]stat, len(asked))
	for i, g := range asked {
		if list[i] = (stat{g, 0}); found[g] {
			list[i].Stat = 1
		}
	}
	return wire.Reply{"groupinfo": list}, nil
}

func (f calls) page(ctx context.Context, a *wire.Args) (wire.Reply, error) {
	size := a.Int("size", 0)
	if size == 0 {
		size = contract.MutePage
	}
	found, err := f.groups.MutedGroups(ctx, max(a.Int("page", 1)-1, 0)*size, size)
	if err != nil {
		return nil, err
	}
	list := make([]stat, len(found))
	for i, g := range found {
		list[i] = stat{g, 1}
	}
	return wire.Reply{"groupinfo": list}, nil
}

func (f calls) allow(ctx context.Context, a *wire.Args) (wire.Reply, error) {
	return nil, f.groups.Allow(ctx, a.Group("groupId"), a.Users("userId"))
}

func (f calls) disallow(ctx context.Context, a *wire.Args) (wire.Reply, error) {
	return nil, f.groups.Disallow(ctx, a.Group("groupId"), a.Users("userId"))
}

func (f calls) allowed(ctx context.Context, a *wire.Args) (wire.Reply, error) {
	found, err := f.groups.Allowed(ctx, a.Group("groupId"))
	if err != nil {
		return nil, err
	}
	if found == nil {
		found = []id.User{}
	}
	return wire.Reply{"userIds": found}, nil
}
