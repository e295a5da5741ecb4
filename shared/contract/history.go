package contract

import (
	"github.com/throng-im/throng/shared/fault"
	"github.com/throng-im/throng/shared/wire"
)

// A page of history: the default and the largest.
const HistoryPage, MaxHistoryPage = 10, 100

var (
	// off is what a service that is not enabled answers.
	off  = []fault.Kind{fault.NotEnabled}
	hour = wire.Param{Name: "date", Required: true, MaxChars: 10, About: "the hour, YYYYMMDDHH"}
)

var history = rows("history",
	wire.Route{Path: "/v3/message/group/query.json", About: "read a group's history as one member may see it", Body: wire.JSONBody, Errors: off,
		Params: []wire.Param{userID,
			{Name: "targetId", Kind: wire.ID, Required: true, About: "the group"},
			{Name: "startTime", Kind: wire.Int, Required: true, About: "where the page begins, in Unix milliseconds; later than endTime, the page goes from newer to older"},
			{Name: "endTime", Kind: wire.Int, Required: true, About: "where it ends at the latest, in Unix milliseconds"},
			{Name: "pageSize", Kind: wire.Int, Min: 1, Max: MaxHistoryPage, About: "messages in the page, 10 by default"},
			{Name: "includeStart", Kind: wire.Bool, Required: true, About: "true includes messages of exactly startTime"}},
		Reply: []wire.Field{{Name: "data", Type: "array", About: "the messages in the order asked for", Fields: []wire.Field{
			{Name: "targetId", Type: "string", About: "the group"},
			{Name: "fromUserId", Type: "string", About: "the sender"},
			{Name: "messageUID", Type: "string", About: "the message"},
			{Name: "msgTime", Type: "integer", About: "when it was sent, in Unix milliseconds"},
			{Name: "objectName", Type: "string", About: "its type; RC:RcCmd is the recall of another message"},
			{Name: "content", Type: "string", About: "its payload, as last edited"},
			{Name: "expansion", Type: "boolean", About: "whether it may have extension keys"},
			{Name: "extraContent", Type: "string", About: "its extension keys now, a JSON object of texts, or empty"}}}}},
	wire.Route{Path: "/conversation/message/history/clean.json", About: "clear a group's history for one user", Errors: off,
		Params: []wire.Param{
			{Name: "conversationType", Kind: wire.Int, Required: true, About: "3, a group; others are not served"},
			{Name: "fromUserId", Kind: wire.ID, Required: true, About: "the user, and nobody else"},
			{Name: "targetId", Kind: wire.ID, Required: true, About: "the group"},
			{Name: "msgTimestamp", Kind: wire.Int, About: "up to when, in Unix milliseconds; none clears everything so far"}}},
	wire.Route{Path: "/message/history.json", About: "find the message log of an hour", Params: []wire.Param{hour}, Errors: off,
		Reply: []wire.Field{{Name: "url", Type: "string", About: "where the log is, empty when there is none"}, {Name: "date", Type: "string", About: "the hour"}}},
	wire.Route{Path: "/message/history/delete.json", About: "delete the message log of an hour", Params: []wire.Param{hour}, Errors: off},
)
