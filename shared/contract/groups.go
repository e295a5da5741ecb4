package contract

import (
	"math"
	"slices"

	"github.com/throng-im/throng/shared/fault"
	"github.com/throng-im/throng/shared/message"
	"github.com/throng-im/throng/shared/wire"
)

// Limits of the contract for groups.
const (
	// MaxUsers is how many users one call may name.
	MaxUsers = 1000
	// MaxGroupName is the longest group name, in characters, that any
	// published SDK lets through.
	MaxGroupName = 255
	// A page of a user's groups: the default, the largest, and what is listed
	// when no page is asked for.
	GroupPage, MaxGroupPage, Unpaged = 50, 1000, 5000
	maxPage                          = 1 << 20
	// MaxRemark is the longest remark in characters, as for a user's name.
	MaxRemark = 64
)

var (
	members   = wire.Param{Name: "userId", Kind: wire.ID, Required: true, Repeated: true, Count: MaxUsers, About: "the users, at most 1,000"}
	groupName = wire.Param{Name: "groupName", MaxChars: MaxGroupName, About: "the name that pushes show"}
	full      = []fault.Kind{fault.GroupFull}

	// boundMessage is how a change of a group says what is published with it.
	boundMessage = []wire.Param{
		flag("bindNotifyMsg", "true publishes a message to the group in one step with the change: before members leave, after they have joined"),
		{Name: "fromUserId", Kind: wire.ID, About: "its sender; required with bindNotifyMsg"},
		{Name: "objectName", MaxChars: message.MaxType, About: "its type; required with bindNotifyMsg"},
		{Name: "content", MaxBytes: message.MaxContent, About: "its payload; required with bindNotifyMsg"},
		pushText("pushContent", "what its notification says"),
		pushText("pushData", "what its notification carries"),
		pushText("pushExt", "how its notification looks, as JSON"),
		flag("isIncludeSender", "1 shows it to its sender, too"),
		flag("isPersisted", "1 (default) keeps it in history"),
		flag("disableUpdateLastMsg", "true leaves the conversation list's last message"),
		{Name: "maxMember", Kind: wire.Int, Max: math.MaxInt32, About: "the most members that a bound create or join may lead to; 0 is the group's own limit"},
	}
	boundReply = []wire.Field{
		{Name: "messageUID", Type: "string", Optional: true, About: "the bound message"},
		{Name: "memberCount", Type: "integer", Optional: true, About: "the members after the change, where a message was bound"},
	}
	remark = wire.Param{Name: "remark", Required: true, MaxChars: MaxRemark, About: "the name that this group's notifications show"}
)

// bindable is a route that takes a bound message.
func bindable(r wire.Route) wire.Route {
	r.Params, r.Reply = slices.Concat(r.Params, boundMessage), boundReply
	return r
}

var groups = rows("groups",
	bindable(wire.Route{Path: "/group/create.json", About: "create a group, or add members to one and rename it",
		Params: []wire.Param{members, groupID, required(groupName)}, Errors: full}),
	bindable(wire.Route{Path: "/group/join.json", About: "add members; a group that does not exist is created",
		Params: []wire.Param{members, groupID, groupName}, Errors: full}),
	bindable(wire.Route{Path: "/group/quit.json", About: "remove members",
		Params: []wire.Param{members, groupID}}),
	bindable(wire.Route{Path: "/group/dismiss.json", About: "end a group",
		Params: []wire.Param{{Name: "userId", Kind: wire.ID, About: "who dismisses; any user"}, groupID}}),
	bindable(wire.Route{Path: "/group/refresh.json", About: "rename a group",
		Params: []wire.Param{groupID, required(groupName)}}),
	wire.Route{Path: "/group/user/query.json", About: "list the members",
		Params: []wire.Param{groupID},
		Reply:  []wire.Field{{Name: "users", Type: "array", About: "the members", Fields: []wire.Field{{Name: "id", Type: "string", About: "the member"}}}}},
	wire.Route{Path: "/user/group/query.json", About: "list the groups of a user",
		Params: []wire.Param{userID,
			{Name: "page", Kind: wire.Int, Max: maxPage, About: "from 1; 0 or none lists the first 5,000"},
			{Name: "size", Kind: wire.Int, Max: MaxGroupPage, About: "groups in a page, 50 by default"}},
		Reply: []wire.Field{{Name: "groups", Type: "array", About: "the groups, ordered by id", Fields: []wire.Field{
			{Name: "id", Type: "string", About: "the group"}, {Name: "name", Type: "string", About: "its name"}}}}},
	wire.Route{Path: "/group/sync.json", About: "state the whole membership of a user",
		Params: []wire.Param{userID, {Name: "group", Kind: wire.IDMap, MaxChars: MaxGroupName, About: "group[id]=name for every group the user is in"}},
		Errors: full},
	wire.Route{Path: "/group/remarks/set.json", About: "give a user a name in one group, member or not; it outlives membership",
		Params: []wire.Param{userID, groupID, remark}},
	wire.Route{Path: "/group/remarks/get.json", About: "read the name of a user in one group",
		Params: []wire.Param{userID, groupID},
		Reply:  []wire.Field{{Name: "remark", Type: "string", About: "the name, empty where none was given"}}},
	wire.Route{Path: "/group/remarks/del.json", About: "take the name of a user in one group away",
		Params: []wire.Param{userID, groupID}},
)
