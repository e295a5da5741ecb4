package fcm

import (
	"net/url"
	"regexp"
	"slices"
	"strconv"
)

var (
	// webTopic is what RFC 8030 allows a Topic header to be.
	webTopic   = regexp.MustCompile(`^[a-zA-Z0-9\-_]{1,32}$`)
	urgencies  = []string{"very-low", "low", "normal", "high"}
	directions = []string{"auto", "ltr", "rtl"}
)

// webTypes are the fields of a web notification whose types browsers define;
// its data may be anything.
var webTypes = map[string]struct {
	want string
	ok   func(any) bool
}{
	"title": {"a text", isText}, "body": {"a text", isText}, "icon": {"a text", isText}, "badge": {"a text", isText},
	"image": {"a text", isText}, "tag": {"a text", isText}, "lang": {"a text", isText},
	"dir":                {"auto, ltr or rtl", func(v any) bool { return isText(v) && slices.Contains(directions, v.(string)) }},
	"renotify":           {"true or false", isFlag},
	"requireInteraction": {"true or false", isFlag},
	"silent":             {"true or false", isFlag},
	"timestamp":          {"a whole number", isTimestamp},
	"vibrate":            {"a list of whole numbers", isPattern},
	"actions":            {"a list of objects with action and title", isActions},
}

func isFlag(v any) bool { _, ok := v.(bool); return ok }

func isPattern(v any) bool {
	list, ok := v.([]any)
	return isTimestamp(v) || ok && !slices.ContainsFunc(list, func(item any) bool { return !isTimestamp(item) })
}

func isActions(v any) bool {
	list, ok := v.([]any)
	return ok && !slices.ContainsFunc(list, func(item any) bool {
		action, _ := item.(map[string]any)
		return !isText(action["action"]) || !isText(action["title"])
	})
}

func checkWebpush(w map[string]any, r *report) {
	const at = "message.webpush."
	checkData(child(w, "data"), at+"data", r)
	checkLabel(w, "message.webpush", r)
	if ttl, there := header(w, "TTL"); there {
		if n, err := strconv.ParseInt(ttl, 10, 64); err != nil || n < 0 || n > int64(maxTTL.Seconds()) {
			r.add(at+"headers[TTL]", "TTL must be 0 to 2419200 seconds, not %s", brief(ttl))
		}
	}
	if urgency, there := header(w, "Urgency"); there && !slices.Contains(urgencies, urgency) {
		r.add(at+"headers[Urgency]", "Urgency must be very-low, low, normal or high, not %s", brief(urgency))
	}
	if topic, there := header(w, "Topic"); there && !webTopic.MatchString(topic) {
		r.add(at+"headers[Topic]", "Topic has at most 32 letters, digits, - and _, unlike %s", brief(topic))
	}
	n := child(w, "notification")
	for key, v := range n {
		if t, known := webTypes[key]; known && !t.ok(v) {
			r.add(at+"notification."+key, "%s must be %s, not %s", key, t.want, brief(v))
		}
	}
	if n["renotify"] == true && text(n, "tag") == "" {
		r.add(at+"notification.renotify", "renotify needs a tag")
	}
	if link := text(child(w, "fcm_options"), "link"); link != "" {
		if u, err := url.Parse(link); err != nil || u.Scheme != "https" || u.Host == "" {
			r.add(at+"fcm_options.link", "A link must be an https URL, not %s", brief(link))
		}
	}
}
