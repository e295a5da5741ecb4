package notify

import (
	"encoding/json"
	"strings"
	"time"
)

// Reason says what becomes of a notification for one member: that it is pushed,
// that it counts in a fold, or why there is none.
type Reason string

// What Decide answers.
const (
	// Pushed and Folded tell the member: of the message, and how many there were.
	Pushed Reason = "pushed"
	Folded Reason = "folded"

	OwnMessage  Reason = "own message"
	NotMember   Reason = "no member"
	NotListed   Reason = "not listed"
	OnlineOnly  Reason = "status message"
	NoMessage   Reason = "no message"
	DisablePush Reason = "disablePush"
	NoText      Reason = "no text"
	TakenBack   Reason = "recalled"
	ByLevel     Reason = "level"
	QuietHours  Reason = "quiet hours"
	NoDevice    Reason = "no device"
	IsConnected Reason = "connected"
)

// Message is what counts of a message for whom it notifies. A recall has what
// counts of the message that it takes back: it notifies whom that one did, so that
// nobody learns of a message by its recall.
type Message struct {
	Class Class
	// PushContent and MentionText say that the sender gave a text to show: to
	// everybody, and to whom the message mentions.
	PushContent, MentionText bool
	// Disabled is the sender's disablePush.
	Disabled bool
	// Targeted messages are for those listed only.
	Targeted bool
	// TakenBack is a message that was recalled before its turn came.
	TakenBack bool
	// Burst says that the group has had as many notifications as it may have at
	// the time: those from here on are counted, and the count is shown.
	Burst bool
	// At is when the message was sent. Quiet hours go by that and not by when
	// somebody asks, so that an event that comes late or twice is decided alike.
	At time.Time
}

// Member is what counts of a member.
type Member struct {
	// Own is who sent the message, or recalled it.
	Own bool
	// In is who was a member when the message was sent, and for a recall then, too.
	In bool
	// Listed is who is in the list of a targeted message.
	Listed  bool
	Mention Mention
	// Conversation, Type and App are the levels, in the order in which they decide.
	Conversation, Type, App Level
	// Quiet are the quiet hours, nil for none.
	Quiet *Quiet
	// Device says that a device is registered, on which the user is logged in.
	Device bool
	// Connected is who gets the message without a notification.
	Connected bool
}

// Decide says whether a message, or its recall, notifies a member. It is the one
// place where that is decided; testdata/decisions.txt has it case by case.
func Decide(m Message, u Member) Reason {
	switch {
	case m.Class == Status:
		return OnlineOnly
	case m.Class == Change:
		return NoMessage
	case m.Disabled:
		return DisablePush
	case u.Own:
		return OwnMessage
	case !u.In:
		return NotMember
	case m.Targeted && !u.Listed:
		return NotListed
	case !m.text(u.Mention):
		return NoText
	case !u.Device:
		return NoDevice
	}
	if r := u.wants(u.Mention, m.At); r != Pushed {
		return r
	}
	switch {
	// Who is mentioned by name, or hears of this one only because it mentions all,
	// is told of it, burst or not.
	case m.Burst && !u.Mention.Me && u.wants(Mention{}, m.At) == Pushed:
		return Folded.Unless(u.Connected)
	case m.TakenBack:
		return TakenBack
	}
	return Pushed.Unless(u.Connected)
}

// Unless is the last rule, which Decide ends with. Who is connected is known only
// after the others were asked, and for those who are left: it may be asked apart.
func (r Reason) Unless(connected bool) Reason {
	if connected && r.Tells() {
		return IsConnected
	}
	return r
}

// Tells says whether the member is told anything.
func (r Reason) Tells() bool { return r == Pushed || r == Folded }

// text says whether there is something to show to a member.
func (m Message) text(to Mention) bool {
	return m.Class == Content || m.PushContent || m.MentionText && to.Any()
}

// wants says whether the levels and the quiet hours let a message through that
// mentions the member like this.
func (u Member) wants(mention Mention, at time.Time) Reason {
	switch {
	case !First(u.Conversation, u.Type, u.App).lets(mention):
		return ByLevel
	case u.Quiet != nil && !u.Quiet.Level.lets(mention) && u.Quiet.Covers(at):
		return QuietHours
	}
	return Pushed
}

// Anybody says whether there may be somebody whom a message notifies: it asks for
// the member whom nothing holds back. mentions says that it mentions somebody.
func Anybody(m Message, mentions bool) bool {
	m.TakenBack = m.TakenBack && !m.Burst
	return Decide(m, Member{In: true, Listed: true, Device: true, Conversation: Every, Mention: Mention{Me: mentions}}).Tells()
}

// Urgent says whether a sender's pushExt asks iOS to break through: such a message
// is shown by itself, however many there are.
func Urgent(ext string) bool {
	if !strings.Contains(ext, "interruption-level") {
		return false
	}
	var e struct {
		Configs []map[string]map[string]any `json:"pushConfigs"`
	}
	if json.Unmarshal([]byte(ext), &e) != nil {
		return false
	}
	for _, config := range e.Configs {
		switch config["APNs"]["interruption-level"] {
		case "time-sensitive", "critical":
			return true
		}
	}
	return false
}
