package inbox

import (
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"hash/crc32"

	"github.com/throng-im/throng/shared/fault"
	"github.com/throng-im/throng/shared/id"
)

const (
	// overlap is how much later than its time an entry may show itself: what
	// clocks differ by, and how long a commit may be under way.
	overlap = int64(2 * 60 * 1000)
	// MaxCursor bounds a cursor that is read, in characters: a page's groups with
	// the longest of names fit.
	MaxCursor = 16 << 10
	// allDone is where a round is that has been through all groups. It sorts
	// behind every group's id.
	allDone = id.Group("~")
)

// cursor is what a device has, in the device's keeping. A round of calls goes
// through the groups in the order of their ids; in the middle of one, the cursor
// says how far it came.
type cursor struct {
	User id.User `json:"u"`
	// The device has what happened until Since, in Unix milliseconds, the user's
	// conversations as of State, and the settings as of Settings. Since is zero
	// while the device has nothing.
	Since    int64 `json:"t,omitempty"`
	State    int64 `json:"s,omitempty"`
	Settings int64 `json:"v,omitempty"`
	// Began and Target become Since and State when the round is over.
	Began  int64 `json:"b,omitempty"`
	Target int64 `json:"n,omitempty"`
	// Done is the last group that the round was at. Pending are those before it of
	// which the device has not got everything.
	Done    id.Group   `json:"p,omitempty"`
	Pending []id.Group `json:"g,omitempty"`
}

func (c cursor) String() string { return seal(c) }

// seal is a cursor as devices keep it: JSON behind its checksum.
func seal(c any) string {
	raw, _ := json.Marshal(c) // of texts and numbers; it cannot fail
	return base64.RawURLEncoding.EncodeToString(append(binary.BigEndian.AppendUint32(nil, crc32.ChecksumIEEE(raw)), raw...))
}

// unseal reads what seal made; ok is false for anything else.
func unseal(text string, into any) (ok bool) {
	if len(text) > MaxCursor {
		return false
	}
	raw, err := base64.RawURLEncoding.Strict().DecodeString(text)
	if err != nil || len(raw) < 4 || crc32.ChecksumIEEE(raw[4:]) != binary.BigEndian.Uint32(raw) {
		return false
	}
	return json.Unmarshal(raw[4:], into) == nil
}

// parseCursor reads a user's cursor; an empty text is that of a new device.
func parseCursor(u id.User, text string) (cursor, error) {
	c := cursor{User: u}
	if text == "" {
		return c, nil
	}
	if !unseal(text, &c) || c.User != u || len(c.Pending) > maxGroups {
		return c, fault.New(fault.InvalidArgument, "cursor is none that a sync has given this user")
	}
	return c, nil
}

// tooOld says whether the cursor is of no use any more: older than what is kept,
// or of a state that was never reached.
func (c cursor) tooOld(now, windowStart, state int64) bool {
	old := func(at int64) bool { return at > 0 && (at < windowStart || at > now+overlap) }
	return old(c.Since) || old(c.Began) || max(c.State, c.Target) > state
}
