package inbox_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/throng-im/throng/shared/conversation"
	"github.com/throng-im/throng/shared/fault"
	"github.com/throng-im/throng/shared/group"
	"github.com/throng-im/throng/shared/id"
	"github.com/throng-im/throng/shared/inbox"
	"github.com/throng-im/throng/shared/notify"
)

var someGroups = []id.Group{"a", "b", "c", "d", "e"}

// play is a world in which rapid decides what happens.
type play struct {
	*world
	r       *rapid.T
	devices []*device
}

func (p *play) group() id.Group { return rapid.SampledFrom(someGroups).Draw(p.r, "group") }
func (p *play) chance(of string, in int) bool {
	return rapid.IntRange(0, in-1).Draw(p.r, of) == 0
}

// someone is whom a membership command is about.
func (p *play) someone() []id.User {
	return rapid.SampledFrom([][]id.User{{"ann"}, {"bob"}, {"ann", "bob"}}).Draw(p.r, "users")
}

func (p *play) message() group.Entry {
	e := group.Entry{From: "bob", Type: "RC:TxtMsg", Content: fmt.Sprint("said at ", p.now)}
	if p.chance("own", 6) {
		e.From = "ann"
	}
	switch rapid.IntRange(0, 9).Draw(p.r, "kind") {
	case 0:
		e.To = []id.User{"cem"}
	case 1:
		e.To = []id.User{"ann", "cem"}
	case 2:
		e.Uncounted = true
	case 3:
		e.HideFromSender = true
	case 4:
		e.KeepLast = true
	case 5:
		e.Mention = &group.Mention{Type: group.MentionAll}
	case 6:
		e.Mention = &group.Mention{Type: group.MentionUsers, Users: []id.User{"cem", "ann"}}
	case 7:
		e.Mention = &group.Mention{Type: group.MentionUsers, Users: []id.User{"cem"}}
	}
	return e
}

func (p *play) publish(g id.Group, e group.Entry) {
	_, err := p.groups.Publish(p.ctx, g, e)
	p.ok(err)
}

// act does one thing.
func (p *play) act() {
	g := p.group()
	switch rapid.IntRange(0, 19).Draw(p.r, "act") {
	case 0, 1:
		p.ok(p.groups.Join(p.ctx, g, p.someone(), "G"))
	case 2:
		p.ok(p.groups.Quit(p.ctx, g, p.someone()))
	case 3:
		p.ok(p.groups.Dismiss(p.ctx, g, "bob"))
	case 4, 5, 6:
		p.publish(g, p.message())
	case 7:
		e := group.Entry{From: "bob", Type: "RC:TxtMsg", Content: "one of many"}
		for range rapid.SampledFrom([]int{5, 70, 300}).Draw(p.r, "burst") {
			p.publish(g, e)
		}
	case 8:
		if n := len(p.logs[g]); n > 0 {
			seq := int64(n - rapid.IntRange(0, min(n-1, 100)).Draw(p.r, "recalled"))
			p.ok(p.groups.Recall(p.ctx, g, id.NewMessage(p.serials[g], seq), group.Recall{From: "bob", Delete: p.chance("no notice", 3)}))
		}
	case 9, 10, 11:
		p.arrange(g)
	case 16:
		if n := len(p.logs[g]); n > 0 {
			seq := int64(n - rapid.IntRange(0, min(n-1, 100)).Draw(p.r, "edited"))
			p.ok(p.groups.Edit(p.ctx, g, id.NewMessage(p.serials[g], seq), group.Edit{From: p.logs[g][seq-1].From, Content: fmt.Sprint("edited at ", p.now)}))
		}
	case 12, 13:
		if len(p.events) > 0 {
			p.deliver(rapid.IntRange(0, len(p.events)-1).Draw(p.r, "event"), p.chance("twice", 4))
		}
	case 14:
		p.deliverAll()
	case 15:
		p.now += rapid.SampledFrom([]int64{time.Second.Milliseconds(), 3 * time.Minute.Milliseconds(), 2 * time.Hour.Milliseconds(), 60 * time.Hour.Milliseconds()}).Draw(p.r, "time")
	default:
		p.sync(rapid.SampledFrom(p.devices).Draw(p.r, "device"))
	}
	p.now++
}

// arrange has ann, or the app's server for her, change something of her own.
func (p *play) arrange(g id.Group) {
	var err error
	switch rapid.IntRange(0, 9).Draw(p.r, "arrange") {
	case 0:
		err = p.conversations.Pin(p.ctx, "ann", g, p.chance("pinned", 2))
	case 1:
		err = p.conversations.SetTags(p.ctx, "ann", []conversation.Tag{{ID: p.tag(), Name: p.tag()}})
	case 2:
		err = p.conversations.DeleteTags(p.ctx, "ann", []string{p.tag()})
	case 3:
		seq, at, end := p.groups.End(p.ctx, g, "ann")
		p.ok(end)
		if p.chance("by time", 2) {
			seq = 0
		} else {
			at = 0
		}
		err = p.conversations.Clear(p.ctx, "ann", g, seq, at)
	case 4:
		err = p.users.SetLevel(p.ctx, "ann", g, rapid.SampledFrom([]notify.Level{0, 1, 5}).Draw(p.r, "level"))
	case 5, 6:
		_, err = p.inbox.Read(p.ctx, "ann", g, rapid.Int64Range(1, int64(len(p.logs[g])+3)).Draw(p.r, "seq"))
	case 7:
		err = p.inbox.Delete(p.ctx, "ann", g)
	case 9:
		n := int64(len(p.logs[g]))
		if n == 0 || !p.stay(g).present() {
			return
		}
		seqs := rapid.SliceOfNDistinct(rapid.Int64Range(max(1, n-20), n), 1, 5, rapid.ID).Draw(p.r, "deleted")
		err = p.conversations.DeleteMessages(p.ctx, "ann", g, p.stay(g).joined, seqs)
	case 8:
		draft, pinned, tags := p.tag(), p.chance("pinned", 2), []string{p.tag()}
		err = p.inbox.Patch(p.ctx, "ann", g, conversation.Patch{Draft: &draft, Pinned: &pinned, Tags: &tags})
		if fault.Is(err, fault.InvalidArgument) {
			err = nil // there is no such tag
		}
	}
	if fault.Is(err, fault.NotMember) && !p.stay(g).present() {
		err = nil
	}
	p.ok(err)
}

func (p *play) tag() string { return rapid.SampledFrom([]string{"x", "y", "z"}).Draw(p.r, "tag") }

// sync lets a device ask once. Nothing may come that ann must not see now.
func (p *play) sync(d *device) (more bool) {
	a, err := p.inbox.Sync(p.ctx, "ann", d.request(rapid.SampledFrom([]int{1, 3, 50, 200}).Draw(p.r, "limit")))
	p.ok(err)
	for _, g := range a.Groups {
		s, c := p.stay(g.ID), p.conversation(g.ID)
		for _, raw := range g.Entries {
			var e shown
			p.ok(json.Unmarshal(raw, &e))
			if full := p.logs[g.ID][e.Seq-1]; !p.sees(s, c, full) || full.At < p.now-window.Milliseconds() {
				p.r.Fatalf("%s: the device got %s, membership %+v", g.ID, raw, s)
			}
		}
	}
	if p.chance("the answer is lost", 8) {
		return true
	}
	p.ok(d.take(a, p.chance("the cursor is lost", 12)))
	return a.More || d.cursor != a.Cursor
}

// finish brings every device to the end, with something new in every group, so
// that all of them counted at the same time.
func (p *play) finish() {
	p.deliverAll()
	for _, g := range someGroups {
		p.publish(g, group.Entry{From: "bob", Type: "RC:TxtMsg", Content: "the last"})
	}
	p.events = nil
	for _, d := range p.devices {
		for n := 0; p.sync(d); n++ {
			if n > 5000 {
				p.r.Fatal("a device never comes to the end")
			}
		}
		p.check(d)
		p.ok(d.agrees(p.devices[0]))
	}
}

// check compares a device with the logs.
func (p *play) check(d *device) {
	for _, g := range someGroups {
		s, c := p.stay(g), p.conversation(g)
		l := d.groups[g]
		if s.present() != (l != nil) {
			p.r.Fatalf("%s: ann is in it: %v, the device shows it: %v", g, s.present(), l != nil)
		}
		if l == nil {
			continue
		}
		unread, mentions, _ := p.unread(g, s, c)
		if l.unread != unread || l.mentions != mentions {
			p.r.Fatalf("%s: the device shows %d unread with %d mentions, there are %d with %d, of %+v", g, l.unread, l.mentions, unread, mentions, c)
		}
		if got, want := d.item(g), itemOf(c, g); fmt.Sprintf("%+v", got) != fmt.Sprintf("%+v", want) {
			p.r.Fatalf("%s: the device shows %+v, it is %+v", g, got, want)
		}
		have := map[int64]shown{}
		for _, e := range l.entries {
			have[e.Seq] = e
		}
		for _, e := range p.logs[g] {
			got, has := have[e.Seq]
			sees := p.sees(s, c, e)
			switch {
			case has && !p.sees(s, conversation.Conversation{}, e):
				p.r.Fatalf("%s: the device has %d, which is not ann's to see", g, e.Seq)
			case sees && !has && (e.At >= p.now-window.Milliseconds() || e.Seq > l.lacking):
				p.r.Fatalf("%s: the device lacks %d, and was told that it lacks what is before %d", g, e.Seq, l.lacking+1)
			case sees && has && (got.Content != e.Content || got.Recalled != e.Recalled || got.Kind != e.Kind):
				p.r.Fatalf("%s: the device shows %+v, it is %+v", g, got, e)
			}
		}
	}
}

func itemOf(c conversation.Conversation, g id.Group) conversation.Item {
	item := c.Item(g)
	item.Changed = 0
	return item
}

// TestDevicesEndAsTheLogsSay plays random scenes: groups come and go, messages of
// all kinds, devices that are away, answers that are lost, memberships whose copies
// come late, twice and out of order. In the end every device shows what its user
// may see, once and in order, and the same as the others.
func TestDevicesEndAsTheLogsSay(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		p := &play{r: r, world: newWorld(r, rapid.SampledFrom([]int{0, 6}).Draw(r, "months"))}
		if rapid.Bool().Draw(r, "small answers") {
			p.inbox.Small()
		}
		for range 3 {
			p.devices = append(p.devices, newDevice())
		}
		p.ok(p.groups.Join(p.ctx, "a", []id.User{"ann", "bob"}, "A"))
		for range rapid.IntRange(1, 60).Draw(r, "acts") {
			p.act()
		}
		p.finish()
		p.checkList()
		p.checkUnread()
	})
}

// checkUnread compares the call about one group with the logs.
func (p *play) checkUnread() {
	for _, g := range someGroups {
		s, c := p.stay(g), p.conversation(g)
		got, err := p.inbox.Unread(p.ctx, "ann", g, false, 3)
		if !s.present() {
			if !fault.Is(err, fault.NotMember) {
				p.r.Fatalf("%s: a stranger was answered %+v, %v", g, got, err)
			}
			continue
		}
		p.ok(err)
		unread, mentions, first := p.unread(g, s, c)
		if got.Count != unread || got.Mentions != mentions || unread < inbox.MaxUnread && (got.FirstUnread != first || len(got.Messages) != min(3, unread)) {
			p.r.Fatalf("%s: %+v, want %d with %d mentions from %d on", g, got, unread, mentions, first)
		}
	}
}

// checkList compares the list, page by page, with the logs.
func (p *play) checkList() {
	type row struct {
		g          id.Group
		pinned, at int64
	}
	var want []row
	for _, g := range someGroups {
		s, c := p.stay(g), p.conversation(g)
		if !s.present() {
			continue
		}
		i := len(p.logs[g]) - 1 // the last message is new and for everybody
		if e := p.logs[g][i]; p.sees(s, c, e) && e.Seq > c.DeletedSeq {
			want = append(want, row{g, c.PinnedAt, e.At})
		}
	}
	slices.SortFunc(want, func(a, b row) int {
		if a.pinned != b.pinned {
			return int(b.pinned - a.pinned)
		}
		if a.pinned == 0 && a.at != b.at {
			return int(b.at - a.at)
		}
		return int(a.g[0]) - int(b.g[0])
	})
	limit := rapid.IntRange(1, 3).Draw(p.r, "page")
	for cursor := ""; ; {
		page, err := p.inbox.List(p.ctx, "ann", cursor, "", limit)
		p.ok(err)
		for _, c := range page.Conversations {
			if len(want) == 0 || want[0].g != c.Group || want[0].at != c.LastAt || want[0].pinned != c.PinnedAt {
				p.r.Fatalf("the list has %+v, want %+v", c, want)
			}
			unread, mentions, _ := p.unread(c.Group, p.stay(c.Group), p.conversation(c.Group))
			if c.Unread != unread || c.Mentions != mentions || len(c.LastMessage) == 0 {
				p.r.Fatalf("the list has %+v, want %d unread with %d mentions", c, unread, mentions)
			}
			want = want[1:]
		}
		if cursor = page.Cursor; !page.More {
			break
		}
	}
	if len(want) > 0 {
		p.r.Fatalf("the list lacks %+v", want)
	}
}
