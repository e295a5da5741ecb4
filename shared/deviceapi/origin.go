package deviceapi

import (
	"net/http"
	"strings"
)

// sources are what tells kinds of devices apart in their User-Agent, in the order
// in which it is looked for, and what the contract calls them. Browsers name the
// system that they run on; what runs on none of these is a program.
var sources = []struct{ word, source string }{
	{"miniprogram", "MiniProgram"}, {"harmony", "HarmonyOS"},
	{"mozilla", "Websocket"},
	{"android", "Android"}, {"okhttp", "Android"},
	{"iphone", "iOS"}, {"ipad", "iOS"}, {"cfnetwork", "iOS"},
}

// Source is what kind of device a request comes from, in the contract's words. It
// goes by what the device says of itself.
func Source(r *http.Request) string {
	agent := strings.ToLower(r.UserAgent())
	for _, s := range sources {
		if strings.Contains(agent, s.word) {
			return s.source
		}
	}
	return "PC"
}

// ClientIP is where a request comes from: the address that the proxies before the
// function were told first, or the connection's own with its port. Whoever calls
// can invent the former, so it is a hint and no proof.
func ClientIP(r *http.Request) string {
	if first, _, _ := strings.Cut(r.Header.Get("X-Forwarded-For"), ","); strings.TrimSpace(first) != "" {
		return strings.TrimSpace(first)
	}
	return r.RemoteAddr
}
