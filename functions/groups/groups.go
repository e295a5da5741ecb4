// Package groups is the function that app servers manage groups with: create,
// join, quit, dismiss, rename, remarks, and who is where.
//
// Trigger: HTTP. A caller that got no answer may repeat any of these calls.
package groups

import (
	"context"
	"net/http"

	"github.com/GoogleCloudPlatform/functions-framework-go/functions"

	"github.com/throng-im/throng/shared/cloud"
	"github.com/throng-im/throng/shared/contract"
	"github.com/throng-im/throng/shared/fault"
	"github.com/throng-im/throng/shared/group"
	"github.com/throng-im/throng/shared/id"
	"github.com/throng-im/throng/shared/inbox"
	"github.com/throng-im/throng/shared/wire"
)

// Serve is the function's entry point.
var Serve = cloud.Function("groups", Handler)

func init() { functions.HTTP("groups", Serve) }

// Handler serves the function on c.
func Handler(c *cloud.Cloud) http.Handler {
	f := calls{c.Groups, c.Inbox}
	return c.API("groups", map[string]wire.Call{
		"/group/create.json":      f.join,
		"/group/join.json":        f.join,
		"/group/quit.json":        f.quit,
		"/group/dismiss.json":     f.dismiss,
		"/group/refresh.json":     f.refresh,
		"/group/user/query.json":  f.members,
		"/user/group/query.json":  f.of,
		"/group/sync.json":        f.sync,
		"/group/remarks/set.json": f.setRemark,
		"/group/remarks/get.json": f.remark,
		"/group/remarks/del.json": f.setRemark,
	})
}

type calls struct {
	groups *group.Groups
	inbox  *inbox.Inbox
}

func (f calls) join(ctx context.Context, a *wire.Args) (wire.Reply, error) {
	g, users, name := a.Group("groupId"), a.Users("userId"), a.Text("groupName")
	return change(a, func() error { return f.groups.Join(ctx, g, users, name) },
		func(b group.Bound) (group.Outcome, error) { return f.groups.JoinBound(ctx, g, users, name, b) })
}

func (f calls) quit(ctx context.Context, a *wire.Args) (wire.Reply, error) {
	g, users := a.Group("groupId"), a.Users("userId")
	return change(a, func() error { return f.groups.Quit(ctx, g, users) },
		func(b group.Bound) (group.Outcome, error) { return f.groups.QuitBound(ctx, g, users, b) })
}

func (f calls) dismiss(ctx context.Context, a *wire.Args) (wire.Reply, error) {
	g, by := a.Group("groupId"), a.User("userId")
	return change(a, func() error { return f.groups.Dismiss(ctx, g, by) },
		func(b group.Bound) (group.Outcome, error) { return f.groups.DismissBound(ctx, g, by, b) })
}

func (f calls) refresh(ctx context.Context, a *wire.Args) (wire.Reply, error) {
	g, name := a.Group("groupId"), a.Text("groupName")
	return change(a, func() error { return f.groups.Rename(ctx, g, name) },
		func(b group.Bound) (group.Outcome, error) { return f.groups.RenameBound(ctx, g, name, b) })
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
	offset, limit := 0, contract.Unpaged
	if page := a.Int("page", 0); page > 0 {
		limit = a.Int("size", contract.GroupPage)
		if limit == 0 {
			limit = contract.GroupPage
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
	if err != nil {
		return nil, err
	}
	// Whoever states all memberships has found something to be wrong with them.
	return nil, f.inbox.Repair(ctx, a.User("userId"))
}

// setRemark serves deleting, too, which comes without a remark.
func (f calls) setRemark(ctx context.Context, a *wire.Args) (wire.Reply, error) {
	return nil, f.groups.SetRemark(ctx, a.Group("groupId"), a.User("userId"), a.Text("remark"))
}

func (f calls) remark(ctx context.Context, a *wire.Args) (wire.Reply, error) {
	remark, err := f.groups.Remark(ctx, a.Group("groupId"), a.User("userId"))
	return wire.Reply{"remark": remark}, err
}
