package contract

import "github.com/throng-im/throng/shared/wire"

// Limits of the contract for mutes.
const (
	// MaxMuted is how many users or groups one call may name.
	MaxMuted = 20
	// MaxMinutes is the longest gag that has an end: thirty days.
	MaxMinutes = 43200
	// A page of the muted groups: the default and the largest.
	MutePage, MaxMutePage = 50, 200
)

var (
	mutedUsers  = wire.Param{Name: "userId", Kind: wire.ID, Required: true, Repeated: true, Count: MaxMuted, About: "the users, at most 20"}
	mutedGroups = wire.Param{Name: "groupId", Kind: wire.ID, Required: true, Repeated: true, Count: MaxMuted, About: "the groups, at most 20"}
	oneOrAll    = wire.Param{Name: "groupId", Kind: wire.ID, About: "the group; none stands for all groups"}
)

var mutes = rows("mutes",
	wire.Route{Path: "/group/user/gag/add.json", About: "keep users from sending from their devices, in a group or in all",
		Params: []wire.Param{mutedUsers, oneOrAll, {Name: "minute", Kind: wire.Int, Required: true, Max: MaxMinutes, About: "for how long; 0 is for ever"}}},
	wire.Route{Path: "/group/user/gag/rollback.json", About: "end what gag/add began",
		Params: []wire.Param{mutedUsers, oneOrAll}},
	wire.Route{Path: "/group/user/gag/list.json", About: "list who is kept from sending",
		Params: []wire.Param{oneOrAll},
		Reply: []wire.Field{{Name: "users", Type: "array", About: "ordered by id", Fields: []wire.Field{
			{Name: "userId", Type: "string", About: "the user"},
			{Name: "startTime", Type: "string", About: "since when, YYYY-MM-DD HH:MM:SS"},
			{Name: "time", Type: "string", About: "until when; for ever is 9999-12-31 23:59:59"}}}}},
	wire.Route{Path: "/group/ban/add.json", About: "keep everybody in a group from sending but those on its allowlist",
		Params: []wire.Param{mutedGroups}},
	wire.Route{Path: "/group/ban/rollback.json", About: "end what ban/add began",
		Params: []wire.Param{mutedGroups}},
	wire.Route{Path: "/group/ban/query.json", About: "ask which groups are muted",
		Params: []wire.Param{
			{Name: "groupId", Kind: wire.ID, Repeated: true, Count: MaxMuted, About: "the groups, at most 20; not looked at with page or size"},
			{Name: "page", Kind: wire.Int, Max: maxPage, About: "from 1, which is the default"},
			{Name: "size", Kind: wire.Int, Max: MaxMutePage, About: "groups in a page, 50 by default"}},
		Reply: []wire.Field{{Name: "groupinfo", Type: "array", About: "the groups asked for, or those that are muted, ordered by id", Fields: []wire.Field{
			{Name: "groupId", Type: "string", About: "the group"}, {Name: "stat", Type: "integer", About: "1 when it is muted, else 0"}}}}},
	wire.Route{Path: "/group/user/ban/whitelist/add.json", About: "let users send in a group that is muted",
		Params: []wire.Param{mutedUsers, groupID}},
	wire.Route{Path: "/group/user/ban/whitelist/rollback.json", About: "take users off the allowlist",
		Params: []wire.Param{mutedUsers, groupID}},
	wire.Route{Path: "/group/user/ban/whitelist/query.json", About: "list the allowlist",
		Params: []wire.Param{groupID},
		Reply:  []wire.Field{{Name: "userIds", Type: "strings", About: "the users, in order"}}},
)
