package client

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"slices"
	"unicode/utf8"

	"github.com/throng-im/throng/shared/contract"
	"github.com/throng-im/throng/shared/conversation"
	"github.com/throng-im/throng/shared/deviceapi"
	"github.com/throng-im/throng/shared/fault"
	"github.com/throng-im/throng/shared/notify"
	"github.com/throng-im/throng/shared/user"
)

func (f calls) settings(ctx context.Context, who caller, _ *http.Request) (any, error) {
	return f.Users.Settings(ctx, who.user)
}

// putSettings changes what the body names; quietHours of null ends them.
func (f calls) putSettings(ctx context.Context, who caller, r *http.Request) (any, error) {
	var body struct {
		Notify *struct {
			Group *notify.Level `json:"group"`
		} `json:"notify"`
		QuietHours json.RawMessage `json:"quietHours"`
	}
	if err := read(r, &body); err != nil {
		return nil, err
	}
	var w user.Wishes
	if body.Notify != nil {
		w.Type = body.Notify.Group
	}
	switch {
	case len(body.QuietHours) == 0:
	case bytes.Equal(body.QuietHours, []byte("null")):
		w.NoQuiet = true
	default:
		given := user.QuietHours{Level: notify.Mentions} // as in the server API
		if err := json.Unmarshal(body.QuietHours, &given); err != nil {
			return nil, fault.New(fault.InvalidArgument, "quietHours has not the documented form")
		}
		quiet := given.Quiet()
		if err := checkQuiet(quiet); err != nil {
			return nil, err
		}
		w.Quiet = &quiet
	}
	if w.Type != nil {
		if err := w.Type.Check("notify.group"); err != nil {
			return nil, err
		}
	}
	return empty{}, f.Users.Configure(ctx, who.user, w)
}

// checkQuiet bounds what the rule of quiet hours itself does not, and says what is
// wrong in the words of this API.
func checkQuiet(q notify.Quiet) error {
	if len(q.Zone) > deviceapi.MaxTimeZone {
		return fault.New(fault.TooLarge, "quietHours.timeZone is longer than %d bytes", deviceapi.MaxTimeZone)
	}
	return q.CheckAs(notify.Names{Start: "quietHours.start", Minutes: "quietHours.minutes", Level: "quietHours.level"})
}

type tagsReply struct {
	Tags []conversation.TagItem `json:"tags"`
}

func (f calls) tags(ctx context.Context, who caller, _ *http.Request) (any, error) {
	list, err := f.Conversations.List(ctx, who.user)
	return tagsReply{list.TagItems()}, err
}

func (f calls) tag(ctx context.Context, who caller, r *http.Request) (any, error) {
	list, err := f.Conversations.List(ctx, who.user)
	if err != nil {
		return nil, err
	}
	tags := list.TagItems()
	i := slices.IndexFunc(tags, func(t conversation.TagItem) bool { return t.ID == r.PathValue("tagId") })
	if i < 0 {
		return nil, fault.New(fault.NotFound, "the user has no such tag")
	}
	return tags[i], nil
}

func (f calls) putTag(ctx context.Context, who caller, r *http.Request) (any, error) {
	var body struct {
		Name string `json:"name"`
	}
	if err := read(r, &body); err != nil {
		return nil, err
	}
	tag := r.PathValue("tagId")
	if err := text("tagId", tag, contract.MaxTagID); err != nil {
		return nil, err
	}
	if err := text("name", body.Name, contract.MaxTagName); err != nil {
		return nil, err
	}
	return empty{}, f.Conversations.SetTags(ctx, who.user, []conversation.Tag{{ID: tag, Name: body.Name}})
}

func (f calls) removeTag(ctx context.Context, who caller, r *http.Request) (any, error) {
	tag := r.PathValue("tagId")
	if err := text("tagId", tag, contract.MaxTagID); err != nil {
		return nil, err
	}
	return empty{}, f.Conversations.DeleteTags(ctx, who.user, []string{tag})
}

// text checks a text by the server API's limits, so that both APIs take the same.
func text(what, value string, most int) error {
	switch {
	case value == "":
		return fault.New(fault.InvalidArgument, "%s is required", what)
	case !utf8.ValidString(value):
		return fault.New(fault.InvalidArgument, "%s is not valid UTF-8", what)
	case utf8.RuneCountInString(value) > most:
		return fault.New(fault.TooLarge, "%s is longer than %d characters", what, most)
	}
	return nil
}
