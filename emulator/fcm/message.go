package fcm

import (
	"bytes"
	"encoding/json"
	"strings"
	"time"
)

var (
	aText     = field{kind: kindText}
	aFlag     = field{kind: kindFlag}
	aWhole    = field{kind: kindWhole}
	aNumber   = field{kind: kindNumber}
	aDuration = field{kind: kindDuration}
	aTime     = field{kind: kindTime}
	someTexts = field{kind: kindTexts}
	aTextMap  = field{kind: kindTextMap}
	anyObject = field{kind: kindFree}
)

func object(fields map[string]field) field { return field{kind: kindObject, of: newShape(fields)} }

func oneOf(names ...string) field { return field{kind: kindEnum, names: names} }

// labelled are the options that only label a message for statistics.
var labelled = object(map[string]field{"analytics_label": aText})

var androidNotification = object(map[string]field{
	"title": aText, "body": aText, "icon": aText, "color": aText, "sound": aText, "tag": aText, "click_action": aText,
	"body_loc_key": aText, "body_loc_args": someTexts, "title_loc_key": aText, "title_loc_args": someTexts,
	"channel_id": aText, "ticker": aText, "sticky": aFlag, "event_time": aTime, "local_only": aFlag,
	"notification_priority": oneOf("PRIORITY_UNSPECIFIED", "PRIORITY_MIN", "PRIORITY_LOW", "PRIORITY_DEFAULT", "PRIORITY_HIGH", "PRIORITY_MAX"),
	"default_sound":         aFlag, "default_vibrate_timings": aFlag, "default_light_settings": aFlag,
	"vibrate_timings": {kind: kindDurations}, "visibility": oneOf("VISIBILITY_UNSPECIFIED", "PRIVATE", "PUBLIC", "SECRET"),
	"notification_count": aWhole, "image": aText, "bypass_proxy_notification": aFlag,
	"proxy": oneOf("PROXY_UNSPECIFIED", "ALLOW", "DENY", "IF_PRIORITY_LOWERED"),
	"light_settings": object(map[string]field{
		"color":             object(map[string]field{"red": aNumber, "green": aNumber, "blue": aNumber, "alpha": aNumber}),
		"light_on_duration": aDuration, "light_off_duration": aDuration,
	}),
})

// requestShape is the body of messages:send.
var requestShape = newShape(map[string]field{
	"validate_only": aFlag,
	"message": object(map[string]field{
		"name": aText, "token": aText, "fid": aText, "topic": aText, "condition": aText, "data": aTextMap,
		"notification": object(map[string]field{"title": aText, "body": aText, "image": aText}),
		"fcm_options":  labelled,
		"android": object(map[string]field{
			"collapse_key": aText, "priority": oneOf("NORMAL", "HIGH"), "ttl": aDuration, "restricted_package_name": aText,
			"data": aTextMap, "notification": androidNotification, "fcm_options": labelled,
			"direct_boot_ok": aFlag, "bandwidth_constrained_ok": aFlag, "restricted_satellite_ok": aFlag,
		}),
		"webpush": object(map[string]field{
			"headers": aTextMap, "data": aTextMap, "notification": anyObject,
			"fcm_options": object(map[string]field{"link": aText, "analytics_label": aText}),
		}),
		"apns": object(map[string]field{
			"headers": aTextMap, "payload": anyObject, "live_activity_token": aText,
			"fcm_options": object(map[string]field{"analytics_label": aText, "image": aText}),
		}),
	}),
})

// request is a send request that FCM would take.
type request struct {
	// target is the token, or the topic or condition behind "topic:".
	target       string
	toDevice     bool
	validateOnly bool
	// raw is the message as it was sent, message the same with every field by its
	// name with underscores.
	raw     json.RawMessage
	message map[string]any
}

// parse reads and checks a send request the way FCM does. Its error is an
// invalid, with all that is wrong.
func parse(body []byte) (request, error) {
	var decoded any
	if err := json.Unmarshal(body, &decoded); err != nil {
		return request{}, invalid{{"", "Invalid JSON payload received. " + err.Error()}}
	}
	whole, ok := decoded.(map[string]any)
	if !ok {
		return request{}, invalid{{"", "Invalid JSON payload received. Expected an object."}}
	}
	var r report
	requestShape.read(nil, whole, &r)
	if err := r.err(); err != nil {
		return request{}, err
	}
	req := request{message: child(whole, "message")}
	req.validateOnly, _ = whole["validate_only"].(bool)
	if req.message == nil {
		return request{}, invalid{{"message", "The message is required"}}
	}
	check(req.message, &r)
	if err := r.err(); err != nil {
		return request{}, err
	}
	req.raw = member(body, "message")
	req.target, req.toDevice = text(req.message, "token")+text(req.message, "fid"), true
	if req.target == "" {
		req.target, req.toDevice = "topic:"+strings.TrimPrefix(text(req.message, "topic"), topicPrefix)+text(req.message, "condition"), false
	}
	return req, nil
}

// member copies a member of an object that is known to be valid JSON, as it was
// written.
func member(object []byte, name string) json.RawMessage {
	depth, key, start := 0, "", 0
	var found []byte
	for i := 0; i < len(object); i++ {
		switch c := object[i]; c {
		case '"':
			from := i
			for i++; object[i] != '"'; i++ {
				if object[i] == '\\' {
					i++
				}
			}
			if depth == 1 && key == "" {
				// The keys of a valid object stand before its colons; an escaped key is rare.
				_ = json.Unmarshal(object[from:i+1], &key)
				start = 0
			}
		case ':':
			if depth == 1 && start == 0 {
				start = i + 1
			}
		case '{', '[':
			depth++
		case '}', ']', ',':
			if c != ',' {
				depth--
			}
			if depth == 0 || c == ',' && depth == 1 {
				if key == name {
					found = object[start:i]
				}
				key, start = "", 0
			}
		}
	}
	return bytes.Clone(bytes.TrimSpace(found))
}

// child is an object within an object, nil where there is none.
func child(m map[string]any, name string) map[string]any {
	v, _ := m[name].(map[string]any)
	return v
}

// text is a text within an object, "" where there is none.
func text(m map[string]any, name string) string {
	v, _ := m[name].(string)
	return v
}

// header finds a header whatever its case.
func header(config map[string]any, name string) (value string, there bool) {
	headers := child(config, "headers")
	if v, ok := headers[name].(string); ok {
		return v, true
	}
	for key, v := range headers {
		if strings.EqualFold(key, name) {
			value, there = v.(string)
			return value, there
		}
	}
	return "", false
}

// seconds reads a duration that has the form of one; more than FCM could ever
// keep a message is not ok.
func seconds(text string) (d time.Duration, ok bool) {
	d, err := time.ParseDuration(text)
	return d, err == nil && d >= 0 && d <= maxTTL
}
