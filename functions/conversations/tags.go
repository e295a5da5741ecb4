package conversations

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"unicode/utf8"

	"github.com/throng-im/throng/shared/contract"
	"github.com/throng-im/throng/shared/conversation"
	"github.com/throng-im/throng/shared/fault"
	"github.com/throng-im/throng/shared/id"
	"github.com/throng-im/throng/shared/wire"
)

// text checks a text inside a list, which the table does not reach.
func text(what, value string, max int) error {
	switch {
	case value == "":
		return fault.New(fault.InvalidArgument, "%s is required", what)
	case utf8.RuneCountInString(value) > max:
		return fault.New(fault.TooLarge, "%s is longer than %d characters", what, max)
	}
	return nil
}

// count checks the length of a list.
func count(what string, n, max int) error {
	switch {
	case n == 0:
		return fault.New(fault.InvalidArgument, "%s is empty", what)
	case n > max:
		return fault.New(fault.InvalidArgument, "%s has %d elements, at most %d are allowed", what, n, max)
	}
	return nil
}

func (f calls) setTags(ctx context.Context, a *wire.Args) (wire.Reply, error) {
	var given []struct {
		ID   string `json:"tagId"`
		Name string `json:"tagName"`
	}
	if err := a.JSON("tags", &given); err != nil {
		return nil, err
	}
	if err := count("tags", len(given), conversation.MaxTags); err != nil {
		return nil, err
	}
	tags := make([]conversation.Tag, len(given))
	for i, t := range given {
		if err := text(fmt.Sprintf("tags[%d].tagId", i), t.ID, contract.MaxTagID); err != nil {
			return nil, err
		}
		if err := text(fmt.Sprintf("tags[%d].tagName", i), t.Name, contract.MaxTagName); err != nil {
			return nil, err
		}
		tags[i] = conversation.Tag{ID: t.ID, Name: t.Name}
	}
	return nil, f.conversations.SetTags(ctx, a.User("userId"), tags)
}

func (f calls) deleteTags(ctx context.Context, a *wire.Args) (wire.Reply, error) {
	return nil, f.conversations.DeleteTags(ctx, a.User("userId"), a.Texts("tagIds"))
}

// tagReply is a tag as replies show it.
type tagReply struct {
	ID        string `json:"tagId"`
	Name      string `json:"tagName"`
	CreatedAt int64  `json:"createTime"`
}

// tagReplies are those of a user's tags whose ids are among some.
func tagReplies(tags []conversation.Tag, ids []string) []tagReply {
	out := make([]tagReply, 0, len(ids))
	for _, t := range tags {
		if slices.Contains(ids, t.ID) {
			out = append(out, tagReply(t))
		}
	}
	return out
}

func (f calls) tags(ctx context.Context, a *wire.Args) (wire.Reply, error) {
	tags, err := f.conversations.Tags(ctx, a.User("userId"))
	if err != nil {
		return nil, err
	}
	list := make([]tagReply, len(tags))
	for i, t := range tags {
		list[i] = tagReply(t)
	}
	return wire.Reply{"data": map[string]any{"userId": a.User("userId"), "tags": list}}, nil
}

// groupsOf reads the conversations that a call is about. Some SDKs send their
// type as a number, some as a text that says it; a json.Number takes both.
func groupsOf(a *wire.Args) ([]id.Group, error) {
	var given []struct {
		Target string      `json:"targetId"`
		Type   json.Number `json:"conversationType"`
	}
	if err := a.JSON("conversations", &given); err != nil {
		return nil, err
	}
	if err := count("conversations", len(given), contract.MaxConversations); err != nil {
		return nil, err
	}
	groups := make([]id.Group, len(given))
	for i, c := range given {
		if err := id.Valid(fmt.Sprintf("conversations[%d].targetId", i), c.Target); err != nil {
			return nil, err
		}
		kind, err := c.Type.Int64()
		if err != nil {
			return nil, fault.New(fault.InvalidArgument, "conversations[%d].conversationType must be a whole number", i)
		}
		if err := contract.GroupsOnly(int(kind)); err != nil {
			return nil, err
		}
		groups[i] = id.Group(c.Target)
	}
	return groups, nil
}

func (f calls) tag(ctx context.Context, a *wire.Args) (wire.Reply, error) {
	groups, err := groupsOf(a)
	if err != nil {
		return nil, err
	}
	return nil, f.conversations.TagConversations(ctx, a.User("userId"), a.Text("tagId"), groups)
}

func (f calls) untag(ctx context.Context, a *wire.Args) (wire.Reply, error) {
	groups, err := groupsOf(a)
	if err != nil {
		return nil, err
	}
	return nil, f.conversations.UntagConversations(ctx, a.User("userId"), a.Text("tagId"), groups)
}

func (f calls) tagged(ctx context.Context, a *wire.Args) (wire.Reply, error) {
	groups, err := f.conversations.Tagged(ctx, a.User("userId"), a.Text("tagId"))
	if err != nil {
		return nil, err
	}
	list := make([]targetReply, len(groups))
	for i, g := range groups {
		list[i] = targetReply{g, contract.GroupConversation}
	}
	return wire.Reply{"data": map[string]any{"userId": a.User("userId"), "tagId": a.Text("tagId"), "conversations": list}}, nil
}
