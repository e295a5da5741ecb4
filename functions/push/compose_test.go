package push

import (
	"encoding/json"
	"fmt"
	"regexp"
	"strings"
	"testing"

	"firebase.google.com/go/v4/messaging"
	"pgregory.net/rapid"

	"github.com/throng-im/throng/shared/event"
	"github.com/throng-im/throng/shared/id"
	"github.com/throng-im/throng/shared/settings"
)

// someJob is any job that fan-out could make, in any language, for all platforms.
func someJob(r *rapid.T) event.Push {
	text := func(name string, max int) string {
		return strings.Repeat(rapid.StringN(0, 40, -1).Draw(r, name), rapid.IntRange(0, max).Draw(r, name+" times"))
	}
	j := event.Push{
		Job: "job", Group: id.Group(strings.Repeat("g", 64)), Seq: 1 << 60, MessageUID: "5FGT-7VA9-G4DD-4V5P", From: id.User(strings.Repeat("u", 64)),
		Type: strings.Repeat("t", 32), At: 1_795_500_000_000,
		Kind: rapid.SampledFrom([]event.PushKind{event.PushMessage, event.PushRecall, event.PushFold, event.PushClear}).Draw(r, "kind"),
		Name: text("name", 20), Sender: text("sender", 20), Body: text("body", 200), Data: text("data", 200),
		Admin: rapid.Bool().Draw(r, "admin"), Own: rapid.Bool().Draw(r, "own"), Mentioned: rapid.Bool().Draw(r, "mentioned"), ContentAvailable: rapid.Bool().Draw(r, "wake"),
		Count: rapid.Int64Min(0).Draw(r, "count"),
	}
	if rapid.Bool().Draw(r, "what takes six bytes each") {
		j.Name, j.Body, j.Data = strings.Repeat("\x00", 500), strings.Repeat("<", 2000), strings.Repeat("&", 900)
	}
	long := strings.Repeat("&", 64)
	j.Ext = rapid.SampledFrom([]string{
		"", "{", everyExt, fmt.Sprintf(`{"title":%q}`, strings.Repeat("<", 60)),
		fmt.Sprintf(`{"templateId":"long","pushConfigs":[{"FCM":{"channelId":%[1]q,"collapse_key":%[1]q,"imageUrl":%[2]q}},{"APNs":{"thread-id":%[1]q,"apns-collapse-id":%[1]q,"category":%[1]q,"richMediaUri":%[2]q}}]}`,
			long, "https://example.com/?"+strings.Repeat("&", 490)),
		`{"pushConfigs":[{"FCM":{"imageUrl":"https://exa mple.com/%zz"},"APNs":{"richMediaUri":"https://[::1"}}]}`,
	}).Draw(r, "ext")
	for i, platform := range []string{"android", "ios", "web"} {
		j.Targets = append(j.Targets, event.PushTarget{User: "bob", Platform: platform, Token: fmt.Sprint("token", i), Language: rapid.SampledFrom([]string{"", "en", "ru", "ar-EG", "zh-TW", "x", "hi"}).Draw(r, "language")})
	}
	return j
}

func someStyle(r *rapid.T) *Style {
	flag := func(name string) bool { return rapid.Bool().Draw(r, name) }
	s, err := NewStyle(settings.Notifications{
		HideDetails: flag("hidden"), AndroidNotifications: flag("shown"), RemoveRecalled: flag("removed"),
		Templates: map[string]map[string]settings.Template{"long": {"en": {Title: strings.Repeat("&", 900), Body: strings.Repeat("<", 3000)}}},
	})
	if err != nil {
		r.Fatal(err)
	}
	return s
}

// TestWhateverItSaysFCMTakesIt composes from anything that a sender may give, for
// apps that are set in any way. The library and the stand-in check what comes of
// it, sizes and fields; the ids are there however long the rest was.
func TestWhateverItSaysFCMTakesIt(t *testing.T) {
	p := newPost(t)
	topic := regexp.MustCompile(`^[A-Za-z0-9_-]{1,32}$`)
	rapid.Check(t, func(r *rapid.T) {
		job, style := someJob(r), someStyle(r)
		all := style.messages(job)
		for i, m := range all {
			where := job.Targets[i].Platform
			if err := p.send(m); err != nil {
				r.Errorf("%s: %v", where, err)
			}
			if d := m.Data; d["group"] != string(job.Group) || d["seq"] != fmt.Sprint(job.Seq) || job.Kind != event.PushClear && d["messageUID"] != string(job.MessageUID) {
				r.Errorf("%s: the ids are gone: %v", where, d)
			}
			if m.Webpush != nil && !topic.MatchString(m.Webpush.Headers["Topic"]) {
				r.Errorf("the topic %q is not legal", m.Webpush.Headers["Topic"])
			}
			if m.APNS != nil && len(m.APNS.Headers["apns-collapse-id"]) > 64 {
				r.Errorf("the collapse id %q is too long", m.APNS.Headers["apns-collapse-id"])
			}
			if shows(m) == style.silent(job, where) {
				r.Errorf("%s: it shows something, or nothing, against what it is", where)
			}
		}
	})
}

// shows says whether a message shows something, by itself or through the app.
func shows(m *messaging.Message) bool {
	_, body := m.Data["body"]
	alert := m.APNS != nil && m.APNS.Payload.Aps.Alert != nil
	return body || alert || m.Webpush != nil && m.Webpush.Notification != nil || m.Android != nil && (m.Android.Notification != nil || m.Android.Priority == "high")
}

// TestWhatTakesTheRoomGoesInOrder fills a message with more and more: texts become
// shorter, then the picture goes, then the sender's data, and ids stay.
func TestWhatTakesTheRoomGoesInOrder(t *testing.T) {
	for _, c := range []struct {
		what                string
		body, picture, data int // characters that take six bytes each
		title               int
		cut, shown, carried bool
	}{
		{"little", 10, 10, 10, 10, false, true, true},
		{"a long text", 1000, 10, 10, 10, true, true, true},
		{"a long text and a picture", 1000, 480, 10, 10, true, true, true},
		{"a picture and much data", 10, 480, 400, 10, false, false, true},
		{"data without end", 10, 480, 900, 10, false, false, false},
	} {
		job := aText("android")
		job.Body, job.Data, job.Name = strings.Repeat("<", c.body), strings.Repeat("&", c.data), strings.Repeat(">", c.title)
		job.Ext = fmt.Sprintf(`{"pushConfigs":[{"FCM":{"imageUrl":"https://example.com/?%s"}}]}`, strings.Repeat("&", c.picture))
		d := plain.messages(job)[0].Data
		if cut := d["body"] != "Ann: "+job.Body; cut != c.cut || (d["image"] != "") != c.shown || (d["appData"] != "") != c.carried || d["messageUID"] == "" || d["title"] != job.Name {
			t.Errorf("%s: the text is cut: %v, it has %v", c.what, cut, d)
		}
	}
}

// TestDevicesShareAMessage: of five hundred devices in three languages, those of
// one platform and language differ by their token.
func TestDevicesShareAMessage(t *testing.T) {
	job := aText("")
	job.Type, job.Body, job.Targets = "RC:ImgMsg", "", nil
	for i := range event.MaxPushTargets {
		job.Targets = append(job.Targets, event.PushTarget{Token: fmt.Sprint("token", i), Platform: []string{"android", "ios"}[i%2], Language: []string{"de-DE", "de-CH", "ru", ""}[i%4]})
	}
	different := map[string]int{}
	for i, m := range plain.messages(job) {
		if m.Token != job.Targets[i].Token {
			t.Fatalf("device %d is sent to %q", i, m.Token)
		}
		rest := *m
		rest.Token = ""
		encoded, err := json.Marshal(&rest)
		if err != nil {
			t.Fatal(err)
		}
		different[string(encoded)]++
	}
	want := map[string]int{"android [Bild]": 1, "ios [Bild]": 1, "android [Изображение]": 1, "ios [Image]": 1}
	if len(different) != len(want) {
		t.Errorf("there are %d messages: %v", len(different), different)
	}
	for one := range different {
		for w := range want {
			platform, body, _ := strings.Cut(w, " ")
			if strings.Contains(one, "Ann: "+body) && strings.Contains(one, `"apns"`) == (platform == "ios") {
				delete(want, w)
			}
		}
	}
	if len(want) > 0 {
		t.Errorf("nobody got %v", want)
	}
}
