package fcm_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	firebase "firebase.google.com/go/v4"
	"firebase.google.com/go/v4/errorutils"
	"firebase.google.com/go/v4/messaging"
	"google.golang.org/api/option"

	"github.com/throng-im/throng/emulator/fcm"
)

// everything is a message with every field that the Admin SDK knows.
func everything(token string) *messaging.Message {
	ttl, five, at := 90*time.Second, 5, time.Now()
	silent, half := true, 0.5
	return &messaging.Message{
		Token: token, Data: map[string]string{"a": "1"}, FCMOptions: &messaging.FCMOptions{AnalyticsLabel: "label"},
		Notification: &messaging.Notification{Title: "T", Body: "B", ImageURL: "https://example.com/i.png"},
		Android: &messaging.AndroidConfig{
			CollapseKey: "k", Priority: "high", TTL: &ttl, RestrictedPackageName: "p", Data: map[string]string{"b": "2"}, FCMOptions: &messaging.AndroidFCMOptions{AnalyticsLabel: "l"}, DirectBootOK: true,
			Notification: &messaging.AndroidNotification{
				Title: "T", Body: "B", Icon: "i", Color: "#112233", Sound: "s", Tag: "t", ClickAction: "c", BodyLocKey: "k", BodyLocArgs: []string{"a"}, TitleLocKey: "k", TitleLocArgs: []string{"a"},
				ChannelID: "c", ImageURL: "https://example.com/i.png", Ticker: "t", Sticky: true, EventTimestamp: &at, LocalOnly: true, Priority: messaging.PriorityMax, VibrateTimingMillis: []int64{1, 200},
				DefaultVibrateTimings: true, DefaultSound: true, DefaultLightSettings: true, Visibility: messaging.VisibilityPublic, NotificationCount: &five, Proxy: messaging.ProxyDeny,
				LightSettings: &messaging.LightSettings{Color: "#11223344", LightOnDurationMillis: 100, LightOffDurationMillis: 200},
			},
		},
		Webpush: &messaging.WebpushConfig{
			Headers: map[string]string{"TTL": "60", "Urgency": "low"}, Data: map[string]string{"c": "3"}, FCMOptions: &messaging.WebpushFCMOptions{Link: "https://example.com"},
			Notification: &messaging.WebpushNotification{
				Actions: []*messaging.WebpushNotificationAction{{Action: "a", Title: "A", Icon: "i"}}, Title: "T", Body: "B", Icon: "i", Badge: "b", Direction: "ltr", Data: 5, Image: "i", Language: "en",
				Renotify: true, RequireInteraction: true, Silent: true, Tag: "t", TimestampMillis: ptr(at.UnixMilli()), Vibrate: []int{1, 2}, CustomData: map[string]any{"x": 1},
			},
		},
		APNS: &messaging.APNSConfig{
			Headers: map[string]string{"apns-priority": "10", "apns-collapse-id": "c"}, FCMOptions: &messaging.APNSFCMOptions{AnalyticsLabel: "l", ImageURL: "https://example.com/i.png"},
			Payload: &messaging.APNSPayload{CustomData: map[string]any{"x": map[string]any{}}, Aps: &messaging.Aps{
				Alert: &messaging.ApsAlert{Title: "T", SubTitle: "S", Body: "B", LocKey: "k", LocArgs: []string{"a"}, TitleLocKey: "k", TitleLocArgs: []string{"a"}, SubTitleLocKey: "k", SubTitleLocArgs: []string{"a"}, ActionLocKey: "k", LaunchImage: "i"},
				Badge: &five, CriticalSound: &messaging.CriticalSound{Critical: silent, Name: "n", Volume: half}, ContentAvailable: true, MutableContent: true, Category: "c", ThreadID: "t", CustomData: map[string]any{"interruption-level": "active"},
			}},
		},
	}
}

func ptr[T any](v T) *T { return &v }

// TestTheAdminSDK sends all that Google's library can say, and has it tell the
// stand-in's errors apart.
func TestTheAdminSDK(t *testing.T) {
	h := fcm.New()
	s := httptest.NewServer(h)
	defer s.Close()
	app, err := firebase.NewApp(t.Context(), &firebase.Config{ProjectID: "demo"}, option.WithEndpoint(s.URL+"/v1"), option.WithoutAuthentication())
	if err != nil {
		t.Fatal(err)
	}
	client, err := app.Messaging(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := client.Send(t.Context(), everything("all")); err != nil {
		t.Error(err)
	}
	if _, err := client.SendDryRun(t.Context(), everything("dry")); err != nil || len(pushes(t, h, "?token=dry")) != 0 {
		t.Errorf("a dry run: %v", err)
	}
	var many []*messaging.Message
	is := map[string]func(error) bool{
		"UNREGISTERED": messaging.IsUnregistered, "SENDER_ID_MISMATCH": messaging.IsSenderIDMismatch, "INVALID_ARGUMENT": messaging.IsInvalidArgument,
		"QUOTA_EXCEEDED": messaging.IsQuotaExceeded, "INTERNAL": messaging.IsInternal, "THIRD_PARTY_AUTH_ERROR": messaging.IsThirdPartyAuthError, "none": func(err error) bool { return err == nil },
	}
	for code := range is {
		if code != "none" {
			ok(t, h, "PUT", "/emulator/tokens/"+code, fmt.Sprintf(`{"error":%q,"retryAfter":9}`, code))
		}
		many = append(many, &messaging.Message{Token: code, Data: map[string]string{"n": "1"}})
	}
	batch, err := client.SendEach(t.Context(), many)
	if err != nil || batch.SuccessCount != 1 {
		t.Fatal(batch, err)
	}
	for i, r := range batch.Responses {
		code := many[i].Token
		if !is[code](r.Error) {
			t.Errorf("%s is %v", code, r.Error)
		}
		if code != "none" && errorutils.HTTPResponse(r.Error).Header.Get("Retry-After") != "9" {
			t.Errorf("%s has no Retry-After", code)
		}
	}
	bad := &messaging.Message{Token: "t", Data: map[string]string{"from": "x"}}
	if _, err := client.Send(t.Context(), bad); !messaging.IsInvalidArgument(err) || errorutils.HTTPResponse(err).StatusCode != http.StatusBadRequest {
		t.Errorf("a reserved key: %v", err)
	}
}
