package client

import (
	"context"
	"net/http"

	"github.com/throng-im/throng/shared/deviceapi"
	"github.com/throng-im/throng/shared/fault"
	"github.com/throng-im/throng/shared/id"
	"github.com/throng-im/throng/shared/inbox"
)

func (f calls) sync(ctx context.Context, who caller, r *http.Request) (any, error) {
	var body struct {
		Cursor string             `json:"cursor"`
		Groups map[id.Group]int64 `json:"groups"`
		Limit  *int               `json:"limit"`
	}
	if err := read(r, &body); err != nil {
		return nil, err
	}
	limit := inbox.DefaultLimit
	if body.Limit != nil {
		limit = *body.Limit
	}
	if limit < 1 || limit > inbox.MaxLimit {
		return nil, fault.New(fault.InvalidArgument, "limit is not a whole number from 1 to %d", inbox.MaxLimit)
	}
	for g, seq := range body.Groups {
		if err := id.Valid("groups", string(g)); err != nil {
			return nil, err
		}
		if seq < 0 {
			return nil, fault.New(fault.InvalidArgument, "groups has a negative seq")
		}
	}
	return f.Inbox.Sync(ctx, who.user, inbox.Request{Cursor: body.Cursor, Groups: body.Groups, Limit: limit})
}

func (f calls) markRead(ctx context.Context, who caller, r *http.Request) (any, error) {
	var body struct {
		Seq      int64      `json:"seq"`
		DeviceID *id.Device `json:"deviceId"`
	}
	g, err := begin(r, &body)
	if err != nil {
		return nil, err
	}
	if body.Seq < 1 {
		return nil, fault.New(fault.InvalidArgument, "seq must be the seq of an entry, 1 or more")
	}
	var device id.Device
	if body.DeviceID != nil {
		device = *body.DeviceID
		if err := id.Valid("deviceId", string(device)); err != nil {
			return nil, err
		}
	}
	to, err := f.Inbox.Read(ctx, who.user, g, body.Seq)
	if err == nil && to > 0 {
		f.clears.elsewhere(ctx, readOn{who.user, device, g, to})
	}
	return empty{}, err
}

func (f calls) unread(ctx context.Context, who caller, r *http.Request) (any, error) {
	g, err := groupOf(r)
	if err != nil {
		return nil, err
	}
	limit, err := number(r, deviceapi.UnreadListed)
	if err != nil {
		return nil, err
	}
	mentions := r.URL.Query().Get("mentions")
	switch mentions {
	case "", "true", "false":
	default:
		return nil, fault.New(fault.InvalidArgument, "mentions must be true or false")
	}
	return f.Inbox.Unread(ctx, who.user, g, mentions == "true", int(limit))
}
