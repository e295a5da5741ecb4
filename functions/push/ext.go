package push

import (
	"bytes"
	"encoding/json"
	"net/url"
	"strings"
)

const (
	// maxExtValue bounds in bytes what a sender may add, so that FCM's limit holds:
	// it is the longest collapse id that APNs takes. maxURL is that of a picture.
	maxExtValue = 64
	maxURL      = 512
	// maxExtTitle is the contract's bound on a title in characters.
	maxExtTitle = 50
)

// pushExt is what a sender's pushExt says of a notification.
type pushExt struct {
	title, template string
	// force shows details to those who are not to see them.
	force bool
	// configs are by platform as the contract calls them.
	configs []map[string]map[string]json.RawMessage
}

// parseExt reads a pushExt. What cannot be read is left out, piece by piece: a
// sender's mistake in decoration must not cost the notification. Devices send an
// object, and some a text that holds one.
func parseExt(text string) (e pushExt) {
	if strings.HasPrefix(strings.TrimSpace(text), `"`) {
		if json.Unmarshal([]byte(text), &text) != nil {
			return e
		}
	}
	var outer struct {
		Title    json.RawMessage `json:"title"`
		Template json.RawMessage `json:"templateId"`
		Force    json.RawMessage `json:"forceShowPushContent"`
		Configs  json.RawMessage `json:"pushConfigs"`
	}
	if json.Unmarshal([]byte(text), &outer) != nil {
		return e
	}
	e.title, e.template, e.force = leaf(outer.Title), leaf(outer.Template), leaf(outer.Force) == "1"
	if runes := []rune(e.title); len(runes) > maxExtTitle {
		e.title = string(runes[:maxExtTitle-1]) + "…"
	}
	var configs []json.RawMessage
	_ = json.Unmarshal(outer.Configs, &configs)
	for _, raw := range configs {
		var platforms map[string]json.RawMessage
		_ = json.Unmarshal(raw, &platforms)
		config := map[string]map[string]json.RawMessage{}
		for platform, raw := range platforms {
			var fields map[string]json.RawMessage
			_ = json.Unmarshal(raw, &fields)
			config[platform] = fields
		}
		e.configs = append(e.configs, config)
	}
	return e
}

// leaf is a text. The contract says that all are; a number is taken for one.
func leaf(raw json.RawMessage) string {
	var text string
	if json.Unmarshal(raw, &text) == nil {
		return text
	}
	var number json.Number
	if raw = bytes.TrimSpace(raw); json.Unmarshal(raw, &number) == nil {
		return number.String()
	}
	return ""
}

// first finds the first field that says something, such as "FCM channelId".
func (e pushExt) first(fields ...string) string {
	return e.find(maxExtValue, fields...)
}

// picture finds the first field that is the address of a picture which phones
// would load: they refuse what is not https.
func (e pushExt) picture(fields ...string) string {
	for _, f := range fields {
		at := e.find(maxURL, f)
		if u, err := url.ParseRequestURI(at); err == nil && u.Scheme == "https" && u.Host != "" {
			return at
		}
	}
	return ""
}

func (e pushExt) find(max int, fields ...string) string {
	for _, f := range fields {
		platform, key, _ := strings.Cut(f, " ")
		for _, c := range e.configs {
			if v := leaf(c[platform][key]); v != "" && len(v) <= max {
				return v
			}
		}
	}
	return ""
}
