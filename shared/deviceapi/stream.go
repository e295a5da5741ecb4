package deviceapi

import (
	"net/http"
	"slices"

	"github.com/throng-im/throng/shared/conversation"
	"github.com/throng-im/throng/shared/group"
)

// stream is the call that is answered with events for as long as it lasts.
var stream = Call{Name: "stream", Function: "stream", Method: http.MethodGet, Path: "/stream",
	about: "hear what happens, as server-sent events, for as long as the device is connected",
	notes: "Who is connected counts as online. Each write ends with an id; a device that was cut off sends the last id that it read as " +
		"Last-Event-ID, and misses nothing. It may get entries again, which it knows by their seqs. Data is JSON on one line; " +
		"StreamEvents has a property for each type of event, which describes its data:\n\n" +
		"- entries: what a synchronisation would have said of one group\n" +
		"- status: a message that is stored nowhere, such as somebody's typing\n" +
		"- conversation: what the user changed on another device, or the app for the user\n" +
		"- membership: the user joined or left a group, or it was dismissed\n" +
		"- receipt: how many have read a message of the user's\n" +
		"- ping: nothing but a sign of life\n" +
		"- resync: the device is too far behind and must call sync, for one group or, without groupId, for everything\n" +
		"- goodbye: the server ends the connection; the device connects again after the time that retry says",
	query: []field{
		may("token", words(), "the bearer token, for clients that send no headers"),
		may("lastEventId", words(), "Last-Event-ID, for clients that send no headers")},
	header: []field{may("Last-Event-ID", words(), "the id of the last event that the device read")},
}

// StreamEvents is the name of the form that describes the stream's events.
const StreamEvents = "StreamEvents"

// events are the data of the stream's events, by type.
var events = []field{
	may("entries", record(groupID,
		must("after", from(0), "the device is brought from here"),
		must("lastSeq", from(1), "to here; what is missing in between is not the user's to see"),
		must("entries", list(ref("Entry")), "the entries, by rising seq")), "new entries of a group"),
	may("status", record(groupID, must("entries", list(ref("Status")), "one message")), "a message for who is connected"),
	may("conversation", record(
		may("conversations", list(ref("Conversation")), "conversations that changed"),
		may("tags", upTo(ref("Tag"), conversation.MaxTags), "all of the user's tags"),
		may("tagsChanged", from(0), "beside tags: of two lists of tags the one with the higher number is newer"),
		may("settings", ref("Settings"), "the user's settings")), "what a synchronisation would have said of the user's own state"),
	may("membership", record(groupID,
		must("kind", oneOf("string", group.KindJoined, group.KindLeft, group.KindDismissed), "what happened"),
		must("seq", from(1), "by which entry"),
		must("at", integer(), "when, Unix milliseconds"),
		may("name", words(), "the group's name")), "a change of the user's own membership"),
	may("receipt", record(groupID,
		must("messageUID", ref("MessageUID"), "the message"),
		must("read", from(1), "how many have read it; it only rises")), "somebody has read a message of the user's"),
	may("ping", record(), "a sign of life"),
	may("resync", record(may("groupId", ref("ID"), "the group; everything when absent")), "the device must call sync"),
	may("goodbye", record(must("reason", oneOf("string", Goodbyes...), "why")), "the end of the connection"),
}

// Goodbyes are the reasons for which the server ends a connection.
var Goodbyes = []string{"lifetime", "shutdown", "token", "replaced", "interrupted"}

// Events names the types of the stream's events.
func Events() []string {
	var names []string
	for _, e := range events {
		names = append(names, e.name)
	}
	slices.Sort(names)
	return names
}
