package contract

import (
	"slices"

	"github.com/throng-im/throng/shared/id"
	"github.com/throng-im/throng/shared/message"
	"github.com/throng-im/throng/shared/wire"
)

// Limits of the contract for messages.
const (
	// MaxGroups is how many groups one call may send to, MaxTargets how many
	// members a targeted message may name.
	MaxGroups  = 3
	MaxTargets = 300
	// ExpansionPage is how many extension keys one page of a query has.
	ExpansionPage = 300
	maxPageNo     = 1 << 20
)

func pushText(name, about string) wire.Param {
	return wire.Param{Name: name, MaxBytes: message.MaxPush, About: about}
}

var (
	sender     = wire.Param{Name: "fromUserId", Kind: wire.ID, Required: true, About: "the sender, who need not be a member"}
	toGroups   = wire.Param{Name: "toGroupId", Kind: wire.ID, Required: true, Repeated: true, Count: MaxGroups, About: "the groups"}
	objectName = wire.Param{Name: "objectName", Required: true, MaxChars: message.MaxType, About: "the type of the message"}
	content    = wire.Param{Name: "content", Required: true, MaxBytes: message.MaxContent, About: "its payload"}
	toSender   = flag("isIncludeSender", "1 shows it to its sender, too")
	keepLast   = flag("disableUpdateLastMsg", "true leaves the conversation list's last message")
	blacklist  = wire.Param{Name: "verifyBlacklist", About: "not for groups; ignored"}
	channel    = wire.Param{Name: "busChannel", About: "not for groups; ignored"}
	msgUID     = wire.Param{Name: "msgUID", Required: true, MaxBytes: id.MaxLength, About: "the message"}
	kind       = wire.Param{Name: "conversationType", Kind: wire.Int, Required: true, About: "3, a group: Throng serves no other"}
	target     = wire.Param{Name: "targetId", Kind: wire.ID, Required: true, About: "the group"}
	// expanding are the parameters of a change of extension keys but the keys.
	expanding = []wire.Param{msgUID,
		{Name: "userId", Kind: wire.ID, Required: true, About: "who changes them"},
		kind, target, flag("isSyncSender", "1 tells that user's own devices, too")}
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
			toSender,
			flag("isMentioned", "1 takes content.mentionedInfo into account"),
			flag("contentAvailable", "1 wakes an iOS app in the background"),
			flag("disablePush", "true sends no notification; one group only"),
			flag("expansion", "true allows extension keys; one group only"),
			{Name: "extraContent", About: "the first extension keys, a JSON object of texts"},
			keepLast,
			flag("needReadReceipt", "1 asks for read receipts"),
			{Name: "msgRandom", Kind: wire.Int, About: "the same number of the same sender to the same group is refused for a minute, where THRONG_MSG_RANDOM is on"},
			blacklist, channel,
		}},
	wire.Route{Path: "/statusmessage/group/publish.json", About: "send a message to members who are online now; it is stored nowhere", Units: "toGroupId", Reply: published,
		Params: []wire.Param{sender, toGroups, objectName, content, toSender, blacklist, channel}},
	wire.Route{Path: "/message/recall.json", About: "take a message back; one that is unknown or recalled stays as it is",
		Params: []wire.Param{
			{Name: "fromUserId", Kind: wire.ID, Required: true, About: "who recalls"}, kind, target,
			{Name: "messageUID", Required: true, MaxBytes: id.MaxLength, About: "the message"},
			{Name: "sentTime", Kind: wire.Int, Required: true, About: "when it was sent, in ms; its id alone says which it is"},
			flag("isAdmin", "1 shows that an administrator did it"),
			flag("isDelete", "1 leaves no notice in its place"),
			flag("disablePush", "true sends no notification of it"),
			{Name: "extra", MaxBytes: message.MaxPush, About: "any text for the devices"},
			keepLast, channel,
		}},
	wire.Route{Path: "/message/group/modify.json", About: "change the content of a message; one that is unknown or recalled stays as it is",
		Params: []wire.Param{
			{Name: "fromUserId", Kind: wire.ID, Required: true, About: "who sent the message; nobody else may change it"},
			groupID, msgUID,
			{Name: "objectName", MaxChars: message.MaxType, About: "its new type; the old one stays when there is none"},
			content,
		}},
	wire.Route{Path: "/message/expansion/set.json", About: "set extension keys of a message that was sent with expansion=true; one that is unknown or recalled stays as it is",
		Params: append(slices.Clone(expanding), wire.Param{Name: "extraKeyVal", Required: true, About: "at most 100 keys and values, a JSON object of texts; a message has at most 300"})},
	wire.Route{Path: "/message/expansion/delete.json", About: "delete extension keys of a message; those that it has not are passed over",
		Params: append(slices.Clone(expanding), wire.Param{Name: "extraKey", Required: true, About: "at most 100 keys, a JSON array of texts"})},
	wire.Route{Path: "/message/expansion/query.json", About: "read the extension keys of a message; one that is unknown or recalled has none",
		Params: []wire.Param{msgUID, {Name: "pageNo", Kind: wire.Int, Max: maxPageNo, About: "from 1, the default; a page has 300 keys, ordered by name"}},
		Reply: []wire.Field{{Name: "extraContent", Type: "map", About: "the values by key", Fields: []wire.Field{
			{Name: "v", Type: "string", About: "the value"}, {Name: "ts", Type: "integer", About: "when it was set, in ms"}}}}},
)
