package contract

import "github.com/throng-im/throng/shared/wire"

// Limits of the contract for users: a name counts any character as one.
const (
	MaxUserName = 64
	MaxPortrait = 1024
	// MaxExpired is how many users one call may end the tokens of.
	MaxExpired = 20
)

var (
	userName = wire.Param{Name: "name", MaxChars: MaxUserName, About: "the name that pushes show"}
	portrait = wire.Param{Name: "portraitUri", MaxBytes: MaxPortrait, About: "address of the user's picture"}
)

var users = rows("users",
	wire.Route{Path: "/user/getToken.json", About: "register a user and get a device token",
		Params: []wire.Param{userID, required(userName), portrait,
			{Name: "admin", Kind: wire.Bool, About: "Throng's own, which RC does not have: true gives an administrator's token, with which the device may recall anybody's message and see who has read it"}},
		Reply: []wire.Field{{Name: "userId", Type: "string", About: "the user"}, {Name: "token", Type: "string", About: "a bearer token of at most 256 characters"}}},
	wire.Route{Path: "/user/refresh.json", About: "change a user's name or portrait",
		Params: []wire.Param{userID, userName, portrait}},
	wire.Route{Path: "/user/info.json", About: "read what is registered of a user",
		Params: []wire.Param{userID},
		Reply: []wire.Field{{Name: "userName", Type: "string", About: "the name"}, {Name: "userPortrait", Type: "string", About: "address of the picture"},
			{Name: "createTime", Type: "string", About: "when the user was registered, YYYY-MM-DD HH:MM:SS in the data centre's time zone"}}},
	wire.Route{Path: "/user/token/expire.json", About: "end the tokens of users that were issued before a point in time; it only ever moves forward",
		Params: []wire.Param{
			{Name: "userId", Kind: wire.ID, Required: true, Repeated: true, Count: MaxExpired, About: "the users, at most 20"},
			{Name: "time", Kind: wire.Int, Required: true, Min: 1, About: "the point in time in Unix milliseconds, at most a day from now"}}},
	wire.Route{Path: "/user/checkOnline.json", About: "say whether a user is connected",
		Params: []wire.Param{userID},
		Reply:  []wire.Field{{Name: "status", Type: "string", About: "1 is connected, 0 is not"}}},
)
