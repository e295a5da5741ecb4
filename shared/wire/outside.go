package wire

import (
	"strings"

	"github.com/throng-im/throng/shared/fault"
)

// outside are the calls of the published SDKs that have nothing to do with
// groups, by the beginning of their paths. They are listed so that their callers
// are told what they ask for, and that it is not here: an answer that looks like
// success would have an app wait for what never comes.
var outside = []struct{ prefix, what string }{
	{"/message/private/", oneToOne},
	{"/statusmessage/private/", oneToOne},
	{"/v3/message/private/", oneToOne},
	{"/message/system/", "system messages"},
	{"/message/broadcast", "messages to everybody"},
	{"/message/online/", "messages to everybody"},
	{"/message/chatroom/", chatrooms},
	{"/chatroom/", chatrooms},
	{"/v3/message/chatroom/", chatrooms},
	{"/v3/message/system/", "system messages"},
	{"/v3/message/ultragroup/", ultraGroups},
	{"/message/discussion/", "discussions"},
	{"/message/ultragroup/", ultraGroups},
	{"/ultragroup/", ultraGroups},
	{"/entrust/", "hosted groups and profiles"},
	{"/push.json", pushOnly},
	{"/push/", pushOnly},
	{"/sensitiveword/", "sensitive words"},
	{"/user/block.json", blocking},
	{"/user/block/", blocking},
	{"/user/unblock.json", blocking},
	{"/user/blacklist/", "lists of blocked users"},
	{"/user/whitelist/", "lists of allowed users"},
	{"/user/chat/", "mutes in one-to-one chats"},
	{"/user/tag/", userTags},
	{"/user/tags/", userTags},
	{"/user/remarks/", "push names between users"},
	{"/user/deactivate", "deactivating users"},
	{"/user/reactivate", "deactivating users"},
	{"/user/profile/", "hosted profiles"},
}

const (
	oneToOne    = "one-to-one messages"
	chatrooms   = "chatrooms"
	ultraGroups = "ultra groups"
	pushOnly    = "notifications without a message"
	blocking    = "blocking users"
	userTags    = "tags of users"
)

// Outside names what a path belongs to that is no part of Throng, or says "".
func Outside(path string) string {
	for _, o := range outside {
		if strings.HasPrefix(path, o.prefix) {
			return o.what
		}
	}
	return ""
}

// OutsidePrefixes lists the beginnings of the paths that Outside knows.
func OutsidePrefixes() []string {
	prefixes := make([]string, len(outside))
	for i, o := range outside {
		prefixes[i] = o.prefix
	}
	return prefixes
}

// missing answers for a path that is not served.
func missing(path string) error {
	if what := Outside(path); what != "" {
		return fault.New(fault.NotFound, "%s belongs to %s: Throng serves groups and does not have it", path, what)
	}
	return fault.New(fault.NotFound, "there is no %s here", path)
}
