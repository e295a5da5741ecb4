package deviceapi

import (
	"slices"

	"github.com/throng-im/throng/shared/contract"
	"github.com/throng-im/throng/shared/conversation"
	"github.com/throng-im/throng/shared/group"
	"github.com/throng-im/throng/shared/inbox"
	"github.com/throng-im/throng/shared/message"
	"github.com/throng-im/throng/shared/notify"
)

// forms are what several calls and events speak of, by name.
func forms() object {
	return object{
		"ID":         named(),
		"MessageUID": object{"type": "string", "pattern": "^[0-9A-HJKMNP-TV-Z]{4}(-[0-9A-HJKMNP-TV-Z]{4}){3}$"},
		"Level": describe(oneOf("integer", notify.Every, notify.Unset, notify.Mentions, notify.MentionsMe, notify.MentionsAll, notify.Nothing),
			"which messages notify: -1 every one, 0 not set, 1 those with an @, 2 those with an @ of this user, 4 those with an @ of everyone, 5 none"),
		"Error": record(must("error", record(
			must("code", oneOf("string", everyKind()...), "what went wrong, out of a closed list"),
			must("message", words(), "the same in words, for whoever writes the app"),
			may("rc", integer(), "RC's number for it, where it has one"),
			may("extra", text(message.MaxRefusal), "what the app's own server tells the sender of a message that it refused")), "what went wrong")),
		"Done":         record(),
		"Made":         record(made...),
		"Mention":      record(mention()...),
		"Entry":        record(append([]field{must("seq", from(1), "its number in the group")}, entry...)...),
		"Status":       record(append([]field{must("messageUID", ref("MessageUID"), "a name of its own, of no message that is kept")}, without(entry, "messageUID")...)...),
		"Group":        record(news...),
		"Left":         record(groupID, may("seq", from(1), "by which entry; absent where that is not known any more")),
		"Conversation": record(conversationFields...),
		"Listed":       record(slices.Concat(conversationFields, listedFields)...),
		"Tag": record(
			must("tagId", words(), "the tag"), must("name", words(), "its name"), must("createdAt", integer(), "when it was made, Unix milliseconds")),
		"Settings":   record(settings...),
		"QuietHours": record(quietHours(false)...),
		"Reader":     record(must("userId", ref("ID"), "who"), must("at", integer(), "when, Unix milliseconds")),
	}
}

func describe(s object, about string) object { s["description"] = about; return s }

func without(fields []field, name string) []field {
	return slices.DeleteFunc(slices.Clone(fields), func(f field) bool { return f.name == name })
}

var groupID = must("groupId", ref("ID"), "the group")

// made is what calls answer that make an entry.
var made = []field{
	must("messageUID", ref("MessageUID"), "the entry's own name; that of the message when a message was sent"),
	must("seq", from(1), "the entry's number in the group"),
	must("sentTime", integer(), "when it was made, Unix milliseconds"),
}

func mention() []field {
	return []field{
		must("type", oneOf("integer", group.MentionAll, group.MentionUsers), "1 everyone, 2 those listed"),
		may("userIds", list(ref("ID")), "whom, with type 2"),
		may("text", words(), "what the notification says to those mentioned"),
	}
}

// kinds are those of entries in a group's timeline.
var kinds = []group.Kind{group.KindMessage, group.KindRecall, group.KindEdit, group.KindExpansion, group.KindReceiptRequest,
	group.KindJoined, group.KindLeft, group.KindDismissed, group.KindRenamed}

// entry is an entry as view.Append shows it, but for its seq.
var entry = []field{
	must("kind", oneOf("string", append(slices.Clone(kinds), group.KindStatus)...), "what it is; status is on the stream only. A device skips a kind that it does not know and keeps its seq"),
	may("messageUID", ref("MessageUID"), "its own name: of a message, and of what became of one"),
	must("at", integer(), "when it was made, Unix milliseconds"),
	may("from", ref("ID"), "whose message it is, or who did it"),
	may("type", words(), "a message's objectName"),
	may("content", words(), "a message's payload, or a new one of an edit; a recalled message has none"),
	may("users", list(ref("ID")), "who joined or left"),
	may("mention", ref("Mention"), "whom a message mentions"),
	may("to", list(ref("ID")), "who may see a message that is not for everybody"),
	may("counted", flag(), "whether a message counts as unread; always there with messages"),
	may("persisted", flag(), "whether history keeps a message; always there with messages"),
	may("keepLast", flag(), "true when the message is not to show in the list of conversations"),
	may("recalled", from(1), "the seq of the entry that recalled the message"),
	may("edited", from(1), "the seq of the entry that edited the message last"),
	may("admin", flag(), "true when an administrator recalled it"),
	may("delete", flag(), "true when a recalled message is to leave no trace"),
	may("target", ref("MessageUID"), "the message that this entry changes or asks about"),
	may("targetAt", integer(), "when that message was sent, Unix milliseconds"),
	may("receipt", flag(), "true when the sender asks for read receipts"),
	may("expandable", flag(), "true when the message takes extension keys"),
	may("expansion", byKey(ref("ID"), record(must("v", words(), "its value"), must("ts", integer(), "when it was set, Unix milliseconds"))), "extension keys: all of a message, or those that an entry sets"),
	may("removed", list(ref("ID")), "the extension keys that an entry removes"),
	may("extra", words(), "what the sender added for the app"),
	may("clientId", words(), "the sender's idempotency key"),
}

// news is what is new in one group.
var news = []field{
	groupID,
	must("name", words(), "its name"),
	must("lastSeq", from(0), "up to here the device has all now that the user may see"),
	must("joinedSeq", from(0), "nothing up to here is the user's to see"),
	may("from", from(1), "the first entry that is kept for devices; there when the device lacks older ones"),
	must("unread", within(0, inbox.MaxUnread), "messages that the user has not read; 1000 is that many or more"),
	must("mentions", within(0, inbox.MaxUnread), "those of them that mention the user"),
	must("entries", list(ref("Entry")), "what the device lacks, by rising seq"),
	must("more", flag(), "true when this group has more entries for the next call"),
}

// conversationFields are what a user made of a conversation.
var conversationFields = []field{
	groupID,
	must("changed", from(0), "counts changes: of two states the one with the higher number is newer"),
	must("pinned", flag(), "true when it is pinned"),
	may("pinnedAt", integer(), "since when, Unix milliseconds"),
	may("notify", ref("Level"), "what notifies in this group; absent where the device knows it already"),
	must("tags", upTo(words(), conversation.MaxTags), "ids of its tags"),
	must("draft", octets(conversation.MaxDraft), "what the user began to write"),
	must("readSeq", from(0), "up to where it is read"),
	may("deletedSeq", from(1), "it was deleted up to here and shows again with a newer message"),
	may("clearedSeq", from(1), "messages up to here are not shown any more"),
	may("clearedAt", integer(), "nor are those that were sent up to this time, Unix milliseconds"),
	may("deletedSeqs", upTo(from(1), conversation.MaxDeleted), "nor are these"),
}

// listedFields are what the list says besides.
var listedFields = []field{
	must("name", words(), "the group's name"),
	must("joinedSeq", from(0), "nothing up to here is the user's to see"),
	must("unread", within(0, inbox.MaxUnread), "messages that the user has not read; 1000 is that many or more"),
	must("mentions", within(0, inbox.MaxUnread), "those of them that mention the user"),
	may("lastAt", integer(), "when the last message was sent, Unix milliseconds"),
	may("lastMessage", ref("Entry"), "the last message"),
}

// settings are what a user set about notifications.
var settings = []field{
	must("version", from(0), "counts changes: of two settings the one with the higher number is newer"),
	must("notify", record(must("group", ref("Level"), "for groups")), "levels of conversations that have none of their own, by type"),
	must("quietHours", object{"anyOf": []object{ref("QuietHours"), {"type": "null"}}}, "null when there are none"),
	must("conversations", byKey(ref("ID"), ref("Level")), "levels of groups that have one of their own"),
}

// quietHours are the hours of every day in which only some messages notify, as
// they are told or, asked, as they may be given.
func quietHours(asked bool) []field {
	rest := must
	if asked {
		rest = may
	}
	level := oneOf("integer", notify.Unset, notify.Mentions, notify.Nothing)
	if asked {
		level = orElse(level, notify.Mentions)
	}
	return []field{
		must("start", object{"type": "string", "pattern": "^([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9]$"}, "a time of day as HH:MM:SS on the clock of timeZone"),
		must("minutes", within(1, notify.MaxMinutes), "how long they last"),
		rest("timeZone", octets(MaxTimeZone), "an IANA name such as Asia/Shanghai; UTC when empty"),
		rest("level", level, "what notifies in them: 0 everything, 1 messages with an @, 5 nothing"),
	}
}

// Forms of what requests give.
func key() object { return octets(MaxClientID) }
func keys() object {
	return object{"type": "string", "pattern": "^[A-Za-z0-9+=_-]+$", "minLength": 1, "maxLength": message.MaxKey}
}
func kind() object    { return filled(text(message.MaxType)) }
func payload() object { return filled(octets(message.MaxContent)) }
func pushed() object  { return octets(message.MaxPush) }
func tagID() object   { return filled(text(contract.MaxTagID)) }

// again is the idempotency key of calls that may do without.
var again = may("clientId", key(), "idempotency key, unique for the user; the same again answers the same and changes nothing")
