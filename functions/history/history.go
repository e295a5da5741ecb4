// Package history is the function that app servers read and clear what was said
// with: a page of a group's history as one member may see it, and clearing it
// for one user. It also says where the hourly logs are, and removes them.
//
// Trigger: HTTP. A caller that got no answer may repeat any of these calls.
package history

import (
	"context"
	"net/http"
	"time"

	"github.com/GoogleCloudPlatform/functions-framework-go/functions"

	"github.com/throng-im/throng/shared/cloud"
	"github.com/throng-im/throng/shared/contract"
	"github.com/throng-im/throng/shared/conversation"
	"github.com/throng-im/throng/shared/fault"
	"github.com/throng-im/throng/shared/group"
	"github.com/throng-im/throng/shared/hourlog"
	"github.com/throng-im/throng/shared/settings"
	"github.com/throng-im/throng/shared/wire"
)

// Serve is the function's entry point.
var Serve = cloud.Function("history", Handler)

func init() { functions.HTTP("history", Serve) }

// Handler serves the function on c.
func Handler(c *cloud.Cloud) http.Handler {
	f := calls{
		groups: c.Groups, conversations: c.Conversations, settings: c.Settings, now: time.Now,
		logs: hourlog.New(c.Groups, hourlog.Options{Bucket: c.Settings.Logs, Secret: c.Settings.AppSecret, Zone: c.Settings.TimeZone}),
	}
	return c.API("history", f.handlers())
}

type calls struct {
	groups *group.Groups
	// conversations know what a user has cleared and deleted of a group.
	conversations *conversation.Conversations
	settings      settings.Settings
	logs          *hourlog.Logs
	now           func() time.Time
}

func (f calls) handlers() map[string]wire.Call {
	return map[string]wire.Call{
		"/v3/message/group/query.json":             f.query,
		"/conversation/message/history/clean.json": f.clean,
		"/message/history.json":                    f.log,
		"/message/history/delete.json":             f.removeLog,
	}
}

// enabled refuses what needs the cloud to keep history.
func (f calls) enabled() error {
	if f.settings.HistoryMonths == 0 {
		return fault.New(fault.NotEnabled, "cloud history is not enabled")
	}
	return nil
}

func (f calls) query(ctx context.Context, a *wire.Args) (wire.Reply, error) {
	if err := f.enabled(); err != nil {
		return nil, err
	}
	user, g := a.User("userId"), a.Group("targetId")
	own, err := f.conversations.Of(ctx, user, g)
	if err != nil {
		return nil, err
	}
	from, to := int64(a.Int("startTime", 0)), int64(a.Int("endTime", 0))
	page, err := f.groups.History(ctx, g, group.HistoryQuery{
		View: group.View{
			User: user, BeforeJoin: f.settings.HistoryBeforeJoin,
			ClearedSeq: own.ClearedSeq, ClearedAt: own.ClearedAt, Deleted: own.Deleted,
			Since: f.now().AddDate(0, -f.settings.HistoryMonths, 0).UnixMilli(),
		},
		From: from, To: to, IncludeFrom: a.Bool("includeStart"), Backward: from > to,
		Limit: a.Int("pageSize", contract.HistoryPage), Targeted: f.settings.HistoryTargeted,
	})
	if err != nil {
		return nil, err
	}
	data := make([]record, len(page.Entries))
	for i, e := range page.Entries {
		if data[i], err = recordOf(g, page, e); err != nil {
			return nil, err
		}
	}
	return wire.Reply{"data": data}, nil
}

// clean clears a group's history for one user, and everything so far when no
// time is given or one that is not over yet.
func (f calls) clean(ctx context.Context, a *wire.Args) (wire.Reply, error) {
	if err := contract.GroupsOnly(a.Int("conversationType", 0)); err != nil {
		return nil, err
	}
	if err := f.enabled(); err != nil {
		return nil, err
	}
	user, g := a.User("fromUserId"), a.Group("targetId")
	seq, last, err := f.groups.End(ctx, g, user)
	if err != nil || seq == 0 {
		return nil, err // the group does not know the user: there is nothing to clear
	}
	// Everything so far is known by its seq: what comes next may have the same time.
	if at := int64(a.Int("msgTimestamp", 0)); at > 0 && at < last && at < f.now().UnixMilli() {
		return nil, f.conversations.Clear(ctx, user, g, 0, at)
	}
	return nil, f.conversations.Clear(ctx, user, g, seq, 0)
}

// log says where the log of an hour is.
func (f calls) log(ctx context.Context, a *wire.Args) (wire.Reply, error) {
	date := a.Text("date")
	address, err := f.logs.Address(ctx, date)
	if err != nil {
		return nil, err
	}
	return wire.Reply{"url": address, "date": date}, nil
}

func (f calls) removeLog(ctx context.Context, a *wire.Args) (wire.Reply, error) {
	return nil, f.logs.Remove(ctx, a.Text("date"))
}
