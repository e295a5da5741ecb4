package group

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"hash/fnv"
	"slices"
	"strconv"

	"github.com/throng-im/throng/shared/id"
)

// Kind is what an entry says happened.
type Kind string

// The kinds written so far. A reader that meets another keeps its seq and
// skips it.
const (
	KindMessage   Kind = "message"
	KindJoined    Kind = "joined"
	KindLeft      Kind = "left"
	KindDismissed Kind = "dismissed"
	KindRenamed   Kind = "renamed"
	// A recall, an edit and a change of extension keys say what became of the
	// message that is their Target. The message itself is changed, too.
	KindRecall    Kind = "recall"
	KindEdit      Kind = "edit"
	KindExpansion Kind = "expansion"
	// KindReceiptRequest asks who has read the Target, which asked for no
	// receipts when it was sent.
	KindReceiptRequest Kind = "receipt_request"
	// KindStatus is a message for who is online when it is sent. It is announced
	// and not stored, so it has no seq and its UID names nothing.
	KindStatus Kind = "status"
	// KindErased is the place of an entry that was erased. It is shown to nobody.
	KindErased Kind = "erased"
)

// Entry is one thing that members must learn of, in order.
type Entry struct {
	// Seq counts from 1 without a gap in each group. At is the commit's time
	// in Unix milliseconds; it never falls while Seq rises.
	Seq  int64 `json:"seq,omitempty"`
	At   int64 `json:"at,omitempty"`
	Kind Kind  `json:"kind"`
	// Folded counts the messages of a burst from the first on that was not to
	// notify one by one, this one included. Zero is a message that notifies; a recall
	// has the count of its message.
	Folded int64 `json:"folded,omitempty"`
	// From is the sender, or whoever caused the change.
	From id.User `json:"from,omitempty"`
	// Type is the objectName of a message, Content its payload; the new name of
	// a renamed entry is in Content.
	Type    string `json:"type,omitempty"`
	Content string `json:"content,omitempty"`
	// Target is the seq of the message that a recall, an edit, an extension
	// change or a receipt request is about.
	Target int64 `json:"target,omitempty"`
	// Recalled, Edited, Extended and Asked are the seqs of the entries that
	// recalled this message, edited it last, changed its extension keys last and
	// asked for receipts of it. A recalled message has lost its content.
	Recalled int64 `json:"recalled,omitempty"`
	Edited   int64 `json:"edited,omitempty"`
	Extended int64 `json:"extended,omitempty"`
	Asked    int64 `json:"asked,omitempty"`
	// Admin marks a recall that an administrator made, Delete one that leaves no
	// notice in the conversation; the message that was recalled has them, too.
	Admin  bool `json:"admin,omitempty"`
	Delete bool `json:"delete,omitempty"`
	// Users are who joined or left, or whose message somebody else recalled.
	Users []id.User `json:"users,omitempty"`
	// Mention says whom a message is for in particular.
	Mention *Mention `json:"mention,omitempty"`
	// To makes a message targeted: only these members may see it.
	To []id.User `json:"to,omitempty"`
	// Uncounted messages do not add to unread; Unpersisted ones are in no
	// history. The zero values are the contract's defaults.
	Uncounted   bool `json:"uncounted,omitempty"`
	Unpersisted bool `json:"unpersisted,omitempty"`
	// HideFromSender keeps a server-sent message from its sender's own devices.
	HideFromSender bool `json:"hideFromSender,omitempty"`
	// KeepLast leaves the conversation list's last message as it was.
	KeepLast bool `json:"keepLast,omitempty"`
	// TargetAt is the time of the Target, which devices look it up by.
	TargetAt int64 `json:"targetAt,omitempty"`
	// Receipt asks for read receipts.
	Receipt bool `json:"receipt,omitempty"`
	// Expandable messages may be given extension keys. Expansion holds a
	// message's keys, and those that an extension change set; Removed those that
	// it deleted.
	Expandable bool             `json:"expandable,omitempty"`
	Expansion  map[string]Value `json:"expansion,omitempty"`
	Removed    []string         `json:"removed,omitempty"`
	// Extra is opaque text from the sending device, or from who recalled.
	Extra string `json:"extra,omitempty"`
	// ClientID is the sending device's idempotency key, unique per user. Random
	// is an app server's, which counts for a minute only.
	ClientID string `json:"clientId,omitempty"`
	Random   string `json:"random,omitempty"`
	// Source is what kind of device a user sent it from, empty for the server API.
	Source string `json:"source,omitempty"`
	// UID is the id of a status message.
	UID id.Message `json:"uid,omitempty"`
	// Push is what an offline notification needs; it is never shown to devices.
	Push *Push `json:"push,omitempty"`
}

// Moves says whether the entry may change a user's membership.
func (e Entry) Moves(user id.User) bool {
	switch e.Kind {
	case KindJoined, KindLeft:
		return slices.Contains(e.Users, user)
	default:
		return e.Kind == KindDismissed
	}
}

// FromServer says whether the entry came through the server API.
func (e Entry) FromServer() bool { return e.Source == "" && e.ClientID == "" }

// Value is the value of an extension key.
type Value struct {
	V string `json:"v"`
	// TS is when it was set, in Unix milliseconds. The first keys of a message
	// are stored without: theirs is the message's own time, which is not known
	// yet when they are encoded.
	TS int64 `json:"ts,omitempty"`
}

// UnmarshalJSON also takes a plain text, the form of keys that came with a
// message before values had a time.
func (v *Value) UnmarshalJSON(raw []byte) error {
	if len(raw) > 0 && raw[0] == '"' {
		return json.Unmarshal(raw, &v.V)
	}
	type value Value
	return json.Unmarshal(raw, (*value)(v))
}

// Values are texts as the first extension keys of a message.
func Values(texts map[string]string) map[string]Value {
	if texts == nil {
		return nil
	}
	out := make(map[string]Value, len(texts))
	for k, text := range texts {
		out[k] = Value{V: text}
	}
	return out
}

// Mention types of the contract.
const (
	MentionAll   = 1
	MentionUsers = 2
)

// Mention is an @ in a message.
type Mention struct {
	// Type is MentionAll or MentionUsers.
	Type  int       `json:"type"`
	Users []id.User `json:"userIds,omitempty"`
	// Text is the push text for those mentioned.
	Text string `json:"text,omitempty"`
}

// Push is a sender's wishes for the offline notification, as given.
type Push struct {
	Content          string `json:"content,omitempty"`
	Data             string `json:"data,omitempty"`
	Ext              string `json:"ext,omitempty"`
	Disabled         bool   `json:"disabled,omitempty"`
	ContentAvailable bool   `json:"contentAvailable,omitempty"`
	// Of is for a recall: what there was of its message.
	Of *Recalled `json:"of,omitempty"`
}

// encode renders the entry without its seq and time, which only the commit
// knows, so that callers pay for the encoding and not the loop.
func (e Entry) encode() ([]byte, error) {
	e.Seq, e.At = 0, 0
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(e); err != nil {
		return nil, err
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n")), nil
}

// stamp appends an encoded entry with its seq and time to dst. A seq of zero is
// none.
func stamp(dst, encoded []byte, seq, at int64) []byte {
	dst = append(dst, '{')
	if seq > 0 {
		dst = append(dst, `"seq":`...)
		dst = strconv.AppendInt(dst, seq, 10)
		dst = append(dst, ',')
	}
	dst = append(dst, `"at":`...)
	dst = strconv.AppendInt(dst, at, 10)
	dst = append(dst, ',')
	return append(dst, encoded[1:]...)
}

// timeOf reads the time of an entry as stamp writes it.
func timeOf(line []byte) int64 {
	_, rest, _ := bytes.Cut(line, []byte(`,"at":`))
	end := bytes.IndexByte(rest, ',')
	if end < 0 {
		return 0
	}
	at, _ := strconv.ParseInt(string(rest[:end]), 10, 64)
	return at
}

// DecodeEntry reads an entry as stored or as announced.
func DecodeEntry(raw []byte) (Entry, error) {
	var e Entry
	err := json.Unmarshal(raw, &e)
	for k, v := range e.Expansion {
		if v.TS == 0 {
			e.Expansion[k] = Value{V: v.V, TS: e.At}
		}
	}
	return e, err
}

// DecodeEntries reads the entries of an event.
func DecodeEntries(raws []json.RawMessage) ([]Entry, error) {
	entries := make([]Entry, len(raws))
	for i, raw := range raws {
		var err error
		if entries[i], err = DecodeEntry(raw); err != nil {
			return nil, fmt.Errorf("entry %d: %w", i, err)
		}
	}
	return entries, nil
}

// key names the entry's idempotency key in 64 bits, never 0. ok is false when it has
// none. The sender is part of it, so that nobody can collide with anybody
// else's; what stands behind the sender, where no user id goes on, tells a
// device's key from a server's.
func (e Entry) key() (key int64, ok bool) {
	h := fnv.New64a()
	_, _ = h.Write([]byte(e.From))
	switch {
	case e.ClientID != "":
		_, _ = h.Write([]byte{0})
		_, _ = h.Write([]byte(e.ClientID))
	case e.Random != "":
		_, _ = h.Write([]byte{1})
		_, _ = h.Write([]byte(e.Random))
	default:
		return 0, false
	}
	// Zero stands for a key that was forgotten.
	return cmp.Or(int64(h.Sum64()), 1), true
}
