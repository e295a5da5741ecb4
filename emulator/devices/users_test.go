package devices_test

import (
	"encoding/json"
	"fmt"
	"net/url"
	"slices"
	"sync"

	"pgregory.net/rapid"
)

// What users do with their devices, and the app's server for them.

// body is a message as the device API takes it.
func (e *entry) body(key string) string {
	body := map[string]any{"clientId": key, "type": e.typ, "content": e.content, "to": e.to, "receipt": e.receipts}
	if e.uncounted {
		body["counted"] = false
	}
	if e.unpersisted {
		body["persisted"] = false
	}
	if e.expandable {
		body["expansion"] = e.expansion
	}
	if m := e.mention; m != nil && m.all {
		body["mention"] = map[string]any{"type": 1}
	} else if m != nil {
		body["mention"] = map[string]any{"type": 2, "userIds": m.users}
	}
	raw, _ := json.Marshal(body)
	return string(raw)
}

type made struct {
	MessageUID string
	Seq        int64
}

// send sends from a device; some keys come twice.
func (p *play) send(g string) {
	u := p.user()
	d, e := p.of(u), p.compose(u)
	key := fmt.Sprint("k", p.keys)
	if p.chance("again", 6) {
		key = fmt.Sprint("k", p.keys-1)
	}
	p.tell("%s sends with the key %s: %s", d.name, key, describe(g, e))
	var out made
	no := d.call("POST", "/groups/"+g+"/messages", e.body(key), &out)
	if seq, known := p.sent[u+g+key]; known {
		if no != "" || out.Seq != seq {
			p.fail("a key that was used was answered %q, seq %d, not %d", no, out.Seq, seq)
		}
		return
	}
	if !p.refused("a message", no, p.speak(u, g)) {
		p.sent[u+g+key] = out.Seq
		e.uid, e.seq = out.MessageUID, out.Seq
		p.said(g, e)
	}
}

// burst has devices and the server send at the same time. The seqs that they get
// say in which order.
func (p *play) burst(g string) {
	type one struct {
		entry
		server  bool
		no, key string
	}
	all := make([]one, rapid.SampledFrom([]int{2, 3, 5, 70}).Draw(p.r, "burst"))
	var sends []func()
	var mu sync.Mutex
	for i := range all {
		e := p.compose(p.user())
		switch d := p.of(e.from); {
		case i%2 == 0:
			form := p.publishing(g, &e)
			sends = append(sends, func() {
				var out struct{ MessageUIDs []struct{ MessageUID string } }
				status, text := p.server("/message/group/publish.json", form, &out)
				mu.Lock()
				defer mu.Unlock()
				if all[i] = (one{entry: e, server: true}); status != 200 {
					all[i].no = fmt.Sprint(status, text)
					return
				}
				all[i].uid, all[i].seq = out.MessageUIDs[0].MessageUID, seqOf(out.MessageUIDs[0].MessageUID)
			})
		default:
			key := fmt.Sprint("k", p.keys)
			sends = append(sends, func() {
				var out made
				no := d.call("POST", "/groups/"+g+"/messages", e.body(key), &out)
				mu.Lock()
				defer mu.Unlock()
				all[i] = one{entry: e, no: no, key: key}
				all[i].uid, all[i].seq = out.MessageUID, out.Seq
			})
		}
	}
	p.tell("%d messages in %s at once", len(all), g)
	together(sends)
	slices.SortFunc(all, func(a, b one) int { return int(a.seq - b.seq) })
	for i, one := range all {
		want := ""
		if !one.server {
			want = p.speak(one.from, g)
		}
		if p.refused(fmt.Sprint("message ", i, " of a burst"), one.no, want) || !p.room(g).live {
			continue
		}
		if !one.server {
			p.sent[one.from+g+one.key] = one.seq
		}
		p.said(g, one.entry)
	}
}

// read moves a read position.
func (p *play) read(g string) {
	u := p.user()
	d, r, seq := p.of(u), p.room(g), rapid.Int64Range(1, p.room(g).last()+2).Draw(p.r, "seq")
	p.tell("%s has read %s up to %d", d.name, g, seq)
	if !p.asMember("a read position", u, g, d.call("POST", "/groups/"+g+"/read", fmt.Sprintf(`{"seq":%d}`, seq), nil)) {
		c := p.conversation(u, g)
		c.readSeq = max(c.readSeq, min(seq, r.last()))
	}
}

// asMember says whether a call was refused that is for members. Who has left may
// still be taken for one for as long as the copy of the membership says so.
func (p *play) asMember(what, u, g, got string) bool {
	p.Helper()
	if !p.room(g).stays[u].present() && got == "" {
		return p.room(g).stays[u].joined == 0
	}
	want := ""
	if !p.room(g).stays[u].present() {
		want = "not_member"
	}
	return p.refused(what, got, want)
}

// arrange changes one conversation of a user.
func (p *play) arrange(g string) {
	u := p.user()
	d, c := p.of(u), p.conversation(u, g)
	on, text := p.chance("on", 2), rapid.SampledFrom([]string{"x", "y"}).Draw(p.r, "text")
	switch rapid.IntRange(0, 5).Draw(p.r, "arrange") {
	case 0:
		p.tell("the server pins %s for %s: %v", g, u, on)
		p.must("/conversation/top/set.json", url.Values{"userId": {u}, "conversationType": {"3"}, "targetId": {g}, "setTop": {fmt.Sprint(on)}}, nil)
		c.pinned = on
	case 1:
		p.tell("%s pins %s: %v, with the draft %s", d.name, g, on, text)
		if !p.asMember("a pin", u, g, d.call("PATCH", "/conversations/"+g, fmt.Sprintf(`{"pinned":%v,"draft":%q}`, on, text), nil)) {
			c.pinned, c.draft = on, text
		}
	case 2:
		p.tell("%s tags %s: %s", d.name, g, text)
		got := d.call("PATCH", "/conversations/"+g, fmt.Sprintf(`{"tags":[%q]}`, text), nil)
		has := slices.ContainsFunc(p.people[u].tags, func(t tag) bool { return t.ID == text })
		if p.room(g).stays[u].present() && !has {
			p.refused("an unknown tag", got, "invalid_argument")
		} else if got != "invalid_argument" && !p.asMember("a tag", u, g, got) {
			c.tags = []string{text}
		}
	case 3:
		p.tell("%s makes the tag %s", d.name, text)
		name := fmt.Sprint(text, rapid.IntRange(0, 2).Draw(p.r, "name"))
		p.refused("a tag", d.call("PUT", "/tags/"+text, fmt.Sprintf(`{"name":%q}`, name), nil), "")
		p.people[u].setTag(text, name)
	case 4:
		p.tell("%s deletes the tag %s", d.name, text)
		p.refused("the end of a tag", d.call("DELETE", "/tags/"+text, "", nil), "")
		p.people[u].dropTag(text)
	case 5:
		p.tell("%s deletes the conversation %s", d.name, g)
		if !p.asMember("the end of a conversation", u, g, d.call("DELETE", "/conversations/"+g, "", nil)) {
			c.deletedSeq = max(c.deletedSeq, p.room(g).last())
			c.readSeq = max(c.readSeq, c.deletedSeq)
		}
	}
}

func (p *person) setTag(id, name string) {
	for i := range p.tags {
		if p.tags[i].ID == id {
			p.tags[i].Name = name
			return
		}
	}
	p.tags = append(p.tags, tag{id, name})
}

func (p *person) dropTag(id string) {
	p.tags = slices.DeleteFunc(slices.Clone(p.tags), func(t tag) bool { return t.ID == id })
	for _, c := range p.conversations {
		c.tags = slices.DeleteFunc(slices.Clone(c.tags), func(t string) bool { return t == id })
	}
}

// settle changes what notifies a user.
func (p *play) settle(g string) {
	u := p.user()
	d, level := p.of(u), rapid.SampledFrom([]int{-1, 0, 1, 2, 4, 5}).Draw(p.r, "level")
	switch rapid.IntRange(0, 2).Draw(p.r, "settings") {
	case 0:
		p.tell("the server sets the level %d in %s for %s", level, g, u)
		p.must("/conversation/notification/set.json", url.Values{"requestId": {u}, "conversationType": {"3"}, "targetId": {g}, "unpushLevel": {fmt.Sprint(level)}}, nil)
	case 1:
		g = ""
		p.tell("%s sets the level %d for all groups", d.name, level)
		p.refused("settings", d.call("PUT", "/settings", fmt.Sprintf(`{"notify":{"group":%d}}`, level), nil), "")
	case 2:
		p.tell("%s sets the level %d in %s", d.name, level, g)
		if p.asMember("a level", u, g, d.call("PATCH", "/conversations/"+g, fmt.Sprintf(`{"notify":%d}`, level), nil)) {
			return
		}
	}
	p.people[u].levels[g] = level
	p.changedLevels(u)
}

// deleteSome hides messages from one user.
func (p *play) deleteSome(g string) {
	u, m := p.user(), p.message(g)
	d, c, r := p.of(u), p.conversation(u, g), p.room(g)
	switch {
	case m == nil:
	case p.chance("clean", 3):
		p.tell("the server clears %s for %s", g, u)
		p.must("/conversation/message/history/clean.json", url.Values{"conversationType": {"3"}, "fromUserId": {u}, "targetId": {g}}, nil)
		if r.stays[u].joined > 0 {
			c.cleared = r.last()
		}
	case p.chance("clear", 4):
		p.tell("%s clears %s", d.name, g)
		if !p.refused("a clear", d.call("DELETE", "/groups/"+g+"/messages", `{"beforeTime":9999999999999}`, nil), r.enter(u)) {
			c.cleared = r.last()
		}
	default:
		p.tell("%s deletes %d of %s", d.name, m.seq, g)
		if !p.refused("a deletion", d.call("DELETE", "/groups/"+g+"/messages", fmt.Sprintf(`{"messageUIDs":[%q]}`, m.uid), nil), r.enter(u)) {
			c.deleted[m.seq] = true
		}
	}
}

// receipts asks for receipts, gives them, or looks who has.
func (p *play) receipts(g string) {
	u, m := p.user(), p.message(g)
	if m == nil {
		return
	}
	d, r := p.of(u), p.room(g)
	want := r.enter(u)
	mine := want
	switch {
	case want != "":
	case m.recalled || !r.could(u, m):
		mine = "not_found"
	case m.from != u:
		mine = "permission_denied"
	}
	path := "/groups/" + g + "/messages/" + m.uid
	switch rapid.IntRange(0, 2).Draw(p.r, "receipts") {
	case 0:
		p.tell("%s asks who reads %d of %s", d.name, m.seq, g)
		if !p.refused("a request for receipts", d.call("POST", path+"/receipt-request", "{}", nil), mine) && !m.receipts {
			m.receipts = true
			r.add(entry{kind: "receipt_request", from: u, target: m.seq, to: m.to})
		}
	case 1:
		p.tell("%s has read %d of %s", d.name, m.seq, g)
		if !p.refused("a receipt", d.call("POST", "/groups/"+g+"/receipts", fmt.Sprintf(`{"messageUIDs":[%q]}`, m.uid), nil), want) &&
			m.receipts && !m.recalled && m.from != u && r.could(u, m) {
			m.readers[u] = true
		}
	case 2:
		p.tell("%s looks who has read %d of %s", d.name, m.seq, g)
		if mine == "" && !m.receipts {
			mine = "not_found"
		}
		var out struct {
			Read   []struct{ UserID string }
			Unread int
		}
		if !p.refused("a look at receipts", d.call("GET", path+"/receipts", "", &out), mine) {
			unread := 0
			for _, v := range p.meant(g, m) {
				if r.stays[v].present() && !m.readers[v] {
					unread++
				}
			}
			if len(out.Read) != len(m.readers) || out.Unread != unread {
				p.fail("%d of %s has the receipts %+v, want %v and %d without", m.seq, g, out, m.readers, unread)
			}
		}
	}
}
