package deviceapi

import (
	"math"

	"github.com/throng-im/throng/shared/inbox"
)

// Base is where the device API lives.
const Base = "/client/v1"

// Limits of requests that are the device API's own. Those of messages, tags and
// ids are the contract's and stand with them.
const (
	// MaxBody bounds a request body in bytes: a content of 128 KiB, six times its
	// size where every character is escaped, and room.
	MaxBody = 1 << 20
	// MaxClientID is the longest idempotency key in bytes.
	MaxClientID = 64
	// MaxTargets is how many members a message may be for.
	MaxTargets = 300
	// MaxExtra is the longest extra of a message or a recall, and the longest
	// content of a typing message, in bytes.
	MaxExtra = 4096
	// MaxKeys is how many extension keys a device may name in one call.
	MaxKeys = 20
	// MaxTypes is how many types a page of history may be about.
	MaxTypes = 20
	// MaxDeletes is how many messages one call deletes, MaxReads how many it says
	// were read.
	MaxDeletes, MaxReads = 100, 100

	// Limits of a device, in bytes. FCM's tokens are some 160 and may grow.
	MaxPushToken, MaxLanguage, MaxTimeZone = 1024, 35, 64
)

// Platforms are those of devices.
var Platforms = []string{"android", "ios", "web"}

// Number is a whole number in a query, within bounds.
type Number struct {
	Name        string
	Least, Most int64
	// Default is what counts where there is none.
	Default int64
	about   string
}

// Numbers in queries. The functions read them and the description describes them.
var (
	Page          = Number{Name: "limit", Least: 1, Most: 100, Default: 20, about: "the most messages in the page"}
	Readers       = Number{Name: "limit", Least: 1, Most: 1000, Default: 100, about: "the most readers in the page"}
	Listed        = Number{Name: "limit", Least: 1, Most: inbox.MaxListed, Default: inbox.DefaultListed, about: "the most conversations in the page"}
	UnreadListed  = Number{Name: "limit", Least: 1, Most: inbox.MaxUnreadMessages, Default: inbox.DefaultUnread, about: "the most messages in the answer"}
	beforeOrAfter = Number{Most: math.MaxInt64 - 1}

	// Bounds are the ends that a page of history may begin at. A request has one of
	// them at most.
	Bounds = []Number{
		beforeOrAfter.named("before", "the seq that the page ends before, newest message first"),
		beforeOrAfter.named("after", "the seq that the page begins after, oldest message first"),
		beforeOrAfter.named("beforeTime", "Unix milliseconds; the page has what was sent before then, newest message first"),
		beforeOrAfter.named("afterTime", "Unix milliseconds; the page has what was sent after then, oldest message first"),
	}
)

func (n Number) named(name, about string) Number { n.Name, n.about = name, about; return n }
