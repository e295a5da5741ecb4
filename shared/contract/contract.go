// Package contract is the one table of the server API: every route with its
// parameters and their limits, its reply and its errors. The functions bind
// their handlers to it, the parser and the validator read it, and the published
// OpenAPI document is made from it, so that none of them can say something else.
package contract

import (
	"errors"
	"fmt"
	"slices"

	"github.com/throng-im/throng/shared/fault"
	"github.com/throng-im/throng/shared/settings"
	"github.com/throng-im/throng/shared/wire"
)

// Routes lists every route, ordered by function.
func Routes() []wire.Route {
	return slices.Concat(conversations, groups, history, messages, mutes, users)
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

// CheckRates says which limits are for calls that do not exist.
func CheckRates(r settings.Rates) error {
	var errs []error
	for path := range r.Calls {
		if !slices.ContainsFunc(Routes(), func(route wire.Route) bool { return route.Path == path }) {
			errs = append(errs, fmt.Errorf("THRONG_RATE_LIMITS: there is no call %s", path))
		}
	}
	return errors.Join(errs...)
}

// rows names the function of each of its rows.
func rows(function string, routes ...wire.Route) []wire.Route {
	for i := range routes {
		routes[i].Function = function
	}
	return routes
}

// GroupConversation is the contract's conversationType of a group, the only one
// that is served.
const GroupConversation = 3

// GroupsOnly refuses the types of conversation that Throng does not have.
func GroupsOnly(conversationType int) error {
	if conversationType != GroupConversation {
		return fault.New(fault.InvalidArgument, "conversationType is %d and must be %d: Throng serves groups only", conversationType, GroupConversation)
	}
	return nil
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
