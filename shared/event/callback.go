package event

import "github.com/throng-im/throng/shared/id"

// CallbackKind is what a call to the app's own server is about.
type CallbackKind string

// The kinds of callbacks, each with a URL of its own.
const (
	CallbackMessages   CallbackKind = "messages"
	CallbackOperations CallbackKind = "operations"
	CallbackStatus     CallbackKind = "status"
)

// Callback asks on the topic callback for calls to the app's own server that
// nobody else's event asks for: those that were left when others of an event had
// been made, those that an operator has made once more, and those about what a
// device deleted. Kind says which, and one of the other fields what of.
type Callback struct {
	Kind     CallbackKind `json:"kind"`
	Timeline *Timeline    `json:"timeline,omitempty"`
	Presence *Presence    `json:"presence,omitempty"`
	Deleted  *Deleted     `json:"deleted,omitempty"`
}

// Deleted says that a user deleted messages of a group for themselves: single ones
// or all up to a time.
type Deleted struct {
	Group id.Group `json:"group"`
	User  id.User  `json:"user"`
	// At is when, in Unix milliseconds, and Source what the user's device is.
	At     int64            `json:"at"`
	Source string           `json:"source,omitempty"`
	Single []DeletedMessage `json:"single,omitempty"`
	// UpTo is the time in Unix milliseconds up to which all are deleted.
	UpTo int64 `json:"upTo,omitempty"`
}

// DeletedMessage is one message that was deleted. Sent is zero where nobody knows.
type DeletedMessage struct {
	UID  id.Message `json:"messageUID"`
	Sent int64      `json:"sent,omitempty"`
}

// MaxPresence is how many changes one event of the topic presence has at most.
const MaxPresence = 1000

// Status is what a user's connection became, in the contract's numbers.
type Status string

// The statuses. Who is logged out gets no more pushes.
const (
	Online    Status = "0"
	Offline   Status = "1"
	LoggedOut Status = "2"
)

// Presence says on the topic presence who came online at an instance of the stream
// and who went.
type Presence struct {
	Changes []Change `json:"changes"`
	// Dead is an instance that died: what it said of the users does not count.
	Dead string `json:"dead,omitempty"`
}

// Change is one user's. An instance tells of users, not of each of their devices:
// what it says of the connection is of the newest one it knows.
type Change struct {
	User   id.User `json:"user"`
	Status Status  `json:"status"`
	// At is in Unix milliseconds.
	At      int64  `json:"at"`
	Source  string `json:"source,omitempty"`
	IP      string `json:"ip,omitempty"`
	Session string `json:"session,omitempty"`
}
