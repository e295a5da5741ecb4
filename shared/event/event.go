// Package event defines what travels on the topics. Every event may arrive
// twice, late or out of order; each carries what its handler needs to tell.
package event

import (
	"encoding/json"
	"time"

	"github.com/throng-im/throng/shared/id"
)

// RetellFor is how young a change must be to be announced once more by a command
// that finds it made: whoever made it may have got an error because it could not
// be announced, and asks again within minutes. Who asks later states what has
// long been known.
const RetellFor = 5 * time.Minute

// Topics that the functions publish to; functions.json lists them.
const (
	TopicTimeline     = "timeline"
	TopicPush         = "push"
	TopicPushLater    = "push-later"
	TopicConversation = "conversation"
	TopicWatch        = "watch"
	TopicPresence     = "presence"
	TopicCallback     = "callback"
	// TopicHourly is the scheduler's: a tick each hour, of which nothing is read.
	TopicHourly = "hourly"
)

// TopicPushDead is where push jobs go that were given up: the dead-letter topic of
// the function's subscription.
const TopicPushDead = "push-dead"

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
	// Entries are timeline entries as group.Entry JSON: those that are announced
	// once more, then the added ones, rising in seq; or a status message, which
	// has no seq.
	Entries []json.RawMessage `json:"entries"`
	// Missed are members who counted as connected when the entries were announced
	// and may not have got them. Where it is set the event is no news: it asks the
	// fan-out to notify these users, and is nobody else's business.
	Missed []id.User `json:"missed,omitempty"`
	// Fold says that the event is no news, either: it asks the fan-out to tell the
	// count that its one entry carries, of the messages of a burst.
	Fold bool `json:"fold,omitempty"`
}

// News says whether the event is one of a commit, for all who follow the group.
func (t *Timeline) News() bool { return len(t.Missed) == 0 && !t.Fold }

// Memberships says on the topic conversation that entries which changed
// memberships have reached the users' own documents. Who reads such a document
// and follows the topic from before on has met every change, in the one or the
// other.
type Memberships struct {
	Memberships Timeline `json:"memberships"`
}

// MaxPushTargets bounds one push job: what one multicast to FCM takes.
const MaxPushTargets = 500

// PushKind says what a push job asks of a phone.
type PushKind string

// The kinds of push jobs.
const (
	// PushMessage shows a message.
	PushMessage PushKind = ""
	// PushRecall takes the place of the notification of a message that was taken back.
	PushRecall PushKind = "recall"
	// PushFold says how many messages came in a burst that is not shown one by one.
	PushFold PushKind = "fold"
	// PushClear removes the group's notifications up to Seq without a sound: the user
	// has read them on another device.
	PushClear PushKind = "clear"
)

// Push is a job: one notification for at most MaxPushTargets devices.
type Push struct {
	// Job is unique for what is pushed and to whom; a job seen twice is done once.
	Job   string   `json:"job"`
	Kind  PushKind `json:"kind,omitempty"`
	Group id.Group `json:"group"`
	// Seq, MessageUID, From, Type and At (Unix milliseconds) are the entry's.
	Seq        int64      `json:"seq"`
	MessageUID id.Message `json:"messageUID"`
	From       id.User    `json:"from"`
	Type       string     `json:"type"`
	At         int64      `json:"at"`
	// Name is the group's, Sender what the group or the user calls the sender; either
	// may be empty. Admin says that an administrator recalled.
	Name   string `json:"name,omitempty"`
	Sender string `json:"sender,omitempty"`
	Admin  bool   `json:"admin,omitempty"`
	// Body is the text to show, without the sender's name. Where it is empty, a phone
	// shows the default of the type or the kind in its own language.
	Body string `json:"body,omitempty"`
	// Own says that Body is what a mention says to those it mentions: no template
	// that Ext names takes its place.
	Own bool `json:"own,omitempty"`
	// Count is of a PushFold: how many messages came that were not shown one by one.
	Count int64 `json:"count,omitempty"`
	// Data is the sender's pushData, Ext its pushExt, both as given.
	Data string `json:"data,omitempty"`
	Ext  string `json:"ext,omitempty"`
	// ContentAvailable asks for an iOS background wake-up.
	ContentAvailable bool `json:"contentAvailable,omitempty"`
	// Mentioned says that this notification tells its readers they were mentioned.
	Mentioned bool         `json:"mentioned,omitempty"`
	Targets   []PushTarget `json:"targets"`

	// Due is when the job's time comes, in Unix milliseconds, for a job on
	// TopicPushLater; First when it was tried first, Tries how often FCM has been
	// asked, and Reason why it waits or was given up.
	Due    int64  `json:"due,omitempty"`
	First  int64  `json:"first,omitempty"`
	Tries  int    `json:"tries,omitempty"`
	Reason string `json:"reason,omitempty"`
	// Surplus marks a PushFold for devices that had more messages in a minute than
	// they are shown. Count is then how many at least: the process that held them
	// back may know of more.
	Surplus bool `json:"surplus,omitempty"`
}

// PushTarget is one device of one member.
type PushTarget struct {
	User   id.User   `json:"user"`
	Device id.Device `json:"device"`
	// Platform is android, ios or web.
	Platform string `json:"platform"`
	Token    string `json:"token"`
	// Language is the device's as a BCP 47 tag, empty where it named none.
	Language string `json:"language,omitempty"`
}

// Conversation says that a user changed something that all devices of this user
// show: what was set for conversations, the tags, the settings.
type Conversation struct {
	User id.User `json:"user"`
	// Changed counts the changes of the user's conversations and tags, Settings
	// those of the settings. Zero is none of the kind.
	Changed  int64 `json:"changed,omitempty"`
	Settings int64 `json:"settings,omitempty"`
	// Update is what a sync would have said of it: an object with some of the
	// members conversations, tags and settings.
	Update json.RawMessage `json:"update"`
}

// TokensEnded says on the topic conversation that a user's tokens were ended that
// were issued before a time in Unix milliseconds: who is connected with one of them
// must not stay.
type TokensEnded struct {
	User        id.User `json:"user"`
	TokensEnded int64   `json:"tokensEnded"`
}

// Watch asks to find out whether an instance lives that members were connected to
// who were not notified for that reason; or, where it names a group, to have its
// members told how many messages of a burst were not shown one by one.
type Watch struct {
	Instance string `json:"instance,omitempty"`
	// At is when the first of them was passed over, in Unix milliseconds. It
	// stands for others until a presence.Heartbeat later. Of a group it is when all
	// that the event stands for has been said.
	At    int64    `json:"at"`
	Group id.Group `json:"group,omitempty"`
}
