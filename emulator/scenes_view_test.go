package main

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/throng-im/throng/shared/conversation"
	"github.com/throng-im/throng/shared/inbox"
	"github.com/throng-im/throng/shared/user"
)

// entry is an entry as the device API shows it.
type entry struct {
	Seq, At, Recalled, Edited                            int64
	Kind, MessageUID, From, Type, Content, Target, Extra string
	Users, Removed, To                                   []string
	Counted, Persisted                                   *bool
	Receipt, Delete, Admin, KeepLast, Expandable         bool
	Mention                                              *struct {
		Type    int
		UserIDs []string
	}
	Expansion map[string]struct{ V string }
}

// view is what a phone keeps: what client-api.md says that a device does by itself
// with what a sync and the stream tell it.
type view struct {
	user   string
	cursor string
	rooms  map[string]*room
	items  map[string]conversation.Item
	levels map[string]int
	tags   []conversation.TagItem
	set    user.Settings
	// faults are what a device must never be told.
	faults []string
}

// room is one group on a phone.
type room struct {
	name                     string
	lastSeq, joinedSeq, from int64
	// unread and mentions are as the last sync counted them.
	unread, mentions int
	// messages are in order; happened is what else there was.
	messages []*entry
	byUID    map[string]*entry
	happened []string
}

func newView(user string) *view {
	return &view{user: user, rooms: map[string]*room{}, items: map[string]conversation.Item{}, levels: map[string]int{}}
}

func (v *view) fault(format string, args ...any) {
	v.faults = append(v.faults, fmt.Sprintf(format, args...))
}

// known is what a phone tells a sync that it has.
func (v *view) known() map[string]int64 {
	out := map[string]int64{}
	for g, r := range v.rooms {
		out[g] = r.lastSeq
	}
	return out
}

func (v *view) room(g string) *room {
	r := v.rooms[g]
	if r == nil {
		r = &room{byUID: map[string]*entry{}}
		v.rooms[g] = r
	}
	return r
}

// apply takes in the answer to a sync that was asked with what was known.
func (v *view) apply(a inbox.Answer, known map[string]int64) {
	v.cursor = a.Cursor
	for _, l := range a.Left {
		delete(v.rooms, string(l.ID))
	}
	for _, g := range a.Groups {
		r := v.room(string(g.ID))
		r.name, r.unread, r.mentions, r.from = g.Name, g.Unread, g.Mentions, max(r.from, g.From)
		r.join(g.JoinedSeq)
		last := known[string(g.ID)]
		for _, raw := range g.Entries {
			e := v.decode(raw)
			if e.Seq <= last || e.Seq > g.LastSeq {
				v.fault("a sync brought %s seq %d to a device that has %d, up to %d", g.ID, e.Seq, last, g.LastSeq)
			}
			last = e.Seq
			r.apply(e)
		}
		r.lastSeq = max(r.lastSeq, g.LastSeq)
	}
	v.toldOf(a)
}

// toldOf takes in what the user set, as a sync and the stream say it.
func (v *view) toldOf(a inbox.Answer) {
	for _, item := range a.Conversations {
		v.item(item)
	}
	if a.Tags != nil {
		v.tags = a.Tags
	}
	if a.Settings != nil {
		v.settings(*a.Settings)
	}
}

func (v *view) decode(raw json.RawMessage) *entry {
	e := new(entry)
	if err := json.Unmarshal(raw, e); err != nil {
		v.fault("%s is no entry: %v", raw, err)
	}
	return e
}

// item takes the newer of two that are about one conversation.
func (v *view) item(item conversation.Item) {
	if item.Changed >= v.items[string(item.Group)].Changed {
		v.items[string(item.Group)] = item
	}
	if item.Notify != nil {
		v.levels[string(item.Group)] = int(*item.Notify)
	}
}

func (v *view) settings(s user.Settings) {
	if s.Version < v.set.Version {
		return
	}
	v.set = s
	clear(v.levels)
	for g, l := range s.Levels {
		v.levels[string(g)] = int(l)
	}
}

// join notes since when the user is in the group, and drops what was before.
func (r *room) join(seq int64) {
	r.joinedSeq = max(r.joinedSeq, seq)
	r.messages = slices.DeleteFunc(r.messages, func(e *entry) bool { return e.Seq <= r.joinedSeq })
}

// apply takes in an entry that is newer than all that are there.
func (r *room) apply(e *entry) {
	if e.Seq <= r.lastSeq {
		return // it came the other way already
	}
	r.lastSeq = e.Seq
	target := r.byUID[e.Target]
	switch e.Kind {
	case "message":
		r.messages = append(r.messages, e)
		r.byUID[e.MessageUID] = e
		return
	case "renamed":
		r.name = e.Content
	case "joined", "left":
		r.happened = append(r.happened, e.Kind+" "+strings.Join(e.Users, " "))
		return
	}
	r.happened = append(r.happened, e.Kind)
	if target == nil {
		return
	}
	switch e.Kind {
	case "recall":
		target.Recalled, target.Delete, target.Content, target.Expansion = e.Seq, e.Delete, "", nil
	case "edit":
		target.Edited, target.Content, target.Mention = e.Seq, e.Content, e.Mention
	case "expansion":
		if target.Expansion == nil {
			target.Expansion = map[string]struct{ V string }{}
		}
		maps.Copy(target.Expansion, e.Expansion)
		for _, k := range e.Removed {
			delete(target.Expansion, k)
		}
	case "receipt_request":
		target.Receipt = true
	}
}

// visible are the messages that a phone shows of a group.
func (v *view) visible(g string) []*entry {
	r, item := v.rooms[g], v.items[g]
	if r == nil {
		return nil
	}
	return slices.DeleteFunc(slices.Clone(r.messages), func(e *entry) bool {
		return e.Seq <= item.ClearedSeq || e.At <= item.ClearedAt || slices.Contains(item.DeletedSeqs, e.Seq) || e.Recalled > 0 && e.Delete
	})
}

// counts are the unread messages and mentions as the phone itself counts them.
func (v *view) counts(g string) (unread, mentions int) {
	for _, e := range v.visible(g) {
		if e.From == v.user || !*e.Counted || e.Recalled > 0 || e.Seq <= v.items[g].ReadSeq {
			continue
		}
		unread++
		if e.Mention != nil && (e.Mention.Type == 1 || slices.Contains(e.Mention.UserIDs, v.user)) {
			mentions++
		}
	}
	return unread, mentions
}

// text is a message as people see it: a text as it is, of other types the type,
// too.
func (e *entry) text() string {
	if e.Recalled > 0 {
		return "(recalled)"
	}
	var c struct{ Content string }
	said := e.Type + " " + e.Content
	if e.Type == "RC:TxtMsg" && json.Unmarshal([]byte(e.Content), &c) == nil {
		said = c.Content
	}
	if e.Edited > 0 {
		said += " (edited)"
	}
	for _, k := range slices.SortedFunc(maps.Keys(e.Expansion), cmp.Compare) {
		said += fmt.Sprintf(" [%s=%s]", k, e.Expansion[k].V)
	}
	return said
}

func texted(entries []*entry) []string {
	out := make([]string, len(entries))
	for i, e := range entries {
		out[i] = e.text()
	}
	return out
}
