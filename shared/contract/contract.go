// Package contract is the one table of the server API: every route with its
// parameters and their limits, its reply and its errors. The functions bind
// their handlers to it, the parser and the validator read it, and the published
// OpenAPI document is made from it, so that none of them can say something else.
package contract

import (
	"fmt"
	"slices"

	"github.com/throng-im/throng/shared/wire"
)

// Routes lists every route, ordered by function.
func Routes() []wire.Route {
	return slices.Concat(groups, messages, mutes, users)
}

// Bind returns the rows of one function with its handlers, by path. It panics
// when a row has no handler or a handler has no row: that is a mistake of
// whoever builds the program, and no request should be the first to find it.
func Bind(function string, handlers map[string]wire.Call) []wire.Route {
	var bound []wire.Route
	for _, r := range Routes() {
		if r.Function != function {
			continue
		}
		if r.Handle = handlers[r.Path]; r.Handle == nil {
			panic(fmt.Sprintf("contract: %s has no handler in %s", r.Path, function))
		}
		bound = append(bound, r)
	}
	if len(bound) != len(handlers) {
		panic(fmt.Sprintf("contract: %s has %d handlers for %d rows", function, len(handlers), len(bound)))
	}
	return bound
}

// rows names the function of each of its rows.
func rows(function string, routes ...wire.Route) []wire.Route {
	for i := range routes {
		routes[i].Function = function
	}
	return routes
}

func required(p wire.Param) wire.Param { p.Required = true; return p }

func flag(name, about string) wire.Param {
	return wire.Param{Name: name, Kind: wire.Bool, About: about}
}

// Parameters that many rows have.
var (
	userID  = wire.Param{Name: "userId", Kind: wire.ID, Required: true, About: "the user"}
	groupID = wire.Param{Name: "groupId", Kind: wire.ID, Required: true, About: "the group"}
)
