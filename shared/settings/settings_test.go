package settings_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/throng-im/throng/shared/settings"
)

func TestSettings(t *testing.T) {
	env := map[string]string{"THRONG_APP_KEY": "k", "THRONG_APP_SECRET": "s", "GOOGLE_CLOUD_PROJECT": "p"}
	get := func(name string) string { return env[name] }
	s, err := settings.FromEnv(get)
	if err != nil || s.MaxMembers != 3000 || s.CacheBytes != 64<<20 || s.SignatureWindow != 0 || s.TokenLifetime != 0 || s.Linger != 100*time.Millisecond || s.FCMEndpoint != "" || s.TimeZone != time.UTC {
		t.Errorf("defaults: %+v, %v", s, err)
	}
	env["THRONG_MAX_MEMBERS"], env["THRONG_SIGNATURE_WINDOW"], env["THRONG_TOKEN_LIFETIME"], env["THRONG_LINGER"] = "7", "90s", "24h", "0"
	env["THRONG_TIME_ZONE"] = "Asia/Shanghai"
	if s, err = settings.FromEnv(get); err != nil || s.MaxMembers != 7 || s.SignatureWindow != 90*time.Second || s.TokenLifetime != 24*time.Hour || s.Linger != 0 || s.TimeZone.String() != "Asia/Shanghai" {
		t.Errorf("set: %+v, %v", s, err)
	}
	for name, bad := range map[string]string{"THRONG_APP_KEY": "", "THRONG_MAX_MEMBERS": "many", "THRONG_SIGNATURE_WINDOW": "soon", "THRONG_CACHE_BYTES": "-1", "THRONG_TOKEN_LIFETIME": "-1h",
		"THRONG_APP_SECRET": "s\n", "GOOGLE_CLOUD_PROJECT": " p", "THRONG_TIME_ZONE": "Beijing"} {
		old := env[name]
		env[name] = bad
		if _, err := settings.FromEnv(get); err == nil || !strings.Contains(err.Error(), name) || strings.Contains(err.Error(), "\"s\"") {
			t.Errorf("%s=%q: %v", name, bad, err)
		}
		env[name] = old
	}
}

func TestTheAppKeyHasALength(t *testing.T) {
	for length, ok := range map[int]bool{1: true, settings.MaxAppKey: true, settings.MaxAppKey + 1: false} {
		env := map[string]string{"THRONG_APP_KEY": strings.Repeat("k", length), "THRONG_APP_SECRET": "s", "GOOGLE_CLOUD_PROJECT": "p"}
		if _, err := settings.FromEnv(func(name string) string { return env[name] }); ok != (err == nil) {
			t.Errorf("%d bytes: %v", length, err)
		}
	}
}

func TestEveryMistakeIsNamedAtOnce(t *testing.T) {
	_, err := settings.FromEnv(func(string) string { return "" })
	for _, name := range []string{"THRONG_APP_KEY", "THRONG_APP_SECRET", "GOOGLE_CLOUD_PROJECT"} {
		if err == nil || !strings.Contains(err.Error(), name+" is not set") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestTheSecretIsNeverPrinted(t *testing.T) {
	s := settings.Settings{AppKey: "the-key", AppSecret: "hunter2"}
	var log bytes.Buffer
	slog.New(slog.NewJSONHandler(&log, nil)).Info("m", "settings", s, "pointer", &s)
	slog.New(slog.NewTextHandler(&log, nil)).Info("m", "settings", s, "pointer", &s)
	encoded, err := json.Marshal(s)
	if err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{
		"%v": fmt.Sprintf("%v", s), "%+v": fmt.Sprintf("%+v", s), "%#v": fmt.Sprintf("%#v", s), "%s": fmt.Sprintf("%s", s), "%q": fmt.Sprintf("%q", s),
		"pointer": fmt.Sprintf("%+v", &s), "within": fmt.Sprintf("%+v", struct{ S settings.Settings }{s}), "print": fmt.Sprint(s),
		"log": log.String(), "json": string(encoded),
	} {
		if strings.Contains(text, "hunter2") || !strings.Contains(text, "the-key") {
			t.Errorf("%s prints %s", name, text)
		}
	}
}
