// Package groups is the function that app servers manage groups with: create,
// join, quit, dismiss, rename, and who is where.
//
// Trigger: HTTP. A caller that got no answer may repeat any of these calls.
package groups

import (
	"context"
	"net/http"
	"time"

	"github.com/GoogleCloudPlatform/functions-framework-go/functions"

	"github.com/throng-im/throng/shared/cloud"
	"github.com/throng-im/throng/shared/fault"
	"github.com/throng-im/throng/shared/group"
	"github.com/throng-im/throng/shared/id"
	"github.com/throng-im/throng/shared/wire"
)

// Serve is the function's entry point.
var Serve = cloud.Function("groups", Handler)

func init() { functions.HTTP("groups", Serve) }

// Limits of the contract.
const (
	maxUsers = 1000
	// maxName is the longest group name any published SDK lets through.
	maxName = 255
	// A page of a user's groups: the default, the largest, and what is listed
	// when no page is asked for.
	pageSize, maxPageSize, unpaged = 50, 1000, 5000
	maxPage                        = 1 << 20
)

var (
	users   = wire.Param{Name: "userId", Kind: wire.ID, Required: true, Repeated: true, Count: maxUsers, About: "the users, at most 1,000"}
	user    = wire.Param{Name: "userId", Kind: wire.ID, Required: true, About: "the user"}
	groupID = wire.Param{Name: "groupId", Kind: wire.ID, Required: true, About: "the group"}
	name    = wire.Param{Name: "groupName", MaxChars: maxName, About: "the name that pushes show"}
)

func required(p wire.Param) wire.Param { p.Required = true; return p }

// Handler serves the function on c.
func Handler(c *cloud.Cloud) http.Handler {
	f := calls{c.Groups}
	return wire.Handler(c.Settings, time.Now, []wire.Route{
		{Path: "/group/create.json", Params: []wire.Param{users, groupID, required(name)}, Handle: f.join,
			About: "create a group, or add members to one and rename it"},
		{Path: "/group/join.json", Params: []wire.Param{users, groupID, name}, Handle: f.join,
			About: "add members; a group that does not exist is created"},
		{Path: "/group/quit.json", Params: []wire.Param{users, groupID}, Handle: f.quit,
			About: "remove members"},
		{Path: "/group/dismiss.json", Params: []wire.Param{{Name: "userId", Kind: wire.ID, About: "who dismisses; any user"}, groupID}, Handle: f.dismiss,
			About: "end a group"},
		{Path: "/group/refresh.json", Params: []wire.Param{groupID, required(name)}, Handle: f.refresh,
			About: "rename a group"},
		{Path: "/group/user/query.json", Params: []wire.Param{groupID}, Handle: f.members,
			About: "list the members"},
		{Path: "/user/group/query.json", Handle: f.of, About: "list the groups of a user",
			Params: []wire.Param{user,
				{Name: "page", Kind: wire.Int, Max: maxPage, About: "from 1; 0 or none lists the first 5,000"},
				{Name: "size", Kind: wire.Int, Max: maxPageSize, About: "groups in a page, 50 by default"}}},
		{Path: "/group/sync.json", Handle: f.sync, About: "state the whole membership of a user",
			Params: []wire.Param{user, {Name: "group", Kind: wire.IDMap, MaxChars: maxName, About: "group[id]=name for every group the user is in"}}},
	})
}

type calls struct{ groups *group.Groups }

func (f calls) join(ctx context.Context, a *wire.Args) (wire.Reply, error) {
	return nil, f.groups.Join(ctx, a.Group("groupId"), a.Users("userId"), a.Text("groupName"))
}

func (f calls) quit(ctx context.Context, a *wire.Args) (wire.Reply, error) {
	return nil, f.groups.Quit(ctx, a.Group("groupId"), a.Users("userId"))
}

func (f calls) dismiss(ctx context.Context, a *wire.Args) (wire.Reply, error) {
	return nil, f.groups.Dismiss(ctx, a.Group("groupId"), a.User("userId"))
}

func (f calls) refresh(ctx context.Context, a *wire.Args) (wire.Reply, error) {
	return nil, f.groups.Rename(ctx, a.Group("groupId"), a.Text("groupName"))
}

type member struct {
	ID id.User `json:"id"`
}

func (f calls) members(ctx context.Context, a *wire.Args) (wire.Reply, error) {
	found, err := f.groups.Members(ctx, a.Group("groupId"))
	if err != nil {
		return nil, err
	}
	list := make([]member, len(found))
	for i, u := range found {
		list[i] = member{u}
	}
	return wire.Reply{"users": list}, nil
}

type summary struct {
	ID   id.Group `json:"id"`
	Name string   `json:"name"`
}

func (f calls) of(ctx context.Context, a *wire.Args) (wire.Reply, error) {
	offset, limit := 0, unpaged
	if page := a.Int("page", 0); page > 0 {
		limit = a.Int("size", pageSize)
		if limit == 0 {
			limit = pageSize
		}
		offset = (page - 1) * limit
	}
	found, err := f.groups.Of(ctx, a.User("userId"), offset, limit)
	if err != nil {
		return nil, err
	}
	list := make([]summary, len(found))
	for i, s := range found {
		list[i] = summary(s)
	}
	return wire.Reply{"groups": list}, nil
}

func (f calls) sync(ctx context.Context, a *wire.Args) (wire.Reply, error) {
	want := map[id.Group]string{}
	for g, n := range a.Map("group") {
		want[id.Group(g)] = n
	}
	err := f.groups.Sync(ctx, a.User("userId"), want)
	if fault.Is(err, fault.GroupFull) {
		full := *fault.Of(err)
		full.Message += "; groups that had room were joined"
		return nil, &full
	}
	return nil, err
}
