package contract

import (
	"github.com/throng-im/throng/shared/fault"
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
)

var (
	members   = wire.Param{Name: "userId", Kind: wire.ID, Required: true, Repeated: true, Count: MaxUsers, About: "the users, at most 1,000"}
	groupName = wire.Param{Name: "groupName", MaxChars: MaxGroupName, About: "the name that pushes show"}
	full      = []fault.Kind{fault.GroupFull}
)

var groups = rows("groups",
	wire.Route{Path: "/group/create.json", About: "create a group, or add members to one and rename it",
		Params: []wire.Param{members, groupID, required(groupName)}, Errors: full},
	wire.Route{Path: "/group/join.json", About: "add members; a group that does not exist is created",
		Params: []wire.Param{members, groupID, groupName}, Errors: full},
	wire.Route{Path: "/group/quit.json", About: "remove members",
		Params: []wire.Param{members, groupID}},
	wire.Route{Path: "/group/dismiss.json", About: "end a group",
		Params: []wire.Param{{Name: "userId", Kind: wire.ID, About: "who dismisses; any user"}, groupID}},
	wire.Route{Path: "/group/refresh.json", About: "rename a group",
		Params: []wire.Param{groupID, required(groupName)}},
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
)
