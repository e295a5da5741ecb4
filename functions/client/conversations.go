package client

import (
	"context"
	"net/http"

	"github.com/throng-im/throng/shared/contract"
	"github.com/throng-im/throng/shared/conversation"
	"github.com/throng-im/throng/shared/deviceapi"
	"github.com/throng-im/throng/shared/fault"
	"github.com/throng-im/throng/shared/notify"
)

func (f calls) list(ctx context.Context, who caller, r *http.Request) (any, error) {
	limit, err := number(r, deviceapi.Listed)
	if err != nil {
		return nil, err
	}
	q := r.URL.Query()
	if tag := q.Get("tag"); tag != "" {
		if err := text("tag", tag, contract.MaxTagID); err != nil {
			return nil, err
		}
	}
	return f.Inbox.List(ctx, who.user, q.Get("cursor"), q.Get("tag"), int(limit))
}

// patch changes what the body names. The level is part of the user's settings, a
// document of its own: a call that is repeated sets it again, for the first may
// have died in between.
func (f calls) patch(ctx context.Context, who caller, r *http.Request) (any, error) {
	var body struct {
		ClientID string        `json:"clientId"`
		Pinned   *bool         `json:"pinned"`
		Notify   *notify.Level `json:"notify"`
		Tags     *[]string     `json:"tags"`
		Draft    *string       `json:"draft"`
	}
	g, err := begin(r, &body)
	if err != nil {
		return nil, err
	}
	if err := checkKey(body.ClientID); err != nil {
		return nil, err
	}
	if body.Tags != nil && len(*body.Tags) > conversation.MaxTags {
		return nil, fault.New(fault.InvalidArgument, "tags has %d elements, at most %d are allowed", len(*body.Tags), conversation.MaxTags)
	}
	if body.Notify != nil {
		if err := body.Notify.Check("notify"); err != nil {
			return nil, err
		}
	}
	change := conversation.Patch{Key: body.ClientID, Pinned: body.Pinned, Tags: body.Tags, Draft: body.Draft}
	if err := f.Inbox.Patch(ctx, who.user, g, change); err != nil || body.Notify == nil {
		return empty{}, err
	}
	return empty{}, f.Users.SetLevel(ctx, who.user, g, *body.Notify)
}

func (f calls) remove(ctx context.Context, who caller, r *http.Request) (any, error) {
	g, err := groupOf(r)
	if err != nil {
		return nil, err
	}
	return empty{}, f.Inbox.Delete(ctx, who.user, g)
}
