package group

import (
	"context"
	"maps"

	"github.com/throng-im/throng/shared/commit"
	"github.com/throng-im/throng/shared/fault"
	"github.com/throng-im/throng/shared/id"
)

// What devices do to messages. Who may do it is judged on the state that the
// change is conditioned on. The answer is the receipt of the entry that says what
// changed; a message that is as it should be already answers with the entry that
// made it so, or with itself, and is not written. An idempotency key may be
// empty; one that was used before gives the first answer. Errors of all:
// fault.NotMember, fault.GroupDismissed, and fault.NotFound for a message that
// is unknown, of another group, recalled, or not the actor's to see.

// RecallAs takes back the actor's own message, or for an administrator any. It
// may be done by who is muted, and again: taking back is not speaking. Errors:
// fault.PermissionDenied for somebody else's message.
func (g *Groups) RecallAs(ctx context.Context, group id.Group, uid id.Message, by Actor, clientID string, r Recall) (Receipt, error) {
	r.From = by.User
	return g.act(ctx, group, uid, by, clientID, deed{
		kind: KindRecall,
		may: func(s *state, m Entry) error {
			switch {
			case by.Admin:
				return nil
			case m.From != by.User:
				return fault.New(fault.PermissionDenied, "only the sender of a message and administrators may recall it")
			}
			return nil
		},
		change: func(m Entry, seq, at int64) (*amended, error) {
			r := r
			r.Admin = m.From != by.User
			return r.of(m, seq, at)
		},
		made: func(m Entry) int64 { return m.Recalled },
	})
}

// EditAs changes the content of the actor's own message; a mention that is not
// given stays. Errors: fault.PermissionDenied for somebody else's message,
// fault.Muted, fault.GroupMuted, fault.TooLarge.
func (g *Groups) EditAs(ctx context.Context, group id.Group, uid id.Message, by Actor, clientID string, e Edit) (Receipt, error) {
	e.From = by.User
	return g.act(ctx, group, uid, by, clientID, deed{
		kind: KindEdit,
		may: func(s *state, m Entry) error {
			if m.From != by.User {
				return fault.New(fault.PermissionDenied, "only the sender of a message may edit it")
			}
			return s.speak(by)
		},
		change: func(m Entry, seq, at int64) (*amended, error) {
			e := e
			if e.Mention == nil {
				e.Mention = m.Mention
			}
			return e.of(m, seq, at)
		},
		made: func(m Entry) int64 { return m.Edited },
	})
}

// SetExpansionAs sets extension keys of a message that the actor sees. Keys that
// all have these values change nothing. Errors: fault.Muted, fault.GroupMuted,
// and those of SetExpansion.
func (g *Groups) SetExpansionAs(ctx context.Context, group id.Group, uid id.Message, by Actor, clientID string, keys map[string]string) (Receipt, error) {
	set := setting(by.User, keys, false)
	return g.extend(ctx, group, uid, by, clientID, func(m Entry, seq, at int64) (*amended, error) {
		news := maps.Clone(keys)
		maps.DeleteFunc(news, func(k, v string) bool { old, there := m.Expansion[k]; return there && old.V == v })
		if m.Expandable && len(news) == 0 {
			return nil, nil
		}
		return set(m, seq, at)
	})
}

// DeleteExpansionAs removes extension keys of a message that the actor sees; keys
// that it has not are passed over. Errors as of SetExpansionAs.
func (g *Groups) DeleteExpansionAs(ctx context.Context, group id.Group, uid id.Message, by Actor, clientID string, keys []string) (Receipt, error) {
	return g.extend(ctx, group, uid, by, clientID, removing(by.User, keys, false))
}

func (g *Groups) extend(ctx context.Context, group id.Group, uid id.Message, by Actor, clientID string, change amendment) (Receipt, error) {
	return g.act(ctx, group, uid, by, clientID, deed{
		kind:   KindExpansion,
		may:    func(s *state, _ Entry) error { return s.speak(by) },
		change: change,
		made:   func(m Entry) int64 { return m.Extended },
	})
}

// AskReceipts asks for read receipts of the actor's own message. Who is muted
// may ask. Errors: fault.PermissionDenied for somebody else's message.
func (g *Groups) AskReceipts(ctx context.Context, group id.Group, uid id.Message, by Actor, clientID string) (Receipt, error) {
	return g.act(ctx, group, uid, by, clientID, deed{
		kind: KindReceiptRequest,
		may: func(_ *state, m Entry) error {
			if m.From != by.User {
				return fault.New(fault.PermissionDenied, "only the sender of a message may ask who has read it")
			}
			return nil
		},
		change: func(m Entry, seq, _ int64) (*amended, error) {
			if m.Receipt {
				return nil, nil
			}
			m.Receipt, m.Asked = true, seq
			return &amended{message: m, news: Entry{From: by.User}}, nil
		},
		made: func(m Entry) int64 { return m.Asked },
	})
}

// deed is a change that a device makes to a message.
type deed struct {
	kind   Kind
	may    func(s *state, m Entry) error
	change amendment
	// made is the seq of the entry that made the message what it is, zero for a
	// message that was sent so.
	made func(m Entry) int64
}

func (g *Groups) act(ctx context.Context, group id.Group, uid id.Message, by Actor, clientID string, d deed) (Receipt, error) {
	serial, seq, ok := uid.Parse()
	change := d.change
	d.change = func(m Entry, seq, at int64) (*amended, error) {
		a, err := change(m, seq, at)
		if a != nil {
			a.news.ClientID, a.news.Source = clientID, by.Source
		}
		return a, err
	}
	o := once{}
	if clientID != "" {
		o, _ = onceBy(by, clientID)
	}
	o.need = func(ctx context.Context, r commit.Reader, s *state) error {
		if err := by.need(ctx, r, s); err != nil || !ok || s.serial != serial {
			return err
		}
		return s.fetchSegment(ctx, r, seq)
	}
	o.apply = func(s *state, checked int64) (sent, error) {
		if clientID != "" {
			if answer, known, err := s.repeated(o.key, checked); known || err != nil {
				return answer, err
			}
		}
		if err := s.enter(by); err != nil && !(by.Admin && d.kind == KindRecall) {
			return sent{}, err
		}
		if !ok || !s.exists() || s.serial != serial {
			return sent{}, missing(uid)
		}
		answer, err := s.act(uid, seq, by, d)
		if err == nil && clientID != "" && !answer.Repeated {
			s.recent.add(keyed{key: o.key, seq: answer.Seq, at: answer.At})
		}
		return answer, err
	}
	answer, err := g.once(ctx, group, o)
	answer.Repeated = false
	return answer.Receipt, err
}

// act makes a change for who may make it.
func (s *state) act(uid id.Message, seq int64, by Actor, d deed) (sent, error) {
	line, err := s.line(seq)
	if err != nil {
		return sent{}, err
	}
	if line == nil {
		return sent{}, missing(uid)
	}
	m, err := DecodeEntry(line)
	if err != nil {
		return sent{}, err
	}
	recalls := d.kind == KindRecall
	if m.Kind != KindMessage || m.Recalled > 0 && !recalls || !s.sees(by, m) && !(recalls && by.Admin) {
		return sent{}, missing(uid)
	}
	if err := d.may(s, m); err != nil {
		return sent{}, err
	}
	changed, err := s.amend(seq, d.kind, d.change)
	if err != nil {
		return sent{}, err
	}
	if changed {
		return sent{Receipt: Receipt{UID: id.NewMessage(s.serial, s.lastSeq), Seq: s.lastSeq, At: s.lastAt}}, nil
	}
	made := d.made(m)
	if made == 0 {
		made = seq
	}
	out := sent{Receipt: Receipt{UID: id.NewMessage(s.serial, made), Seq: made, Repeated: true}, unannounced: true}
	if i := int(made - s.tailFirst()); i >= 0 && i < s.tail.len() {
		out.At, out.unannounced = timeOf(s.tail.at(i)), false
	}
	return out, nil
}
