package deviceapi

import (
	"net/http"
	"slices"

	"github.com/throng-im/throng/shared/fault"
)

// Call is one call of the device API: a row of the one table that the functions
// bind their handlers to and the published description is made from.
type Call struct {
	// Name is the operation's, and Function the function that serves it.
	Name, Function string
	Method, Path   string
	// Paced calls count for the rate limit of a user's devices.
	Paced bool

	tag   string
	about string
	// notes are what there is to say beyond the first sentence.
	notes string
	// query and header are parameters, body what a request has to say; nil where it
	// has no body.
	query, header []field
	body          object
	reply         object
	// errors are those that not every call may answer.
	errors []fault.Kind
}

// Calls is the table, the stream included.
func Calls() []Call {
	return slices.Concat(
		rows("messages", messages), rows("receipts", receipts), rows("synchronising", synchronising),
		rows("conversations", conversations), rows("settings", ownSettings), rows("devices", devices))
}

// rows names the tag of each of its rows, and the function of those that do not.
func rows(tag string, calls []Call) []Call {
	out := slices.Clone(calls)
	for i := range out {
		out[i].tag = tag
		if out[i].Function == "" {
			out[i].Function = "client"
		}
	}
	return out
}

// Errors are the failures that the call may answer with.
func (c Call) Errors() []fault.Kind {
	all := append([]fault.Kind{fault.Unauthenticated, fault.TokenExpired, fault.Unavailable}, c.errors...)
	if c.Paced {
		all = append(all, fault.RateLimited)
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// Failures that go together.
var (
	// refused are those of whatever is read from a request.
	refused = []fault.Kind{fault.InvalidArgument, fault.TooLarge}
	// inGroup are those of calls about a group, in which the user has to be.
	inGroup = append(slices.Clone(refused), fault.NotMember, fault.GroupDismissed)
	// own are those of calls about one's view of a group, which is over with the
	// membership, however that ended.
	own = append(slices.Clone(refused), fault.NotMember)
	// speaking are those of calls that say something to a group.
	speaking = append(slices.Clone(inGroup), fault.Muted, fault.GroupMuted)
)

func and(kinds []fault.Kind, more ...fault.Kind) []fault.Kind { return slices.Concat(kinds, more) }

const (
	aGroup   = "/groups/{groupId}"
	aMessage = aGroup + "/messages/{messageUID}"
)

var messages = []Call{
	{Name: "sendMessage", Method: http.MethodPost, Path: aGroup + "/messages", Paced: true,
		about: "send a message",
		notes: "When it is answered, the message is stored and announced. A request without an answer is sent again with the same clientId. " +
			"With everything it carries a message may take 256 KiB. An app may have its own server asked first: what that changed is stored so, " +
			"and what it refuses is permission_denied, with extra where it says something to the sender.",
		body: given(
			must("clientId", filled(key()), "idempotency key, unique for the user; the same again answers the same and sends nothing"),
			must("type", kind(), "the objectName: a built-in one, or any other that does not begin with RC:"),
			must("content", payload(), "the payload, mostly JSON"),
			may("mention", given(mention()...), "whom it mentions"),
			may("to", upTo(ref("ID"), MaxTargets), "the members who may see it; everybody when empty"),
			may("push", given(
				may("content", pushed(), "what the notification says"),
				may("data", pushed(), "what the notification carries"),
				may("ext", object{"$comment": pushed()["$comment"]}, "how the notification looks"),
				may("disabled", orElse(flag(), false), "true notifies nobody")), "the notification of those who are not connected"),
			may("counted", orElse(flag(), true), "whether it counts as unread"),
			may("persisted", orElse(flag(), true), "whether history keeps it"),
			may("expansion", keyed(), "extension keys; an object, also an empty one, says that the message takes some"),
			may("extra", octets(MaxExtra), "anything, for the app"),
			may("receipt", orElse(flag(), false), "true asks for read receipts")),
		reply: ref("Made"), errors: and(speaking, fault.PermissionDenied)},
	{Name: "listMessages", Method: http.MethodGet, Path: aGroup + "/messages",
		about: "read a page of history",
		notes: "At most one of before, after, beforeTime and afterTime is given; without any the page has the newest messages. A page ends early " +
			"after 1 MiB. Messages are as they are now; a recalled one is there without content.",
		query: append([]field{Bounds[0].field(), Bounds[1].field(), Bounds[2].field(), Bounds[3].field(), Page.field()},
			may("types", upTo(kind(), MaxTypes), "only messages of these types, separated by commas")),
		reply: record(
			must("messages", list(ref("Entry")), "the messages"),
			must("more", flag(), "true when there are more in this direction"),
			may("next", from(1), "where there are more: what before or after is for the next page, in the same direction")),
		errors: and(inGroup, fault.PermissionDenied)},
	{Name: "deleteMessages", Method: http.MethodDelete, Path: aGroup + "/messages",
		about: "delete messages for this user, on all of the user's devices",
		notes: "Either messageUIDs or beforeTime is given. What is not there or not the user's to see is passed over. Nobody else is touched.",
		body: given(
			may("messageUIDs", some(ref("MessageUID"), MaxDeletes), "the messages"),
			may("beforeTime", from(1), "Unix milliseconds; everything that was sent before")),
		reply: ref("Done"), errors: inGroup},
	{Name: "getMessage", Method: http.MethodGet, Path: aMessage,
		about: "read one message", reply: ref("Entry"), errors: and(inGroup, fault.PermissionDenied, fault.NotFound)},
	{Name: "editMessage", Method: http.MethodPatch, Path: aMessage, Paced: true,
		about: "give one's own message a new content",
		body: given(again,
			must("content", payload(), "the new payload"),
			may("mention", given(mention()...), "whom it mentions; without it, what mentionedInfo in the content says")),
		reply: ref("Made"), errors: and(speaking, fault.PermissionDenied, fault.NotFound)},
	{Name: "recallMessage", Method: http.MethodPost, Path: aMessage + "/recall",
		about: "take one's own message back; an administrator takes back anybody's",
		body:  given(again, may("extra", octets(MaxExtra), "anything, for the app")),
		reply: ref("Made"), errors: and(inGroup, fault.PermissionDenied, fault.NotFound)},
	{Name: "setExpansion", Method: http.MethodPut, Path: aMessage + "/expansion", Paced: true,
		about: "set extension keys of a message", notes: "Any member may. A message has at most 300 keys.",
		body:  given(again, must("set", atLeastOne(keyed()), "the keys and their values")),
		reply: ref("Made"), errors: and(speaking, fault.NotFound)},
	{Name: "removeExpansion", Method: http.MethodDelete, Path: aMessage + "/expansion", Paced: true,
		about: "remove extension keys of a message",
		body:  given(again, must("remove", some(keys(), MaxKeys), "the keys")),
		reply: ref("Made"), errors: and(speaking, fault.NotFound)},
	{Name: "sendTyping", Method: http.MethodPost, Path: aGroup + "/typing", Paced: true,
		about: "tell who is connected that the user writes something", notes: "It is stored nowhere and needs no idempotency key.",
		body: given(
			may("type", orElse(kind(), Typing), "its type"),
			may("content", orElse(octets(MaxExtra), "{}"), "its payload")),
		reply: ref("Done"), errors: speaking},
}

// Typing is the contract's type of a message that says that somebody types.
const Typing = "RC:TypSts"
