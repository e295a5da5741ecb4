package settings_test

import (
	"strings"
	"testing"
	"time"

	"github.com/throng-im/throng/shared/settings"
)

func TestSettings(t *testing.T) {
	env := map[string]string{"THRONG_APP_KEY": "k", "THRONG_APP_SECRET": "s", "GOOGLE_CLOUD_PROJECT": "p"}
	get := func(name string) string { return env[name] }
	s, err := settings.FromEnv(get)
	if err != nil || s.MaxMembers != 3000 || s.CacheBytes != 64<<20 || s.SignatureWindow != 0 || s.TokenLifetime != 0 || s.FCMEndpoint != "" {
		t.Errorf("defaults: %+v, %v", s, err)
	}
	env["THRONG_MAX_MEMBERS"], env["THRONG_SIGNATURE_WINDOW"], env["THRONG_TOKEN_LIFETIME"] = "7", "90s", "24h"
	if s, err = settings.FromEnv(get); err != nil || s.MaxMembers != 7 || s.SignatureWindow != 90*time.Second || s.TokenLifetime != 24*time.Hour {
		t.Errorf("set: %+v, %v", s, err)
	}
	for name, bad := range map[string]string{"THRONG_APP_KEY": "", "THRONG_MAX_MEMBERS": "many", "THRONG_SIGNATURE_WINDOW": "soon", "THRONG_CACHE_BYTES": "-1", "THRONG_TOKEN_LIFETIME": "-1h"} {
		old := env[name]
		env[name] = bad
		if _, err := settings.FromEnv(get); err == nil || !strings.Contains(err.Error(), name) || strings.Contains(err.Error(), "\"s\"") {
			t.Errorf("%s=%q: %v", name, bad, err)
		}
		env[name] = old
	}
}
