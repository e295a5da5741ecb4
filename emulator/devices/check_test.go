package devices_test

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"pgregory.net/rapid"
)

// connectOne connects a device, or connects it anew. Some connections break by
// themselves at some byte.
func (p *play) connectOne() {
	d := p.anyDevice()
	d.disconnect()
	bytes := int64(forever)
	if p.chance("breaks", 3) {
		bytes = rapid.Int64Range(1, 3000).Draw(p.r, "bytes")
	}
	p.connect(d, rapid.IntRange(0, len(p.streams)-1).Draw(p.r, "station"), bytes)
}

func (p *play) connect(d *device, station int, bytes int64) {
	if bytes == forever {
		p.tell("%s connects to %d", d.name, station)
	} else {
		p.tell("%s connects to %d for %d bytes", d.name, station, bytes)
	}
	if err := d.connect(p.streams[station], p.lasts, bytes); err != nil {
		p.fail("%s could not connect: %v", d.name, err)
	}
}

func (p *play) disconnectOne() {
	d := p.anyDevice()
	p.tell("%s disconnects", d.name)
	d.disconnect()
}

// replaceStation ends an instance of the stream. The devices on it come back.
func (p *play) replaceStation() {
	i, gracefully := rapid.IntRange(0, len(p.streams)-1).Draw(p.r, "station"), p.chance("gracefully", 2)
	p.tell("instance %d of the stream goes, gracefully: %v", i, gracefully)
	old := p.streams[i]
	var there []*device
	for _, d := range p.devices {
		if d.connected() && d.line.station == old {
			there = append(there, d)
		}
	}
	if !gracefully {
		// Who was connected lately may still be on its board.
		for _, u := range p.users {
			p.doubted[u] = true
		}
		p.dues = nil
	}
	p.replace(i, gracefully)
	for _, d := range there {
		<-d.line.ended
	}
}

// sync has a device ask until it is told that there is no more.
func (p *play) sync(d *device) {
	limit := rapid.SampledFrom([]int{1, 5, 50, 200}).Draw(p.r, "limit")
	p.tell("%s synchronises, %d at a time", d.name, limit)
	p.syncWith(d, limit)
}

func (p *play) syncWith(d *device, limit int) {
	d.mu.Lock()
	d.behind = false
	d.mu.Unlock()
	for n := 0; ; n++ {
		body, has := d.request(limit)
		var a answer
		if no := d.call("POST", "/sync", body, &a); no != "" {
			p.fail("a sync was answered %s", no)
		}
		p.checkSync(d, has, &a)
		if d.take(&a); !a.More {
			return
		}
		if n == 500 {
			p.fail("%s never comes to the end of a sync", d.name)
		}
	}
}

// checkSync holds an answer against the model: exactly what the user may see now of
// what the device has not, and what is unread.
func (p *play) checkSync(d *device, has map[string]int64, a *answer) {
	for _, g := range a.Groups {
		r, s := p.room(g.GroupID), p.room(g.GroupID).stays[d.user]
		unread, mentions, _ := p.unread(d.user, g.GroupID)
		if !s.present() || s.joined != g.JoinedSeq || r.name != g.Name || g.Unread != unread || g.Mentions != mentions || g.LastSeq > r.last() || !g.More && g.LastSeq != r.last() {
			p.fail("%s was told of %s: %s up to %d since %d, unread %d and %d; it is %s up to %d, %+v, unread %d and %d",
				d.name, g.GroupID, g.Name, g.LastSeq, g.JoinedSeq, g.Unread, g.Mentions, r.name, r.last(), s, unread, mentions)
		}
		var got, want []string
		for _, t := range g.Entries {
			got = append(got, lineOf(t.Seq, t.Kind, t.From, t.Content, t.Users, t.Recalled > 0, t.keys()))
		}
		for _, e := range r.log {
			if e.seq > has[g.GroupID] && e.seq <= g.LastSeq && p.sees(d.user, g.GroupID, e) {
				want = append(want, lineOf(e.seq, e.kind, e.from, e.content, e.users, e.recalled, e.expansion))
			}
		}
		if !slices.Equal(got, want) {
			p.fail("%s, which has up to %d of %s, was told\n  %s\nnot\n  %s", d.name, has[g.GroupID], g.GroupID, strings.Join(got, "\n  "), strings.Join(want, "\n  "))
		}
	}
	for _, l := range a.Left {
		// Of a group that the device does not name, the answer may be as of before the
		// user came back: the device knows by the seq whether it has heard of that.
		s := p.room(l.GroupID).stays[d.user]
		if _, named := has[l.GroupID]; s.present() && (named || !s.endedBy(l.Seq)) {
			p.fail("%s was told that it left %s at %d", d.name, l.GroupID, l.Seq)
		}
	}
}

// ask compares what calls about one group tell a user with the model.
func (p *play) ask(u, g string) {
	d, r := p.of(u), p.room(g)
	p.tell("%s looks at %s", d.name, g)
	var unread struct {
		FirstUnread     int64
		Count, Mentions int
		Messages        []told
	}
	want := "not_member"
	if r.stays[u].present() {
		want = ""
	}
	if !p.refused("a look at what is unread", d.call("GET", "/groups/"+g+"/unread", "", &unread), want) {
		count, mentions, first := p.unread(u, g)
		if unread.Count != count || unread.Mentions != mentions || unread.FirstUnread != first || len(unread.Messages) != min(count, 50) {
			p.fail("%s has unread in %s %+v, want %d and %d from %d on", u, g, unread, count, mentions, first)
		}
	}
	p.history(d, g)
}

// history reads all pages of a group's history in either direction.
func (p *play) history(d *device, g string) {
	backward, limit := p.chance("backward", 2), rapid.SampledFrom([]int{1, 3, 20, 100}).Draw(p.r, "page")
	bound, next := "after", int64(0)
	if backward {
		bound, next = "before", 1<<30
	}
	var got, want []string
	for _, e := range p.world.history(d.user, g) {
		want = append(want, lineOf(e.seq, e.kind, e.from, e.content, e.users, e.recalled, e.expansion))
	}
	for {
		var page struct {
			Messages []told
			More     bool
			Next     int64
		}
		no := d.call("GET", fmt.Sprintf("/groups/%s/messages?%s=%d&limit=%d", g, bound, next, limit), "", &page)
		if p.refused("a page of history", no, p.room(g).enter(d.user)) {
			return
		}
		for _, t := range page.Messages {
			got = append(got, lineOf(t.Seq, t.Kind, t.From, t.Content, t.Users, t.Recalled > 0, t.keys()))
		}
		if next = page.Next; !page.More {
			break
		}
	}
	if backward {
		slices.Reverse(got)
	}
	if !slices.Equal(got, want) {
		p.fail("the history of %s for %s, %d to a page, is\n  %s\nnot\n  %s", g, d.user, limit, strings.Join(got, "\n  "), strings.Join(want, "\n  "))
	}
}

// wrongs fails with what a device has noticed, and with whatever the stream showed
// it that was not its user's to see.
func (p *play) wrongs() {
	for _, d := range p.devices {
		d.mu.Lock()
		wrong := strings.Join(d.wrongs, "; ")
		for g, shown := range d.chain.shown {
			for seq, t := range shown {
				log := p.room(g).log
				if seq > int64(len(log)) {
					wrong = fmt.Sprintf("%s was shown %d of %s, which is not there", d.name, seq, g)
					continue
				}
				if e := log[seq-1]; !p.mightHave(d.user, g, e) || t.Kind != e.kind {
					wrong = fmt.Sprintf("%s was shown %d of %s, which is not its user's to see: %+v", d.name, seq, g, t)
				}
			}
		}
		d.mu.Unlock()
		if wrong != "" {
			p.fail("on the stream of %s: %s", d.name, wrong)
		}
	}
}

// complete says what the stream has not told a connected device yet.
func (p *play) complete(d *device) string {
	d.mu.Lock()
	defer d.mu.Unlock()
	for g, r := range p.rooms {
		if s := r.stays[d.user]; !s.present() || d.chain.open[g] {
			continue
		}
		if d.chain.covered[g] < r.last() {
			return fmt.Sprintf("the stream of %s told %s up to %d, there are %d", d.name, g, d.chain.covered[g], r.last())
		}
		for _, e := range r.log[d.chain.from[g]:] {
			if _, shown := d.chain.shown[g][e.seq]; !shown && p.sees(d.user, g, e) {
				return fmt.Sprintf("the stream of %s told %s from %d up to %d, without %d", d.name, g, d.chain.from[g]+1, d.chain.covered[g], e.seq)
			}
		}
	}
	return ""
}

// agrees says in what a device differs from the model.
func (p *play) agrees(d *device) string {
	for _, g := range p.groups {
		if got, want := d.shows(g), p.shows(d.user, g); !slices.Equal(got, want) {
			return fmt.Sprintf("%s shows of %s\n  %s\nnot\n  %s", d.name, g, strings.Join(got, "\n  "), strings.Join(want, "\n  "))
		}
	}
	if got, want := d.arranged(p.groups), p.arranged(d.user, p.groups); got != want {
		return fmt.Sprintf("%s shows\n%s\nnot\n%s", d.name, got, want)
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, r := range p.rooms {
		for _, e := range r.log {
			if e.kind == "message" && d.receipts[e.uid] > len(e.readers) {
				return fmt.Sprintf("%s was told of %d receipts of %d, there are %d", d.name, d.receipts[e.uid], e.seq, len(e.readers))
			}
		}
	}
	return ""
}

// rest waits until everything is where it belongs, and looks at who is connected.
func (p *play) rest() {
	p.tell("a rest")
	p.eventually(p.post.busy)
	for _, d := range p.devices {
		p.eventually(func() string {
			if !d.connected() {
				return ""
			}
			if lacks := p.complete(d); lacks != "" {
				return lacks
			}
			if d.isBehind() {
				p.syncWith(d, 200)
			}
			return p.agrees(d)
		})
	}
	p.wrongs()
}

// notified waits until everybody was notified who was owed it, and looks whether
// nobody else was.
func (p *play) notified() {
	p.look()
	p.eventually(func() string {
		got := p.pushed()
		for _, d := range p.dues {
			for _, n := range []string{"-1", "-2"} {
				if _, is := got[[2]string{d.user + n, d.e.uid}]; !is {
					return fmt.Sprintf("%s was not notified of %d of %s", d.user+n, d.e.seq, d.group)
				}
			}
		}
		return ""
	})
	for key, text := range p.pushed() {
		user := key[0][:len(key[0])-2]
		if !slices.Contains(p.users, user) {
			continue
		}
		if k := ([2]string{user, key[1]}); !p.may[k] || p.silent[k] {
			p.fail("%s was notified of %d%s, which was not for it", key[0], seqOf(key[1]), text)
		}
	}
}

// finish brings every device to the end and compares everything.
func (p *play) finish() {
	p.post.bad.Store(false)
	p.tell("the end")
	p.rest()
	p.notified()
	for i, d := range p.devices {
		d.disconnect() // or it may be about to break
		p.connect(d, i%len(p.streams), forever)
		p.syncWith(d, 50)
	}
	// The last entry of each group is of any kind: none comes after it that would
	// show that it is missing.
	for _, g := range p.groups {
		p.lastWord(g)
	}
	for range 10 {
		p.post.repeat() // old news must not be taken for new
	}
	p.rest()
	for _, u := range p.users {
		fresh := newDevice(p.city, u, u+"-new", p.devices[slices.IndexFunc(p.devices, func(d *device) bool { return d.user == u })].token)
		p.syncWith(fresh, 50)
		if wrong := p.agrees(fresh); wrong != "" {
			p.fail("%s", wrong)
		}
		for _, g := range p.groups {
			p.ask(u, g)
		}
		p.list(fresh)
	}
	for _, d := range p.devices {
		d.disconnect()
	}
}

// lastWord has something happen in a group to a message there.
func (p *play) lastWord(g string) {
	r := p.room(g)
	last := slices.IndexFunc(r.log, func(e *entry) bool { return e.kind == "message" && !e.recalled })
	switch do := rapid.SampledFrom([]string{"recall", "recall", "edit", "publish", "rename", "quit"}).Draw(p.r, "last word"); {
	case do == "recall" && last >= 0:
		m := r.log[last]
		p.tell("the server recalls %d of %s", m.seq, g)
		p.must("/message/recall.json", url.Values{"fromUserId": {m.from}, "conversationType": {"3"}, "targetId": {g}, "messageUID": {m.uid}, "sentTime": {"1"}}, nil)
		r.recall(m, m.from, false)
	case do == "edit":
		p.editOne(g)
	case do == "rename":
		p.rename(g)
	case do == "quit":
		p.leave(g)
	default:
		p.publish(g)
	}
}

// list compares the list of conversations, page by page, with the model.
func (p *play) list(d *device) {
	limit, cursor, seen := rapid.IntRange(1, 3).Draw(p.r, "page"), "", map[string]bool{}
	lastAt := int64(-1)
	for {
		var page struct {
			Conversations []struct {
				item
				Name             string
				Unread, Mentions int
				LastAt           int64
				LastMessage      *told
			}
			Cursor string
			More   bool
		}
		if status, text := p.city.device(d.token, "GET", fmt.Sprintf("/conversations?limit=%d&cursor=%s", limit, cursor), "", &page); status != http.StatusOK {
			p.fail("the list was answered %d %s", status, text)
		}
		for _, c := range page.Conversations {
			last, listed := p.lastMessage(d.user, c.GroupID)
			unread, mentions, _ := p.unread(d.user, c.GroupID)
			if !listed || seen[c.GroupID] || (last == nil) != (c.LastMessage == nil) || last != nil && (last.seq != c.LastMessage.Seq || last.content != c.LastMessage.Content) ||
				c.Unread != unread || c.Mentions != mentions || c.Pinned != p.conversation(d.user, c.GroupID).pinned {
				p.fail("the list of %s has %+v, last message %+v; want unread %d and %d, last %+v", d.user, c, c.LastMessage, unread, mentions, last)
			}
			seen[c.GroupID] = true
			if !c.Pinned {
				if lastAt >= 0 && c.LastAt > lastAt {
					p.fail("the list of %s is out of order at %s", d.user, c.GroupID)
				}
				lastAt = c.LastAt
			} else if lastAt >= 0 {
				p.fail("the list of %s has the pinned %s behind others", d.user, c.GroupID)
			}
		}
		if cursor = page.Cursor; !page.More {
			break
		}
	}
	for _, g := range p.groups {
		if _, listed := p.lastMessage(d.user, g); listed != seen[g] {
			p.fail("the list of %s has %s: %v", d.user, g, seen[g])
		}
	}
}
