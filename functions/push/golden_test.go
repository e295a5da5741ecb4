package push

import (
	"bytes"
	"encoding/json"
	"flag"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"firebase.google.com/go/v4/messaging"

	"github.com/throng-im/throng/emulator/fcm"
	"github.com/throng-im/throng/shared/event"
	"github.com/throng-im/throng/shared/settings"
)

var update = flag.Bool("update", false, "write the golden files of testdata anew")

// post is the way of messages through the library to the stand-in, which checks
// them as FCM does. It keeps what went over the wire last.
type post struct {
	*testing.T
	send func(messages []*messaging.Message) *messaging.BatchResponse
	mu   sync.Mutex
	last json.RawMessage
}

func newPost(t *testing.T) *post {
	p := &post{T: t}
	phones := fcm.New()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		var request struct{ Message json.RawMessage }
		if err != nil || json.Unmarshal(body, &request) != nil {
			t.Errorf("the library sent %q, %v", body, err)
		}
		p.mu.Lock()
		p.last = request.Message
		p.mu.Unlock()
		r.Body = io.NopCloser(bytes.NewReader(body))
		phones.ServeHTTP(w, r)
	}))
	t.Cleanup(server.Close)
	send, err := Sender(t.Context(), settings.Settings{Project: "demo", FCMEndpoint: server.URL + "/v1"})
	if err != nil {
		t.Fatal(err)
	}
	p.send = func(messages []*messaging.Message) *messaging.BatchResponse {
		t.Helper()
		batch, err := send(t.Context(), messages)
		if err != nil {
			t.Fatal(err)
		}
		return batch
	}
	return p
}

// posted is one message as it went over the wire, to be read by people.
func (p *post) posted(style *Style, job event.Push) []byte {
	p.Helper()
	if r := p.send(style.messages(job)).Responses[0]; !r.Success {
		p.Fatalf("refused: %v\n%s", r.Error, p.last)
	}
	var message any
	if err := json.Unmarshal(p.last, &message); err != nil {
		p.Fatal(err)
	}
	var out bytes.Buffer
	enc := json.NewEncoder(&out)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	if err := enc.Encode(message); err != nil {
		p.Fatal(err)
	}
	return out.Bytes()
}

// everyExt is a pushExt with every field of the contract's.
const everyExt = `{"title":"Sale","templateId":"none","forceShowPushContent":0,"pushConfigs":[
	{"HW":{"channelId":"hw","importance":"NORMAL","image":"https://example.com/hw.png","category":"IM"}},
	{"HONOR":{"importance":"NORMAL","image":"https://example.com/honor.png"}},
	{"MI":{"channelId":"mi","large_icon_uri":"https://example.com/mi.png"}},{"OPPO":{"channelId":"oppo"}},
	{"VIVO":{"classification":"0","category":"IM"}},
	{"FCM":{"channelId":"offers","collapse_key":"sale","imageUrl":"https://example.com/fcm.png"}},
	{"APNs":{"thread-id":"shop","apns-collapse-id":"sale","richMediaUri":"https://example.com/apns.png","interruption-level":"time-sensitive","category":"OFFER"}},
	{"OHOS":{"category":"IM","image":"https://example.com/ohos.png"}}]}`

// golden are the cases: what they are, on which platforms, how the app is set, and
// what is different of the job.
var golden = []struct {
	name, platforms string
	app             settings.Notifications
	change          func(j *event.Push)
}{
	{"text", "android ios web", settings.Notifications{}, func(*event.Push) {}},
	{"mention", "android ios web", settings.Notifications{}, func(j *event.Push) { j.Body, j.Mentioned, j.Own = "Bob, look!", true, true }},
	{"picture-in-chinese", "android ios web", settings.Notifications{}, func(j *event.Push) { j.Type, j.Body, j.Targets[0].Language = "RC:ImgMsg", "", "zh-CN" }},
	{"data-of-the-sender", "android ios web", settings.Notifications{}, func(j *event.Push) { j.Data = `{"screen":"chat"}` }},
	{"every-ext", "android ios web", settings.Notifications{}, func(j *event.Push) { j.Ext = everyExt }},
	{"ext-of-other-vendors", "android", settings.Notifications{}, func(j *event.Push) {
		j.Ext = `{"pushConfigs":[{"HONOR":{"importance":"LOW","image":"https://example.com/honor.png"}},{"MI":{"channelId":"mi"}}]}`
	}},
	{"ext-that-is-none", "android ios web", settings.Notifications{}, func(j *event.Push) {
		j.Ext = `{"title":["no"],"pushConfigs":[null,7,{"FCM":[]},{"FCM":{"imageUrl":"picture.png","collapse_key":null},"APNs":{"richMediaUri":"http://example.com/plain.png","interruption-level":"loud"}}]}`
	}},
	{"template-in-german", "android ios web", settings.Notifications{Templates: map[string]map[string]settings.Template{"1": {"de": {Title: "Angebot", Body: "Heute billiger"}}}}, func(j *event.Push) {
		j.Ext, j.Targets[0].Language = `{"templateId":"1"}`, "de-DE"
	}},
	{"no-details", "android ios web", settings.Notifications{HideDetails: true}, func(j *event.Push) { j.Ext = everyExt }},
	{"details-by-force", "android ios web", settings.Notifications{HideDetails: true}, func(j *event.Push) {
		j.Ext = strings.Replace(everyExt, `Content":0`, `Content":1`, 1)
	}},
	{"wake-up", "ios", settings.Notifications{}, func(j *event.Push) { j.ContentAvailable = true }},
	{"too-long", "android ios web", settings.Notifications{}, func(j *event.Push) { j.Body, j.Data = strings.Repeat("«ö» ", 300), strings.Repeat("&", 500) }},
	{"recall", "android ios web", settings.Notifications{}, recalled},
	{"recall-by-an-administrator", "android", settings.Notifications{}, func(j *event.Push) { recalled(j); j.Admin = true }},
	{"recall-that-removes", "android ios web", settings.Notifications{RemoveRecalled: true}, recalled},
	{"fold", "android ios web", settings.Notifications{}, folded},
	{"fold-in-russian", "ios", settings.Notifications{}, func(j *event.Push) { folded(j); j.Targets[0].Language = "ru" }},
	{"fold-with-a-mention", "android ios web", settings.Notifications{}, func(j *event.Push) { folded(j); j.Mentioned = true }},
	{"clear", "android ios web", settings.Notifications{}, func(j *event.Push) {
		*j = event.Push{Job: j.Job, Kind: event.PushClear, Group: j.Group, Seq: j.Seq, At: j.At, Targets: j.Targets}
	}},
	{"shown-text", "android", settings.Notifications{AndroidNotifications: true}, func(*event.Push) {}},
	{"shown-every-ext", "android", settings.Notifications{AndroidNotifications: true}, func(j *event.Push) { j.Ext = everyExt }},
	{"shown-low", "android", settings.Notifications{AndroidNotifications: true}, func(j *event.Push) {
		j.Ext = `{"pushConfigs":[{"HW":{"importance":"LOW","image":"https://example.com/hw.png"}},{"OPPO":{"channelId":"oppo"}}]}`
	}},
	{"shown-recall", "android", settings.Notifications{AndroidNotifications: true}, recalled},
	{"shown-recall-that-would-remove", "android", settings.Notifications{AndroidNotifications: true, RemoveRecalled: true}, recalled},
	{"shown-fold", "android", settings.Notifications{AndroidNotifications: true}, folded},
}

func recalled(j *event.Push) { j.Kind, j.Type, j.Body = event.PushRecall, "RC:RcCmd", "" }

func folded(j *event.Push) { j.Kind, j.Count, j.Body = event.PushFold, 12, "" }

// aText is a job for one device.
func aText(platform string) event.Push {
	return event.Push{
		Job: "job", Group: "team", Seq: 42, MessageUID: "5FGT-7VA9-G4DD-4V5P", From: "ann", Type: "RC:TxtMsg", At: 1_795_500_000_000,
		Name: "Team", Sender: "Ann", Body: "Lunch?",
		Targets: []event.PushTarget{{User: "bob", Device: "phone", Platform: platform, Token: "token-of-a-phone", Language: "en"}},
	}
}

// TestGolden holds what is handed to FCM, byte for byte. Whoever changes it reads
// the difference in testdata, which the flag -update writes.
func TestGolden(t *testing.T) {
	p := newPost(t)
	var files []string
	for _, c := range golden {
		style, err := NewStyle(c.app)
		if err != nil {
			t.Fatal(err)
		}
		for _, platform := range strings.Fields(c.platforms) {
			job := aText(platform)
			c.change(&job)
			got := p.posted(style, job)
			file := filepath.Join("testdata", platform+"-"+c.name+".json")
			files = append(files, file)
			if *update {
				if err := os.WriteFile(file, got, 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(file)
			if err != nil || !bytes.Equal(got, want) {
				t.Errorf("%s: %v, is now\n%s", file, err, got)
			}
		}
	}
	there, err := filepath.Glob("testdata/*.json")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range there {
		if !slices.Contains(files, file) {
			t.Errorf("%s belongs to no case", file)
		}
	}
}
