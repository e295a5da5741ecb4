package push

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"strconv"
	"time"

	"firebase.google.com/go/v4/messaging"

	"github.com/throng-im/throng/shared/event"
	"github.com/throng-im/throng/shared/id"
)

const (
	// maxPayload is FCM's bound on a message without its target, in bytes of
	// JSON, less some room for what the library adds.
	maxPayload = 4096 - 96
	// Texts start at these lengths in bytes and are halved until the message
	// fits; below minText shortening stops making sense. A title of the contract's
	// 50 characters fits in any script.
	maxTitle = 4 * maxExtTitle
	maxBody  = 1000
	minText  = 16
	// maxData bounds a sender's own data; more does not travel in a push.
	maxData = 1000
	// keep is how long FCM keeps a notification for a phone that is off: as
	// long as the message itself waits for it.
	keep = 7 * 24 * time.Hour
	// clearKeys is how many collapse keys silent jobs that clear take. FCM keeps
	// messages of four keys for a phone that is off, and a sender may use some.
	clearKeys = 3
)

// messages makes a job's messages, one per device. Those of one platform and one
// language differ by their token only.
func (s *Style) messages(job event.Push) []*messaging.Message {
	type kind struct {
		platform string
		voice    voice
	}
	ext := parseExt(job.Ext)
	voices, made := map[string]voice{}, map[kind]*messaging.Message{}
	out := make([]*messaging.Message, len(job.Targets))
	for i, t := range job.Targets {
		v, known := voices[t.Language]
		if !known {
			v = s.voice(t.Language, ext.template)
			voices[t.Language] = v
		}
		k := kind{t.Platform, v}
		if made[k] == nil {
			made[k] = s.fitting(job, ext, t.Platform, v)
		}
		m := *made[k]
		m.Token = t.Token
		out[i] = &m
	}
	return out
}

// note is a notification for one platform, in one language.
type note struct {
	event.Push
	ext         pushExt
	title, body string
	// tag is what phones know the notification by: another of the same tag takes
	// its place. It is legal wherever it goes: at most 32 bytes of A-Z, a-z, 0-9,
	// - and _.
	tag string
	// image says that a picture may be shown.
	image bool
}

// fitting shortens the texts until FCM takes the message: the body first, then
// the picture and the sender's data go, then the title. Ids are never touched.
// What a text takes is known only after encoding, where one byte may become six.
func (s *Style) fitting(job event.Push, ext pushExt, platform string, v voice) *messaging.Message {
	if len(job.Data) > maxData {
		job.Data = ""
	}
	title, body := s.texts(job, ext, v)
	n := note{Push: job, ext: ext, tag: tagOf(job), image: !s.HideDetails || ext.force}
	for maxTitle, maxBody := maxTitle, maxBody; ; {
		n.title, n.body = shorten(title, maxTitle), shorten(body, maxBody)
		m := s.compose(n, platform)
		switch {
		case size(m) <= maxPayload:
			return m
		case maxBody > minText:
			maxBody /= 2
		case n.image:
			n.image = false
		case n.Data != "":
			n.Data = ""
		case maxTitle > minText:
			maxTitle /= 2
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

// tagOf names a notification. A message and its recall have the name of the message,
// so that a duplicate shows once and a recall takes its message's place. What
// stands for many messages of a group has a name made of the group's.
func tagOf(job event.Push) string {
	switch job.Kind {
	case event.PushFold, event.PushClear:
		return string(job.Kind) + "-" + digest(job.Group)
	}
	return string(job.MessageUID)
}

// digest is a short name for a group whose own is too long for a header, or has
// signs that do not belong there.
func digest(g id.Group) string {
	sum := sha256.Sum256([]byte(g))
	return base64.RawURLEncoding.EncodeToString(sum[:16])
}

// clearKey is the collapse key of a job that clears: of those of one group, a
// phone that was off gets the newest.
func clearKey(g id.Group) string {
	sum := sha256.Sum256([]byte(g))
	return "clear-" + strconv.Itoa(int(sum[0])%clearKeys)
}

// silent says whether a job shows nothing on a platform. What Android itself shows
// no app takes away: there, what was recalled is replaced in any case.
func (s *Style) silent(job event.Push, platform string) bool {
	switch job.Kind {
	case event.PushClear:
		return true
	case event.PushRecall:
		return s.RemoveRecalled && (!s.AndroidNotifications || platform == "ios" || platform == "web")
	}
	return false
}

// quiet says whether a notification makes no noise: it takes the place of another,
// and says nothing that somebody waits for.
func (n note) quiet() bool {
	return n.Kind == event.PushRecall || n.Kind == event.PushFold && !n.Mentioned
}

// compose makes the message for one platform. Everything is in its data, so that
// an app's own code finds it in one place on every platform.
func (s *Style) compose(n note, platform string) *messaging.Message {
	if s.silent(n.Push, platform) {
		return silence(n, platform)
	}
	m := &messaging.Message{Data: n.data()}
	switch platform {
	case "ios":
		m.APNS = n.apns()
	case "web":
		m.Webpush = n.webpush()
	default:
		m.Android = n.android(m.Data, s.AndroidNotifications)
	}
	return m
}

// data is what an app's code gets of a notification, on every platform.
func (n note) data() map[string]string {
	data := map[string]string{
		"group": string(n.Group), "seq": strconv.FormatInt(n.Seq, 10), "messageUID": string(n.MessageUID), "tag": n.tag,
		"sender": string(n.From), "type": n.Type, "at": strconv.FormatInt(n.At, 10),
		"title": n.title, "body": n.body,
	}
	for key, value := range map[string]string{"kind": string(n.Kind), "appData": n.Data, "count": number(n.Count), "mentioned": mark(n.Mentioned), "quiet": mark(n.quiet())} {
		if value != "" {
			data[key] = value
		}
	}
	return data
}

func number(n int64) string {
	if n == 0 {
		return ""
	}
	return strconv.FormatInt(n, 10)
}

func mark(is bool) string {
	if is {
		return "1"
	}
	return ""
}
