package contract

import (
	"net/http"

	"github.com/throng-im/throng/shared/conversation"
	"github.com/throng-im/throng/shared/notify"
	"github.com/throng-im/throng/shared/wire"
)

// Limits of the contract for conversations.
const (
	// MaxTagID and MaxTagName are the longest id and name of a tag, in characters.
	MaxTagID, MaxTagName = 10, 15
	// MaxConversations is how many conversations one call may tag.
	MaxConversations = 1000
)

var (
	conversationType = wire.Param{Name: "conversationType", Kind: wire.Int, Required: true, About: "3, a group; no other type is served"}
	targetID         = wire.Param{Name: "targetId", Kind: wire.ID, Required: true, About: "the group"}
	requestID        = wire.Param{Name: "requestId", Kind: wire.ID, Required: true, About: "the user whose setting it is"}
	unpushLevel      = wire.Param{Name: "unpushLevel", Kind: wire.Int, About: "-1 every message notifies, 0 not set, 1 those with an @, 2 those with an @ of this user, 4 those with an @ of everyone, 5 none"}
	tagID            = wire.Param{Name: "tagId", MaxChars: MaxTagID, Required: true, About: "the tag"}
	tagConversations = wire.Param{Name: "conversations", Kind: wire.JSON, Required: true, About: "the conversations, at most 1,000: objects with targetId and conversationType"}

	level       = []wire.Field{{Name: "isMuted", Type: "integer", About: "the level, as unpushLevel says it"}}
	tagsOfUser  = wire.Field{Name: "tags", Type: "array", About: "the tags in the order in which they were made", Fields: tagFields}
	tagFields   = []wire.Field{{Name: "tagId", Type: "string", About: "the tag"}, {Name: "tagName", Type: "string", About: "its name"}, {Name: "createTime", Type: "integer", About: "when it was made, Unix milliseconds"}}
	replyUserID = wire.Field{Name: "userId", Type: "string", About: "the user"}
	replyTarget = []wire.Field{{Name: "targetId", Type: "string", About: "the group"}, {Name: "conversationType", Type: "integer", About: "3, a group"}}
)

// data wraps the fields of a reply.
func data(fields ...wire.Field) []wire.Field {
	return []wire.Field{{Name: "data", Type: "object", About: "what was asked for", Fields: fields}}
}

var conversations = rows("conversations",
	wire.Route{Path: "/conversation/top/set.json", About: "pin a conversation to the top of a user's list, or unpin it",
		Params: []wire.Param{userID, conversationType, targetID, required(flag("setTop", "true pins, false unpins"))}},
	wire.Route{Path: "/conversation/notification/set.json", About: "say which messages of a group notify a user",
		Params: []wire.Param{requestID, conversationType, targetID, unpushLevel,
			flag("isMuted", "the older way: 1 for level 5, 0 for level 0; an unpushLevel other than 0 wins")}},
	wire.Route{Path: "/conversation/notification/get.json", About: "read which messages of a group notify a user",
		Params: []wire.Param{requestID, conversationType, targetID}, Reply: level},
	wire.Route{Path: "/conversation/type/notification/set.json", About: "say which messages notify a user in groups that have no level of their own",
		Params: []wire.Param{requestID, conversationType, required(unpushLevel)}},
	wire.Route{Path: "/conversation/type/notification/get.json", About: "read the level for groups that have none of their own",
		Params: []wire.Param{requestID, conversationType}, Reply: level},
	wire.Route{Path: "/user/blockPushPeriod/set.json", About: "set the hours of the day in which only some messages notify a user",
		Params: []wire.Param{userID,
			{Name: "startTime", Required: true, About: "HH:MM:SS in the data centre's time zone"},
			{Name: "period", Kind: wire.Int, Required: true, Max: notify.MaxMinutes, About: "minutes; 0 ends the quiet hours"},
			{Name: "level", Kind: wire.Int, About: "what notifies in them: 1 (default) messages with an @, 0 all, 5 none"}}},
	wire.Route{Path: "/user/blockPushPeriod/get.json", About: "read a user's quiet hours",
		Params: []wire.Param{userID}, Reply: data(
			wire.Field{Name: "startTime", Type: "string", About: "HH:MM:SS in the data centre's time zone; empty when there are none"},
			wire.Field{Name: "period", Type: "integer", About: "minutes; 0 when there are none"},
			wire.Field{Name: "unPushLevel", Type: "integer", About: "the level"})},
	wire.Route{Path: "/user/blockPushPeriod/delete.json", About: "end a user's quiet hours", Params: []wire.Param{userID}},
	wire.Route{Path: "/user/conversation/tag/set.json", Body: wire.JSONBody, About: "make tags for a user's conversations, or rename them",
		Params: []wire.Param{userID, {Name: "tags", Kind: wire.JSON, Required: true, About: "objects with tagId and tagName; a user has at most 20"}}},
	wire.Route{Path: "/user/conversation/tag/del.json", Body: wire.JSONBody, About: "delete tags, also from the conversations that have them",
		Params: []wire.Param{userID, {Name: "tagIds", MaxChars: MaxTagID, Required: true, Repeated: true, Count: conversation.MaxTags, About: "the tags"}}},
	wire.Route{Path: "/user/conversation/tag/get.json", Method: http.MethodGet, About: "list a user's tags",
		Params: []wire.Param{userID}, Reply: data(replyUserID, tagsOfUser)},
	wire.Route{Path: "/tag/conversation/set.json", Body: wire.JSONBody, About: "put a tag on conversations",
		Params: []wire.Param{userID, tagID, tagConversations}},
	wire.Route{Path: "/tag/conversation/del.json", Body: wire.JSONBody, About: "take a tag off conversations",
		Params: []wire.Param{userID, tagID, tagConversations}},
	wire.Route{Path: "/tag/conversation/get.json", Method: http.MethodGet, About: "list the conversations with a tag",
		Params: []wire.Param{userID, tagID}, Reply: data(replyUserID,
			wire.Field{Name: "tagId", Type: "string", About: "the tag"},
			wire.Field{Name: "conversations", Type: "array", About: "the conversations, ordered by group", Fields: replyTarget})},
	wire.Route{Path: "/conversation/attribute/get.json", Method: http.MethodGet, About: "read all that a user set for a conversation",
		Params: []wire.Param{userID, targetID, conversationType}, Reply: data(append(replyTarget[:2:2],
			wire.Field{Name: "tags", Type: "array", About: "its tags", Fields: tagFields},
			wire.Field{Name: "top", Type: "object", About: "whether it is pinned", Fields: []wire.Field{
				{Name: "top", Type: "boolean", About: "true when it is"}, {Name: "topTime", Type: "integer", About: "since when, Unix milliseconds; 0 when it is not"}}},
			wire.Field{Name: "mute", Type: "object", About: "what notifies", Fields: []wire.Field{{Name: "mute", Type: "integer", About: "the level, as unpushLevel says it"}}})...)},
)
