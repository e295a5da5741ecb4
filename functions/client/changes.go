package client

import (
	"cmp"
	"context"
	"net/http"

	"github.com/throng-im/throng/shared/deviceapi"
	"github.com/throng-im/throng/shared/fault"
	"github.com/throng-im/throng/shared/group"
	"github.com/throng-im/throng/shared/id"
	"github.com/throng-im/throng/shared/message"
)

// uid is the message that a call's path names. One that is malformed names none.
func uid(r *http.Request) id.Message { return id.Message(r.PathValue("messageUID")) }

func (f calls) recall(ctx context.Context, who caller, r *http.Request) (any, error) {
	var body struct{ ClientID, Extra string }
	g, err := begin(r, &body)
	if err != nil {
		return nil, err
	}
	if err := checkKey(body.ClientID); err != nil {
		return nil, err
	}
	if len(body.Extra) > deviceapi.MaxExtra {
		return nil, fault.New(fault.TooLarge, "extra is longer than %d bytes", deviceapi.MaxExtra)
	}
	return done(f.Groups.RecallAs(ctx, g, uid(r), f.actor(who), body.ClientID, group.Recall{Extra: body.Extra}))
}

func (f calls) edit(ctx context.Context, who caller, r *http.Request) (any, error) {
	var body struct {
		ClientID, Content string
		Mention           *group.Mention
	}
	g, err := begin(r, &body)
	if err != nil {
		return nil, err
	}
	if err := cmp.Or(checkKey(body.ClientID), checkContent(body.Content), checkMention(body.Mention)); err != nil {
		return nil, err
	}
	if body.Mention == nil {
		body.Mention = message.Mentioned(body.Content)
	}
	return done(f.Groups.EditAs(ctx, g, uid(r), f.actor(who), body.ClientID, group.Edit{Content: body.Content, Mention: body.Mention}))
}

func (f calls) setExpansion(ctx context.Context, who caller, r *http.Request) (any, error) {
	var body struct {
		ClientID string
		Set      map[string]string
	}
	g, err := begin(r, &body)
	if err != nil {
		return nil, err
	}
	if len(body.Set) == 0 {
		return nil, fault.New(fault.InvalidArgument, "set is required")
	}
	if err := cmp.Or(checkKey(body.ClientID), message.CheckExpansion(body.Set, deviceapi.MaxKeys)); err != nil {
		return nil, err
	}
	return done(f.Groups.SetExpansionAs(ctx, g, uid(r), f.actor(who), body.ClientID, body.Set))
}

func (f calls) deleteExpansion(ctx context.Context, who caller, r *http.Request) (any, error) {
	var body struct {
		ClientID string
		Remove   []string
	}
	g, err := begin(r, &body)
	if err != nil {
		return nil, err
	}
	if len(body.Remove) == 0 {
		return nil, fault.New(fault.InvalidArgument, "remove is required")
	}
	if len(body.Remove) > deviceapi.MaxKeys {
		return nil, fault.New(fault.InvalidArgument, "remove names %d keys, at most %d are allowed", len(body.Remove), deviceapi.MaxKeys)
	}
	keys := make(map[string]string, len(body.Remove))
	for _, k := range body.Remove {
		keys[k] = ""
	}
	if err := cmp.Or(checkKey(body.ClientID), message.CheckExpansion(keys, deviceapi.MaxKeys)); err != nil {
		return nil, err
	}
	return done(f.Groups.DeleteExpansionAs(ctx, g, uid(r), f.actor(who), body.ClientID, body.Remove))
}

// typing tells who is online that the user writes something. It is stored nowhere,
// and needs no idempotency key.
func (f calls) typing(ctx context.Context, who caller, r *http.Request) (any, error) {
	body := struct{ Type, Content string }{deviceapi.Typing, "{}"}
	g, err := begin(r, &body)
	if err != nil {
		return nil, err
	}
	if err := message.CheckType("type", body.Type); err != nil {
		return nil, err
	}
	if len(body.Content) > deviceapi.MaxExtra {
		return nil, fault.New(fault.TooLarge, "content is longer than %d bytes", deviceapi.MaxExtra)
	}
	_, err = f.Groups.SendStatus(ctx, g, f.actor(who), group.Entry{Type: body.Type, Content: body.Content, Uncounted: true, Unpersisted: true})
	return empty{}, err
}
