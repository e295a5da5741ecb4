// Package notify decides whether a message notifies a member: what it is and what
// its sender wishes, who is there for it, and what the member set for the
// conversation, for all groups and for the hours of the day.
package notify

import "github.com/throng-im/throng/shared/fault"

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

// Any says whether it mentions this member at all.
func (m Mention) Any() bool { return m.Me || m.All }

// lets says whether the level lets a message through. A number that is no level
// holds nothing back: a notification too many is the smaller mistake.
func (l Level) lets(m Mention) bool {
	switch l {
	case Mentions:
		return m.Any()
	case MentionsMe:
		return m.Me
	case MentionsAll:
		return m.All
	case Nothing:
		return false
	}
	return true
}
