package fcm

import (
	"regexp"
	"strings"
	"time"
)

const (
	// maxPayload is FCM's bound on what travels to a device, and maxTopicPayload
	// on what goes to a topic, in bytes.
	maxPayload      = 4096
	maxTopicPayload = 2048
	// maxTTL is how long FCM keeps a message, and for how long when nothing is said.
	maxTTL = 28 * 24 * time.Hour
	// maxToken is more than any token has.
	maxToken    = 4096
	topicPrefix = "/topics/"
)

var (
	topicName = regexp.MustCompile(`^[a-zA-Z0-9\-_.~%]{1,900}$`)
	label     = regexp.MustCompile(`^[a-zA-Z0-9\-_.~%]{1,50}$`)
	colour    = regexp.MustCompile(`^#[0-9a-fA-F]{6}$`)
)

// check reports what FCM would refuse of a message whose fields have the right
// types.
func check(m map[string]any, r *report) {
	checkTarget(m, r)
	checkData(child(m, "data"), "message.data", r)
	checkLabel(m, "message", r)
	if a := child(m, "android"); a != nil {
		checkAndroid(a, r)
	}
	if a := child(m, "apns"); a != nil {
		checkAPNS(m, a, r)
	}
	if w := child(m, "webpush"); w != nil {
		checkWebpush(w, r)
	}
	checkSize(m, r)
}

func checkTarget(m map[string]any, r *report) {
	targets := 0
	for _, name := range []string{"token", "fid", "topic", "condition"} {
		if text(m, name) != "" {
			targets++
		}
	}
	if targets != 1 {
		r.add("message", "Exactly one of token, topic and condition is the target of a message; this one has %d", targets)
		return
	}
	if len(text(m, "token")) > maxToken {
		r.add("message.token", "The registration token is not a valid FCM registration token")
	}
	if topic := text(m, "topic"); topic != "" && !topicName.MatchString(strings.TrimPrefix(topic, topicPrefix)) {
		r.add("message.topic", "A topic's name is made of letters, digits and -_.~%%, not %s", brief(topic))
	}
	if condition := text(m, "condition"); condition != "" {
		if err := checkCondition(condition); err != nil {
			r.add("message.condition", "The condition is not valid: %v", err)
		}
	}
}

// checkData refuses the keys that FCM needs for itself.
func checkData(data map[string]any, at string, r *report) {
	for key := range data {
		switch {
		case key == "":
			r.add(at, "A key of the data is empty")
		case key == "from", key == "message_type", strings.HasPrefix(key, "google"), strings.HasPrefix(key, "gcm"):
			r.add(at+"["+key+"]", "Invalid data payload key: %s", key)
		}
	}
}

// checkLabel looks at the label for statistics in the options of an object.
func checkLabel(m map[string]any, at string, r *report) {
	if l := text(child(m, "fcm_options"), "analytics_label"); l != "" && !label.MatchString(l) {
		r.add(at+".fcm_options.analytics_label", "A label has at most 50 letters, digits and -_.~%%, unlike %s", brief(l))
	}
}

func checkAndroid(a map[string]any, r *report) {
	checkData(child(a, "data"), "message.android.data", r)
	checkLabel(a, "message.android", r)
	if ttl := text(a, "ttl"); ttl != "" {
		if _, ok := seconds(ttl); !ok {
			r.add("message.android.ttl", "A message is kept for 0 to 2419200 seconds, which is 28 days, not for %s", ttl)
		}
	}
	n := child(a, "notification")
	if n == nil {
		return
	}
	const at = "message.android.notification."
	if c := text(n, "color"); c != "" && !colour.MatchString(c) {
		r.add(at+"color", "A colour has the form #rrggbb, unlike %s", brief(c))
	}
	checkArgs(n, at, "title_loc_key", "title_loc_args", r)
	checkArgs(n, at, "body_loc_key", "body_loc_args", r)
	if count, ok := number(n["notification_count"]); ok && count < 0 {
		r.add(at+"notification_count", "A count is not negative")
	}
	timings, _ := n["vibrate_timings"].([]any)
	for _, t := range timings {
		if t, _ := t.(string); strings.HasPrefix(t, "-") {
			r.add(at+"vibrate_timings", "A duration is not negative, unlike %s", t)
		}
	}
	if lights := child(n, "light_settings"); lights != nil {
		checkLights(lights, at+"light_settings.", r)
	}
}

// checkArgs refuses what would be put into a text that is not named.
func checkArgs(n map[string]any, at, key, args string, r *report) {
	if list, _ := n[args].([]any); len(list) > 0 && text(n, key) == "" {
		r.add(at+args, "%s is required where there is %s", key, args)
	}
}

func checkLights(lights map[string]any, at string, r *report) {
	for _, name := range []string{"light_on_duration", "light_off_duration"} {
		switch d := text(lights, name); {
		case d == "":
			r.add(at+name, "%s is required", name)
		case strings.HasPrefix(d, "-"):
			r.add(at+name, "A duration is not negative, unlike %s", d)
		}
	}
	c := child(lights, "color")
	if c == nil {
		r.add(at+"color", "color is required")
	}
	for name, v := range c {
		if n, _ := number(v); n < 0 || n > 1 {
			r.add(at+"color."+name, "A part of a colour is from 0 to 1, not %s", brief(v))
		}
	}
}
