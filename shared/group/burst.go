package group

import (
	"context"
	"encoding/json"
	"slices"
	"strconv"

	"github.com/throng-im/throng/shared/id"
	"github.com/throng-im/throng/shared/notify"
)

// burstWindow is the minute in which a group's notifications are counted, in
// milliseconds.
const burstWindow = 60_000

// burst counts the messages of a group that notify, a minute at a time. Those past
// the limit of a minute notify nobody one by one: each carries how many they are, so
// that whoever sees one of them, in whatever order and however often, knows the same
// of it. The count goes on while each minute has more than the limit.
type burst struct {
	// began is when the current minute did; counted are its messages so far.
	began, counted int64
	// folded counts those of the burst that went past the limit; last is the seq of
	// the newest of them.
	folded, last int64
}

func parseBurst(n []int64) burst {
	if len(n) != 4 {
		return burst{}
	}
	return burst{n[0], n[1], n[2], n[3]}
}

func (b burst) numbers() []int64 { return []int64{b.began, b.counted, b.folded, b.last} }

// count counts a message, and says as which of the burst it is folded: zero is one
// that notifies.
func (b *burst) count(seq, at, limit int64) int64 {
	if passed := at - b.began; passed >= burstWindow {
		if b.counted <= limit || passed >= 2*burstWindow {
			b.folded = 0
		}
		b.began, b.counted = at, 0
	}
	b.counted++
	if b.counted <= limit {
		return 0
	}
	b.folded++
	b.last = seq
	return b.folded
}

// saying is a message that is about to be added.
type saying struct {
	encoded []byte
	// limit is how many such messages a minute notify; zero is one that is not
	// counted.
	limit int64
}

// saying encodes a message. Counted is what may notify every member. A message for
// some of them would tell the others by the count that there was one, and an urgent
// one is told in any case.
func (g *Groups) saying(message Entry) (saying, error) {
	message.Kind, message.Folded = KindMessage, 0
	encoded, err := encodeEntry(message)
	m := saying{encoded: encoded}
	if g.burst > 0 && len(message.To) == 0 && notify.Anybody(message.Notice(), false) && !(message.Push != nil && notify.Urgent(message.Push.Ext)) {
		m.limit = int64(g.burst)
	}
	return m, err
}

// say adds a message and returns its seq and time.
func (s *state) say(m saying) (seq, at int64) {
	encoded := m.encoded
	if m.limit > 0 {
		if folded := s.burst.count(s.lastSeq+1, max(s.lastAt, s.now), m.limit); folded > 0 {
			number := strconv.AppendInt([]byte(`{"folded":`), folded, 10)
			encoded = slices.Concat(number, []byte{','}, encoded[1:])
		}
	}
	return s.append(encoded)
}

// AnnounceFold has the fan-out tell a group's members how many messages the newest
// burst has had that did not notify one by one: the newest of them says. It costs a
// read, and one more when so much was said since that it has left the head.
func (g *Groups) AnnounceFold(ctx context.Context, group id.Group) error {
	head, err := g.readHead(ctx, group)
	if err != nil || head.burst.folded == 0 {
		return err
	}
	newest, err := g.timeline(ctx, head, head.burst.last-1, 1)
	if err != nil || len(newest) == 0 || newest[0].Seq != head.burst.last {
		return err
	}
	encoded, err := newest[0].encode()
	if err != nil {
		return err
	}
	ev := head.event()
	ev.Fold, ev.Entries = true, []json.RawMessage{stamp(nil, encoded, newest[0].Seq, newest[0].At)}
	payload, err := json.Marshal(ev)
	if err != nil {
		return err
	}
	return g.announce(ctx, payload)
}
