package history

import (
	"encoding/json"
	"strings"

	"github.com/throng-im/throng/shared/contract"
	"github.com/throng-im/throng/shared/group"
	"github.com/throng-im/throng/shared/id"
)

// record is a message in a reply.
type record struct {
	Group     id.Group   `json:"targetId"`
	From      id.User    `json:"fromUserId"`
	UID       id.Message `json:"messageUID"`
	At        int64      `json:"msgTime"`
	Type      string     `json:"objectName"`
	Content   string     `json:"content"`
	Expansion bool       `json:"expansion"`
	Extra     string     `json:"extraContent"`
}

// recallContent is the payload of a recall as the contract writes it.
type recallContent struct {
	UID     id.Message `json:"messageUId"`
	Type    int        `json:"conversationType"`
	Group   id.Group   `json:"targetId"`
	At      int64      `json:"sentTime,omitempty"`
	IsAdmin int        `json:"isAdmin"`
	Delete  int        `json:"isDelete"`
	Extra   string     `json:"extra,omitempty"`
}

func recordOf(g id.Group, page group.Page, e group.Entry) (record, error) {
	r := record{Group: g, From: e.From, UID: page.UID(e.Seq), At: e.At, Type: e.Type, Content: e.Content, Expansion: e.Expandable}
	if e.Kind == group.KindRecall {
		content, err := text(recallContent{
			UID: page.UID(e.Target), Type: contract.GroupConversation, Group: g, At: e.TargetAt,
			IsAdmin: digit(e.Admin), Delete: digit(e.Delete), Extra: e.Extra,
		})
		r.Type, r.Content = "RC:RcCmd", content
		return r, err
	}
	if len(e.Expansion) == 0 {
		return r, nil
	}
	// A server that reads history is shown the keys as it would send them; their
	// versions are what the extension query is for.
	keys := make(map[string]string, len(e.Expansion))
	for k, v := range e.Expansion {
		keys[k] = v.V
	}
	var err error
	r.Extra, err = text(keys)
	return r, err
}

// text is a value as JSON, without HTML's escapes.
func text(v any) (string, error) {
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
