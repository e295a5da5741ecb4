package contract

import (
	"github.com/throng-im/throng/shared/message"
	"github.com/throng-im/throng/shared/wire"
)

// Limits of the contract for messages.
const (
	// MaxGroups is how many groups one call may send to, MaxTargets how many
	// members a targeted message may name.
	MaxGroups  = 3
	MaxTargets = 300
)

func pushText(name, about string) wire.Param {
	return wire.Param{Name: name, MaxBytes: message.MaxPush, About: about}
}

var (
	sender     = wire.Param{Name: "fromUserId", Kind: wire.ID, Required: true, About: "the sender, who need not be a member"}
	toGroups   = wire.Param{Name: "toGroupId", Kind: wire.ID, Required: true, Repeated: true, Count: MaxGroups, About: "the groups"}
	objectName = wire.Param{Name: "objectName", Required: true, MaxChars: message.MaxType, About: "the type of the message"}
	content    = wire.Param{Name: "content", Required: true, MaxBytes: message.MaxContent, About: "its payload"}
	// published is what every call that sends answers.
	published = []wire.Field{{Name: "messageUIDs", Type: "array", About: "one for each group, in the order asked", Fields: []wire.Field{
		{Name: "groupId", Type: "string", About: "the group"}, {Name: "messageUID", Type: "string", About: "the message"}}}}
)

var messages = rows("messages",
	wire.Route{Path: "/message/group/publish.json", About: "send a message to at most three groups", Units: "toGroupId", Reply: published,
		Params: []wire.Param{
			sender, toGroups,
			{Name: "toUserId", Kind: wire.ID, Repeated: true, Count: MaxTargets, About: "only these members receive it; one group only"},
			objectName, content,
			pushText("pushContent", "what the notification says"),
			pushText("pushData", "what the notification carries"),
			pushText("pushExt", "how the notification looks, as JSON; one group only"),
			flag("isPersisted", "1 (default) keeps it in history"),
			flag("isCounted", "1 (default) adds to unread"),
			flag("isIncludeSender", "1 shows it to its sender, too"),
			flag("isMentioned", "1 takes content.mentionedInfo into account"),
			flag("contentAvailable", "1 wakes an iOS app in the background"),
			flag("disablePush", "true sends no notification; one group only"),
			flag("expansion", "true allows extension keys; one group only"),
			{Name: "extraContent", About: "the first extension keys, a JSON object of texts"},
			flag("disableUpdateLastMsg", "true leaves the conversation list's last message"),
			flag("needReadReceipt", "1 asks for read receipts"),
		}},
)
