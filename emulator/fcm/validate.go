package fcm

import (
	"bytes"
	"encoding/json"
	"fmt"
	"regexp"
	"strings"
)

// maxPayload is FCM's bound on a message's payload in bytes.
const maxPayload = 4096

// invalid is a message that FCM would refuse.
type invalid struct{ field, message string }

func (i *invalid) Error() string { return i.field + ": " + i.message }

type request struct {
	target       string
	validateOnly bool
	message      json.RawMessage
}

type message struct {
	Name         string            `json:"name"`
	Token        string            `json:"token"`
	Topic        string            `json:"topic"`
	Condition    string            `json:"condition"`
	Data         map[string]string `json:"data"`
	Notification map[string]string `json:"notification"`
	Android      *struct {
		CollapseKey     string            `json:"collapse_key"`
		Priority        string            `json:"priority"`
		TTL             string            `json:"ttl"`
		PackageName     string            `json:"restricted_package_name"`
		Data            map[string]string `json:"data"`
		Notification    json.RawMessage   `json:"notification"`
		FCMOptions      json.RawMessage   `json:"fcm_options"`
		DirectBootOK    bool              `json:"direct_boot_ok"`
		BandwidthOK     json.RawMessage   `json:"bandwidth_constrained_ok"`
		RestrictedSatOK json.RawMessage   `json:"restricted_satellite_ok"`
	} `json:"android"`
	Webpush *struct {
		Headers      map[string]string `json:"headers"`
		Data         map[string]string `json:"data"`
		Notification json.RawMessage   `json:"notification"`
		FCMOptions   json.RawMessage   `json:"fcm_options"`
	} `json:"webpush"`
	APNS *struct {
		Headers              map[string]string `json:"headers"`
		Payload              json.RawMessage   `json:"payload"`
		FCMOptions           json.RawMessage   `json:"fcm_options"`
		LiveActivityToken    string            `json:"live_activity_token"`
		LiveActivityTokenOld string            `json:"liveActivityToken"`
	} `json:"apns"`
	FCMOptions json.RawMessage `json:"fcm_options"`
}

var ttl = regexp.MustCompile(`^\d+(\.\d{1,9})?s$`)

// parse reads and checks a send request the way FCM does: unknown fields, wrong
// types, more or less than one target, reserved data keys and too large a
// payload are refused.
func parse(body []byte) (request, error) {
	var outer struct {
		ValidateOnly    bool            `json:"validate_only"`
		ValidateOnlyOld bool            `json:"validateOnly"`
		Message         json.RawMessage `json:"message"`
	}
	if err := strict(body, &outer); err != nil {
		return request{}, &invalid{"", err.Error()}
	}
	var m message
	if len(outer.Message) == 0 {
		return request{}, &invalid{"message", "is required"}
	}
	if err := strict(outer.Message, &m); err != nil {
		return request{}, &invalid{"message", err.Error()}
	}
	if err := m.check(outer.Message); err != nil {
		return request{}, err
	}
	target := m.Token
	if target == "" {
		target = "topic:" + m.Topic + m.Condition
	}
	return request{target: target, validateOnly: outer.ValidateOnly || outer.ValidateOnlyOld, message: outer.Message}, nil
}

func strict(body []byte, into any) error {
	dec := json.NewDecoder(bytes.NewReader(body))
	dec.DisallowUnknownFields()
	return dec.Decode(into)
}

func (m *message) check(raw json.RawMessage) error {
	targets := 0
	for _, t := range []string{m.Token, m.Topic, m.Condition} {
		if t != "" {
			targets++
		}
	}
	if targets != 1 {
		return &invalid{"message", "exactly one of token, topic and condition is required"}
	}
	for key := range m.Data {
		if key == "" || key == "from" || key == "notification" || key == "message_type" || strings.HasPrefix(key, "google") || strings.HasPrefix(key, "gcm") {
			return &invalid{fmt.Sprintf("message.data[%s]", key), "is a reserved key"}
		}
	}
	for key := range m.Notification {
		if key != "title" && key != "body" && key != "image" {
			return &invalid{"message.notification." + key, "is unknown"}
		}
	}
	if a := m.Android; a != nil {
		if p := strings.ToLower(a.Priority); p != "" && p != "normal" && p != "high" {
			return &invalid{"message.android.priority", "must be NORMAL or HIGH"}
		}
		if a.TTL != "" && !ttl.MatchString(a.TTL) {
			return &invalid{"message.android.ttl", "must be seconds such as 3.5s"}
		}
	}
	if m.APNS != nil && len(m.APNS.Payload) > 0 {
		var p struct {
			APS json.RawMessage `json:"aps"`
		}
		if json.Unmarshal(m.APNS.Payload, &p) != nil || len(p.APS) == 0 {
			return &invalid{"message.apns.payload", "must be an object with aps"}
		}
	}
	if n := payload(raw); n > maxPayload {
		return &invalid{"message", fmt.Sprintf("the payload of %d bytes is larger than %d", n, maxPayload)}
	}
	return nil
}

// payload is the size of what travels to the device: the message without its
// target.
func payload(raw json.RawMessage) int {
	var parts map[string]json.RawMessage
	if json.Unmarshal(raw, &parts) != nil {
		return len(raw)
	}
	n := 0
	for key, part := range parts {
		switch key {
		case "token", "topic", "condition", "name", "fcm_options":
		default:
			n += len(part)
		}
	}
	return n
}
