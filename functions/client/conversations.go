package client

import (
	"context"
	"net/http"
	"strconv"
	"unicode/utf8"

	"github.com/throng-im/throng/shared/conversation"
	"github.com/throng-im/throng/shared/fault"
	"github.com/throng-im/throng/shared/id"
	"github.com/throng-im/throng/shared/inbox"
	"github.com/throng-im/throng/shared/notify"
)

// groupIn returns the group that a path names.
func groupIn(r *http.Request) (id.Group, error) {
	g := r.PathValue("group")
	return id.Group(g), id.Valid("groupId", g)
}

// number reads a positive number from the query.
func number(r *http.Request, name string, fallback, most int) (int, error) {
	text := r.URL.Query().Get(name)
	if text == "" {
		return fallback, nil
	}
	n, err := strconv.Atoi(text)
	if err != nil {
		return 0, fault.New(fault.InvalidArgument, "%s must be a whole number", name)
	}
	return within(name, &n, fallback, most)
}

// within checks a positive number, which may be absent.
func within(name string, n *int, fallback, most int) (int, error) {
	switch {
	case n == nil:
		return fallback, nil
	case *n < 1 || *n > most:
		return 0, fault.New(fault.InvalidArgument, "%s must be from 1 to %d", name, most)
	}
	return *n, nil
}

func (f calls) list(ctx context.Context, who caller, r *http.Request) (any, error) {
	limit, err := number(r, "limit", inbox.DefaultListed, inbox.MaxListed)
	if err != nil {
		return nil, err
	}
	q := r.URL.Query()
	return f.Inbox.List(ctx, who.user, q.Get("cursor"), q.Get("tag"), limit)
}

// patch changes what the body names. The level is part of the user's settings, a
// document of its own: a call that is repeated sets it again, for the first may
// have died in between.
func (f calls) patch(ctx context.Context, who caller, r *http.Request) (any, error) {
	g, err := groupIn(r)
	if err != nil {
		return nil, err
	}
	var body struct {
		ClientID string        `json:"clientId"`
		Pinned   *bool         `json:"pinned"`
		Notify   *notify.Level `json:"notify"`
		Tags     *[]string     `json:"tags"`
		Draft    *string       `json:"draft"`
	}
	if err := read(r, &body); err != nil {
		return nil, err
	}
	if body.ClientID != "" {
		if err := checkClientID(body.ClientID); err != nil {
			return nil, err
		}
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
	g, err := groupIn(r)
	if err != nil {
		return nil, err
	}
	return empty{}, f.Inbox.Delete(ctx, who.user, g)
}

// checkClientID checks an idempotency key.
func checkClientID(key string) error {
	switch {
	case key == "":
		return fault.New(fault.InvalidArgument, "clientId is required")
	case len(key) > maxClientID:
		return fault.New(fault.TooLarge, "clientId is longer than %d bytes", maxClientID)
	case !utf8.ValidString(key):
		return fault.New(fault.InvalidArgument, "clientId is not valid UTF-8")
	}
	return nil
}
