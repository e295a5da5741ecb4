package client

import (
	"cmp"
	"context"
	"encoding/json"
	"log/slog"
	"net/http"
	"unicode/utf8"

	"github.com/throng-im/throng/shared/callback"
	"github.com/throng-im/throng/shared/deviceapi"
	"github.com/throng-im/throng/shared/fault"
	"github.com/throng-im/throng/shared/group"
	"github.com/throng-im/throng/shared/id"
	"github.com/throng-im/throng/shared/message"
)

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

// entryReply names the entry that a call made, or had made when it came first.
type entryReply struct {
	UID  id.Message `json:"messageUID"`
	Seq  int64      `json:"seq"`
	Sent int64      `json:"sentTime"`
}

func done(r group.Receipt, err error) (any, error) { return entryReply{r.UID, r.Seq, r.At}, err }

func (f calls) send(ctx context.Context, who caller, r *http.Request) (any, error) {
	var body sendBody
	g, err := begin(r, &body)
	if err != nil {
		return nil, err
	}
	if err := body.check(); err != nil {
		return nil, err
	}
	message := body.entry()
	if f.censor.Asks(message.Type) {
		receipt, known, err := f.Groups.MaySend(ctx, g, f.actor(who), message.ClientID)
		if known || err != nil {
			return done(receipt, err)
		}
		if message, err = f.reviewed(ctx, g, who, r, message); err != nil {
			return nil, err
		}
	}
	receipt, err := f.Groups.SendAs(ctx, g, f.actor(who), message)
	if err == nil {
		slog.InfoContext(ctx, "sent", "group", g, "seq", receipt.Seq, "messageUID", receipt.UID)
	}
	return done(receipt, err)
}

// reviewed is a message as the app's server wants it stored. It is asked before
// anything is committed, and only about what the group would take; a message that
// is there already is not asked about again.
func (f calls) reviewed(ctx context.Context, g id.Group, who caller, r *http.Request, m group.Entry) (group.Entry, error) {
	m.From, m.Source = who.user, who.source
	return f.censor.Review(ctx, callback.Question{Group: g, Message: m, IP: deviceapi.ClientIP(r)})
}

func (b *sendBody) check() error {
	if b.ClientID == "" {
		return fault.New(fault.InvalidArgument, "clientId is required")
	}
	if err := cmp.Or(checkKey(b.ClientID), checkContent(b.Content)); err != nil {
		return err
	}
	switch {
	case len(b.To) > deviceapi.MaxTargets:
		return fault.New(fault.InvalidArgument, "to names %d members, at most %d are allowed", len(b.To), deviceapi.MaxTargets)
	case len(b.Extra) > deviceapi.MaxExtra:
		return fault.New(fault.TooLarge, "extra is longer than %d bytes", deviceapi.MaxExtra)
	}
	if err := message.CheckType("type", b.Type); err != nil {
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
	if err := checkMention(b.Mention); err != nil {
		return err
	}
	return message.CheckExpansion(b.Expansion, deviceapi.MaxKeys)
}

// checkKey checks an idempotency key, which may be left out.
func checkKey(clientID string) error {
	switch {
	case len(clientID) > deviceapi.MaxClientID:
		return fault.New(fault.TooLarge, "clientId is longer than %d bytes", deviceapi.MaxClientID)
	case !utf8.ValidString(clientID):
		return fault.New(fault.InvalidArgument, "clientId is not valid UTF-8")
	}
	return nil
}

func checkContent(content string) error {
	switch {
	case content == "":
		return fault.New(fault.InvalidArgument, "content is required")
	case len(content) > message.MaxContent:
		return fault.New(fault.TooLarge, "content is larger than %d bytes", message.MaxContent)
	}
	return nil
}

func checkMention(m *group.Mention) error {
	if m == nil {
		return nil
	}
	if m.Type != group.MentionAll && m.Type != group.MentionUsers {
		return fault.New(fault.InvalidArgument, "mention.type must be 1 (everyone) or 2 (those listed)")
	}
	for _, u := range m.Users {
		if err := id.Valid("mention.userIds", string(u)); err != nil {
			return err
		}
	}
	return nil
}

func (b *sendBody) entry() group.Entry {
	e := group.Entry{
		Type: b.Type, Content: b.Content, Mention: b.Mention, To: b.To, ClientID: b.ClientID,
		Uncounted:   b.Counted != nil && !*b.Counted,
		Unpersisted: b.Persisted != nil && !*b.Persisted,
		Expandable:  b.Expansion != nil, Expansion: group.Values(b.Expansion), Extra: b.Extra, Receipt: b.Receipt,
	}
	if b.Push != nil {
		e.Push = &group.Push{Content: b.Push.Content, Data: b.Push.Data, Ext: string(b.Push.Ext), Disabled: b.Push.Disabled}
	}
	return e
}
