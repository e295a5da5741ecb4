// Package conversations is the function that app servers arrange users'
// conversations with: pins, Do Not Disturb, tags.
//
// Trigger: HTTP. A caller that got no answer may repeat any of these calls.
package conversations

import (
	"cmp"
	"context"
	"net/http"
	"time"

	"github.com/GoogleCloudPlatform/functions-framework-go/functions"

	"github.com/throng-im/throng/shared/cloud"
	"github.com/throng-im/throng/shared/contract"
	"github.com/throng-im/throng/shared/conversation"
	"github.com/throng-im/throng/shared/id"
	"github.com/throng-im/throng/shared/user"
	"github.com/throng-im/throng/shared/wire"
)

// Serve is the function's entry point.
var Serve = cloud.Function("conversations", Handler)

func init() { functions.HTTP("conversations", Serve) }

// Handler serves the function on c.
func Handler(c *cloud.Cloud) http.Handler {
	f := calls{users: c.Users, conversations: c.Conversations, zone: cmp.Or(c.Settings.TimeZone, time.UTC)}
	return c.API("conversations", map[string]wire.Call{
		"/conversation/top/set.json":               f.pin,
		"/conversation/notification/set.json":      f.setLevel,
		"/conversation/notification/get.json":      f.level,
		"/conversation/type/notification/set.json": f.setTypeLevel,
		"/conversation/type/notification/get.json": f.typeLevel,
		"/user/blockPushPeriod/set.json":           f.setQuiet,
		"/user/blockPushPeriod/get.json":           f.quiet,
		"/user/blockPushPeriod/delete.json":        f.clearQuiet,
		"/user/conversation/tag/set.json":          f.setTags,
		"/user/conversation/tag/del.json":          f.deleteTags,
		"/user/conversation/tag/get.json":          f.tags,
		"/tag/conversation/set.json":               f.tag,
		"/tag/conversation/del.json":               f.untag,
		"/tag/conversation/get.json":               f.tagged,
		"/conversation/attribute/get.json":         f.attributes,
	})
}

type calls struct {
	users         *user.Users
	conversations *conversation.Conversations
	// zone is the data centre's, in which the contract's times of day are.
	zone *time.Location
}

// target returns the group that a call is about.
func target(a *wire.Args) (id.Group, error) {
	return a.Group("targetId"), contract.GroupsOnly(a.Int("conversationType", 0))
}

func (f calls) pin(ctx context.Context, a *wire.Args) (wire.Reply, error) {
	g, err := target(a)
	if err != nil {
		return nil, err
	}
	return nil, f.conversations.Pin(ctx, a.User("userId"), g, a.Bool("setTop"))
}

// targetReply is a conversation as replies name it.
type targetReply struct {
	Target id.Group `json:"targetId"`
	Type   int      `json:"conversationType"`
}

type attributes struct {
	targetReply
	Tags []tagReply `json:"tags"`
	Top  struct {
		Top   bool  `json:"top"`
		Since int64 `json:"topTime"`
	} `json:"top"`
	Mute struct {
		Level int `json:"mute"`
	} `json:"mute"`
}

func (f calls) attributes(ctx context.Context, a *wire.Args) (wire.Reply, error) {
	g, err := target(a)
	if err != nil {
		return nil, err
	}
	list, err := f.conversations.List(ctx, a.User("userId"))
	if err != nil {
		return nil, err
	}
	level, err := f.users.Level(ctx, a.User("userId"), g)
	if err != nil {
		return nil, err
	}
	c := list.Conversations[g]
	out := attributes{targetReply: targetReply{g, contract.GroupConversation}, Tags: tagReplies(list.Tags, c.Tags)}
	out.Top.Top, out.Top.Since, out.Mute.Level = c.PinnedAt > 0, c.PinnedAt, int(level)
	return wire.Reply{"data": out}, nil
}
