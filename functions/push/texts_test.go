package push

import (
	"strings"
	"testing"

	"golang.org/x/text/feature/plural"

	"github.com/throng-im/throng/shared/event"
	"github.com/throng-im/throng/shared/settings"
)

// TestWhatANotificationSays is the title and the body for what is known of a
// message, by how the app is set and by what the sender asked for.
func TestWhatANotificationSays(t *testing.T) {
	hidden := settings.Notifications{HideDetails: true}
	templates := settings.Notifications{Templates: map[string]map[string]settings.Template{"sale": {
		"de": {Title: "Angebot", Body: "Heute alles billiger"}, "en-US": {Body: "All cheaper today"},
	}}}
	for _, c := range []struct {
		what, language string
		app            settings.Notifications
		job            event.Push
		title, body    string
	}{
		{"a message", "en", settings.Notifications{}, event.Push{Name: "Team", Sender: "Ann", Body: "hi"}, "Team", "Ann: hi"},
		{"to a group without a name", "en", settings.Notifications{}, event.Push{Sender: "Ann", Body: "hi"}, "Ann", "hi"},
		{"of somebody unknown", "en", settings.Notifications{}, event.Push{Name: "Team", Body: "hi"}, "Team", "hi"},
		{"a picture", "fr", settings.Notifications{}, event.Push{Name: "Team", Sender: "Ann", Type: "RC:SightMsg"}, "Team", "Ann: [Vidéo]"},
		{"words that are none", "en", settings.Notifications{}, event.Push{Name: "Team", Sender: "Ann", Type: "RC:TxtMsg"}, "Team", "Ann: [Message]"},

		{"a recall", "en", settings.Notifications{}, event.Push{Kind: event.PushRecall, Name: "Team", Sender: "Ann"}, "Team", "Ann recalled a message"},
		{"a recall in Chinese", "zh-TW", settings.Notifications{}, event.Push{Kind: event.PushRecall, Name: "Team", Sender: "Ann"}, "Team", "Ann收回了一則訊息"},
		{"of an administrator", "en", settings.Notifications{}, event.Push{Kind: event.PushRecall, Name: "Team", Sender: "Bob", Admin: true}, "Team", "An administrator recalled a message"},
		{"a recall by nobody known", "en", settings.Notifications{}, event.Push{Kind: event.PushRecall, Name: "Team"}, "Team", "A message was recalled"},
		{"a recall in a nameless group", "en", settings.Notifications{}, event.Push{Kind: event.PushRecall, Sender: "Ann"}, "Ann", "Ann recalled a message"},
		{"a recall by a sign in a name", "en", settings.Notifications{}, event.Push{Kind: event.PushRecall, Name: "Team", Sender: "{who}%d"}, "Team", "{who}%d recalled a message"},

		{"one of a burst", "en", settings.Notifications{}, event.Push{Kind: event.PushFold, Name: "Team", Count: 1}, "Team", "1 new message"},
		{"a burst", "en", settings.Notifications{}, event.Push{Kind: event.PushFold, Name: "Team", Sender: "Ann", Count: 12}, "Team", "12 new messages"},
		{"a burst in a nameless group", "ja", settings.Notifications{}, event.Push{Kind: event.PushFold, Count: 12}, "", "新着メッセージ12件"},

		{"a title of the sender's", "en", settings.Notifications{}, event.Push{Name: "Team", Sender: "Ann", Body: "hi", Ext: `{"title":"Sale"}`}, "Sale", "Ann: hi"},
		{"a title of 50 characters", "en", settings.Notifications{}, event.Push{Name: "Team", Body: "hi", Ext: `{"title":"` + strings.Repeat("é", 50) + `"}`}, strings.Repeat("é", 50), "hi"},
		{"a title of 51 characters", "en", settings.Notifications{}, event.Push{Name: "Team", Body: "hi", Ext: `{"title":"` + strings.Repeat("é", 51) + `"}`}, strings.Repeat("é", 49) + "…", "hi"},
		{"a title of a nameless group", "en", settings.Notifications{}, event.Push{Sender: "Ann", Body: "hi", Ext: `{"title":"Sale"}`}, "Sale", "Ann: hi"},

		{"a template", "de-AT", templates, event.Push{Name: "Team", Sender: "Ann", Body: "hi", Ext: `{"title":"Sale","templateId":"sale"}`}, "Angebot", "Ann: Heute alles billiger"},
		{"a template without a title", "en-GB", templates, event.Push{Name: "Team", Body: "hi", Ext: `{"title":"Sale","templateId":"sale"}`}, "Sale", "All cheaper today"},
		{"a template in other languages", "ko", templates, event.Push{Name: "Team", Body: "hi", Ext: `{"templateId":"sale"}`}, "Team", "hi"},
		{"a template, whatever the language", "", templates, event.Push{Name: "Team", Body: "hi", Ext: `{"templateId":"sale"}`}, "Team", "All cheaper today"},
		{"an unknown template", "de", templates, event.Push{Name: "Team", Body: "hi", Ext: `{"templateId":"7"}`}, "Team", "hi"},
		{"a template beside a mention's words", "de", templates, event.Push{Name: "Team", Body: "you!", Own: true, Ext: `{"templateId":"sale"}`}, "Angebot", "you!"},

		{"no details", "en", hidden, event.Push{Name: "Team", Sender: "Ann", Body: "hi", Ext: `{"title":"Ann loves you"}`}, "Team", "You have a new message"},
		{"no details in a nameless group", "de", hidden, event.Push{Sender: "Ann", Body: "hi"}, "", "Sie haben eine neue Nachricht"},
		{"no details of a recall", "en", hidden, event.Push{Kind: event.PushRecall, Name: "Team", Sender: "Ann"}, "Team", "A message was recalled"},
		{"no details of a burst", "en", hidden, event.Push{Kind: event.PushFold, Name: "Team", Count: 12}, "Team", "12 new messages"},
		{"details by force", "en", hidden, event.Push{Name: "Team", Sender: "Ann", Body: "hi", Ext: `{"forceShowPushContent":1}`}, "Team", "Ann: hi"},
		{"details by force, as a text", "en", hidden, event.Push{Name: "Team", Sender: "Ann", Body: "hi", Ext: `{"forceShowPushContent":"1"}`}, "Team", "Ann: hi"},
		{"no force", "en", hidden, event.Push{Name: "Team", Sender: "Ann", Body: "hi", Ext: `{"forceShowPushContent":0}`}, "Team", "You have a new message"},
	} {
		s, err := NewStyle(c.app)
		if err != nil {
			t.Fatal(err)
		}
		ext := parseExt(c.job.Ext)
		if title, body := s.texts(c.job, ext, s.voice(c.language, ext.template)); title != c.title || body != c.body {
			t.Errorf("%s: %q, %q; want %q, %q", c.what, title, body, c.title, c.body)
		}
	}
}

// TestWhichLanguageIsSpoken is what a device that names its language is spoken to in.
func TestWhichLanguageIsSpoken(t *testing.T) {
	for _, c := range []struct{ device, fallback, want string }{
		{"en", "", "en"}, {"en-GB", "", "en"}, {"de-CH", "", "de"}, {"fr-CA", "", "fr"}, {"es-419", "", "es"}, {"pt-PT", "", "pt"}, {"pt-BR", "", "pt"},
		{"zh", "", "zh-Hans"}, {"zh-CN", "", "zh-Hans"}, {"zh_CN", "", "zh-Hans"}, {"zh-SG", "", "zh-Hans"}, {"zh-Hans-CN", "", "zh-Hans"},
		{"zh-TW", "", "zh-Hant"}, {"zh-HK", "", "zh-Hant"}, {"zh-MO", "", "zh-Hant"}, {"zh-Hant-TW", "", "zh-Hant"},
		{"ja-JP", "", "ja"}, {"ko-KR", "", "ko"}, {"ru-RU", "", "ru"}, {"ar-EG", "", "ar"}, {"hi-IN", "", "hi"}, {"id-ID", "", "id"}, {"in", "", "id"},
		{"", "", "en"}, {"uk", "", "en"}, {"kk", "", "en"}, {"sw", "", "en"}, {"hi-Latn", "", "en"}, {"not a tag", "", "en"}, {"x-klingon", "", "en"}, {"und", "", "en"},
		{"", "zh-Hant", "zh-Hant"}, {"uk", "ru", "ru"}, {"sw", "fr-CA", "fr"}, {"not a tag", "ja", "ja"}, {"de", "ja", "de"},
	} {
		s, err := NewStyle(settings.Notifications{Language: c.fallback})
		if err != nil {
			t.Fatal(err)
		}
		if got := s.voice(c.device, "").language; got != c.want {
			t.Errorf("a device with %q, and %q for the others: %q, want %q", c.device, c.fallback, got, c.want)
		}
	}
	if _, err := NewStyle(settings.Notifications{Language: "sw"}); err == nil {
		t.Error("there are no phrases in Swahili, and nobody was told")
	}
}

// TestHowManyMessages is a burst in languages that count in different ways.
func TestHowManyMessages(t *testing.T) {
	for _, c := range []struct {
		language string
		n        int64
		want     string
	}{
		{"en", 1, "1 new message"}, {"en", 2, "2 new messages"}, {"en", 1000, "1000 new messages"},
		{"fr", 1, "1 nouveau message"}, {"fr", 2, "2 nouveaux messages"},
		{"ru", 1, "1 новое сообщение"}, {"ru", 3, "3 новых сообщения"}, {"ru", 5, "5 новых сообщений"}, {"ru", 11, "11 новых сообщений"}, {"ru", 21, "21 новое сообщение"}, {"ru", 112, "112 новых сообщений"},
		{"ar", 1, "رسالة جديدة واحدة"}, {"ar", 2, "رسالتان جديدتان"}, {"ar", 3, "3 رسائل جديدة"}, {"ar", 11, "11 رسالة جديدة"}, {"ar", 100, "100 رسالة جديدة"}, {"ar", 103, "103 رسائل جديدة"},
		{"zh-Hans", 1, "1条新消息"}, {"zh-Hant", 12, "12則新訊息"}, {"hi", 1, "1 नया संदेश"}, {"hi", 2, "2 नए संदेश"}, {"id", 9, "9 pesan baru"}, {"ko", 9, "새 메시지 9개"},
	} {
		if got := plain.voice(c.language, "").fold(c.n); got != c.want {
			t.Errorf("%d in %s: %q, want %q", c.n, c.language, got, c.want)
		}
	}
}

// TestNoPhraseIsMissing looks at every phrase in every language.
func TestNoPhraseIsMissing(t *testing.T) {
	types := []string{"RC:ImgMsg", "RC:GIFMsg", "RC:VcMsg", "RC:SightMsg", "RC:FileMsg", "RC:LBSMsg", "RC:ImgTextMsg", "RC:CombineMsg", "RC:TxtMsg"}
	for _, w := range table {
		seen := map[string]bool{}
		for _, of := range types {
			phrase := w.ofType(of)
			if !strings.HasPrefix(phrase, "[") || !strings.HasSuffix(phrase, "]") || len(phrase) < 4 || seen[phrase] {
				t.Errorf("%s: %s is %q", w.language, of, phrase)
			}
			seen[phrase] = true
		}
		if w.ofType("RC:HQVCMsg") != w.voice || w.ofType("RC:ReferenceMsg") != w.message {
			t.Errorf("%s: a voice of good quality is %q, a reference %q", w.language, w.ofType("RC:HQVCMsg"), w.ofType("RC:ReferenceMsg"))
		}
		if w.recalled == "" || w.byAdmin == "" || w.new == "" || strings.Count(w.by, "{who}") != 1 {
			t.Errorf("%s lacks a phrase: %+v", w.language, w)
		}
		if !strings.Contains(w.several[plural.Other], "{n}") {
			t.Errorf("%s cannot say how many", w.language)
		}
	}
}
