package webhook

import (
	"bytes"
	"context"
	"encoding/json"
	"net/url"
	"strconv"
	"strings"

	"github.com/throng-im/throng/shared/callback"
	"github.com/throng-im/throng/shared/contract"
	"github.com/throng-im/throng/shared/event"
	"github.com/throng-im/throng/shared/fault"
	"github.com/throng-im/throng/shared/group"
	"github.com/throng-im/throng/shared/id"
)

// message is the call that routes a message, nil where it is not to be routed.
func (f *function) message(ev *event.Timeline, e group.Entry) (*call, error) {
	if e.Kind != group.KindMessage || e.FromServer() && !f.Settings.Callbacks.ServerMessages {
		return nil, nil
	}
	uid := id.NewMessage(ev.Serial, e.Seq)
	form := url.Values{
		"fromUserId": {string(e.From)}, "toUserId": {string(ev.Group)}, "objectName": {e.Type}, "content": {e.Content},
		"channelType": {callback.ChannelGroup}, "msgTimestamp": {strconv.FormatInt(e.At, 10)}, "msgUID": {string(uid)},
		"sensitiveType": {"0"}, "source": {callback.SourceOf(e)}, "busChannel": {""},
	}
	if len(e.To) > 0 {
		to, err := plain(e.To)
		if err != nil {
			return nil, err
		}
		form.Set("groupUserIds", string(to))
	}
	return &call{name: string(uid), form: callback.Form, body: []byte(form.Encode())}, nil
}

// The contract's kinds of operations, and of deletions.
const (
	eventRecall, eventDelete  = 1, 2
	deletedSingle, deletedAll = 1, 2
)

// operation is the contract's body for a recall and for a deletion.
type operation struct {
	Event        int          `json:"eventType"`
	From         id.User      `json:"fromUserId"`
	At           int64        `json:"optTime"`
	Source       string       `json:"source"`
	Conversation conversation `json:"conversationInfo"`
	Original     *original    `json:"originalMsgInfo,omitempty"`
	Recall       *recallInfo  `json:"recallMsgInfo,omitempty"`
	Delete       *deleteInfo  `json:"deleteMsgInfo,omitempty"`
}

type conversation struct {
	Type    int      `json:"conversationType"`
	Target  id.Group `json:"targetId"`
	Channel string   `json:"busChannel"`
}

type original struct {
	UID id.Message `json:"messageId"`
	At  int64      `json:"messageTime"`
}

type recallInfo struct {
	Delete bool   `json:"isDelete"`
	Admin  bool   `json:"isAdmin"`
	Extra  string `json:"extra"`
}

type deleteInfo struct {
	Type int   `json:"deleteType"`
	UpTo int64 `json:"msgTimestamp"`
}

func of(g id.Group) conversation { return conversation{Type: contract.GroupConversation, Target: g} }

// recalled is the call that tells of a recall, nil for other entries.
func recalled(ev *event.Timeline, e group.Entry) (*call, error) {
	if e.Kind != group.KindRecall {
		return nil, nil
	}
	body, err := plain(operation{
		Event: eventRecall, From: e.From, At: e.At, Source: callback.SourceOf(e), Conversation: of(ev.Group),
		Original: &original{id.NewMessage(ev.Serial, e.Target), e.TargetAt},
		Recall:   &recallInfo{e.Delete, e.Admin, e.Extra},
	})
	return &call{name: string(id.NewMessage(ev.Serial, e.Seq)), form: callback.JSON, body: body}, err
}

// deleted are the calls that tell of what a user deleted: one for each message that
// was named, or one for all up to a time. When a message was sent is read here, where
// no device waits for it; one that nobody knows any more has no time.
func (f *function) deleted(ctx context.Context, d *event.Deleted) ([]call, error) {
	whole := operation{Event: eventDelete, From: d.User, At: d.At, Source: d.Source, Conversation: of(d.Group)}
	if len(d.Single) == 0 {
		whole.Delete = &deleteInfo{Type: deletedAll, UpTo: d.UpTo}
		body, err := plain(whole)
		return []call{{form: callback.JSON, body: body}}, err
	}
	calls := make([]call, len(d.Single))
	for i := range d.Single {
		m := &d.Single[i]
		if m.Sent == 0 {
			_, e, err := f.find(ctx, m.UID)
			if err != nil && !fault.Is(err, fault.NotFound) {
				return nil, err
			}
			m.Sent = e.At
		}
		one := whole
		one.Original, one.Delete = &original{m.UID, m.Sent}, &deleteInfo{Type: deletedSingle, UpTo: m.Sent}
		body, err := plain(one)
		if err != nil {
			return nil, err
		}
		calls[i] = call{form: callback.JSON, body: body, deleted: m}
	}
	return calls, nil
}

// change is the contract's form of somebody who came online or went.
type change struct {
	User    id.User      `json:"userid"`
	Status  event.Status `json:"status"`
	OS      string       `json:"os"`
	At      int64        `json:"time"`
	IP      string       `json:"clientIp"`
	Session string       `json:"sessionId"`
}

// changes is the call that tells who came online and who went. Of somebody who has
// left one instance of the stream and is connected to another nothing is told: they
// are online. Each instance takes users off the board before it says that they went,
// so that of two that lose the same user at the same time the later one counts.
func (f *function) changes(ctx context.Context, ev *event.Presence) ([]call, error) {
	var went []id.User
	for _, c := range ev.Changes {
		if c.Status == event.Offline {
			went = append(went, c.User)
		}
	}
	online := map[id.User]bool{}
	if len(went) > 0 {
		var err error
		if online, err = f.online(ctx, ev.Dead, went...); err != nil {
			return nil, err
		}
	}
	var told []change
	for _, c := range ev.Changes {
		if c.Status == event.Offline && online[c.User] {
			continue
		}
		told = append(told, change{c.User, c.Status, c.Source, c.At, c.IP, c.Session})
	}
	if len(told) == 0 {
		return nil, nil
	}
	body, err := plain(told)
	return []call{{form: callback.JSON, body: body}}, err
}

// plain is a value as JSON, without HTML's escapes.
func plain(v any) ([]byte, error) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	err := enc.Encode(v)
	return []byte(strings.TrimSuffix(b.String(), "\n")), err
}
