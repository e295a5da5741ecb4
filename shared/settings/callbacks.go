package settings

import (
	"net/url"
	"strings"
)

// Callbacks are the calls that are made to the app's own server. A URL that is
// empty is none, and what it is for then costs nothing.
type Callbacks struct {
	// Messages is told of every message that was stored.
	// THRONG_CALLBACK_MESSAGES, a URL; default none.
	Messages string
	// ServerMessages tells it of messages that came through the server API, too.
	// THRONG_CALLBACK_SERVER_MESSAGES, true or false; default false.
	ServerMessages bool
	// Operations is told of recalls, and of messages that users deleted for
	// themselves. THRONG_CALLBACK_OPERATIONS, a URL; default none.
	Operations string
	// Status is told who came online and who went. THRONG_CALLBACK_STATUS, a URL;
	// default none.
	Status string
	// Pre is asked before a device's message is stored. THRONG_CALLBACK_PRE, a
	// URL; default none.
	Pre string
	// PreTypes are the types of messages that it is asked about, all when empty.
	// THRONG_CALLBACK_PRE_TYPES, such as "RC:TxtMsg,RC:ImgMsg"; default all.
	PreTypes []string
	// PreServerMessages asks it about messages of the server API, too.
	// THRONG_CALLBACK_PRE_SERVER_MESSAGES, true or false; default false.
	PreServerMessages bool
	// PreClosed refuses a message where no answer comes, which otherwise is stored.
	// THRONG_CALLBACK_PRE_FAIL, open or closed; default open.
	PreClosed bool
	// Hosts are those that may be called, as "app.example.com" or, for all below
	// a name, "*.example.com". THRONG_CALLBACK_HOSTS; default those of the URLs.
	Hosts []string
	// Local lets calls go over plain HTTP, and to addresses that are not public. It
	// is not for production: it follows from FIRESTORE_EMULATOR_HOST, which
	// only the local cloud sets.
	Local bool
}

// Allows says whether a host may be called.
func (c Callbacks) Allows(host string) bool {
	if len(c.Hosts) == 0 {
		return true
	}
	host = strings.ToLower(host)
	for _, h := range c.Hosts {
		below, wild := strings.CutPrefix(h, "*")
		if host == h || wild && strings.HasSuffix(host, below) && host != below {
			return true
		}
	}
	return false
}

// callbacks reads what there is to call.
func (r *reader) callbacks() Callbacks {
	c := Callbacks{
		ServerMessages:    r.flag("THRONG_CALLBACK_SERVER_MESSAGES", false),
		PreTypes:          r.list("THRONG_CALLBACK_PRE_TYPES"),
		PreServerMessages: r.flag("THRONG_CALLBACK_PRE_SERVER_MESSAGES", false),
		Hosts:             r.list("THRONG_CALLBACK_HOSTS"),
		Local:             r.get("FIRESTORE_EMULATOR_HOST") != "",
	}
	for i, h := range c.Hosts {
		c.Hosts[i] = strings.ToLower(h)
		if name := strings.TrimPrefix(h, "*."); name == "" || strings.ContainsAny(name, "*/:@ ") {
			r.fail("THRONG_CALLBACK_HOSTS: %q is neither a host such as app.example.com nor *.example.com", h)
		}
	}
	switch v := r.get("THRONG_CALLBACK_PRE_FAIL"); v {
	case "", "open", "closed":
		c.PreClosed = v == "closed"
	default:
		r.fail("THRONG_CALLBACK_PRE_FAIL is neither open nor closed")
	}
	c.Messages = r.target("THRONG_CALLBACK_MESSAGES", c)
	c.Operations = r.target("THRONG_CALLBACK_OPERATIONS", c)
	c.Status = r.target("THRONG_CALLBACK_STATUS", c)
	c.Pre = r.target("THRONG_CALLBACK_PRE", c)
	return c
}

// target reads a URL that is to be called. Its text may hold what nobody else
// should read, so no error shows it.
func (r *reader) target(name string, c Callbacks) string {
	v := r.get(name)
	if v == "" {
		return ""
	}
	u, err := url.Parse(v)
	switch {
	case err != nil || u.Host == "" || u.Hostname() == "" || u.Scheme != "https" && u.Scheme != "http":
		r.fail("%s is not a URL such as https://app.example.com/messages", name)
	case u.Scheme != "https" && !c.Local:
		r.fail("%s must begin with https://", name)
	case u.User != nil:
		r.fail("%s holds a user name; calls prove by their signature who makes them", name)
	case u.Fragment != "":
		r.fail("%s holds a fragment, which is never sent", name)
	case !c.Allows(u.Hostname()):
		r.fail("%s is at a host that is not in THRONG_CALLBACK_HOSTS", name)
	}
	return v
}

// list reads texts with commas between them.
func (r *reader) list(name string) []string {
	var out []string
	for part := range strings.SplitSeq(r.get(name), ",") {
		if part = strings.TrimSpace(part); part != "" {
			out = append(out, part)
		}
	}
	return out
}
