package settings_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/throng-im/throng/shared/notify"
	"github.com/throng-im/throng/shared/settings"
)

func TestSettings(t *testing.T) {
	env := map[string]string{"THRONG_APP_KEY": "k", "THRONG_APP_SECRET": "s", "GOOGLE_CLOUD_PROJECT": "p"}
	get := func(name string) string { return env[name] }
	s, err := settings.FromEnv(get)
	if err != nil || s.MaxMembers != 3000 || s.CacheBytes != 64<<20 || s.SignatureWindow != 0 || s.TokenLifetime != 0 || s.Linger != 100*time.Millisecond || s.FCMEndpoint != "" ||
		s.NotifyLevel != notify.Unset || s.MsgRandom || s.TimeZone.String() != "UTC" || s.PushBurst != 60 || s.Logs != "" {
		t.Errorf("defaults: %+v, %v", s, err)
	}
	env["THRONG_MAX_MEMBERS"], env["THRONG_SIGNATURE_WINDOW"], env["THRONG_TOKEN_LIFETIME"], env["THRONG_LINGER"] = "7", "90s", "24h", "0"
	env["THRONG_NOTIFY_LEVEL"], env["THRONG_TIME_ZONE"], env["THRONG_MSG_RANDOM"], env["THRONG_PUSH_BURST"] = "-1", "Asia/Shanghai", "true", "0"
	env["THRONG_LOGS"] = "gs://logs"
	if s, err = settings.FromEnv(get); err != nil || s.MaxMembers != 7 || s.SignatureWindow != 90*time.Second || s.TokenLifetime != 24*time.Hour || s.Linger != 0 ||
		s.NotifyLevel != notify.Every || !s.MsgRandom || s.TimeZone.String() != "Asia/Shanghai" || s.PushBurst != 0 || s.Logs != "gs://logs" {
		t.Errorf("set: %+v, %v", s, err)
	}
	for name, bad := range map[string]string{"THRONG_APP_KEY": "", "THRONG_MAX_MEMBERS": "many", "THRONG_SIGNATURE_WINDOW": "soon", "THRONG_CACHE_BYTES": "-1", "THRONG_TOKEN_LIFETIME": "-1h",
		"THRONG_APP_SECRET": "s\n", "GOOGLE_CLOUD_PROJECT": " p",
		"THRONG_LOGS": "/var/logs", "THRONG_NOTIFY_LEVEL": "3", "THRONG_TIME_ZONE": "Local", "THRONG_MSG_RANDOM": "perhaps", "THRONG_PUSH_BURST": "-1"} {
		old := env[name]
		env[name] = bad
		if _, err := settings.FromEnv(get); err == nil || !strings.Contains(err.Error(), name) || strings.Contains(err.Error(), "\"s\"") {
			t.Errorf("%s=%q: %v", name, bad, err)
		}
		env[name] = old
	}
}

// from reads settings of the required variables and some more, as NAME=value.
func from(more ...string) (settings.Settings, error) {
	env := map[string]string{"THRONG_APP_KEY": "k", "THRONG_APP_SECRET": "hunter2", "GOOGLE_CLOUD_PROJECT": "p"}
	for _, m := range more {
		name, value, _ := strings.Cut(m, "=")
		env[name] = value
	}
	return settings.FromEnv(func(name string) string { return env[name] })
}

func TestRates(t *testing.T) {
	s, err := from("THRONG_RATE_LIMITS=default=100, /message/group/publish.json=20")
	if err != nil || s.Rates.Of("/message/group/publish.json") != 20 || s.Rates.Of("/group/join.json") != 100 {
		t.Errorf("%+v, %v", s.Rates, err)
	}
	if s, err = from("THRONG_RATE_LIMITS=/group/join.json=1"); err != nil || s.Rates.Of("/group/join.json") != 1 || s.Rates.Of("/group/quit.json") != 0 {
		t.Errorf("%+v, %v", s.Rates, err)
	}
	if s, err = from(); err != nil || s.Rates.Of("/group/join.json") != 0 {
		t.Errorf("%+v, %v", s.Rates, err)
	}
	for _, bad := range []string{"100", "default", "default=0", "default=-1", "default=1.5", "default=1000001", "default=many", "other=5", "=5", "default=1,,", "default=1,default=2", "/a=1,/a=1"} {
		if _, err := from("THRONG_RATE_LIMITS=" + bad); err == nil || !strings.Contains(err.Error(), "THRONG_RATE_LIMITS") {
			t.Errorf("%s: %v", bad, err)
		}
	}
}

func TestTheSecretBefore(t *testing.T) {
	const until = "THRONG_APP_SECRET_PREVIOUS_UNTIL=2027-01-31T12:00:00+01:00"
	end := time.Date(2027, 1, 31, 11, 0, 0, 0, time.UTC)
	s, err := from("THRONG_APP_SECRET_PREVIOUS=old", until)
	if err != nil || s.PreviousSecret != "old" || !s.PreviousUntil.Equal(end) {
		t.Errorf("%+v, %v", s, err)
	}
	for at, want := range map[time.Time][]string{end.Add(-time.Second): {"hunter2", "old"}, end: {"hunter2"}} {
		if got := s.Secrets(func() time.Time { return at }); !slices.Equal(got, want) {
			t.Errorf("at %v the secrets are %v", at, got)
		}
	}
	for _, bad := range [][]string{
		{"THRONG_APP_SECRET_PREVIOUS=old"}, {until}, {"THRONG_APP_SECRET_PREVIOUS=hunter2", until}, {"THRONG_APP_SECRET_PREVIOUS=old\n", until},
		{"THRONG_APP_SECRET_PREVIOUS=old", "THRONG_APP_SECRET_PREVIOUS_UNTIL=tomorrow"}, {"THRONG_APP_SECRET_PREVIOUS=old", "THRONG_APP_SECRET_PREVIOUS_UNTIL=2027-01-31"},
	} {
		if _, err := from(bad...); err == nil || !strings.Contains(err.Error(), "THRONG_APP_SECRET_PREVIOUS") || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%q: %v", bad, err)
		}
	}
}

func TestTimesAndFlags(t *testing.T) {
	s, err := from("THRONG_TIME_ZONE=Asia/Shanghai", "THRONG_REQUIRE_STRONG_SIGNATURE=true", "THRONG_SIGNATURE_WINDOW=1m")
	if err != nil || s.TimeZone.String() != "Asia/Shanghai" || !s.RequireStrongSignature || s.StrongWindow() != time.Minute {
		t.Errorf("%+v, %v", s, err)
	}
	if s, err = from(); err != nil || s.TimeZone != time.UTC || s.RequireStrongSignature || s.StrongWindow() != 5*time.Minute {
		t.Errorf("%+v, %v", s, err)
	}
	for _, bad := range []string{"THRONG_TIME_ZONE=Mars/North", "THRONG_TIME_ZONE=Local", "THRONG_REQUIRE_STRONG_SIGNATURE=please"} {
		name, _, _ := strings.Cut(bad, "=")
		if _, err := from(bad); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("%s: %v", bad, err)
		}
	}
}

func TestTheRateOfDevices(t *testing.T) {
	for set, want := range map[string]int{"": 5, "0": 0, "7": 7} {
		if s, err := from("THRONG_DEVICE_RATE=" + set); err != nil || s.DeviceRate != want {
			t.Errorf("%q: %d, %v", set, s.DeviceRate, err)
		}
	}
	for _, bad := range []string{"-1", "many", "1000001", "0.5"} {
		if _, err := from("THRONG_DEVICE_RATE=" + bad); err == nil || !strings.Contains(err.Error(), "THRONG_DEVICE_RATE") {
			t.Errorf("%s: %v", bad, err)
		}
	}
}

func TestHistorySettings(t *testing.T) {
	env := map[string]string{"THRONG_APP_KEY": "k", "THRONG_APP_SECRET": "s", "GOOGLE_CLOUD_PROJECT": "p"}
	get := func(name string) string { return env[name] }
	if s, err := settings.FromEnv(get); err != nil || s.HistoryMonths != 6 || s.HistoryBeforeJoin || !s.HistoryTargeted {
		t.Errorf("defaults: %+v, %v", s, err)
	}
	env["THRONG_HISTORY_MONTHS"], env["THRONG_HISTORY_BEFORE_JOIN"], env["THRONG_HISTORY_TARGETED"] = "0", "true", "false"
	if s, err := settings.FromEnv(get); err != nil || s.HistoryMonths != 0 || !s.HistoryBeforeJoin || s.HistoryTargeted {
		t.Errorf("set: %+v, %v", s, err)
	}
	for name, bad := range map[string]string{"THRONG_HISTORY_MONTHS": "37", "THRONG_HISTORY_BEFORE_JOIN": "yes", "THRONG_HISTORY_TARGETED": "1"} {
		old := env[name]
		env[name] = bad
		if _, err := settings.FromEnv(get); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("%s=%q: %v", name, bad, err)
		}
		env[name] = old
	}
}

func TestTheOfflineWindowIsOneToSevenDays(t *testing.T) {
	for text, days := range map[string]int{"": 7, "1": 1, "7": 7, "0": 0, "8": 0, "-1": 0, "two": 0} {
		env := map[string]string{"THRONG_APP_KEY": "k", "THRONG_APP_SECRET": "s", "GOOGLE_CLOUD_PROJECT": "p", "THRONG_OFFLINE_DAYS": text}
		s, err := settings.FromEnv(func(name string) string { return env[name] })
		if days == 0 && (err == nil || !strings.Contains(err.Error(), "THRONG_OFFLINE_DAYS")) {
			t.Errorf("%q: %v", text, err)
		}
		if days > 0 && (err != nil || s.OfflineDays != days || s.OfflineWindow() != time.Duration(days)*24*time.Hour) {
			t.Errorf("%q: %d days, %v", text, s.OfflineDays, err)
		}
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
	s := settings.Settings{AppKey: "the-key", AppSecret: "hunter2", PreviousSecret: "hunter2-the-elder"}
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
