package push

import (
	"slices"
	"strconv"
	"time"

	"firebase.google.com/go/v4/messaging"

	"github.com/throng-im/throng/shared/event"
)

// levels are the interruption levels that APNs knows.
var levels = []string{"passive", "active", "time-sensitive", "critical"}

// android is data alone, unless the app wants Android to show it: FCM collapses
// notification messages after a burst of twenty, and keeps one for a phone that
// is off; a busy group is more than that. For the same reason there is no collapse
// key that the sender did not give. What other vendors' phones are told of the
// channel, the picture and the importance counts where the sender says nothing for
// FCM: an app has its channels whoever brings the message.
func (n note) android(data map[string]string, shown bool) *messaging.AndroidConfig {
	ttl := keep
	a := &messaging.AndroidConfig{Priority: "high", TTL: &ttl, CollapseKey: n.ext.first("FCM collapse_key")}
	channel, image, low := n.ext.first("FCM channelId", "HW channelId", "MI channelId", "OPPO channelId"), "", n.ext.first("HW importance", "HONOR importance") == "LOW"
	if n.image {
		image = n.ext.picture("FCM imageUrl", "HW image", "HONOR image")
	}
	if low { // it may wait until somebody looks at the phone
		a.Priority = "normal"
	}
	if shown {
		a.Notification = n.androidNotification(channel, image, low)
		return a
	}
	for key, value := range map[string]string{"channelId": channel, "image": image, "low": mark(low)} {
		if value != "" {
			data[key] = value
		}
	}
	return a
}

func (n note) androidNotification(channel, image string, low bool) *messaging.AndroidNotification {
	at := time.UnixMilli(n.At)
	shown := &messaging.AndroidNotification{
		Title: n.title, Body: n.body, Tag: n.tag, ChannelID: channel, ImageURL: image, EventTimestamp: &at,
		DefaultSound: true, Priority: messaging.PriorityHigh,
	}
	if low || n.quiet() {
		shown.DefaultSound, shown.Priority = false, messaging.PriorityLow
	}
	return shown
}

func (n note) webpush() *messaging.WebpushConfig {
	w := &messaging.WebpushConfig{
		Notification: &messaging.WebpushNotification{Title: n.title, Body: n.body, Tag: n.tag, Silent: n.quiet(), TimestampMillis: &n.At},
		Headers:      map[string]string{"TTL": seconds(keep), "Topic": n.tag, "Urgency": "high"},
	}
	if n.image {
		w.Notification.Image = n.ext.picture("FCM imageUrl")
	}
	return w
}

// apns has no badge: the contract counts for one-to-one conversations only, and
// what a user has not read in all groups is more than one notification is worth.
func (n note) apns() *messaging.APNSConfig {
	either := func(field, fallback string) string {
		if v := n.ext.first(field); v != "" {
			return v
		}
		return fallback
	}
	level := n.ext.first("APNs interruption-level")
	if !slices.Contains(levels, level) {
		level = ""
	}
	aps := &messaging.Aps{
		Alert: &messaging.ApsAlert{Title: n.title, Body: n.body}, Sound: "default", MutableContent: true,
		ThreadID: either("APNs thread-id", string(n.Group)), Category: n.ext.first("APNs category"), ContentAvailable: n.ContentAvailable,
	}
	if n.quiet() {
		aps.Sound, level = "", "passive"
	}
	if level != "" {
		aps.CustomData = map[string]any{"interruption-level": level}
	}
	c := &messaging.APNSConfig{
		Headers: map[string]string{
			"apns-push-type":   "alert",
			"apns-priority":    "10",
			"apns-collapse-id": either("APNs apns-collapse-id", n.tag),
			"apns-expiration":  n.expires(),
		},
		Payload: &messaging.APNSPayload{Aps: aps, CustomData: map[string]any{"rc": map[string]string{
			"cType": "GRP", "fId": string(n.From), "tId": string(n.Group), "oName": n.Type, "mId": string(n.MessageUID), "id": string(n.MessageUID),
		}}},
	}
	if at := n.ext.picture("APNs richMediaUri"); at != "" && n.image {
		c.FCMOptions = &messaging.APNSFCMOptions{ImageURL: at}
	}
	return c
}

// silence is a message that shows nothing and tells the app to take something
// away. FCM and APNs hold it against an app when what is urgent shows nothing, so
// none of it is.
func silence(n note, platform string) *messaging.Message {
	data := map[string]string{"kind": string(n.Kind), "group": string(n.Group), "seq": strconv.FormatInt(n.Seq, 10), "at": strconv.FormatInt(n.At, 10)}
	if n.MessageUID != "" {
		data["messageUID"], data["tag"] = string(n.MessageUID), n.tag
	}
	m := &messaging.Message{Data: data}
	switch platform {
	case "ios":
		m.APNS = &messaging.APNSConfig{
			Headers: map[string]string{"apns-push-type": "background", "apns-priority": "5", "apns-collapse-id": n.tag, "apns-expiration": n.expires()},
			Payload: &messaging.APNSPayload{Aps: &messaging.Aps{ContentAvailable: true}},
		}
	case "web":
		m.Webpush = &messaging.WebpushConfig{Headers: map[string]string{"TTL": seconds(keep), "Topic": n.tag, "Urgency": "normal"}}
	default:
		ttl := keep
		m.Android = &messaging.AndroidConfig{Priority: "normal", TTL: &ttl}
		if n.Kind == event.PushClear {
			m.Android.CollapseKey = clearKey(n.Group)
		}
	}
	return m
}

// expires is until when APNs keeps a message for a phone that is off.
func (n note) expires() string {
	return strconv.FormatInt(time.UnixMilli(n.At).Add(keep).Unix(), 10)
}

func seconds(d time.Duration) string { return strconv.Itoa(int(d.Seconds())) }
