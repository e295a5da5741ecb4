package contract

import (
	"encoding/json"
	"strings"

	"github.com/throng-im/throng/shared/id"
)

// Recall is the payload of a message of message.RecallType.
type Recall struct {
	UID   id.Message
	Group id.Group
	// At is when the recalled message was sent, in Unix milliseconds.
	At            int64
	Admin, Delete bool
	Extra         string
}

// Content is the payload as a text.
func (r Recall) Content() (string, error) {
	return Text(struct {
		UID    id.Message `json:"messageUId"`
		Type   int        `json:"conversationType"`
		Group  id.Group   `json:"targetId"`
		At     int64      `json:"sentTime,omitempty"`
		Admin  int        `json:"isAdmin"`
		Delete int        `json:"isDelete"`
		Extra  string     `json:"extra,omitempty"`
	}{r.UID, GroupConversation, r.Group, r.At, digit(r.Admin), digit(r.Delete), r.Extra})
}

// Text is a value as JSON, without HTML's escapes.
func Text(v any) (string, error) {
	var b strings.Builder
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	err := enc.Encode(v)
	return strings.TrimSuffix(b.String(), "\n"), err
}

func digit(b bool) int {
	if b {
		return 1
	}
	return 0
}
