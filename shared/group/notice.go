package group

import (
	"time"

	"github.com/throng-im/throng/shared/notify"
)

// Notice is what counts of the entry for whom it notifies. A recall has what counts
// of its message, as of the time when that was sent.
func (e Entry) Notice() notify.Message {
	m := notify.Message{Class: notify.Change, Targeted: len(e.To) > 0, Burst: e.Folded > 0, At: time.UnixMilli(e.At)}
	push := e.Push
	if push == nil {
		push = &Push{}
	}
	m.Disabled = push.Disabled
	switch e.Kind {
	case KindStatus:
		m.Class = notify.Status
	case KindMessage:
		m.Class, _ = notify.ClassOf(e.Type)
		// What was counted in a burst had a text, though a recall has taken it since.
		m.PushContent = push.Content != "" || m.Burst
		m.MentionText = e.Mention != nil && e.Mention.Text != ""
		m.TakenBack = e.Recalled > 0
	case KindRecall:
		m.Class, m.At = notify.Content, time.UnixMilli(e.TargetAt)
		if of := push.Of; of != nil {
			m.Class, _ = notify.ClassOf(of.Type)
			m.PushContent, m.MentionText = of.PushContent, of.MentionText
		}
	}
	return m
}

// Mentions is whom a message mentions, or the message that a recall takes back. It
// is nil where that is nobody.
func (e Entry) Mentions() *Mention {
	if e.Kind == KindRecall && e.Push != nil && e.Push.Of != nil {
		return e.Push.Of.Mention
	}
	if e.Kind != KindMessage {
		return nil
	}
	return e.Mention
}

// Recalled is what is kept of a message that was taken back, to find whom it
// notified.
type Recalled struct {
	Type        string   `json:"type,omitempty"`
	PushContent bool     `json:"pushContent,omitempty"`
	MentionText bool     `json:"mentionText,omitempty"`
	Mention     *Mention `json:"mention,omitempty"`
}

// recalled is what a recall keeps of the message e.
func (e Entry) recalled() *Recalled {
	m := e.Notice()
	of := &Recalled{Type: e.Type, PushContent: m.PushContent, MentionText: m.MentionText}
	if e.Mention != nil {
		of.Mention = &Mention{Type: e.Mention.Type, Users: e.Mention.Users}
	}
	return of
}
