package hourlog

import (
	"bytes"
	"encoding/json"
	"fmt"
	"time"

	"github.com/throng-im/throng/shared/callback"
	"github.com/throng-im/throng/shared/contract"
	"github.com/throng-im/throng/shared/group"
	"github.com/throng-im/throng/shared/id"
	"github.com/throng-im/throng/shared/message"
)

// record is what a line says of a message behind the time, in the contract's
// words.
type record struct {
	App   string   `json:"appId"`
	From  id.User  `json:"fromUserId"`
	To    id.Group `json:"targetId"`
	Kind  int      `json:"targetType"`
	Group id.Group `json:"GroupId"`
	Type  string   `json:"classname"`
	// Content is an object where the payload is one, and a text of it otherwise.
	Content any        `json:"content"`
	Time    string     `json:"dateTime"`
	UID     id.Message `json:"msgUID"`
	At      int64      `json:"timestamp"`
	// Source is that of a message, as callbacks have it.
	Source    string `json:"source,omitempty"`
	Sensitive string `json:"isSensitiveWord"`
}

// keyBytes is the length of what stands before each line until the file is made:
// the time, the group's serial and the seq. No two messages have the same, and
// in its order lines are sorted by time, and those of one group as in the group.
const keyBytes = 15 + 14 + 11

// writer makes lines.
type writer struct {
	app  string
	zone *time.Location
}

// logged says whether an entry has a line: messages, also those that are kept
// nowhere else or are for some members only, and recalls.
func logged(e group.Entry) bool { return e.Kind == group.KindMessage || e.Kind == group.KindRecall }

// line is an entry's key and line, ended by a line feed.
func (w writer) line(g id.Group, serial id.Serial, e group.Entry) ([]byte, error) {
	at := time.UnixMilli(e.At).In(w.zone)
	r := record{
		App: w.app, From: e.From, To: g, Kind: contract.GroupConversation, Group: g, Type: e.Type, Content: payload(e.Content),
		Time: at.Format("2006-01-02 15:04:05.000"), UID: id.NewMessage(serial, e.Seq), At: e.At, Sensitive: "false",
	}
	switch e.Kind {
	case group.KindRecall:
		content, err := contract.Recall{
			UID: id.NewMessage(serial, e.Target), Group: g, At: e.TargetAt, Admin: e.Admin, Delete: e.Delete, Extra: e.Extra,
		}.Content()
		if err != nil {
			return nil, err
		}
		r.Type, r.Content = message.RecallType, json.RawMessage(content)
	default:
		r.Source = callback.SourceOf(e)
	}
	text, err := contract.Text(r)
	if err != nil {
		return nil, fmt.Errorf("a line of %s: %w", g, err)
	}
	return fmt.Appendf(nil, "%015d%014d%011d%s%s\n", e.At, serial, e.Seq, at.Format("2006/01/02 15:04:05"), text), nil
}

// payload is a message's content as a line has it.
func payload(content string) any {
	raw := []byte(content)
	if begins := bytes.TrimLeft(raw, " \t\r\n"); len(begins) > 0 && begins[0] == '{' && json.Valid(raw) {
		return json.RawMessage(raw)
	}
	return content
}
