package inbox_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"

	"github.com/throng-im/throng/shared/conversation"
	"github.com/throng-im/throng/shared/group"
	"github.com/throng-im/throng/shared/id"
	"github.com/throng-im/throng/shared/inbox"
	"github.com/throng-im/throng/shared/user"
)

// shown is an entry as a device gets it.
type shown struct {
	Seq      int64
	Kind     group.Kind
	Content  string
	Recalled int64
	Target   id.Message
	UID      id.Message `json:"messageUID"`
}

// local is what a device keeps of one group.
type local struct {
	last, joined     int64
	unread, mentions int
	entries          []shown
	// lacking is up to where it was told that entries are not kept any more.
	lacking int64
}

// device is a phone that does as the description of the API says.
type device struct {
	cursor   string
	groups   map[id.Group]*local
	items    map[id.Group]conversation.Item
	tags     []conversation.TagItem
	settings user.Settings
}

func newDevice() *device {
	return &device{groups: map[id.Group]*local{}, items: map[id.Group]conversation.Item{}}
}

func (d *device) request(limit int) inbox.Request {
	r := inbox.Request{Cursor: d.cursor, Groups: map[id.Group]int64{}, Limit: limit}
	for g, l := range d.groups {
		r.Groups[g] = l.last
	}
	return r
}

// drop forgets the entries up to a seq.
func (l *local) drop(upTo int64) {
	l.entries = slices.DeleteFunc(l.entries, func(e shown) bool { return e.Seq <= upTo })
}

// take takes an answer in. forgetful devices lose the cursor, as if they had
// crashed before they could store it.
func (d *device) take(a inbox.Answer, forgetful bool) error {
	for _, l := range a.Left {
		delete(d.groups, l.ID)
		delete(d.items, l.ID)
	}
	for _, g := range a.Groups {
		if err := d.takeGroup(g); err != nil {
			return fmt.Errorf("%s: %w", g.ID, err)
		}
	}
	for _, item := range a.Conversations {
		if item.Notify == nil {
			return fmt.Errorf("%s has no level", item.Group)
		}
		if old := d.items[item.Group]; item.Changed >= old.Changed {
			d.items[item.Group] = item
		}
	}
	if a.Tags != nil {
		d.tags = a.Tags
	}
	if a.Settings != nil {
		d.settings = *a.Settings
	}
	if !forgetful {
		d.cursor = a.Cursor
	}
	return nil
}

func (d *device) takeGroup(g inbox.Group) error {
	l := d.groups[g.ID]
	if l == nil {
		l = new(local)
		d.groups[g.ID] = l
	}
	if l.joined != g.JoinedSeq {
		l.joined = g.JoinedSeq
		l.drop(g.JoinedSeq)
	}
	l.lacking = max(l.lacking, g.From-1)
	last := max(l.last, g.JoinedSeq)
	for _, raw := range g.Entries {
		var e shown
		if err := json.Unmarshal(raw, &e); err != nil {
			return err
		}
		if e.Seq <= last || e.Seq > g.LastSeq {
			return fmt.Errorf("entry %d after %d, where %d is the last", e.Seq, last, g.LastSeq)
		}
		last = e.Seq
		l.entries = append(l.entries, e)
		for i := range l.entries {
			switch of := &l.entries[i]; {
			case of.UID != e.Target:
			case e.Kind == group.KindRecall:
				of.Content, of.Recalled = "", e.Seq
			case e.Kind == group.KindEdit:
				of.Content = e.Content
			}
		}
	}
	l.last, l.unread, l.mentions = g.LastSeq, g.Unread, g.Mentions
	return nil
}

// item is what the device shows of a conversation of which it was told nothing.
func (d *device) item(g id.Group) conversation.Item {
	item, told := d.items[g]
	if !told {
		item = conversation.Conversation{}.Item(g)
	}
	item.Notify, item.Changed = nil, 0
	return item
}

// agrees says in what two devices of one user differ.
func (d *device) agrees(e *device) error {
	if a, b := slices.Sorted(maps.Keys(d.groups)), slices.Sorted(maps.Keys(e.groups)); !slices.Equal(a, b) {
		return fmt.Errorf("groups %v and %v", a, b)
	}
	for g, a := range d.groups {
		b := e.groups[g]
		if a.unread != b.unread || a.mentions != b.mentions || a.last != b.last || a.joined != b.joined {
			return fmt.Errorf("%s: %+v and %+v", g, a, b)
		}
		if x, y := fmt.Sprintf("%+v", d.item(g)), fmt.Sprintf("%+v", e.item(g)); x != y {
			return fmt.Errorf("%s: %s and %s", g, x, y)
		}
	}
	if !slices.Equal(d.tags, e.tags) {
		return fmt.Errorf("tags %v and %v", d.tags, e.tags)
	}
	if a, b := fmt.Sprintf("%+v", d.settings.Levels), fmt.Sprintf("%+v", e.settings.Levels); a != b || d.settings.Version != e.settings.Version {
		return fmt.Errorf("settings %+v and %+v", d.settings, e.settings)
	}
	return nil
}
