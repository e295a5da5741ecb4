package settings

import (
	"encoding/json"
	"strings"

	"golang.org/x/text/language"
)

// Notifications are what an app wants of its notifications.
type Notifications struct {
	// Language is spoken to a device whose own is not known, or not among those
	// that there are phrases in. THRONG_PUSH_LANGUAGE, a BCP 47 tag such as
	// zh-Hant; default en.
	Language string
	// HideDetails has notifications say that there is a message, and neither what
	// it says nor whose it is, unless the sender asks for details with
	// forceShowPushContent. THRONG_PUSH_DETAILS, true or false; default true, which
	// is to hide nothing.
	HideDetails bool
	// Templates are what a sender's templateId stands for, by id and language.
	// THRONG_PUSH_TEMPLATES, JSON such as
	// {"id":{"en":{"title":"Hello","body":"Come back"}}}; default none.
	Templates map[string]map[string]Template
	// AndroidNotifications has Android itself show what comes, for apps whose code
	// does not. THRONG_ANDROID_NOTIFICATIONS, true or false; default false: Android
	// gets data, which the app shows.
	AndroidNotifications bool
	// RemoveRecalled takes the notification of a recalled message away without a
	// word. THRONG_PUSH_RECALL, replace or remove; default replace: another
	// notification that tells of the recall takes its place.
	RemoveRecalled bool
	// ClearRead removes from a user's other devices the notifications of what the
	// user has read on one. THRONG_PUSH_CLEAR, true or false; default false.
	ClearRead bool
}

// Template is what a notification says in one language.
type Template struct {
	// Title takes the place of the group's name, unless it is empty.
	Title string `json:"title"`
	Body  string `json:"body"`
}

func (r *reader) notifications() Notifications {
	n := Notifications{
		Language:             r.get("THRONG_PUSH_LANGUAGE"),
		HideDetails:          !r.flag("THRONG_PUSH_DETAILS", true),
		Templates:            r.templates("THRONG_PUSH_TEMPLATES"),
		AndroidNotifications: r.flag("THRONG_ANDROID_NOTIFICATIONS", false),
		ClearRead:            r.flag("THRONG_PUSH_CLEAR", false),
	}
	if _, err := language.Parse(n.Language); err != nil && n.Language != "" {
		r.fail("THRONG_PUSH_LANGUAGE is not a BCP 47 language tag such as en or zh-Hant")
	}
	switch r.get("THRONG_PUSH_RECALL") {
	case "", "replace":
	case "remove":
		n.RemoveRecalled = true
	default:
		r.fail("THRONG_PUSH_RECALL is neither replace nor remove")
	}
	return n
}

// templates reads the templates. A mistake in them is found when a process starts
// and not when the first notification wants one.
func (r *reader) templates(name string) map[string]map[string]Template {
	text := r.get(name)
	if text == "" {
		return nil
	}
	var all map[string]map[string]Template
	dec := json.NewDecoder(strings.NewReader(text))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&all); err != nil || dec.More() {
		r.fail(`%s is not JSON such as {"id":{"en":{"title":"Hello","body":"Come back"}}}`, name)
		return nil
	}
	for id, byLanguage := range all {
		for tag, t := range byLanguage {
			if _, err := language.Parse(tag); err != nil {
				r.fail("%s: %q of template %q is not a BCP 47 language tag", name, tag, id)
			}
			if t.Body == "" {
				r.fail("%s: template %q has no body in %q", name, id, tag)
			}
		}
	}
	return all
}
