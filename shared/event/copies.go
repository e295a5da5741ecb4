package event

import "github.com/throng-im/throng/shared/id"

// TopicCopies is where users in many groups wait for their copies.
const TopicCopies = "copies"

// Copies asks to bring the copies of a user's devices and settings up to date in
// the rosters of many groups. Each event is for some of them, and is followed by
// one for those that are left.
type Copies struct {
	User id.User `json:"user"`
	// Revision is of the user's document: when all groups have been gone through,
	// they have what it said then, or something newer.
	Revision int64 `json:"revision"`
	// Groups are those that are left; none yet in the first event.
	Groups []id.Group `json:"groups,omitempty"`
	// Skipped says that a group was passed over whose copy could not be written, so
	// that not all of them will have followed.
	Skipped bool `json:"skipped,omitempty"`
}
