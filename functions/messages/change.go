package messages

import (
	"context"
	"maps"
	"slices"

	"github.com/throng-im/throng/shared/contract"
	"github.com/throng-im/throng/shared/group"
	"github.com/throng-im/throng/shared/id"
	"github.com/throng-im/throng/shared/message"
	"github.com/throng-im/throng/shared/wire"
)

func inGroup(a *wire.Args) error { return contract.GroupsOnly(a.Int("conversationType", 0)) }

func (f calls) recall(ctx context.Context, a *wire.Args) (wire.Reply, error) {
	if err := inGroup(a); err != nil {
		return nil, err
	}
	return nil, f.groups.Recall(ctx, a.Group("targetId"), id.Message(a.Text("messageUID")), group.Recall{
		From: a.User("fromUserId"), Admin: a.Bool("isAdmin"), Delete: a.Bool("isDelete"), Extra: a.Text("extra"),
		KeepLast: a.Bool("disableUpdateLastMsg"), PushDisabled: a.Bool("disablePush"),
	})
}

// modify changes a message. The call has no isMentioned: whom the message
// mentions from then on is in its new content.
func (f calls) modify(ctx context.Context, a *wire.Args) (wire.Reply, error) {
	e := group.Edit{From: a.User("fromUserId"), Type: a.Text("objectName"), Content: a.Text("content")}
	if e.Type != "" {
		if err := message.CheckType("objectName", e.Type); err != nil {
			return nil, err
		}
	}
	e.Mention = message.Mentioned(e.Content)
	return nil, f.groups.Edit(ctx, a.Group("groupId"), id.Message(a.Text("msgUID")), e)
}

func (f calls) setExpansion(ctx context.Context, a *wire.Args) (wire.Reply, error) {
	if err := inGroup(a); err != nil {
		return nil, err
	}
	keys, err := message.Expansion("extraKeyVal", a.Text("extraKeyVal"))
	if err != nil {
		return nil, err
	}
	return nil, f.groups.SetExpansion(ctx, a.Group("targetId"), id.Message(a.Text("msgUID")), a.User("userId"), keys, !a.Bool("isSyncSender"))
}

func (f calls) deleteExpansion(ctx context.Context, a *wire.Args) (wire.Reply, error) {
	if err := inGroup(a); err != nil {
		return nil, err
	}
	keys, err := message.ExpansionKeys("extraKey", a.Text("extraKey"))
	if err != nil {
		return nil, err
	}
	return nil, f.groups.DeleteExpansion(ctx, a.Group("targetId"), id.Message(a.Text("msgUID")), a.User("userId"), keys, !a.Bool("isSyncSender"))
}

// value is an extension value as one SDK insists on it: a text and a number.
type value struct {
	V  string `json:"v"`
	TS int64  `json:"ts"`
}

func (f calls) expansion(ctx context.Context, a *wire.Args) (wire.Reply, error) {
	keys, err := f.groups.Expansion(ctx, id.Message(a.Text("msgUID")))
	if err != nil {
		return nil, err
	}
	names := slices.Sorted(maps.Keys(keys))
	first := min((max(a.Int("pageNo", 1), 1)-1)*contract.ExpansionPage, len(names))
	page := map[string]value{}
	for _, k := range names[first:min(first+contract.ExpansionPage, len(names))] {
		page[k] = value(keys[k])
	}
	return wire.Reply{"extraContent": page}, nil
}
