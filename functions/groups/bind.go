package groups

import (
	"github.com/throng-im/throng/shared/fault"
	"github.com/throng-im/throng/shared/group"
	"github.com/throng-im/throng/shared/message"
	"github.com/throng-im/throng/shared/wire"
)

// change makes one change of a group: alone, or with the message that the caller
// bound to it.
func change(a *wire.Args, alone func() error, with func(group.Bound) (group.Outcome, error)) (wire.Reply, error) {
	if !a.Bool("bindNotifyMsg") {
		return nil, alone()
	}
	b, err := bound(a)
	if err != nil {
		return nil, err
	}
	out, err := with(b)
	if err != nil {
		return nil, err
	}
	return wire.Reply{"messageUID": out.UID, "memberCount": out.Members}, nil
}

// bound reads the message that the caller bound.
func bound(a *wire.Args) (group.Bound, error) {
	for _, name := range []string{"fromUserId", "objectName", "content"} {
		if !a.Has(name) {
			return group.Bound{}, fault.New(fault.InvalidArgument, "%s is required with bindNotifyMsg", name)
		}
	}
	m := group.Entry{
		From: a.User("fromUserId"), Type: a.Text("objectName"), Content: a.Text("content"),
		Unpersisted:    a.Has("isPersisted") && !a.Bool("isPersisted"),
		HideFromSender: !a.Bool("isIncludeSender"),
		KeepLast:       a.Bool("disableUpdateLastMsg"),
	}
	push := group.Push{Content: a.Text("pushContent"), Data: a.Text("pushData"), Ext: a.Text("pushExt")}
	if push != (group.Push{}) {
		m.Push = &push
	}
	return group.Bound{Message: m, MaxMembers: a.Int("maxMember", 0)}, message.CheckType("objectName", m.Type)
}
