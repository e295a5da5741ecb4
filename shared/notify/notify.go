// Package notify decides whether a message may notify a member: what the member
// set for the conversation, for all groups and for the hours of the day, against
// whom the message mentions.
package notify

import (
	"time"

	"github.com/throng-im/throng/shared/fault"
)

// Level says which messages notify. The numbers are the contract's.
type Level int

// The levels. Unset leaves the decision to whatever is asked next: the level of
// a conversation, of the conversation's type, the app's, and then Every.
const (
	Every       Level = -1
	Unset       Level = 0
	Mentions    Level = 1 // any @
	MentionsMe  Level = 2 // an @ of this user by name
	MentionsAll Level = 4 // an @ of everyone
	Nothing     Level = 5
)

// Check refuses a number that is no level. what names it in the error.
func (l Level) Check(what string) error {
	switch l {
	case Every, Unset, Mentions, MentionsMe, MentionsAll, Nothing:
		return nil
	}
	return fault.New(fault.InvalidArgument, "%s must be -1, 0, 1, 2, 4 or 5", what)
}

// First returns the first of the levels that is set.
func First(levels ...Level) Level {
	for _, l := range levels {
		if l != Unset {
			return l
		}
	}
	return Unset
}

// Mention says whom a message mentions, as one member sees it.
type Mention struct{ Me, All bool }

// lets says whether the level lets a message through. A number that is no level
// holds nothing back: a notification too many is the smaller mistake.
func (l Level) lets(m Mention) bool {
	switch l {
	case Mentions:
		return m.Me || m.All
	case MentionsMe:
		return m.Me
	case MentionsAll:
		return m.All
	case Nothing:
		return false
	}
	return true
}

// May says whether a message may notify a member at an instant. The levels are
// in the order in which they decide: conversation, type, app. Inside the quiet
// hours, nil when there are none, their level must let the message through, too.
func May(m Mention, at time.Time, quiet *Quiet, levels ...Level) bool {
	return First(levels...).lets(m) && (quiet == nil || quiet.Level.lets(m) || !quiet.Covers(at))
}
