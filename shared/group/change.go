package group

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"

	"github.com/throng-im/throng/shared/commit"
	"github.com/throng-im/throng/shared/event"
	"github.com/throng-im/throng/shared/fault"
	"github.com/throng-im/throng/shared/id"
	"github.com/throng-im/throng/shared/notify"
)

const (
	// MaxExpansion is how many extension keys a message may have, by the contract.
	MaxExpansion = 300
	// maxChangeBytes bounds the entry that says what changed, so that a commit
	// with it and with what it changes stays below 3 MiB. It holds the largest
	// content and a hundred values of 4,096 characters in all but odd alphabets.
	maxChangeBytes = 512 << 10
	// maxSegmentBytes is where a segment stops growing by changes: its document
	// has 1 MiB, some of it for the keys beside the entries.
	maxSegmentBytes = 960 << 10
)

// Recall is who takes a message back, and how devices show it.
type Recall struct {
	From id.User
	// Admin has devices say that an administrator did it; Delete leaves no notice.
	Admin, Delete bool
	// Extra is any text for the devices.
	Extra string
	// KeepLast leaves the conversation list's last message as it was.
	KeepLast bool
	// PushDisabled spares those who are offline the notification.
	PushDisabled bool
}

// Edit is the new content of a message. From must have sent it.
type Edit struct {
	From id.User
	// Type stays as it was where it is empty.
	Type    string
	Content string
	// Mention takes the place of the message's.
	Mention *Mention
}

// Recall takes a message back: it loses its content, and its readers are told.
// A message that is unknown, of another group or recalled before stays as it is.
func (g *Groups) Recall(ctx context.Context, group id.Group, uid id.Message, r Recall) error {
	return g.amend(ctx, group, uid, KindRecall, r.of)
}

// Edit changes the content of a message. One that is unknown, of another group,
// recalled or has that content already stays as it is. Errors:
// fault.InvalidArgument when somebody else sent it, fault.TooLarge.
func (g *Groups) Edit(ctx context.Context, group id.Group, uid id.Message, e Edit) error {
	return g.amend(ctx, group, uid, KindEdit, e.of)
}

// SetExpansion sets extension keys of a message in the name of by, whose own
// devices are left out when hidden. A message that is unknown, of another group
// or recalled stays as it is. Errors: fault.InvalidArgument when the message
// takes no keys or would have too many, fault.TooLarge.
func (g *Groups) SetExpansion(ctx context.Context, group id.Group, uid id.Message, by id.User, keys map[string]string, hidden bool) error {
	return g.amend(ctx, group, uid, KindExpansion, setting(by, keys, hidden))
}

// DeleteExpansion removes extension keys of a message; keys that it has not are
// passed over. Otherwise it is like SetExpansion.
func (g *Groups) DeleteExpansion(ctx context.Context, group id.Group, uid id.Message, by id.User, keys []string, hidden bool) error {
	return g.amend(ctx, group, uid, KindExpansion, removing(by, keys, hidden))
}

// Expansion returns the extension keys of a message; one that is unknown or
// recalled has none.
func (g *Groups) Expansion(ctx context.Context, uid id.Message) (map[string]Value, error) {
	_, e, err := g.Find(ctx, uid)
	if fault.Is(err, fault.NotFound) {
		return nil, nil
	}
	if e.Kind != KindMessage {
		return nil, err
	}
	return e.Expansion, err
}

func expandable(e Entry) error {
	if !e.Expandable {
		return fault.New(fault.InvalidArgument, "the message was not sent with expansion=true and takes no extension keys")
	}
	return nil
}

// setting is the change that sets extension keys.
func setting(by id.User, keys map[string]string, hidden bool) amendment {
	return func(old Entry, seq, at int64) (*amended, error) {
		if old.Recalled > 0 || len(keys) == 0 {
			return nil, nil
		}
		if err := expandable(old); err != nil {
			return nil, err
		}
		a := &amended{message: old, news: Entry{From: by, HideFromSender: hidden, Expansion: make(map[string]Value, len(keys))}}
		a.message.Extended = seq
		a.message.Expansion = make(map[string]Value, len(old.Expansion)+len(keys))
		maps.Copy(a.message.Expansion, old.Expansion)
		for k, v := range keys {
			a.news.Expansion[k] = Value{V: v, TS: at}
		}
		maps.Copy(a.message.Expansion, a.news.Expansion)
		if n := len(a.message.Expansion); n > MaxExpansion {
			return nil, fault.New(fault.InvalidArgument, "the message would have %d extension keys, at most %d are allowed", n, MaxExpansion)
		}
		return a, nil
	}
}

// removing is the change that removes extension keys.
func removing(by id.User, keys []string, hidden bool) amendment {
	return func(old Entry, seq, _ int64) (*amended, error) {
		if old.Recalled > 0 {
			return nil, nil
		}
		if err := expandable(old); err != nil {
			return nil, err
		}
		a := &amended{message: old, news: Entry{From: by, HideFromSender: hidden}}
		a.message.Extended, a.message.Expansion = seq, maps.Clone(old.Expansion)
		for _, k := range keys {
			if _, there := a.message.Expansion[k]; there {
				delete(a.message.Expansion, k)
				a.news.Removed = append(a.news.Removed, k)
			}
		}
		if len(a.news.Removed) == 0 {
			return nil, nil
		}
		slices.Sort(a.news.Removed)
		return a, nil
	}
}

// of is the recall as a change. Who did not see the message does not see that it
// is gone; whose message it was is not notified, for nothing told them of it.
func (r Recall) of(old Entry, seq, _ int64) (*amended, error) {
	if old.Recalled > 0 {
		return nil, nil
	}
	m := old
	m.Recalled, m.Content, m.Extra, m.Push, m.Expansion = seq, "", "", nil, nil
	m.Admin, m.Delete = r.Admin, r.Delete
	if m.Mention != nil {
		m.Mention = &Mention{Type: m.Mention.Type, Users: m.Mention.Users}
	}
	news := Entry{
		From: r.From, Admin: r.Admin, Delete: r.Delete, Extra: r.Extra, KeepLast: r.KeepLast,
		HideFromSender: old.HideFromSender && old.From == r.From,
	}
	if old.From != r.From {
		news.Users = []id.User{old.From}
	}
	news.Folded = old.Folded
	news.Push = &Push{Disabled: true}
	if !r.PushDisabled && notify.Anybody(old.Notice(), old.Mention != nil) {
		news.Push = &Push{Of: old.recalled()}
	}
	return &amended{message: m, news: news}, nil
}

// of is the edit as a change.
func (e Edit) of(old Entry, seq, _ int64) (*amended, error) {
	switch {
	case old.Recalled > 0:
		return nil, nil
	case old.From != e.From:
		return nil, fault.New(fault.InvalidArgument, "only the sender of a message may edit it")
	}
	m := old
	m.Edited, m.Content, m.Mention = seq, e.Content, e.Mention
	if e.Type != "" {
		m.Type = e.Type
	}
	if m.Content == old.Content && m.Type == old.Type {
		return nil, nil
	}
	return &amended{message: m, news: Entry{From: e.From, Type: m.Type, Content: m.Content, Mention: m.Mention, HideFromSender: old.HideFromSender}}, nil
}

// amended is a message as a change leaves it, and the entry that says so.
type amended struct{ message, news Entry }

// amendment says what a change makes of a message; seq and at will be its own.
// It returns nothing when there is nothing to change.
type amendment func(old Entry, seq, at int64) (*amended, error)

// errUnloaded is a change of a message whose segment had no room in memory
// beside those of other changes. It is not made and may be asked for again.
var errUnloaded = errors.New("the segment is not loaded")

// amend runs a change of kind on a message.
func (g *Groups) amend(ctx context.Context, group id.Group, uid id.Message, kind Kind, change amendment) error {
	serial, seq, ok := uid.Parse()
	cmd := commit.Command[state]{
		Need: func(ctx context.Context, r commit.Reader, s *state) error {
			if !ok || s.serial != serial {
				return nil
			}
			return s.fetchSegment(ctx, r, seq)
		},
		Apply: func(s *state) (any, error) {
			if !ok || !s.exists() || s.serial != serial {
				return false, nil
			}
			return s.amend(seq, kind, change)
		},
	}
	for {
		changed, err := g.loop.Do(ctx, string(group), cmd)
		if errors.Is(err, errUnloaded) {
			continue
		}
		if changed == false {
			slog.InfoContext(ctx, "nothing to change", "kind", kind, "group", group, "messageUID", uid)
		}
		return err
	}
}

// amend changes entry seq and adds the entry that says so. Where it changes
// nothing, the entries of earlier changes of this kind are announced again.
func (s *state) amend(seq int64, kind Kind, change amendment) (changed bool, err error) {
	line, err := s.line(seq)
	if line == nil || err != nil {
		return false, err
	}
	old, err := DecodeEntry(line)
	if err != nil {
		return false, fmt.Errorf("entry %d: %w", seq, err)
	}
	if old.Kind != KindMessage {
		return false, nil
	}
	a, err := change(old, s.lastSeq+1, max(s.lastAt, s.now))
	if err != nil {
		return false, err
	}
	if a == nil {
		s.repeatChanges(seq, kind)
		return false, nil
	}
	a.news.Kind, a.news.Target, a.news.TargetAt, a.news.To = kind, seq, old.At, old.To
	// What history never kept is not taken back there.
	a.news.Unpersisted = old.Unpersisted
	message, err := a.message.encode()
	if err != nil {
		return false, err
	}
	news, err := a.news.encode()
	if err != nil {
		return false, err
	}
	message = stamp(nil, message, old.Seq, old.At)
	// A recall is never refused: it takes away and hardly adds.
	if kind != KindRecall && (len(news) > maxChangeBytes || len(message) > MaxEntryBytes || s.segmentWith(seq, len(message)-len(line)) > maxSegmentBytes) {
		return false, fault.New(fault.TooLarge, "the message would take too much space with this change")
	}
	s.replace(seq, message)
	s.append(news)
	return true, nil
}

// repeatChanges has the entries of a kind that are about a message announced
// once more, as far as they are young and in the tail.
func (s *state) repeatChanges(target int64, kind Kind) {
	for i := s.tail.len() - 1; i >= 0; i-- {
		e, err := DecodeEntry(s.tail.at(i))
		if err != nil || s.now-e.At > event.RetellFor.Milliseconds() {
			break
		}
		if e.Kind == kind && e.Target == target {
			s.again = slices.Insert(s.again, 0, slices.Clone(s.tail.at(i)))
		}
	}
}
