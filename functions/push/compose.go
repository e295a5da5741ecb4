package push

import (
	"cmp"
	"encoding/json"
	"strconv"
	"time"
	"unicode/utf8"

	"firebase.google.com/go/v4/messaging"

	"github.com/throng-im/throng/shared/event"
)

const (
	// maxPayload is FCM's bound on a message without its target, in bytes of
	// JSON, less some room for what the library adds.
	maxPayload = 4096 - 96
	// Texts start at these lengths in bytes and are halved until the message
	// fits; below minText shortening stops making sense.
	maxTitle = 150
	maxBody  = 1000
	minText  = 16
	// maxData bounds a sender's own data; more does not travel in a push.
	maxData = 1000
	// keep is how long FCM keeps a notification for a phone that is off: as
	// long as the message itself waits for it.
	keep = 7 * 24 * time.Hour
)

// messages makes a job's messages, one per device. Those of one platform
// differ by their token only.
func messages(job event.Push) []*messaging.Message {
	byPlatform := map[string]*messaging.Message{}
	out := make([]*messaging.Message, len(job.Targets))
	for i, t := range job.Targets {
		if byPlatform[t.Platform] == nil {
			byPlatform[t.Platform] = fitting(job, t.Platform)
		}
		m := *byPlatform[t.Platform]
		m.Token = t.Token
		out[i] = &m
	}
	return out
}

// fitting shortens the texts until FCM takes the message: the body first, then
// the sender's data goes, then the title. Ids are never touched. What a text
// takes is known only after encoding, where one byte may become six.
func fitting(job event.Push, platform string) *messaging.Message {
	title, body := maxTitle, maxBody
	for {
		m := compose(job, platform, title, body)
		switch {
		case size(m) <= maxPayload:
			return m
		case body > minText:
			body /= 2
		case job.Data != "":
			job.Data = ""
		case title > minText:
			title /= 2
		default:
			return m
		}
	}
}

func size(m *messaging.Message) int {
	encoded, err := json.Marshal(m)
	if err != nil {
		return 0
	}
	return len(encoded)
}

// compose makes the message for one platform. Everything is in its data, so that
// an app's own code finds it in one place on every platform. Android gets data
// alone: FCM collapses notification messages after a burst of twenty, and a
// busy group is more than that. iOS and the web show an alert by themselves.
func compose(job event.Push, platform string, titleBytes, bodyBytes int) *messaging.Message {
	ext := parseExt(job.Ext)
	title, body := texts(job)
	title, body = shorten(cmp.Or(ext.Title, title), titleBytes), shorten(body, bodyBytes)
	data := map[string]string{
		"group": string(job.Group), "seq": strconv.FormatInt(job.Seq, 10), "messageUID": string(job.MessageUID),
		"sender": string(job.From), "type": job.Type, "at": strconv.FormatInt(job.At, 10),
		"title": title, "body": body,
	}
	if job.Mentioned {
		data["mentioned"] = "1"
	}
	if job.Data != "" && len(job.Data) <= maxData {
		data["appData"] = job.Data
	}
	m := &messaging.Message{Data: data}
	switch platform {
	case "ios":
		m.APNS = apns(job, ext, title, body)
	case "web":
		m.Webpush = &messaging.WebpushConfig{Notification: &messaging.WebpushNotification{
			Title: title, Body: body, Tag: string(job.MessageUID),
		}, Headers: map[string]string{"TTL": strconv.Itoa(int(keep.Seconds()))}}
	default:
		ttl := keep
		m.Android = &messaging.AndroidConfig{Priority: "high", TTL: &ttl, CollapseKey: ext.fcm("collapse_key")}
		for key, name := range map[string]string{"channelId": "channelId", "imageUrl": "image"} {
			if v := ext.fcm(key); v != "" {
				data[name] = v
			}
		}
	}
	return m
}

// texts are the title and the body of a notification.
func texts(job event.Push) (title, body string) {
	title, body = job.Name, job.Body
	switch {
	case job.Kind == event.PushRecall && job.Admin:
		body = "An administrator recalled a message"
	case job.Kind == event.PushRecall && job.Sender != "":
		body = job.Sender + " recalled a message"
	case job.Kind == event.PushRecall:
		body = "A message was recalled"
	case job.Sender != "" && title != "":
		body = job.Sender + ": " + body
	}
	return cmp.Or(title, job.Sender), body
}

func apns(job event.Push, ext pushExt, title, body string) *messaging.APNSConfig {
	either := func(key, fallback string) string {
		if v := ext.apns(key); v != "" {
			return v
		}
		return fallback
	}
	aps := &messaging.Aps{
		Alert: &messaging.ApsAlert{Title: title, Body: body}, Sound: "default", MutableContent: true,
		ThreadID: either("thread-id", string(job.Group)), Category: ext.apns("category"), ContentAvailable: job.ContentAvailable,
	}
	if level := ext.apns("interruption-level"); level != "" {
		aps.CustomData = map[string]any{"interruption-level": level}
	}
	return &messaging.APNSConfig{
		Headers: map[string]string{
			"apns-priority":    "10",
			"apns-collapse-id": either("apns-collapse-id", string(job.MessageUID)),
			"apns-expiration":  strconv.FormatInt(time.UnixMilli(job.At).Add(keep).Unix(), 10),
		},
		Payload: &messaging.APNSPayload{Aps: aps, CustomData: map[string]any{
			"rc": map[string]string{"cType": "GRP", "fId": string(job.From), "tId": string(job.Group), "oName": job.Type, "mId": string(job.MessageUID)},
		}},
	}
}

// pushExt is the part of the contract's pushExt that FCM has a place for.
type pushExt struct {
	Title   string                         `json:"title"`
	Configs []map[string]map[string]string `json:"pushConfigs"`
}

// maxExtValue bounds what a sender may add, so that FCM's limit holds.
const maxExtValue = 64

// parseExt reads a pushExt. What cannot be read is left out: a sender's mistake
// in decoration must not cost the notification.
func parseExt(text string) pushExt {
	var e pushExt
	if text == "" || json.Unmarshal([]byte(text), &e) != nil {
		return pushExt{}
	}
	return e
}

func (e pushExt) fcm(key string) string  { return e.value("FCM", key) }
func (e pushExt) apns(key string) string { return e.value("APNs", key) }

func (e pushExt) value(platform, key string) string {
	for _, c := range e.Configs {
		if v := c[platform][key]; v != "" && len(v) <= maxExtValue {
			return v
		}
	}
	return ""
}

// shorten cuts text to at most max bytes at a character's boundary.
func shorten(text string, max int) string {
	if len(text) <= max {
		return text
	}
	const mark = "…"
	cut := max - len(mark)
	for cut > 0 && !utf8.RuneStart(text[cut]) {
		cut--
	}
	return text[:cut] + mark
}
