package deviceapi_test

import (
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/throng-im/throng/shared/deviceapi"
)

// TestWhereARequestComesFrom is an address, whatever the caller says.
func TestWhereARequestComesFrom(t *testing.T) {
	const own = "192.0.2.1:1234"
	for forwarded, want := range map[string]string{
		"": own, "203.0.113.7": "203.0.113.7", " 203.0.113.7 , 10.0.0.1": "203.0.113.7", "203.0.113.7:99,10.0.0.1": "203.0.113.7:99",
		"2001:db8::1": "2001:db8::1", "[2001:db8::1]:99": "[2001:db8::1]:99",
		"unknown": own, ",203.0.113.7": own, "<script>": own, "fe80::1%" + strings.Repeat("x", 60_000): own, "[fe80::1%" + strings.Repeat("x", 60_000) + "]:1": own,
	} {
		r := httptest.NewRequest("GET", "/", nil)
		r.Header.Set("X-Forwarded-For", forwarded)
		if got := deviceapi.ClientIP(r); got != want {
			t.Errorf("%.60q is from %.60q, not %q", forwarded, got, want)
		}
	}
}

func TestWhatKindOfDeviceARequestComesFrom(t *testing.T) {
	for agent, want := range map[string]string{
		"": "PC", "curl/8": "PC", "okhttp/5.1": "Android", "Dalvik/2.1 (Linux; U; Android 15)": "Android", "Chat/1 CFNetwork/1496 Darwin/23": "iOS",
		"Mozilla/5.0 (iPhone; CPU iPhone OS 18_0)": "Websocket", "Mozilla/5.0 MiniProgramEnv": "MiniProgram", "Harmony/5 okhttp/4": "HarmonyOS",
	} {
		r := httptest.NewRequest("GET", "/", nil)
		r.Header.Set("User-Agent", agent)
		if got := deviceapi.Source(r); got != want {
			t.Errorf("%s is %s, not %s", agent, got, want)
		}
	}
}
