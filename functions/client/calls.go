package client

import (
	"context"
	"encoding/json"
	"log/slog"
	"net/http"
	"time"

	"github.com/throng-im/throng/shared/fault"
	"github.com/throng-im/throng/shared/group"
	"github.com/throng-im/throng/shared/id"
	"github.com/throng-im/throng/shared/message"
	"github.com/throng-im/throng/shared/user"
)

// Limits of the device API.
const (
	// FCM's tokens are some 160 characters and may grow.
	maxPushToken = 1024
	maxLanguage  = 35
	maxTimeZone  = 64
	// maxClientID is the longest idempotency key in bytes.
	maxClientID = 64
	maxTargets  = 300
	maxExtra    = 4096
	// maxKeys is how many extension keys a device may set in one call.
	maxKeys = 20
)

func (f calls) putDevice(ctx context.Context, who caller, r *http.Request) (any, error) {
	var body struct {
		Platform  string `json:"platform"`
		PushToken string `json:"pushToken"`
		Language  string `json:"language"`
		TimeZone  string `json:"timeZone"`
	}
	if err := read(r, &body); err != nil {
		return nil, err
	}
	device := r.PathValue("device")
	if err := id.Valid("deviceId", device); err != nil {
		return nil, err
	}
	switch body.Platform {
	case "android", "ios", "web":
	default:
		return nil, fault.New(fault.InvalidArgument, "platform must be android, ios or web")
	}
	if body.PushToken == "" {
		return nil, fault.New(fault.InvalidArgument, "pushToken is required")
	}
	for what, text := range map[string]struct {
		value string
		max   int
	}{"pushToken": {body.PushToken, maxPushToken}, "language": {body.Language, maxLanguage}, "timeZone": {body.TimeZone, maxTimeZone}} {
		if len(text.value) > text.max {
			return nil, fault.New(fault.TooLarge, "%s is longer than %d bytes", what, text.max)
		}
	}
	return empty{}, f.Users.PutDevice(ctx, who.user, user.Device{
		ID: id.Device(device), Platform: body.Platform, Token: body.PushToken, Language: body.Language, TimeZone: body.TimeZone,
	})
}

func (f calls) removeDevice(ctx context.Context, who caller, r *http.Request) (any, error) {
	device := r.PathValue("device")
	if err := id.Valid("deviceId", device); err != nil {
		return nil, err
	}
	return empty{}, f.Users.RemoveDevice(ctx, who.user, id.Device(device))
}

type sendBody struct {
	ClientID string         `json:"clientId"`
	Type     string         `json:"type"`
	Content  string         `json:"content"`
	Mention  *group.Mention `json:"mention"`
	To       []id.User      `json:"to"`
	Push     *struct {
		Content  string          `json:"content"`
		Data     string          `json:"data"`
		Ext      json.RawMessage `json:"ext"`
		Disabled bool            `json:"disabled"`
	} `json:"push"`
	Counted   *bool             `json:"counted"`
	Persisted *bool             `json:"persisted"`
	Expansion map[string]string `json:"expansion"`
	Extra     string            `json:"extra"`
	Receipt   bool              `json:"receipt"`
}

type sendReply struct {
	UID  id.Message `json:"messageUID"`
	Seq  int64      `json:"seq"`
	Sent int64      `json:"sentTime"`
}

func (f calls) send(ctx context.Context, who caller, r *http.Request) (any, error) {
	var body sendBody
	if err := read(r, &body); err != nil {
		return nil, err
	}
	g := r.PathValue("group")
	if err := id.Valid("groupId", g); err != nil {
		return nil, err
	}
	if err := body.check(); err != nil {
		return nil, err
	}
	var refusal error
	if who.standing.Gagged(time.Now()) {
		refusal = fault.New(fault.Muted, "the sender is muted in all groups")
	}
	receipt, err := f.Groups.SendUnless(ctx, id.Group(g), body.entry(who.user), refusal)
	if err == nil {
		slog.InfoContext(ctx, "sent", "group", g, "seq", receipt.Seq, "messageUID", receipt.UID)
	}
	return sendReply{receipt.UID, receipt.Seq, receipt.At}, err
}

func (b *sendBody) check() error {
	if err := checkClientID(b.ClientID); err != nil {
		return err
	}
	switch {
	case b.Content == "":
		return fault.New(fault.InvalidArgument, "content is required")
	case len(b.Content) > message.MaxContent:
		return fault.New(fault.TooLarge, "content is larger than %d bytes", message.MaxContent)
	case len(b.To) > maxTargets:
		return fault.New(fault.InvalidArgument, "to names %d members, at most %d are allowed", len(b.To), maxTargets)
	case len(b.Extra) > maxExtra:
		return fault.New(fault.TooLarge, "extra is longer than %d bytes", maxExtra)
	}
	if err := message.CheckType(b.Type); err != nil {
		return err
	}
	if p := b.Push; p != nil && max(len(p.Content), len(p.Data), len(p.Ext)) > message.MaxPush {
		return fault.New(fault.TooLarge, "a text of push is longer than %d bytes", message.MaxPush)
	}
	for _, u := range b.To {
		if err := id.Valid("to", string(u)); err != nil {
			return err
		}
	}
	if m := b.Mention; m != nil {
		if m.Type != group.MentionAll && m.Type != group.MentionUsers {
			return fault.New(fault.InvalidArgument, "mention.type must be 1 (everyone) or 2 (those listed)")
		}
		for _, u := range m.Users {
			if err := id.Valid("mention.userIds", string(u)); err != nil {
				return err
			}
		}
	}
	return message.CheckExpansion(b.Expansion, maxKeys)
}

func (b *sendBody) entry(from id.User) group.Entry {
	e := group.Entry{
		From: from, Type: b.Type, Content: b.Content, Mention: b.Mention, To: b.To, ClientID: b.ClientID,
		Uncounted:   b.Counted != nil && !*b.Counted,
		Unpersisted: b.Persisted != nil && !*b.Persisted,
		Expandable:  b.Expansion != nil, Expansion: group.Values(b.Expansion), Extra: b.Extra, Receipt: b.Receipt,
	}
	if b.Push != nil {
		e.Push = &group.Push{Content: b.Push.Content, Data: b.Push.Data, Ext: string(b.Push.Ext), Disabled: b.Push.Disabled}
	}
	return e
}
