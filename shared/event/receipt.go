package event

import "github.com/throng-im/throng/shared/id"

// Receipt says on the topic conversation that somebody has read a message whose
// sender, User, asked for it.
type Receipt struct {
	User    id.User   `json:"user"`
	Receipt ReadCount `json:"receipt"`
}

// ReadCount is what the sender's devices are told. It only rises, so that of two
// of one message the higher is right.
type ReadCount struct {
	Group      id.Group   `json:"groupId"`
	MessageUID id.Message `json:"messageUID"`
	// Read counts who has read the message.
	Read int `json:"read"`
}
