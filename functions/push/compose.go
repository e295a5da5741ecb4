package push

import (
	"encoding/json"
	"strconv"
	"time"
	"unicode/utf8"

	"firebase.google.com/go/v4/messaging"

	"github.com/throng-im/throng/shared/event"
)

const (
	// FCM takes 4,096 bytes of payload. The parts are bounded so that their sum
	// stays below with ids, keys and the second copy that iOS and the web need.
	maxTitle = 150
	maxBody  = 800
	maxData  = 1000
	// keep is how long FCM keeps a notification for a phone that is off: as
	// long as the message itself waits for it.
	keep = 7 * 24 * time.Hour
)

// compose makes the message for one device. Everything is in its data, so that
// an app's own code finds it in one place on every platform. Android gets data
// alone: FCM collapses notification messages after a burst of twenty, and a
// busy group is more than that. iOS and the web show an alert by themselves.
func compose(job event.Push, t event.PushTarget) *messaging.Message {
	ext := parseExt(job.Ext)
	title, body := shorten(job.Title, maxTitle), shorten(job.Body, maxBody)
	if ext.Title != "" {
		title = shorten(ext.Title, maxTitle)
	}
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
	m := &messaging.Message{Token: t.Token, Data: data}
	switch t.Platform {
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
