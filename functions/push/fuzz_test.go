package push

import (
	"encoding/json"
	"testing"
	"unicode/utf8"

	"github.com/throng-im/throng/shared/event"
)

// FuzzPushExt gives a sender's pushExt, as an app server sends it, to every
// platform: it must not break the notification nor make it too large for FCM.
func FuzzPushExt(f *testing.F) {
	for _, seed := range []string{
		"", "{", `{"title":"Sale"}`, `{"title":7}`, `{"pushConfigs":[{"FCM":{"channelId":"c","collapse_key":"k","imageUrl":"https://example.com/i.png"}}]}`,
		`{"pushConfigs":[{"APNs":{"thread-id":"1","apns-collapse-id":"1","interruption-level":"active","category":"c"}},{"HW":{"importance":"LOW"}}]}`,
		`{"pushConfigs":[null,{"FCM":null},{"FCM":{"channelId":7}}]}`, `{"title":"\ud800","forceShowPushContent":0}`,
	} {
		f.Add(seed, "hello", "data")
	}
	f.Fuzz(func(t *testing.T, ext, body, data string) {
		if !utf8.ValidString(ext) || !utf8.ValidString(body) || !utf8.ValidString(data) {
			return // refused where they come in
		}
		job := event.Push{Group: "g", Seq: 1, MessageUID: "5FGT-7VA9-G4DD-4V5P", From: "ann", Type: "RC:TxtMsg", At: 1, Name: "G", Body: body, Data: data, Ext: ext,
			Targets: []event.PushTarget{{Platform: "android", Token: "a"}, {Platform: "ios", Token: "i"}, {Platform: "web", Token: "w"}}}
		for i, m := range plain.messages(job) {
			encoded, err := json.Marshal(m)
			if err != nil || len(encoded) > 4096 {
				t.Errorf("%s: %d bytes, %v", job.Targets[i].Platform, len(encoded), err)
			}
			if m.Data["messageUID"] != "5FGT-7VA9-G4DD-4V5P" || m.Data["group"] != "g" {
				t.Errorf("%s: the ids are gone: %v", job.Targets[i].Platform, m.Data)
			}
		}
	})
}
