package fcm

import (
	"math"
	"regexp"
	"slices"
	"strconv"
)

// maxCollapseID is APNs' bound on an apns-collapse-id in bytes.
const maxCollapseID = 64

var (
	uuid      = regexp.MustCompile(`^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$`)
	pushTypes = []string{"alert", "background", "location", "voip", "complication", "fileprovider", "mdm", "liveactivity", "pushtotalk", "widgets", "controls"}
	levels    = []string{"passive", "active", "time-sensitive", "critical"}
)

func checkAPNS(m, a map[string]any, r *report) {
	const at = "message.apns."
	checkLabel(a, "message.apns", r)
	checkAPNSHeaders(a, r)
	payload, given := a["payload"].(map[string]any)
	if !given {
		return
	}
	aps, ok := payload["aps"].(map[string]any)
	switch {
	case !ok:
		r.add(at+"payload.aps", "The payload needs an object aps")
		return
	case len(aps) == 0 && child(m, "notification") == nil && child(m, "data") == nil:
		r.add(at+"payload.aps", "There is nothing in aps, and neither a notification nor data beside it")
	}
	checkAps(aps, r)
	checkBackground(m, a, aps, r)
}

func checkAPNSHeaders(a map[string]any, r *report) {
	is := func(name, want string, ok func(string) bool) {
		if v, there := header(a, name); there && !ok(v) {
			r.add("message.apns.headers["+name+"]", "%s must be %s, not %s", name, want, brief(v))
		}
	}
	is("apns-priority", "1, 5 or 10", func(v string) bool { return v == "1" || v == "5" || v == "10" })
	is("apns-push-type", "a type that APNs knows", func(v string) bool { return slices.Contains(pushTypes, v) })
	is("apns-collapse-id", "1 to 64 bytes long", func(v string) bool { return v != "" && len(v) <= maxCollapseID })
	is("apns-id", "a UUID", uuid.MatchString)
	is("apns-expiration", "a time in Unix seconds, or 0", func(v string) bool {
		n, err := strconv.ParseInt(v, 10, 64)
		return err == nil && n >= 0
	})
}

// checkBackground holds a push that only wakes the app to APNs' rules: such a
// push may not hurry, and shows nothing.
func checkBackground(m, a, aps map[string]any, r *report) {
	shows := child(m, "notification") != nil
	for _, name := range []string{"alert", "badge", "sound"} {
		_, there := aps[name]
		shows = shows || there
	}
	wakes, _ := number(aps["content-available"])
	kind, _ := header(a, "apns-push-type")
	priority, _ := header(a, "apns-priority")
	switch {
	case kind == "background" && (wakes != 1 || shows):
		r.add("message.apns.headers[apns-push-type]", "A background push has content-available 1, and neither alert nor badge nor sound")
	case kind == "alert" && !shows:
		r.add("message.apns.headers[apns-push-type]", "An alert push has an alert, a badge or a sound")
	case priority == "10" && wakes == 1 && !shows:
		r.add("message.apns.headers[apns-priority]", "A push with nothing but content-available must have priority 5")
	}
}

// apsTypes are the keys of aps that Apple defines; what else is there, APNs
// passes on.
var apsTypes = map[string]struct {
	want string
	ok   func(any) bool
}{
	"alert":              {"a text or an object", func(v any) bool { return isText(v) || isObject(v) }},
	"badge":              {"a whole number from 0", func(v any) bool { return isWhole(v, 0, math.MaxInt32) }},
	"sound":              {"a text or an object", func(v any) bool { return isText(v) || isObject(v) }},
	"thread-id":          {"a text", isText},
	"category":           {"a text", isText},
	"content-available":  {"0 or 1", func(v any) bool { return isWhole(v, 0, 1) }},
	"mutable-content":    {"0 or 1", func(v any) bool { return isWhole(v, 0, 1) }},
	"target-content-id":  {"a text", isText},
	"interruption-level": {"passive, active, time-sensitive or critical", func(v any) bool { return isText(v) && slices.Contains(levels, v.(string)) }},
	"relevance-score":    {"a number from 0", func(v any) bool { n, ok := v.(float64); return ok && n >= 0 }},
	"filter-criteria":    {"a text", isText},
	"url-args":           {"a list of texts", isTexts},
	"timestamp":          {"a whole number", isTimestamp},
	"stale-date":         {"a whole number", isTimestamp},
	"dismissal-date":     {"a whole number", isTimestamp},
	"event":              {"start, update or end", func(v any) bool { return v == "start" || v == "update" || v == "end" }},
	"content-state":      {"an object", isObject},
	"attributes-type":    {"a text", isText},
	"attributes":         {"an object", isObject},
}

// alertTypes are the keys of an alert; summary-arg-count alone is no text.
var alertTypes = map[string]func(any) bool{
	"title": isText, "subtitle": isText, "body": isText, "launch-image": isText, "action": isText, "action-loc-key": isText,
	"title-loc-key": isText, "title-loc-args": isTexts, "subtitle-loc-key": isText, "subtitle-loc-args": isTexts,
	"loc-key": isText, "loc-args": isTexts, "summary-arg": isText, "summary-arg-count": func(v any) bool { return isWhole(v, 0, math.MaxInt32) },
}

func isText(v any) bool   { _, ok := v.(string); return ok }
func isObject(v any) bool { _, ok := v.(map[string]any); return ok }
func isTimestamp(v any) bool {
	return isWhole(v, 0, math.MaxInt64)
}

func isTexts(v any) bool {
	list, ok := v.([]any)
	return ok && !slices.ContainsFunc(list, func(item any) bool { return !isText(item) })
}

func isWhole(v any, from, to float64) bool {
	n, ok := v.(float64)
	return ok && n == math.Trunc(n) && n >= from && n <= to
}

func checkAps(aps map[string]any, r *report) {
	const at = "message.apns.payload.aps."
	for key, v := range aps {
		if t, known := apsTypes[key]; known && !t.ok(v) {
			r.add(at+key, "%s must be %s, not %s", key, t.want, brief(v))
		}
	}
	alert := child(aps, "alert")
	for key, v := range alert {
		if ok, known := alertTypes[key]; known && !ok(v) {
			r.add(at+"alert."+key, "%s has the wrong type: %s", key, brief(v))
		}
	}
	checkArgs(alert, at+"alert.", "title-loc-key", "title-loc-args", r)
	checkArgs(alert, at+"alert.", "subtitle-loc-key", "subtitle-loc-args", r)
	checkArgs(alert, at+"alert.", "loc-key", "loc-args", r)
	sound := child(aps, "sound")
	if v, there := sound["critical"]; there && !isWhole(v, 0, 1) {
		r.add(at+"sound.critical", "critical must be 0 or 1, not %s", brief(v))
	}
	if v, there := sound["name"]; there && !isText(v) {
		r.add(at+"sound.name", "name must be a text, not %s", brief(v))
	}
	if v, there := sound["volume"]; there {
		if n, ok := v.(float64); !ok || n < 0 || n > 1 {
			r.add(at+"sound.volume", "volume must be from 0 to 1, not %s", brief(v))
		}
	}
}
