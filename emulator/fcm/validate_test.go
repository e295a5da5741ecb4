package fcm_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/throng-im/throng/emulator/fcm"
)

// refusedAt sends a message and returns the fields that FCM would complain of,
// "" for none.
func refusedAt(t *testing.T, h *fcm.Server, message string) string {
	t.Helper()
	status, body, _ := do(h, "POST", sendPath, `{"message":`+message+`}`)
	if status == 200 {
		return ""
	}
	var out struct {
		Error struct {
			Code    int
			Status  string
			Message string
			Details []struct {
				Type            string `json:"@type"`
				ErrorCode       string
				FieldViolations []struct{ Field, Description string }
			}
		}
	}
	if err := json.Unmarshal([]byte(body), &out); err != nil {
		t.Fatalf("%s: %v", body, err)
	}
	e := out.Error
	if status != 400 || e.Code != 400 || e.Status != "INVALID_ARGUMENT" || e.Message == "" || len(e.Details) != 2 ||
		e.Details[0].Type != "type.googleapis.com/google.firebase.fcm.v1.FcmError" || e.Details[0].ErrorCode != "INVALID_ARGUMENT" ||
		e.Details[1].Type != "type.googleapis.com/google.rpc.BadRequest" {
		t.Fatalf("%s is no error of Google's: %d %s", message, status, body)
	}
	var fields []string
	for _, v := range e.Details[1].FieldViolations {
		if v.Description == "" {
			t.Errorf("%s: %s is refused without a word", message, v.Field)
		}
		fields = append(fields, v.Field)
	}
	if len(fields) == 0 {
		t.Fatalf("%s: no field is named: %s", message, body)
	}
	return strings.Join(fields, " ")
}

// in puts a part into a message to a token.
func in(part string) string { return `{"token":"t",` + part + `}` }

func androidNotification(part string) string {
	return in(`"android":{"notification":{` + part + `}}`)
}
func apsIs(part string) string           { return in(`"apns":{"payload":{"aps":{` + part + `}}}`) }
func apnsHeader(part string) string      { return in(`"apns":{"headers":{` + part + `}}`) }
func webHeader(part string) string       { return in(`"webpush":{"headers":{` + part + `}}`) }
func webNotification(part string) string { return in(`"webpush":{"notification":{` + part + `}}`) }

// condition is a message to a condition.
func condition(c string) string {
	quoted, _ := json.Marshal(c)
	return `{"condition":` + string(quoted) + `}`
}

func data(bytes int) string { return `"data":{"k":"` + strings.Repeat("x", bytes-1) + `"}` }

var accepted = map[string]string{
	"nothing but a token":                 `{"token":"t"}`,
	"a topic with its prefix":             `{"topic":"/topics/news.of~the-day_%20"}`,
	"an installation":                     `{"fid":"abc"}`,
	"null is absent":                      in(`"android":null,"data":null`),
	"names in camelCase":                  in(`"fcmOptions":{"analyticsLabel":"l"},"android":{"collapseKey":"k","restrictedPackageName":"p","directBootOk":true,"notification":{"titleLocKey":"k","titleLocArgs":["a"],"notificationPriority":"PRIORITY_MAX","defaultSound":true}}`),
	"names with underscores":              in(`"fcm_options":{"analytics_label":"l"},"android":{"collapse_key":"k","notification":{"body_loc_key":"k","body_loc_args":["a"],"vibrate_timings":["0.5s","1s"],"event_time":"2026-11-24T10:00:00.5Z"}}`),
	"enums by number and in any case":     in(`"android":{"priority":"high","notification":{"visibility":2,"proxy":"if_priority_lowered","notification_priority":"priority_low"}}`),
	"28 days":                             in(`"android":{"ttl":"2419200s"}`),
	"no time at all":                      in(`"android":{"ttl":"0s"}`),
	"a count as text":                     androidNotification(`"notification_count":"5"`),
	"lights":                              androidNotification(`"light_settings":{"color":{"red":1,"green":0.5,"blue":0,"alpha":1},"light_on_duration":"0.2s","light_off_duration":"1s"}`),
	"a colour":                            androidNotification(`"color":"#aaBB09"`),
	"4,096 bytes of data":                 in(data(4096)),
	"2,048 bytes to a topic":              `{"topic":"n",` + data(2048) + `}`,
	"4,000 bytes for each kind of device": in(`"android":{` + data(4000) + `},"apns":{"payload":{"aps":{"alert":"` + strings.Repeat("a", 4000) + `"}}},"webpush":{` + data(4000) + `}`),
	"an alert with all that it may have":  apsIs(`"alert":{"title":"t","subtitle":"s","body":"b","launch-image":"i","title-loc-key":"k","title-loc-args":["a"],"loc-key":"k","loc-args":["a"],"subtitle-loc-key":"k","subtitle-loc-args":[]},"badge":0,"sound":{"critical":1,"name":"n","volume":0.5},"thread-id":"t","category":"c","mutable-content":1,"interruption-level":"time-sensitive","relevance-score":0.3,"something-new":[]`),
	"a wake-up that does not hurry":       in(`"apns":{"headers":{"apns-priority":"5","apns-push-type":"background"},"payload":{"aps":{"content-available":1}}}`),
	"an alert that also wakes":            in(`"apns":{"headers":{"apns-priority":"10","apns-push-type":"alert"},"payload":{"aps":{"alert":"x","content-available":1}}}`),
	"APNs' headers":                       apnsHeader(`"apns-collapse-id":"` + strings.Repeat("c", 64) + `","apns-expiration":"0","apns-topic":"com.example","apns-id":"eabeae54-14a8-11e5-b60b-1697f925ec7b"`),
	"a header in capitals":                apnsHeader(`"APNS-Priority":"1"`),
	"web push":                            in(`"webpush":{"headers":{"TTL":"60","Urgency":"high","Topic":"a-b_C1"},"notification":{"title":"t","body":"b","tag":"x","renotify":true,"dir":"rtl","actions":[{"action":"a","title":"A"}],"vibrate":[1,2],"data":{"any":[1]},"new":1},"fcm_options":{"link":"https://example.com/x"}}`),
	"a condition":                         condition(`'a' in topics`),
	"a condition with everything":         condition(`!('a' in topics) && ("b" in topics||'c' in topics) && 'd' in topics || 'e' in topics`),
}

// refused are messages and the fields that are named.
var refused = map[string][2]string{
	"no target":                      {`{"data":{}}`, "message"},
	"two targets":                    {`{"token":"t","condition":"'a' in topics"}`, "message"},
	"an empty message":               {`{}`, "message"},
	"an unknown field":               {in(`"colour":"red"`), "message"},
	"an unknown field deep inside":   {androidNotification(`"priority":"high"`), "message.android.notification"},
	"a field by both of its names":   {in(`"android":{"collapse_key":"a","collapseKey":"b"}`), "message.android.collapse_key"},
	"two things at once":             {in(`"android":{"ttl":"soon","priority":"urgent"}`), "message.android.priority message.android.ttl"},
	"a token that is a number":       {`{"token":5}`, "message.token"},
	"an endless token":               {`{"token":"` + strings.Repeat("t", 5000) + `"}`, "message.token"},
	"a topic with a space":           {`{"topic":"the news"}`, "message.topic"},
	"a number in the data":           {in(`"data":{"a":1}`), "message.data[a]"},
	"data that is a list":            {in(`"data":["a"]`), "message.data"},
	"the key from":                   {in(`"data":{"from":"x"}`), "message.data[from]"},
	"the key message_type":           {in(`"data":{"message_type":"x"}`), "message.data[message_type]"},
	"google's keys":                  {in(`"data":{"google.c.a.e":"x"}`), "message.data[google.c.a.e]"},
	"gcm's keys for Android":         {in(`"android":{"data":{"gcm.notification.title":"x"}}`), "message.android.data[gcm.notification.title]"},
	"an empty key":                   {in(`"data":{"":"x"}`), "message.data"},
	"a title that is a number":       {in(`"notification":{"title":1}`), "message.notification.title"},
	"sound for all platforms":        {in(`"notification":{"sound":"x"}`), "message.notification"},
	"a label of 51 letters":          {in(`"fcm_options":{"analytics_label":"` + strings.Repeat("l", 51) + `"}`), "message.fcm_options.analytics_label"},
	"a label with a space":           {in(`"apns":{"fcm_options":{"analytics_label":"a b"}}`), "message.apns.fcm_options.analytics_label"},
	"a ttl without a unit":           {in(`"android":{"ttl":"60"}`), "message.android.ttl"},
	"a ttl that is a number":         {in(`"android":{"ttl":60}`), "message.android.ttl"},
	"a negative ttl":                 {in(`"android":{"ttl":"-1s"}`), "message.android.ttl"},
	"a ttl over 28 days":             {in(`"android":{"ttl":"2419201s"}`), "message.android.ttl"},
	"a ttl beyond all bounds":        {in(`"android":{"ttl":"999999999999s"}`), "message.android.ttl"},
	"a priority that there is not":   {in(`"android":{"priority":"urgent"}`), "message.android.priority"},
	"a flag in quotes":               {in(`"android":{"direct_boot_ok":"true"}`), "message.android.direct_boot_ok"},
	"a colour by name":               {androidNotification(`"color":"red"`), "message.android.notification.color"},
	"a colour of three digits":       {androidNotification(`"color":"#abc"`), "message.android.notification.color"},
	"arguments for no title":         {androidNotification(`"title_loc_args":["a"]`), "message.android.notification.title_loc_args"},
	"arguments for no body":          {androidNotification(`"body_loc_args":["a"]`), "message.android.notification.body_loc_args"},
	"an argument that is a number":   {androidNotification(`"body_loc_key":"k","body_loc_args":["a",1]`), "message.android.notification.body_loc_args[1]"},
	"a visibility that there is not": {androidNotification(`"visibility":"HIDDEN"`), "message.android.notification.visibility"},
	"the wrong kind of priority":     {androidNotification(`"notification_priority":"HIGH"`), "message.android.notification.notification_priority"},
	"a proxy that there is not":      {androidNotification(`"proxy":9`), "message.android.notification.proxy"},
	"half a notification":            {androidNotification(`"notification_count":1.5`), "message.android.notification.notification_count"},
	"fewer than none":                {androidNotification(`"notification_count":-1`), "message.android.notification.notification_count"},
	"a negative vibration":           {androidNotification(`"vibrate_timings":["-1s"]`), "message.android.notification.vibrate_timings"},
	"a time that is none":            {androidNotification(`"event_time":"today"`), "message.android.notification.event_time"},
	"lights that are never off":      {androidNotification(`"light_settings":{"color":{"red":1},"light_on_duration":"1s"}`), "message.android.notification.light_settings.light_off_duration"},
	"a light too bright":             {androidNotification(`"light_settings":{"color":{"red":2},"light_on_duration":"1s","light_off_duration":"1s"}`), "message.android.notification.light_settings.color.red"},
	"4,097 bytes of data":            {in(data(4097)), "message"},
	"2,049 bytes to a topic":         {`{"topic":"n",` + data(2049) + `}`, "message"},
	"too much for APNs":              {apsIs(`"alert":"` + strings.Repeat("a", 4090) + `"`), "message"},
	"too much for a browser":         {webNotification(`"body":"` + strings.Repeat("a", 4090) + `"`), "message"},
	"a payload without aps":          {in(`"apns":{"payload":{"x":1}}`), "message.apns.payload.aps"},
	"nothing in aps":                 {apsIs(``), "message.apns.payload.aps"},
	"a badge in quotes":              {apsIs(`"badge":"1"`), "message.apns.payload.aps.badge"},
	"an alert that is a number":      {apsIs(`"alert":1`), "message.apns.payload.aps.alert"},
	"a title of an alert, a number":  {apsIs(`"alert":{"title":1}`), "message.apns.payload.aps.alert.title"},
	"arguments of no alert":          {apsIs(`"alert":{"loc-args":["x"]}`), "message.apns.payload.aps.alert.loc-args"},
	"content-available as a flag":    {apsIs(`"content-available":true`), "message.apns.payload.aps.content-available"},
	"mutable-content two":            {apsIs(`"mutable-content":2`), "message.apns.payload.aps.mutable-content"},
	"a sound too loud":               {apsIs(`"sound":{"volume":1.1}`), "message.apns.payload.aps.sound.volume"},
	"an unknown level":               {apsIs(`"interruption-level":"loud"`), "message.apns.payload.aps.interruption-level"},
	"priority 7":                     {apnsHeader(`"apns-priority":"7"`), "message.apns.headers[apns-priority]"},
	"a priority that is a number":    {apnsHeader(`"apns-priority":10`), "message.apns.headers[apns-priority]"},
	"a collapse id of 65 bytes":      {apnsHeader(`"apns-collapse-id":"` + strings.Repeat("c", 65) + `"`), "message.apns.headers[apns-collapse-id]"},
	"an unknown push type":           {apnsHeader(`"apns-push-type":"loud"`), "message.apns.headers[apns-push-type]"},
	"an expiration in words":         {apnsHeader(`"apns-expiration":"tomorrow"`), "message.apns.headers[apns-expiration]"},
	"an id that is no UUID":          {apnsHeader(`"apns-id":"1"`), "message.apns.headers[apns-id]"},
	"a wake-up that hurries":         {in(`"apns":{"headers":{"apns-priority":"10"},"payload":{"aps":{"content-available":1}}}`), "message.apns.headers[apns-priority]"},
	"a background push that shows":   {in(`"apns":{"headers":{"apns-push-type":"background"},"payload":{"aps":{"content-available":1,"alert":"x"}}}`), "message.apns.headers[apns-push-type]"},
	"an alert push that does not":    {in(`"apns":{"headers":{"apns-push-type":"alert"},"payload":{"aps":{"content-available":1}}}`), "message.apns.headers[apns-push-type]"},
	"a TTL in words":                 {webHeader(`"TTL":"1h"`), "message.webpush.headers[TTL]"},
	"a TTL over 28 days":             {webHeader(`"TTL":"2419201"`), "message.webpush.headers[TTL]"},
	"an urgency that there is not":   {webHeader(`"Urgency":"HIGH"`), "message.webpush.headers[Urgency]"},
	"a Topic of 33 characters":       {webHeader(`"Topic":"` + strings.Repeat("t", 33) + `"`), "message.webpush.headers[Topic]"},
	"a Topic with a slash":           {webHeader(`"Topic":"a/b"`), "message.webpush.headers[Topic]"},
	"a direction that there is not":  {webNotification(`"dir":"up"`), "message.webpush.notification.dir"},
	"renotify without a tag":         {webNotification(`"renotify":true`), "message.webpush.notification.renotify"},
	"an action without a title":      {webNotification(`"actions":[{"action":"a"}]`), "message.webpush.notification.actions"},
	"a link without TLS":             {in(`"webpush":{"fcm_options":{"link":"http://example.com"}}`), "message.webpush.fcm_options.link"},
	"six topics":                     {condition(`'a' in topics || 'b' in topics || 'c' in topics || 'd' in topics || 'e' in topics || 'f' in topics`), "message.condition"},
	"an open parenthesis":            {condition(`('a' in topics`), "message.condition"},
	"an open quote":                  {condition(`'a in topics`), "message.condition"},
	"no operator":                    {condition(`'a' in topics 'b' in topics`), "message.condition"},
	"a condition of nothing":         {condition(`&&`), "message.condition"},
	"a topic that is no topic":       {condition(`'a b' in topics`), "message.condition"},
	"a condition a mile deep":        {condition(strings.Repeat("(", 1000)), "message.condition"},
}

func TestWhatFCMTakes(t *testing.T) {
	h := fcm.New()
	for name, message := range accepted {
		if at := refusedAt(t, h, message); at != "" {
			t.Errorf("%s is refused at %s", name, at)
		}
	}
	if got := len(pushes(t, h, "")); got != len(accepted) {
		t.Errorf("%d of %d messages were kept", got, len(accepted))
	}
}

func TestWhatFCMRefusesAndWhereItSaysSo(t *testing.T) {
	h := fcm.New()
	for name, c := range refused {
		if at := refusedAt(t, h, c[0]); at != c[1] {
			t.Errorf("%s is refused at %q, not at %q", name, at, c[1])
		}
	}
	if got := len(pushes(t, h, "")); got != 0 {
		t.Errorf("%d refused messages were kept", got)
	}
}

func TestRequestsThatAreNone(t *testing.T) {
	h := fcm.New()
	for _, body := range []string{"", "null", "[]", "{", `{"message":{"token":"t"}} more`, `{"message":"t"}`, `{"validate_only":"yes","message":{"token":"t"}}`, `{"other":1,"message":{"token":"t"}}`, strings.Repeat(" ", 70_000)} {
		if status, answer, _ := do(h, "POST", sendPath, body); status != 400 || !strings.Contains(answer, `"errorCode":"INVALID_ARGUMENT"`) {
			t.Errorf("%.40q: %d %s", body, status, answer)
		}
	}
	for _, only := range []string{"validate_only", "validateOnly"} {
		status, answer, _ := do(h, "POST", sendPath, fmt.Sprintf(`{%q:true,"message":{"token":"t"}}`, only))
		if status != 200 || !strings.Contains(answer, `"name":"projects/p/messages/`) {
			t.Errorf("%s: %d %s", only, status, answer)
		}
	}
	if status, _, _ := do(h, "GET", "/emulator/phones/t", ""); status != 404 || len(pushes(t, h, "")) != 0 {
		t.Error("validate_only delivered")
	}
	// A message that is wrong everywhere gets an answer that ends.
	var many []string
	for i := range 2000 {
		many = append(many, fmt.Sprintf(`"k%d":1`, i))
	}
	if _, answer, _ := do(h, "POST", sendPath, `{"message":{"token":"t","data":{`+strings.Join(many, ",")+`}}}`); len(answer) > 10_000 {
		t.Errorf("the answer has %d bytes", len(answer))
	}
}
