package group

import (
	"context"
	"errors"
	"time"

	"github.com/throng-im/throng/shared/commit"
	"github.com/throng-im/throng/shared/fault"
	"github.com/throng-im/throng/shared/id"
)

const (
	// keyWindow is for how long a device's repeated idempotency key is surely
	// recognised.
	keyWindow = 24 * time.Hour
	// randomWindow is for how long an app server's counts: the contract's minute.
	randomWindow = time.Minute
)

// Publish adds a message from the app's server. An unknown or dismissed group
// takes it to nobody: the receipt then has an id but no seq. A message with the
// same Random as one that the same sender sent to the group within a minute is
// not added; the receipt is the first one's and says so.
func (g *Groups) Publish(ctx context.Context, group id.Group, message Entry) (Receipt, error) {
	m, err := g.saying(message)
	if err != nil {
		return Receipt{}, err
	}
	var answer sent
	if key, ok := message.key(); ok {
		answer, err = g.once(ctx, group, once{
			key: key,
			is: func(e Entry) bool {
				return e.Random == message.Random && e.From == message.From && g.now().UnixMilli()-e.At < randomWindow.Milliseconds()
			},
			apply: func(s *state, checked int64) (sent, error) { return s.publishOnce(key, checked, m) },
		})
	} else {
		answer.Receipt, err = g.publish(ctx, group, func(s *state) *Receipt { return s.publish(m) })
	}
	if err == nil && answer.UID == "" {
		answer.UID = toNobody()
	}
	return answer.Receipt, err
}

// PublishStatus announces a message for who is online now. It is stored nowhere,
// so its receipt has an id but no seq.
func (g *Groups) PublishStatus(ctx context.Context, group id.Group, message Entry) (Receipt, error) {
	message.Kind, message.UID = KindStatus, toNobody()
	encoded, err := encodeEntry(message)
	if err != nil {
		return Receipt{}, err
	}
	r, err := g.publish(ctx, group, func(s *state) *Receipt { return s.publishStatus(message.UID, encoded) })
	r.UID = message.UID
	return r, err
}

// toNobody is an id that names no message.
func toNobody() id.Message { return id.NewMessage(id.NewSerial(), 0) }

func (g *Groups) publish(ctx context.Context, group id.Group, apply func(*state) *Receipt) (Receipt, error) {
	v, err := g.loop.Do(ctx, string(group), commit.Command[state]{
		Apply: func(s *state) (any, error) { return apply(s), nil },
	})
	if err != nil {
		return Receipt{}, err
	}
	if r := v.(*Receipt); r != nil {
		return *r, nil
	}
	return Receipt{}, nil
}

// publishStatus has a message announced that leaves no trace in the group.
func (s *state) publishStatus(uid id.Message, encoded []byte) *Receipt {
	if !s.live() {
		return nil
	}
	s.again = append(s.again, stamp(nil, encoded, 0, s.now))
	return &Receipt{UID: uid, At: s.now}
}

// publishOnce adds a message from the app's server unless its key was used a
// moment ago. Where there is no group to receive it, nothing is remembered.
func (s *state) publishOnce(key, checked int64, m saying) (sent, error) {
	if s.exists() {
		if k, ok := s.recent.find(key); ok && s.now-k.at < randomWindow.Milliseconds() {
			out := s.repeat(k)
			out.Repeated = true
			return out, nil
		}
	}
	switch {
	case !s.live():
		return sent{}, nil
	case !s.recent.covers(checked) && s.now-s.recent.evictedAt < randomWindow.Milliseconds():
		return sent{}, &recheck{asOf: s.lastSeq}
	}
	seq, at := s.say(m)
	s.recent.add(keyed{key: key, seq: seq, at: at})
	return sent{Receipt: Receipt{UID: id.NewMessage(s.serial, seq), Seq: seq, At: at}}, nil
}

// Send adds a message from the device of a member who is not muted in all groups;
// see SendAs.
func (g *Groups) Send(ctx context.Context, group id.Group, message Entry) (Receipt, error) {
	return g.SendAs(ctx, group, Actor{User: message.From}, message)
}

// SendAs adds a message from a member's device. The same ClientID of the same
// sender gives the same receipt and adds nothing, whatever became of the sender
// since. Errors: fault.NotMember, fault.GroupDismissed, fault.Muted,
// fault.GroupMuted, fault.TooLarge.
func (g *Groups) SendAs(ctx context.Context, group id.Group, by Actor, message Entry) (Receipt, error) {
	message.From, message.Source = by.User, by.Source
	m, err := g.saying(message)
	if err != nil {
		return Receipt{}, err
	}
	o, ok := onceBy(by, message.ClientID)
	if !ok {
		return Receipt{}, fault.New(fault.InvalidArgument, "a message from a device needs an idempotency key")
	}
	o.need = by.need
	o.apply = func(s *state, checked int64) (sent, error) { return s.send(by, o.key, checked, m) }
	answer, err := g.once(ctx, group, o)
	answer.Repeated = false // to a device a repeated message is as good as a new one
	return answer.Receipt, err
}

// MaySend says whether a message from a member's device would be added. A ClientID
// that has sent one already gives that message's receipt, and known is true. Errors
// as of SendAs, of what is known before there is a message.
func (g *Groups) MaySend(ctx context.Context, group id.Group, by Actor, clientID string) (r Receipt, known bool, err error) {
	o, ok := onceBy(by, clientID)
	if !ok {
		return Receipt{}, false, fault.New(fault.InvalidArgument, "a message from a device needs an idempotency key")
	}
	o.need = by.need
	o.apply = func(s *state, checked int64) (sent, error) {
		if answer, known, err := s.repeated(o.key, checked); known || err != nil {
			return answer, err
		}
		return sent{}, s.speak(by)
	}
	answer, err := g.once(ctx, group, o)
	answer.Repeated = false
	return answer.Receipt, answer.Seq > 0, err
}

// SendStatus is PublishStatus for a member's device. Errors as of SendAs.
func (g *Groups) SendStatus(ctx context.Context, group id.Group, by Actor, message Entry) (Receipt, error) {
	message.Kind, message.UID, message.From, message.Source = KindStatus, toNobody(), by.User, by.Source
	encoded, err := encodeEntry(message)
	if err != nil {
		return Receipt{}, err
	}
	v, err := g.loop.Do(ctx, string(group), commit.Command[state]{Need: by.need, Apply: func(s *state) (any, error) {
		if err := s.speak(by); err != nil {
			return nil, err
		}
		return s.publishStatus(message.UID, encoded), nil
	}})
	if err != nil {
		return Receipt{}, err
	}
	return *v.(*Receipt), nil
}

// once is what its idempotency key lets in one time.
type once struct {
	key int64
	// is tells the entry that carries this very key, and still counts, from
	// others that share its 64 bits. It is nil where there is no key.
	is   func(Entry) bool
	need func(context.Context, commit.Reader, *state) error
	// apply adds the message. Its key was looked for among the entries sealed up
	// to the seq checked; a recheck asks for more.
	apply func(s *state, checked int64) (sent, error)
}

// onceBy is what one device asks for once. Without an idempotency key it is
// nothing that can be recognised, and ok is false.
func onceBy(by Actor, clientID string) (o once, ok bool) {
	o.key, ok = Entry{From: by.User, ClientID: clientID}.key()
	o.is = func(e Entry) bool { return e.ClientID == clientID && e.From == by.User }
	return o, ok
}

// repeated returns the answer to a key that is in the ring, or a recheck where it
// may have left it.
func (s *state) repeated(key, checked int64) (answer sent, known bool, err error) {
	if s.exists() {
		if k, ok := s.recent.find(key); ok {
			return s.repeat(k), true, nil
		}
	}
	if !s.recent.covers(checked) && s.now-s.recent.evictedAt < keyWindow.Milliseconds() {
		return sent{}, false, &recheck{asOf: s.lastSeq}
	}
	return sent{}, false, nil
}

// recheck refuses a message until its idempotency key has been looked for among
// the entries sealed up to the seq asOf: keys have left the ring.
type recheck struct{ asOf int64 }

func (r *recheck) Error() string { return "the idempotency key must be looked for first" }

// once adds a message unless its key has an entry already, which is announced
// again instead.
func (g *Groups) once(ctx context.Context, group id.Group, o once) (sent, error) {
	// Of what was committed up to seen, all but a tail's length is sealed.
	seen, busy := g.busy.Get(group)
	checked := seen - tailEntries
	for {
		if busy && o.is != nil {
			seq, err := g.findKeyed(ctx, group, o)
			if err != nil {
				return sent{}, err
			}
			if seq > 0 {
				return g.announceAgain(ctx, group, seq)
			}
		}
		v, err := g.loop.Do(ctx, string(group), commit.Command[state]{
			Need:  o.need,
			Apply: func(s *state) (any, error) { return o.apply(s, checked) },
		})
		if ask, ok := errors.AsType[*recheck](err); ok {
			checked, busy = ask.asOf, true
			continue
		}
		if errors.Is(err, errUnloaded) {
			continue
		}
		if err != nil {
			return sent{}, err
		}
		answer := v.(sent)
		if answer.unannounced {
			return g.announceAgain(ctx, group, answer.Seq)
		}
		if busy && answer.Seq > 0 {
			g.busy.Add(group, answer.Seq)
		}
		return answer, nil
	}
}

// encodeEntry encodes an entry from outside, whose size nobody has bounded.
func encodeEntry(e Entry) ([]byte, error) {
	encoded, err := e.encode()
	if err != nil {
		return nil, err
	}
	if len(encoded) > MaxEntryBytes {
		return nil, fault.New(fault.TooLarge, "the message takes %d bytes with everything it carries, more than %d", len(encoded), MaxEntryBytes)
	}
	return encoded, nil
}
