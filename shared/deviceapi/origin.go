package deviceapi

import (
	"net/http"
	"net/netip"
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
// can invent the former, so it is a hint and no proof; what is no address, which may
// be of any length, is none.
func ClientIP(r *http.Request) string {
	first, _, _ := strings.Cut(r.Header.Get("X-Forwarded-For"), ",")
	if first = strings.TrimSpace(first); isAddress(first) {
		return first
	}
	return r.RemoteAddr
}

func isAddress(text string) bool {
	addr, err := netip.ParseAddr(text)
	if err != nil {
		var withPort netip.AddrPort
		withPort, err = netip.ParseAddrPort(text)
		addr = withPort.Addr()
	}
	return err == nil && addr.Zone() == ""
}
