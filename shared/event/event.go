// Package event defines what travels on the topics. Every event may arrive
// twice, late or out of order; each carries what its handler needs to tell.
package event

import (
	"encoding/json"

	"github.com/throng-im/throng/shared/id"
)

// Topics that the functions publish to; functions.json lists them.
const (
	TopicTimeline     = "timeline"
	TopicPush         = "push"
	TopicConversation = "conversation"
)

// Timeline says that entries were added to a group's timeline by one commit.
type Timeline struct {
	Group id.Group `json:"group"`
	// Name is the group's name for push display.
	Name string `json:"name,omitempty"`
	// Serial stands for the group in message ids.
	Serial id.Serial `json:"serial"`
	// Shards is the version of each roster shard as of the commit: a reader
	// whose copy has these versions or newer reads nothing.
	Shards []int64 `json:"shards"`
	// Entries are the added timeline entries as group.Entry JSON, rising in seq.
	Entries []json.RawMessage `json:"entries"`
}

// MaxPushTargets bounds one push job: what one multicast to FCM takes.
const MaxPushTargets = 500

// Push is a job: one notification for at most MaxPushTargets devices.
type Push struct {
	// Job is unique for what is pushed and to whom; a job seen twice is done once.
	Job   string   `json:"job"`
	Group id.Group `json:"group"`
	// Seq, MessageUID, From, Type and At (Unix milliseconds) are the entry's.
	Seq        int64      `json:"seq"`
	MessageUID id.Message `json:"messageUID"`
	From       id.User    `json:"from"`
	Type       string     `json:"type"`
	At         int64      `json:"at"`
	// Title and Body are what a phone shows. Data is the sender's pushData,
	// Ext its pushExt, both as given.
	Title string `json:"title"`
	Body  string `json:"body"`
	Data  string `json:"data,omitempty"`
	Ext   string `json:"ext,omitempty"`
	// ContentAvailable asks for an iOS background wake-up.
	ContentAvailable bool `json:"contentAvailable,omitempty"`
	// Mentioned says that this notification tells its readers they were mentioned.
	Mentioned bool         `json:"mentioned,omitempty"`
	Targets   []PushTarget `json:"targets"`
}

// PushTarget is one device of one member.
type PushTarget struct {
	User   id.User   `json:"user"`
	Device id.Device `json:"device"`
	// Platform is android, ios or web.
	Platform string `json:"platform"`
	Token    string `json:"token"`
}
