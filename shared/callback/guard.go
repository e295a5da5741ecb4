package callback

import (
	"fmt"
	"net"
	"net/netip"
	"syscall"
	"time"
)

// notPublic are the networks that are not the internet, beyond those that netip
// knows by name, and those that hide an address of another kind in theirs.
var notPublic = func() (out []netip.Prefix) {
	for _, text := range []string{
		"0.0.0.0/8", "100.64.0.0/10", "192.0.0.0/24", "192.0.2.0/24", "192.88.99.0/24", "198.18.0.0/15", "198.51.100.0/24",
		"203.0.113.0/24", "240.0.0.0/4",
		"::/96", "64:ff9b::/96", "64:ff9b:1::/48", "100::/64", "2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20", "5f00::/16", "fec0::/10",
	} {
		out = append(out, netip.MustParsePrefix(text))
	}
	return out
}()

// public says whether an address is one of the internet.
func public(a netip.Addr) bool {
	a = a.Unmap().WithZone("")
	if !a.IsValid() || !a.IsGlobalUnicast() || a.IsPrivate() || a.IsLoopback() || a.IsLinkLocalUnicast() {
		return false
	}
	for _, p := range notPublic {
		if p.Contains(a) {
			return false
		}
	}
	return true
}

// dialer refuses, unless this is the local cloud, to connect to an address that is
// not public. It looks at the address that is dialled, after the name was looked
// up: a name that answers differently the next time gains nothing.
func dialer(local bool) *net.Dialer {
	d := &net.Dialer{Timeout: 5 * time.Second}
	if local {
		return d
	}
	d.Control = func(_, address string, _ syscall.RawConn) error {
		to, err := netip.ParseAddrPort(address)
		if err != nil || !public(to.Addr()) {
			return fmt.Errorf("the app's server is at %s, which is not a public address", address)
		}
		return nil
	}
	return d
}
