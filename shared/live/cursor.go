package live

import (
	"encoding/base64"
	"encoding/binary"
	"hash/fnv"
	"slices"
	"time"

	"github.com/throng-im/throng/shared/id"
)

const (
	// overlap is how much later than its neighbours an entry may reach a device:
	// what clocks differ by, what Pub/Sub takes, and what queues hold up.
	overlap = 2 * time.Minute
	// cursorGroups bounds the groups in an id; a busier device's overlap shrinks.
	cursorGroups = 64
	// maxParsed bounds an id that is read: ids made in the middle of a resume name
	// every group resumed so far.
	maxParsed   = resumeGroups + 2*cursorGroups
	maxIDLength = 16 << 10
	cursorMark  = 1
)

// cursor is where a device is, as the id of its last event says it. Of the
// groups named the device has everything up to the seq named. Of the others it
// has what is not after since.
type cursor struct {
	// since is in Unix milliseconds.
	since int64
	// owner marks whose cursor it is.
	owner uint64
	at    map[id.Serial]place
}

// place is how far a device is in one group, and the time of that entry. out says
// that the user was no member then.
type place struct {
	seq, at int64
	out     bool
}

// ownerOf marks a user.
func ownerOf(user id.User) uint64 {
	h := fnv.New64a()
	_, _ = h.Write([]byte(user))
	return h.Sum64()
}

// move notes that the device has a group's entries up to a seq.
func (c *cursor) move(s id.Serial, p place) {
	if old, known := c.at[s]; !known || old.seq < p.seq {
		c.at[s] = p
	}
}

// advance moves since forward and drops the groups that need not be named any
// more. Where too many are left, those that were quiet longest go.
func (c *cursor) advance(since int64) {
	c.since = max(c.since, since)
	for s, p := range c.at {
		if p.at <= c.since {
			delete(c.at, s)
		}
	}
	if len(c.at) > cursorGroups {
		times := make([]int64, 0, len(c.at))
		for _, p := range c.at {
			times = append(times, p.at)
		}
		slices.Sort(times)
		c.advance(times[len(times)-cursorGroups-1])
	}
}

// append appends the cursor as text.
func (c *cursor) append(dst []byte) []byte {
	var fixed [256]byte
	raw := binary.AppendUvarint(append(fixed[:0], cursorMark), uint64(c.since))
	raw = binary.BigEndian.AppendUint64(raw, c.owner)
	for s, p := range c.at {
		seq := uint64(p.seq) << 1
		if p.out {
			seq |= 1
		}
		raw = binary.AppendUvarint(binary.AppendUvarint(raw, uint64(s)), seq)
	}
	return base64.RawURLEncoding.AppendEncode(dst, raw)
}

// parseCursor reads an id. ok is false for anything that append did not make.
func parseCursor(text string) (c cursor, ok bool) {
	if len(text) > maxIDLength {
		return c, false
	}
	raw, err := base64.RawURLEncoding.Strict().DecodeString(text)
	if err != nil || len(raw) == 0 || raw[0] != cursorMark {
		return c, false
	}
	raw = raw[1:]
	number := func(limit uint64) uint64 {
		v, n := binary.Uvarint(raw)
		if ok = ok && n > 0 && v <= limit; !ok {
			return 0
		}
		raw = raw[n:]
		return v
	}
	ok = true
	c.since = int64(number(1 << 62))
	if !ok || len(raw) < 8 {
		return c, false
	}
	c.owner, raw = binary.BigEndian.Uint64(raw), raw[8:]
	c.at = map[id.Serial]place{}
	for ok && len(raw) > 0 {
		s, seq := id.Serial(number(uint64(id.MaxSerial))), number(uint64(id.MaxSeq)<<1|1)
		c.at[s] = place{seq: int64(seq >> 1), out: seq&1 == 1}
	}
	return c, ok && len(c.at) <= maxParsed
}
