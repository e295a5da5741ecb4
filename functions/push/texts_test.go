package push

import (
	"testing"

	"github.com/throng-im/throng/shared/event"
)

// TestWhatANotificationSays is the title and the body for what is known of a message.
func TestWhatANotificationSays(t *testing.T) {
	for what, c := range map[string]struct {
		job         event.Push
		title, body string
	}{
		"a message":                    {event.Push{Name: "Team", Sender: "Ann", Body: "hi"}, "Team", "Ann: hi"},
		"to a group without a name":    {event.Push{Sender: "Ann", Body: "hi"}, "Ann", "hi"},
		"of somebody unknown":          {event.Push{Name: "Team", Body: "hi"}, "Team", "hi"},
		"a recall":                     {event.Push{Kind: event.PushRecall, Name: "Team", Sender: "Ann"}, "Team", "Ann recalled a message"},
		"of an administrator":          {event.Push{Kind: event.PushRecall, Name: "Team", Sender: "Bob", Admin: true}, "Team", "An administrator recalled a message"},
		"a recall by nobody known":     {event.Push{Kind: event.PushRecall, Name: "Team"}, "Team", "A message was recalled"},
		"a recall in a nameless group": {event.Push{Kind: event.PushRecall, Sender: "Ann"}, "Ann", "Ann recalled a message"},
	} {
		if title, body := texts(c.job); title != c.title || body != c.body {
			t.Errorf("%s: %q, %q", what, title, body)
		}
	}
}
