// Package messages is the function that app servers send messages to groups
// with, and change them afterwards. The app's server stands above a group's
// rules: its sender need not be a member, and no mute binds it.
//
// Trigger: HTTP. The answer means that the message or the change is stored and
// announced. A change may be repeated; a message may when it has a msgRandom and
// the setting for it is on.
package messages

import (
	"context"
	"log/slog"
	"net/http"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/GoogleCloudPlatform/functions-framework-go/functions"
	"golang.org/x/sync/errgroup"

	"github.com/throng-im/throng/shared/callback"
	"github.com/throng-im/throng/shared/cloud"
	"github.com/throng-im/throng/shared/fault"
	"github.com/throng-im/throng/shared/group"
	"github.com/throng-im/throng/shared/id"
	"github.com/throng-im/throng/shared/message"
	"github.com/throng-im/throng/shared/wire"
)

// Serve is the function's entry point.
var Serve = cloud.Function("messages", Handler)

func init() { functions.HTTP("messages", Serve) }

// Handler serves the function on c.
func Handler(c *cloud.Cloud) http.Handler {
	f := calls{groups: c.Groups, randomCounts: c.Settings.MsgRandom}
	if c.Settings.Callbacks.PreServerMessages {
		f.censor = callback.NewCensor(c.Settings, time.Now)
	}
	return c.API("messages", map[string]wire.Call{
		"/message/group/publish.json":       f.publish,
		"/statusmessage/group/publish.json": f.publishStatus,
		"/message/recall.json":              f.recall,
		"/message/group/modify.json":        f.modify,
		"/message/expansion/set.json":       f.setExpansion,
		"/message/expansion/delete.json":    f.deleteExpansion,
		"/message/expansion/query.json":     f.expansion,
	})
}

type calls struct {
	groups *group.Groups
	// randomCounts says that a msgRandom is an idempotency key.
	randomCounts bool
	// censor is asked before a message is stored, nil where nobody is.
	censor *callback.Censor
}

type published struct {
	Group id.Group   `json:"groupId"`
	UID   id.Message `json:"messageUID"`
}

func (f calls) publish(ctx context.Context, a *wire.Args) (wire.Reply, error) {
	groups := a.Groups("toGroupId")
	m, err := compose(a, len(groups) == 1)
	if err != nil {
		return nil, err
	}
	if f.randomCounts && a.Has("msgRandom") {
		m.Random = strconv.Itoa(a.Int("msgRandom", 0))
	}
	if !f.censor.Asks(m.Type) {
		return toEach(ctx, groups, m, f.groups.Publish)
	}
	reviewed, err := f.review(ctx, groups, m)
	if err != nil {
		return nil, err
	}
	return toEach(ctx, groups, m, func(ctx context.Context, g id.Group, _ group.Entry) (group.Receipt, error) {
		return f.groups.Publish(ctx, g, reviewed[g])
	})
}

// review is the message for each of the groups as the app's server wants it stored.
// It comes before any of them has it: one that is refused goes to none.
func (f calls) review(ctx context.Context, groups []id.Group, m group.Entry) (map[id.Group]group.Entry, error) {
	out := make(map[id.Group]group.Entry, len(groups))
	var mu sync.Mutex
	work, ctx := errgroup.WithContext(ctx)
	for _, g := range groups {
		work.Go(func() error {
			one, err := f.censor.Review(ctx, callback.Question{Group: g, Message: m})
			mu.Lock()
			defer mu.Unlock()
			out[g] = one
			return err
		})
	}
	return out, work.Wait()
}

// publishStatus sends a message that only reaches who is online.
func (f calls) publishStatus(ctx context.Context, a *wire.Args) (wire.Reply, error) {
	m := group.Entry{
		From: a.User("fromUserId"), Type: a.Text("objectName"), Content: a.Text("content"),
		HideFromSender: !a.Bool("isIncludeSender"),
	}
	if err := message.CheckType("objectName", m.Type); err != nil {
		return nil, err
	}
	return toEach(ctx, a.Groups("toGroupId"), m, f.groups.PublishStatus)
}

// toEach sends a message to each of the groups. Where one of them has it
// already, the others get it all the same before the call is refused: then a
// call that was only half done is complete after it was repeated.
func toEach(ctx context.Context, groups []id.Group, m group.Entry, send func(context.Context, id.Group, group.Entry) (group.Receipt, error)) (wire.Reply, error) {
	list, repeated := make([]published, len(groups)), make([]bool, len(groups))
	work, ctx := errgroup.WithContext(ctx)
	for i, g := range groups {
		work.Go(func() error {
			r, err := send(ctx, g, m)
			if err == nil {
				slog.InfoContext(ctx, "published", "group", g, "seq", r.Seq, "messageUID", r.UID, "repeated", r.Repeated)
			}
			list[i], repeated[i] = published{g, r.UID}, r.Repeated
			return err
		})
	}
	if err := work.Wait(); err != nil {
		return nil, err
	}
	if i := slices.Index(repeated, true); i >= 0 {
		return nil, fault.New(fault.InvalidArgument, "msgRandom %s of this sender came within the last minute: group %s has the message as %s", m.Random, groups[i], list[i].UID)
	}
	return wire.Reply{"messageUIDs": list}, nil
}

// compose builds the entry. Some parameters only work with a single group and
// some not at all in a targeted message; the contract has them ignored there.
func compose(a *wire.Args, single bool) (group.Entry, error) {
	m := group.Entry{
		From: a.User("fromUserId"), Type: a.Text("objectName"), Content: a.Text("content"),
		To:             a.Users("toUserId"),
		Uncounted:      a.Has("isCounted") && !a.Bool("isCounted"),
		Unpersisted:    a.Has("isPersisted") && !a.Bool("isPersisted"),
		HideFromSender: !a.Bool("isIncludeSender"),
		KeepLast:       a.Bool("disableUpdateLastMsg"),
		Receipt:        a.Bool("needReadReceipt"),
	}
	if len(m.To) > 0 && !single {
		return m, fault.New(fault.InvalidArgument, "toUserId works with one toGroupId only")
	}
	if err := message.CheckType("objectName", m.Type); err != nil {
		return m, err
	}
	if a.Bool("isMentioned") {
		m.Mention = message.Mentioned(m.Content)
	}
	push := group.Push{Content: a.Text("pushContent"), Data: a.Text("pushData"), ContentAvailable: a.Bool("contentAvailable")}
	if single && len(m.To) == 0 {
		push.Ext, push.Disabled = a.Text("pushExt"), a.Bool("disablePush")
		if m.Expandable = a.Bool("expansion"); m.Expandable && a.Has("extraContent") {
			keys, err := message.Expansion("extraContent", a.Text("extraContent"))
			if err != nil {
				return m, err
			}
			m.Expansion = group.Values(keys)
		}
	}
	if push.Disabled {
		push.Ext = ""
	}
	if push != (group.Push{}) {
		m.Push = &push
	}
	return m, nil
}
