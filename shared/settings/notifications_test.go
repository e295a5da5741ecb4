package settings_test

import (
	"strings"
	"testing"

	"github.com/throng-im/throng/shared/settings"
)

func TestNotifications(t *testing.T) {
	s, err := from()
	if n := s.Notifications; err != nil || n.Language != "" || n.HideDetails || n.Templates != nil || n.AndroidNotifications || n.RemoveRecalled || n.ClearRead {
		t.Errorf("defaults: %+v, %v", n, err)
	}
	s, err = from("THRONG_PUSH_LANGUAGE=zh-Hant", "THRONG_PUSH_DETAILS=false", "THRONG_ANDROID_NOTIFICATIONS=true", "THRONG_PUSH_RECALL=remove", "THRONG_PUSH_CLEAR=true",
		`THRONG_PUSH_TEMPLATES={"7":{"de":{"title":"Hallo","body":"Komm"},"en":{"body":"Come"}}}`)
	if n := s.Notifications; err != nil || n.Language != "zh-Hant" || !n.HideDetails || !n.AndroidNotifications || !n.RemoveRecalled || !n.ClearRead ||
		n.Templates["7"]["de"] != (settings.Template{Title: "Hallo", Body: "Komm"}) || n.Templates["7"]["en"].Body != "Come" {
		t.Errorf("set: %+v, %v", n, err)
	}
	if s, err = from("THRONG_PUSH_DETAILS=true", "THRONG_PUSH_RECALL=replace"); err != nil || s.Notifications.HideDetails || s.Notifications.RemoveRecalled {
		t.Errorf("the defaults, said: %+v, %v", s.Notifications, err)
	}
	for _, bad := range []string{
		"THRONG_PUSH_LANGUAGE=english please", "THRONG_PUSH_DETAILS=some", "THRONG_ANDROID_NOTIFICATIONS=1", "THRONG_PUSH_RECALL=hide", "THRONG_PUSH_CLEAR=yes",
		"THRONG_PUSH_TEMPLATES={", `THRONG_PUSH_TEMPLATES={"7":{"en":{"body":"Come"}}} {}`, `THRONG_PUSH_TEMPLATES={"7":{"en":{"text":"Come"}}}`,
		`THRONG_PUSH_TEMPLATES={"7":{"en":{"title":"Hello"}}}`, `THRONG_PUSH_TEMPLATES={"7":{"not a tag":{"body":"Come"}}}`,
	} {
		name, _, _ := strings.Cut(bad, "=")
		if _, err := from(bad); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("%s: %v", bad, err)
		}
	}
}
