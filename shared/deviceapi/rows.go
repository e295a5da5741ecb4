package deviceapi

import (
	"math"
	"net/http"

	"github.com/throng-im/throng/shared/contract"
	"github.com/throng-im/throng/shared/conversation"
	"github.com/throng-im/throng/shared/fault"
	"github.com/throng-im/throng/shared/inbox"
	"github.com/throng-im/throng/shared/message"
)

// keyed are extension keys and their values.
func keyed() object {
	s := byKey(keys(), text(message.MaxValue))
	s["maxProperties"] = MaxKeys
	return s
}

func atLeastOne(s object) object { s["minProperties"] = 1; return s }

var receipts = []Call{
	{Name: "requestReceipts", Method: http.MethodPost, Path: aMessage + "/receipt-request",
		about: "ask who reads one's own message, which did not ask when it was sent",
		body:  given(again),
		reply: ref("Made"), errors: and(inGroup, fault.PermissionDenied, fault.NotFound)},
	{Name: "sendReceipts", Method: http.MethodPost, Path: aGroup + "/receipts",
		about: "say that the user has read messages",
		notes: "Those that ask for no receipts, are the user's own or not the user's to see are passed over. It may be repeated.",
		body:  given(must("messageUIDs", some(ref("MessageUID"), MaxReads), "the messages")),
		reply: ref("Done"), errors: inGroup},
	{Name: "listReceipts", Method: http.MethodGet, Path: aMessage + "/receipts",
		about: "read who has read a message; for its sender and administrators",
		query: []field{Readers.field(), may("cursor", words(), "that of the page before")},
		reply: record(
			must("read", list(ref("Reader")), "who has read it, in the order of time"),
			must("unread", from(0), "how many members have not, of those who may see it"),
			must("more", flag(), "true when there are more readers"),
			may("cursor", words(), "where there are more: leads to the next page")),
		errors: and(inGroup, fault.PermissionDenied, fault.NotFound)},
}

var synchronising = []Call{
	{Name: "sync", Method: http.MethodPost, Path: "/sync",
		about: "say what is new for the user since the device's cursor",
		notes: "The device stores the cursor with what the answer says and asks again at once while more is true. With an old cursor it is told " +
			"the same again. Entries older than the offline window (1 to 7 days) are not in it.",
		body: given(
			may("cursor", text(inbox.MaxCursor), "that of the last answer; empty for a device that has nothing"),
			may("groups", byKey(ref("ID"), within(0, math.MaxInt64)), "the groups that the device knows, with the last seq it has of each"),
			may("limit", orElse(within(1, inbox.MaxLimit), inbox.DefaultLimit), "the most entries of one group")),
		reply: record(
			must("cursor", words(), "for the next call"),
			must("groups", list(ref("Group")), "groups with something new"),
			must("left", list(ref("Left")), "groups that the user is not in any more"),
			must("conversations", list(ref("Conversation")), "conversations in which the user changed something"),
			may("tags", upTo(ref("Tag"), conversation.MaxTags), "all of the user's tags; absent where the device has them"),
			may("tagsChanged", from(0), "beside tags: of two lists of tags the one with the higher number is newer"),
			may("settings", ref("Settings"), "the user's settings; absent where the device has them"),
			must("more", flag(), "true when there is more to be asked for at once")),
		errors: refused},
	{Name: "readUpTo", Method: http.MethodPost, Path: aGroup + "/read",
		about: "move the user's read position forward, on all of the user's devices", notes: "It never moves back, and not behind the newest entry. It may be repeated.",
		body: given(
			must("seq", within(1, math.MaxInt64), "the last entry that was read"),
			may("deviceId", ref("ID"), "the device it was read on: where the app has notifications cleared, the user's other devices are told to")),
		reply: ref("Done"), errors: own},
	{Name: "getUnread", Method: http.MethodGet, Path: aGroup + "/unread",
		about: "read what the user has not read in a group, within the offline window",
		query: []field{may("mentions", orElse(flag(), false), "true lists only messages that mention the user"), UnreadListed.field()},
		reply: record(
			must("firstUnread", from(0), "seq of the first unread message, 0 for none"),
			must("count", within(0, inbox.MaxUnread), "unread messages; 1000 is that many or more"),
			must("mentions", within(0, inbox.MaxUnread), "those of them that mention the user"),
			must("messages", list(ref("Entry")), "the first of them, by rising seq")),
		errors: own},
	stream,
}

var conversations = []Call{
	{Name: "listConversations", Method: http.MethodGet, Path: "/conversations",
		about: "read a page of the list of conversations", notes: "Pinned ones come first, the last pinned first, then the others by their last messages.",
		query: []field{may("cursor", text(inbox.MaxCursor), "that of the page before"), may("tag", text(contract.MaxTagID), "only conversations with this tag"), Listed.field()},
		reply: record(
			must("conversations", list(ref("Listed")), "the conversations"),
			must("cursor", words(), "leads to the next page; empty where there is none"),
			must("more", flag(), "true when there are more")),
		errors: refused},
	{Name: "changeConversation", Method: http.MethodPatch, Path: "/conversations/{groupId}",
		about: "change what the user set for a conversation, on all of the user's devices", notes: "What is not given stays as it is.",
		body: given(again,
			may("pinned", flag(), "whether it is pinned"),
			may("notify", ref("Level"), "what notifies in this group"),
			may("tags", upTo(tagID(), conversation.MaxTags), "ids of all its tags, which the user has"),
			may("draft", octets(conversation.MaxDraft), "what the user began to write")),
		reply: ref("Done"), errors: own},
	{Name: "deleteConversation", Method: http.MethodDelete, Path: "/conversations/{groupId}",
		about: "take a conversation off the list until it has a newer message, and have all of it read",
		reply: ref("Done"), errors: own},
	{Name: "listTags", Method: http.MethodGet, Path: "/tags",
		about: "read the user's tags",
		reply: record(must("tags", upTo(ref("Tag"), conversation.MaxTags), "the tags in the order in which they were made"))},
	{Name: "getTag", Method: http.MethodGet, Path: "/tags/{tagId}",
		about: "read one of the user's tags", reply: ref("Tag"), errors: []fault.Kind{fault.NotFound}},
	{Name: "setTag", Method: http.MethodPut, Path: "/tags/{tagId}",
		about: "make a tag, or rename it", notes: "A user has at most 20. It may be repeated.",
		body:  given(must("name", filled(text(contract.MaxTagName)), "its name")),
		reply: ref("Done"), errors: refused},
	{Name: "deleteTag", Method: http.MethodDelete, Path: "/tags/{tagId}",
		about: "delete a tag, also from the conversations that have it", notes: "It may be repeated.",
		reply: ref("Done"), errors: refused},
}

var ownSettings = []Call{
	{Name: "getSettings", Method: http.MethodGet, Path: "/settings",
		about: "read what the user set about notifications", reply: ref("Settings")},
	{Name: "changeSettings", Method: http.MethodPut, Path: "/settings",
		about: "change what the user set about notifications", notes: "What is not given stays as it is. It may be repeated.",
		body: given(
			may("notify", given(may("group", ref("Level"), "for groups")), "levels of conversations that have none of their own, by type"),
			may("quietHours", object{"anyOf": []object{given(quietHours(true)...), {"type": "null"}}}, "hours of every day in which less notifies; null ends them")),
		reply: ref("Done"), errors: refused},
}

var devices = []Call{
	{Name: "registerDevice", Method: http.MethodPut, Path: "/devices/{deviceId}",
		about: "register the device for notifications", notes: "A new request takes the place of the one before. When it is answered, the next message notifies the device, and a push token that was another user's is not theirs any more. In more than 20 groups that takes some seconds after the answer. An app registers each time it starts: a device that was not for 270 days is not notified.",
		body: given(
			must("platform", oneOf("string", Platforms...), "what it is"),
			must("pushToken", filled(octets(MaxPushToken)), "FCM's registration token"),
			may("language", octets(MaxLanguage), "the language of notifications, such as zh-CN"),
			may("timeZone", octets(MaxTimeZone), "the device's time zone, such as Asia/Shanghai")),
		reply: ref("Done"), errors: refused},
	{Name: "removeDevice", Method: http.MethodDelete, Path: "/devices/{deviceId}",
		about: "log out: no more notifications to the device", notes: "It may be repeated.",
		reply: ref("Done"), errors: refused},
}
