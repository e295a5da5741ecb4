package fcm

import (
	"cmp"
	"maps"
	"math"
	"slices"
	"strconv"
	"time"
)

// The platforms of phones.
const (
	android = "android"
	ios     = "ios"
	web     = "web"
)

// arrival is a message as one phone gets it.
type arrival struct {
	id string
	at int64
	// collapse is the key of those of which only the last waits for a phone that
	// is off; "" where each waits. expires is when waiting ends, in Unix
	// milliseconds; at once for what is not kept.
	collapse string
	expires  int64
	// system says that the phone's system shows n; otherwise the app's code gets
	// the data.
	system bool
	n      Notification
	badge  *int64
	data   map[string]string
	// delayed says that it waits because a burst of collapsible messages is over.
	delayed bool
	size    int
}

// maxTitle and maxBody are how much of a text is kept to be looked at.
const (
	maxTitle = 200
	maxBody  = 1000
)

// platformOf guesses whom a message was made for, "" if that cannot be told.
func platformOf(m map[string]any) string {
	found := ""
	for name, platform := range map[string]string{"android": android, "apns": ios, "webpush": web} {
		if m[name] != nil && found != "" {
			return ""
		}
		if m[name] != nil {
			found = platform
		}
	}
	return found
}

// arrive says how a phone of a platform gets a message.
func arrive(m map[string]any, platform, id string, now time.Time) arrival {
	a := arrival{id: id, at: now.UnixMilli(), data: texts(child(m, "data"))}
	n := child(m, "notification")
	a.n = Notification{ID: id, At: a.at, Title: text(n, "title"), Body: text(n, "body"), By: "system", Key: id}
	a.system = n != nil
	life := maxTTL
	switch platform {
	case ios:
		life = a.onIOS(child(m, "apns"), now)
	case web:
		life = a.onWeb(child(m, "webpush"))
	default:
		life = a.onAndroid(child(m, "android"))
	}
	a.expires = a.at + life.Milliseconds()
	a.n.about(a.data)
	a.size = len(a.n.Title) + len(a.n.Body) + 300
	for key, v := range a.data {
		a.size += len(key) + len(v)
	}
	return a
}

func cut(s string, max int) string {
	if len(s) <= max {
		return s
	}
	for max > 0 && s[max]&0xc0 == 0x80 {
		max--
	}
	return s[:max] + "…"
}

func (a *arrival) onAndroid(c map[string]any) time.Duration {
	if data := child(c, "data"); data != nil {
		a.data = texts(data)
	}
	if n := child(c, "notification"); n != nil {
		a.system = true
		a.n.Title = cmp.Or(text(n, "title"), text(n, "title_loc_key"), a.n.Title)
		a.n.Body = cmp.Or(text(n, "body"), text(n, "body_loc_key"), a.n.Body)
		if tag := text(n, "tag"); tag != "" {
			a.n.Key = tag
		}
		if count, ok := number(n["notification_count"]); ok {
			a.badge = whole(count)
		}
	}
	if a.collapse = text(c, "collapse_key"); a.collapse == "" && a.system {
		a.collapse = "notifications of the app"
	}
	if ttl, ok := seconds(text(c, "ttl")); ok {
		return ttl.Truncate(time.Second)
	}
	return maxTTL
}

func whole(n float64) *int64 {
	w := int64(math.Round(n))
	return &w
}

// apnsLife is how long APNs keeps a push when FCM's sender does not say.
const apnsLife = 30 * 24 * time.Hour

func (a *arrival) onIOS(c map[string]any, now time.Time) time.Duration {
	payload := child(c, "payload")
	aps := child(payload, "aps")
	switch alert := aps["alert"].(type) {
	case string:
		a.system, a.n.Body = true, alert
	case map[string]any:
		a.system = true
		a.n.Title = cmp.Or(text(alert, "title"), text(alert, "title-loc-key"), a.n.Title)
		a.n.Body = cmp.Or(text(alert, "body"), text(alert, "loc-key"), a.n.Body)
	}
	if badge, ok := aps["badge"].(float64); ok {
		a.badge = whole(badge)
	}
	// What is beside aps reaches the app's code together with the data.
	maps.Copy(a.data, texts(payload))
	if id, _ := header(c, "apns-collapse-id"); id != "" {
		a.collapse, a.n.Key = id, id
	}
	expires, there := header(c, "apns-expiration")
	if unix, err := strconv.ParseInt(expires, 10, 64); there && err == nil {
		if unix == 0 {
			return 0
		}
		return max(0, min(time.Unix(unix, 0).Sub(now), maxAhead))
	}
	return apnsLife
}

func (a *arrival) onWeb(c map[string]any) time.Duration {
	if data := child(c, "data"); data != nil {
		a.data = texts(data)
	}
	if n := child(c, "notification"); n != nil {
		a.system = true
		a.n.Title, a.n.Body = cmp.Or(text(n, "title"), a.n.Title), cmp.Or(text(n, "body"), a.n.Body)
		if tag := text(n, "tag"); tag != "" {
			a.n.Key = tag
		}
	}
	a.collapse, _ = header(c, "Topic")
	if ttl, there := header(c, "TTL"); there {
		if n, err := strconv.ParseInt(ttl, 10, 64); err == nil {
			return time.Duration(n) * time.Second
		}
	}
	return maxTTL
}

// texts are those members of an object that are texts, as an app's code gets them.
func texts(object map[string]any) map[string]string {
	out := make(map[string]string, len(object))
	for key, v := range object {
		if s, ok := v.(string); ok {
			out[key] = s
		}
	}
	return out
}

// title is what a log calls the message.
func (a *arrival) title() string {
	for _, s := range []string{a.n.Body, a.data["body"], a.n.Title, a.data["title"]} {
		if s != "" {
			return cut(s, 80)
		}
	}
	return ""
}

func validPlatform(p string) bool { return slices.Contains([]string{android, ios, web}, p) }
