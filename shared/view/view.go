// Package view renders a group's entries as devices see them: the same in a
// sync, in a page of history and on the stream. What no device may know (the
// notification's text, whom a message is hidden from) is left out.
package view

import (
	"bytes"
	"encoding/json"

	"github.com/throng-im/throng/shared/group"
	"github.com/throng-im/throng/shared/id"
)

// entry is the device API's entry. Parallel to group.Entry, it is a type of its
// own: what is stored may gain fields that must not leave.
type entry struct {
	Seq     int64          `json:"seq,omitempty"`
	Kind    group.Kind     `json:"kind"`
	UID     id.Message     `json:"messageUID,omitempty"`
	At      int64          `json:"at"`
	From    id.User        `json:"from,omitempty"`
	Type    string         `json:"type,omitempty"`
	Content string         `json:"content,omitempty"`
	Users   []id.User      `json:"users,omitempty"`
	Mention *group.Mention `json:"mention,omitempty"`
	To      []id.User      `json:"to,omitempty"`
	// Messages always say these two; nothing else does.
	Counted   *bool `json:"counted,omitempty"`
	Persisted *bool `json:"persisted,omitempty"`
	KeepLast  bool  `json:"keepLast,omitempty"`
	// Recalled and Edited are the seqs of the entries that did it last; Admin and
	// Delete say how a recall is shown.
	Recalled int64 `json:"recalled,omitempty"`
	Edited   int64 `json:"edited,omitempty"`
	Admin    bool  `json:"admin,omitempty"`
	Delete   bool  `json:"delete,omitempty"`
	// Target is the message that a recall, an edit, an extension change or a
	// receipt request is about, TargetAt the message's time.
	Target     id.Message       `json:"target,omitempty"`
	TargetAt   int64            `json:"targetAt,omitempty"`
	Receipt    bool             `json:"receipt,omitempty"`
	Expandable bool             `json:"expandable,omitempty"`
	Expansion  map[string]value `json:"expansion,omitempty"`
	Removed    []string         `json:"removed,omitempty"`
	Extra      string           `json:"extra,omitempty"`
	ClientID   string           `json:"clientId,omitempty"`
}

// value is an extension key's value and when it was set, in Unix milliseconds.
type value struct {
	V  string `json:"v"`
	TS int64  `json:"ts"`
}

// Append appends an entry of the group with this serial to dst, as JSON on one
// line.
func Append(dst []byte, serial id.Serial, e group.Entry) ([]byte, error) {
	out := entry{
		Seq: e.Seq, Kind: e.Kind, At: e.At, From: e.From, Type: e.Type, Content: e.Content, Users: e.Users,
		Mention: e.Mention, To: e.To, KeepLast: e.KeepLast, Recalled: e.Recalled, Edited: e.Edited, Admin: e.Admin, Delete: e.Delete,
		TargetAt: e.TargetAt, Receipt: e.Receipt, Expandable: e.Expandable, Removed: e.Removed, Extra: e.Extra, ClientID: e.ClientID, UID: e.UID,
	}
	if e.Kind == group.KindMessage || e.Kind == group.KindStatus {
		counted, persisted := !e.Uncounted, !e.Unpersisted
		out.Counted, out.Persisted = &counted, &persisted
	}
	if e.Target > 0 {
		out.Target = id.NewMessage(serial, e.Target)
	}
	if e.Seq > 0 && (e.Kind == group.KindMessage || e.Target > 0) {
		out.UID = id.NewMessage(serial, e.Seq)
	}
	if len(e.Expansion) > 0 {
		out.Expansion = make(map[string]value, len(e.Expansion))
		for k, v := range e.Expansion {
			out.Expansion[k] = value(v)
		}
	}
	b := bytes.NewBuffer(dst)
	enc := json.NewEncoder(b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(out); err != nil {
		return dst, err
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n")), nil
}
