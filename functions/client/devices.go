package client

import (
	"context"
	"net/http"
	"slices"
	"strings"

	"github.com/throng-im/throng/shared/deviceapi"
	"github.com/throng-im/throng/shared/fault"
	"github.com/throng-im/throng/shared/id"
	"github.com/throng-im/throng/shared/user"
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
	device := r.PathValue("deviceId")
	if err := id.Valid("deviceId", device); err != nil {
		return nil, err
	}
	if !slices.Contains(deviceapi.Platforms, body.Platform) {
		return nil, fault.New(fault.InvalidArgument, "platform must be one of %s", strings.Join(deviceapi.Platforms, ", "))
	}
	if body.PushToken == "" {
		return nil, fault.New(fault.InvalidArgument, "pushToken is required")
	}
	for what, text := range map[string]struct {
		value string
		max   int
	}{"pushToken": {body.PushToken, deviceapi.MaxPushToken}, "language": {body.Language, deviceapi.MaxLanguage}, "timeZone": {body.TimeZone, deviceapi.MaxTimeZone}} {
		if len(text.value) > text.max {
			return nil, fault.New(fault.TooLarge, "%s is longer than %d bytes", what, text.max)
		}
	}
	return empty{}, f.Users.PutDevice(ctx, who.user, user.Device{
		ID: id.Device(device), Platform: body.Platform, Token: body.PushToken, Language: body.Language, TimeZone: body.TimeZone,
	})
}

func (f calls) removeDevice(ctx context.Context, who caller, r *http.Request) (any, error) {
	device := r.PathValue("deviceId")
	if err := id.Valid("deviceId", device); err != nil {
		return nil, err
	}
	if err := f.Users.RemoveDevice(ctx, who.user, id.Device(device)); err != nil {
		return nil, err
	}
	return empty{}, f.tellLoggedOut(ctx, who, r)
}
