package fcm

import (
	"strconv"
)

// checkSize holds what would travel to each kind of device to FCM's bound. A
// token belongs to one kind of device, so each is counted by itself.
func checkSize(m map[string]any, r *report) {
	limit := maxPayload
	if text(m, "token") == "" && text(m, "fid") == "" {
		limit = maxTopicPayload
	}
	data, notification := m["data"], m["notification"]
	over := func(what string, n int) bool {
		if n > limit {
			r.add("message", "%s message is too big: the payload has %d bytes, and at most %d are allowed", what, n, limit)
		}
		return n > limit
	}
	android := child(m, "android")
	if over("Android", pairs(either(android["data"], data))+pairs(notification)+pairs(android["notification"])) {
		return
	}
	if apns := child(m, "apns"); apns != nil && over("APNs", encoded(apns["payload"])+pairs(data)+pairs(notification)) {
		return
	}
	if web := child(m, "webpush"); web != nil {
		over("Web push", encoded(web["notification"])+pairs(either(web["data"], data))+pairs(notification))
	}
}

func either(a, b any) any {
	if a != nil {
		return a
	}
	return b
}

// pairs is the size of an object's keys and values; what is not a text counts
// as its JSON.
func pairs(v any) int {
	object, _ := v.(map[string]any)
	n := 0
	for key, value := range object {
		if s, ok := value.(string); ok {
			n += len(key) + len(s)
		} else {
			n += len(key) + encoded(value)
		}
	}
	return n
}

// encoded is how long a value's JSON is, without making it.
func encoded(v any) int {
	switch v := v.(type) {
	case nil:
		return 0
	case string:
		return quoted(v)
	case bool:
		if v {
			return len("true")
		}
		return len("false")
	case float64:
		return len(strconv.AppendFloat(make([]byte, 0, 32), v, 'g', -1, 64))
	case []any:
		n := 2 + max(0, len(v)-1)
		for _, item := range v {
			n += encoded(item)
		}
		return n
	case map[string]any:
		n := 2 + max(0, len(v)-1)
		for key, value := range v {
			n += quoted(key) + 1 + encoded(value)
		}
		return n
	}
	return 0
}

func quoted(s string) int {
	n := 2
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case c == '"' || c == '\\' || c == '\n' || c == '\r' || c == '\t':
			n += 2
		case c < 0x20:
			n += len(`\u0000`)
		default:
			n++
		}
	}
	return n
}
