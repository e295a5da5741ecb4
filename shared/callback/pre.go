package callback

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/throng-im/throng/shared/fault"
	"github.com/throng-im/throng/shared/group"
	"github.com/throng-im/throng/shared/id"
	"github.com/throng-im/throng/shared/message"
	"github.com/throng-im/throng/shared/settings"
)

const (
	// preTimeout is the contract's. The question is put once.
	preTimeout = 3 * time.Second
	// preAnswer bounds an answer: a content of 128 KiB with each character escaped,
	// three texts of a notification, and room.
	preAnswer = 2 << 20
)

// Censor asks the app's server about messages before they are stored.
type Censor struct {
	*Caller
	url    string
	types  []string
	closed bool
}

// NewCensor returns a Censor, nil when the app has nobody to ask. now is the clock.
func NewCensor(s settings.Settings, now func() time.Time) *Censor {
	if s.Callbacks.Pre == "" {
		return nil
	}
	return &Censor{New(s, now), s.Callbacks.Pre, s.Callbacks.PreTypes, s.Callbacks.PreClosed}
}

// Asks says whether the app wants to be asked about messages of a type.
func (c *Censor) Asks(objectName string) bool {
	return c != nil && (len(c.types) == 0 || slices.Contains(c.types, objectName))
}

// Question is about a message that is to be stored.
type Question struct {
	Group   id.Group
	Message group.Entry
	// IP is where the sender's device is, empty for the server API.
	IP string
}

// Review returns a message that the app wants to be asked about as the app wants it
// stored. Errors:
// fault.PermissionDenied, with what the app says to the sender, where it refuses;
// fault.Unavailable where it has not answered and nothing passes without.
func (c *Censor) Review(ctx context.Context, q Question) (group.Entry, error) {
	out, err := c.ask(ctx, q)
	if err == nil || fault.Is(err, fault.PermissionDenied) {
		return out, err
	}
	slog.WarnContext(ctx, "the app's server has not said whether a message may be stored", "group", q.Group, "stored", !c.closed, "error", err)
	if c.closed {
		return q.Message, fault.New(fault.Unavailable, "the app has not said whether the message may be sent, try again")
	}
	return q.Message, nil
}

func (c *Censor) ask(ctx context.Context, q Question) (group.Entry, error) {
	form, err := c.form(q)
	if err != nil {
		return q.Message, err
	}
	answer, err := c.Do(ctx, Call{URL: c.url, Type: Form, Body: []byte(form.Encode()), Timeout: preTimeout, Answer: preAnswer})
	if err != nil {
		return q.Message, err
	}
	var v verdict
	if err := json.Unmarshal(answer, &v); err != nil {
		return q.Message, fmt.Errorf("the app's answer is not the JSON that it should be: %w", err)
	}
	return v.apply(q.Message)
}

// form is the question as the contract has it. The message has no id yet, so
// messageId is the device's own, which a repeated question has, too.
func (c *Censor) form(q Question) (url.Values, error) {
	m := q.Message
	push := group.Push{}
	if m.Push != nil {
		push = *m.Push
	}
	extra := ""
	if m.Expandable {
		keys := make(map[string]string, len(m.Expansion))
		for k, v := range m.Expansion {
			keys[k] = v.V
		}
		text, err := plain(keys)
		if err != nil {
			return nil, err
		}
		extra = text
	}
	to := make([]string, len(m.To))
	for i, u := range m.To {
		to[i] = string(u)
	}
	return url.Values{
		"appKey": {c.key}, "fromUserId": {string(m.From)}, "targetId": {string(q.Group)}, "toUserIds": {strings.Join(to, ",")},
		"msgType": {m.Type}, "content": {m.Content},
		"pushContent": {push.Content}, "disablePush": {strconv.FormatBool(push.Disabled)}, "pushExt": {push.Ext},
		"expansion": {strconv.FormatBool(m.Expandable)}, "extraContent": {extra},
		"channelType": {ChannelGroup}, "msgTimeStamp": {strconv.FormatInt(c.now().UnixMilli(), 10)},
		"messageId": {m.ClientID}, "originalMsgUID": {""}, "os": {SourceOf(m)}, "busChannel": {""}, "clientIp": {q.IP},
	}, nil
}

// SourceOf is where an entry came from, in the contract's words.
func SourceOf(e group.Entry) string {
	if e.FromServer() {
		return "Server"
	}
	return e.Source
}

// ChannelGroup is what the contract calls a group's channel.
const ChannelGroup = "GROUP"

// plain is a value as JSON, without HTML's escapes.
func plain(v any) (string, error) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	err := enc.Encode(v)
	return strings.TrimSuffix(b.String(), "\n"), err
}

// verdict is the app's answer. An empty text replaces nothing.
type verdict struct {
	Pass        json.Number `json:"pass"`
	Content     string      `json:"replaceContent"`
	PushContent string      `json:"replacePushContent"`
	DisablePush *bool       `json:"replaceDisablePush"`
	PushExt     string      `json:"replacePushExt"`
	Expansion   string      `json:"replaceExtraContent"`
	Extra       string      `json:"extra"`
}

// apply carries the verdict out. An answer that cannot be carried out is none:
// the message is not stored in half of what the app wants.
func (v verdict) apply(m group.Entry) (group.Entry, error) {
	switch v.Pass {
	case "0":
		refusal := fault.New(fault.PermissionDenied, "the app refused the message")
		refusal.Extra = shortened(v.Extra)
		return m, refusal
	case "1", "2": // 2 spares checks to come, of which there are none here
	default:
		return m, fmt.Errorf("the app's answer says pass %q", v.Pass)
	}
	if len(v.Content) > message.MaxContent || max(len(v.PushContent), len(v.PushExt)) > message.MaxPush {
		return m, fmt.Errorf("the app's answer has a text that is too long")
	}
	out := m
	if v.Content != "" {
		out.Content = v.Content
	}
	if v.PushContent != "" || v.PushExt != "" || v.DisablePush != nil {
		push := group.Push{}
		if m.Push != nil {
			push = *m.Push
		}
		if v.PushContent != "" {
			push.Content = v.PushContent
		}
		if v.PushExt != "" {
			push.Ext = v.PushExt
		}
		if v.DisablePush != nil {
			push.Disabled = *v.DisablePush
		}
		out.Push = &push
	}
	if v.Expansion != "" && m.Expandable {
		keys, err := message.Expansion("replaceExtraContent", v.Expansion)
		if err != nil {
			return m, err
		}
		out.Expansion = group.Values(keys)
	}
	return out, nil
}

// shortened is a text for a sender, cut where it is too long.
func shortened(text string) string {
	text = strings.ToValidUTF8(text, "\uFFFD")
	if utf8.RuneCountInString(text) > message.MaxRefusal {
		text = string([]rune(text)[:message.MaxRefusal])
	}
	return text
}
