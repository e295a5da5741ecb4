package history

import (
	"github.com/throng-im/throng/shared/contract"
	"github.com/throng-im/throng/shared/group"
	"github.com/throng-im/throng/shared/id"
	"github.com/throng-im/throng/shared/message"
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

func recordOf(g id.Group, page group.Page, e group.Entry) (record, error) {
	r := record{Group: g, From: e.From, UID: page.UID(e.Seq), At: e.At, Type: e.Type, Content: e.Content, Expansion: e.Expandable}
	if e.Kind == group.KindRecall {
		content, err := contract.Recall{
			UID: page.UID(e.Target), Group: g, At: e.TargetAt, Admin: e.Admin, Delete: e.Delete, Extra: e.Extra,
		}.Content()
		r.Type, r.Content = message.RecallType, content
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
	r.Extra, err = contract.Text(keys)
	return r, err
}
