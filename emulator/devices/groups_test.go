package devices_test

import (
	"fmt"
	"net/url"
	"slices"
	"strings"

	"pgregory.net/rapid"
)

// What the app's server does with groups.

func (p *play) join(g string) {
	users := p.some()
	name := rapid.SampledFrom([]string{"One", "Two"}).Draw(p.r, "name")
	call := rapid.SampledFrom([]string{"create", "join"}).Draw(p.r, "call")
	p.tell("%s %s for %v as %s", call, g, users, name)
	p.must("/group/"+call+".json", url.Values{"groupId": {g}, "userId": users, "groupName": {name}}, nil)
	p.back(g, slices.DeleteFunc(slices.Clone(users), func(u string) bool { return p.room(g).stays[u].present() }))
	p.room(g).join(users, name)
}

func (p *play) leave(g string) {
	users := p.some()
	p.tell("%v quit %s", users, g)
	p.must("/group/quit.json", url.Values{"groupId": {g}, "userId": users}, nil)
	p.room(g).quit(users)
}

func (p *play) dismiss(g string) {
	p.tell("%s is dismissed", g)
	p.must("/group/dismiss.json", url.Values{"groupId": {g}, "userId": {p.users[0]}}, nil)
	p.room(g).dismiss(p.users[0])
}

func (p *play) rename(g string) {
	name := rapid.SampledFrom([]string{"One", "Two", "Three"}).Draw(p.r, "name")
	p.tell("%s is renamed to %s", g, name)
	p.must("/group/refresh.json", url.Values{"groupId": {g}, "groupName": {name}}, nil)
	p.room(g).rename(name)
}

func (p *play) mute(g string) {
	users, r := p.some(), p.room(g)
	do := rapid.SampledFrom([]string{"gag", "ungag", "gag everywhere", "ungag everywhere", "mute", "unmute", "allow", "disallow"}).Draw(p.r, "mute")
	p.tell("%s %v in %s", do, users, g)
	form := url.Values{"userId": users, "groupId": {g}, "minute": {"0"}}
	everywhere := url.Values{"userId": users, "minute": {"0"}}
	path := map[string]string{
		"gag": "user/gag/add", "ungag": "user/gag/rollback", "gag everywhere": "user/gag/add", "ungag everywhere": "user/gag/rollback",
		"mute": "ban/add", "unmute": "ban/rollback", "allow": "user/ban/whitelist/add", "disallow": "user/ban/whitelist/rollback",
	}[do]
	if strings.HasSuffix(do, "everywhere") {
		form = everywhere
	}
	p.must("/group/"+path+".json", form, nil)
	if do == "mute" || do == "unmute" {
		r.muted = do == "mute"
	}
	for _, u := range users {
		switch do {
		case "gag", "ungag":
			r.gagged[u] = do == "gag"
		case "gag everywhere", "ungag everywhere":
			p.people[u].gagged = do == "gag everywhere"
		case "allow", "disallow":
			r.allowed[u] = do == "allow"
		}
	}
}

// compose draws a message. A device's carries its properties itself.
func (p *play) compose(from string) entry {
	p.keys++
	e := entry{kind: "message", from: from, typ: "RC:TxtMsg", content: fmt.Sprintf(`{"content":"m%d"}`, p.keys), readers: map[string]bool{}}
	switch rapid.IntRange(0, 11).Draw(p.r, "kind") {
	case 0, 1:
		e.to = p.some()
	case 2:
		e.uncounted = true
	case 3:
		e.unpersisted = true
	case 4:
		e.mention = &mention{all: true}
	case 5:
		e.mention = &mention{users: p.some()}
	case 6, 7:
		e.expandable, e.expansion = true, map[string]string{"k": "0"}
	case 8:
		e.receipts = true
	}
	return e
}

// publish sends as the app's server, in somebody's name.
func (p *play) publish(g string) {
	e := p.compose(rapid.SampledFrom(append([]string{"app"}, p.users...)).Draw(p.r, "from"))
	e.hidden, e.keepLast = p.chance("hidden", 3), p.chance("keeps the last", 8)
	form := p.publishing(g, &e)
	p.tell("the server publishes %s", describe(g, e))
	p.published(g, e, p.asServer(form))
}

// asServer publishes and returns the message's id.
func (p *play) asServer(form url.Values) string {
	var out struct{ MessageUIDs []struct{ MessageUID string } }
	p.must("/message/group/publish.json", form, &out)
	return out.MessageUIDs[0].MessageUID
}

func (p *play) published(g string, e entry, uid string) {
	if e.uid, e.seq = uid, seqOf(uid); p.room(g).live {
		p.said(g, e)
	} else if e.seq != 0 {
		p.fail("a message to %s, which is not there, got seq %d", g, e.seq)
	}
}

// publishing is a message as the server API takes it.
func (p *play) publishing(g string, e *entry) url.Values {
	form := url.Values{"fromUserId": {e.from}, "toGroupId": {g}, "objectName": {e.typ}, "toUserId": e.to}
	set := func(on bool, name, value string) {
		if on {
			form.Set(name, value)
		}
	}
	if m := e.mention; m != nil {
		kind, list := 2, `["`+strings.Join(m.users, `","`)+`"]`
		if m.all {
			kind, list = 1, "[]"
		}
		e.content = fmt.Sprintf(`{"content":"m%d","mentionedInfo":{"type":%d,"userIdList":%s}}`, p.keys, kind, list)
		form.Set("isMentioned", "1")
	}
	set(e.uncounted, "isCounted", "0")
	set(e.unpersisted, "isPersisted", "0")
	set(!e.hidden, "isIncludeSender", "1")
	set(e.keepLast, "disableUpdateLastMsg", "true")
	set(e.receipts, "needReadReceipt", "1")
	set(e.expandable, "expansion", "true")
	set(e.expandable, "extraContent", `{"k":"0"}`)
	form.Set("content", e.content)
	return form
}

func describe(g string, e entry) string {
	out := fmt.Sprintf("%s in %s by %s", e.content, g, e.from)
	for what, is := range map[string]bool{"hidden from its sender": e.hidden, "uncounted": e.uncounted, "unpersisted": e.unpersisted, "keeping the last": e.keepLast, "with keys": e.expandable, "asking for receipts": e.receipts} {
		if is {
			out += ", " + what
		}
	}
	if len(e.to) > 0 {
		out += fmt.Sprintf(", to %v", e.to)
	}
	if e.mention != nil {
		out += fmt.Sprintf(", mentioning %+v", *e.mention)
	}
	return out
}

// status has everybody online see something that is stored nowhere.
func (p *play) status(g string) {
	u := p.user()
	d := p.of(u)
	p.tell("%s types in %s", d.name, g)
	p.refused("typing", d.call("POST", "/groups/"+g+"/typing", "{}", nil), p.speak(u, g))
}

// recallOne takes a message back, as the server or as a device.
func (p *play) recallOne(g string) {
	m, u := p.message(g), p.user()
	if m == nil {
		return
	}
	r := p.room(g)
	if p.chance("by the server", 2) {
		noNotice := p.chance("without a notice", 3)
		p.tell("the server recalls %d of %s for %s, without a notice: %v", m.seq, g, u, noNotice)
		p.must("/message/recall.json", url.Values{"fromUserId": {u}, "conversationType": {"3"}, "targetId": {g}, "messageUID": {m.uid}, "sentTime": {"1"}, "isDelete": {map[bool]string{true: "1", false: "0"}[noNotice]}}, nil)
		r.recall(m, u, noNotice)
	} else {
		d := p.of(u)
		p.tell("%s recalls %d of %s", d.name, m.seq, g)
		want := r.enter(u)
		switch {
		case want != "":
		case !r.could(u, m):
			want = "not_found"
		case m.from != u:
			want = "permission_denied"
		}
		if !p.refused("a recall", d.call("POST", "/groups/"+g+"/messages/"+m.uid+"/recall", "{}", nil), want) {
			r.recall(m, u, false)
		}
	}
	p.dues = slices.DeleteFunc(p.dues, func(d due) bool { return d.e.recalled })
}

func (p *play) editOne(g string) {
	m := p.message(g)
	if m == nil {
		return
	}
	r, content := p.room(g), fmt.Sprintf(`{"content":"edited %d"}`, rapid.IntRange(1, 3).Draw(p.r, "text"))
	if p.chance("by the server", 2) {
		p.tell("the server edits %d of %s: %s", m.seq, g, content)
		p.must("/message/group/modify.json", url.Values{"fromUserId": {m.from}, "groupId": {g}, "msgUID": {m.uid}, "content": {content}}, nil)
		r.edit(m, m.from, content, nil)
		return
	}
	u := p.user()
	d := p.of(u)
	p.tell("%s edits %d of %s: %s", d.name, m.seq, g, content)
	want := r.enter(u)
	switch {
	case want != "":
	case m.recalled || !r.could(u, m):
		want = "not_found"
	case m.from != u:
		want = "permission_denied"
	default:
		want = p.speak(u, g)
	}
	if !p.refused("an edit", d.call("PATCH", "/groups/"+g+"/messages/"+m.uid, fmt.Sprintf(`{"content":%q}`, content), nil), want) {
		r.edit(m, u, content, m.mention)
	}
}

// extendOne sets or removes an extension key.
func (p *play) extendOne(g string) {
	m, u := p.message(g), p.user()
	if m == nil {
		return
	}
	r, key, value, removes := p.room(g), rapid.SampledFrom([]string{"k", "l"}).Draw(p.r, "key"), fmt.Sprint(rapid.IntRange(0, 2).Draw(p.r, "value")), p.chance("removes", 3)
	old, there := m.expansion[key]
	change := func(server bool) {
		switch {
		case removes && there:
			r.extend(m, u, nil, []string{key})
		case !removes && (server || !there || old != value):
			r.extend(m, u, map[string]string{key: value}, nil)
		}
	}
	if p.chance("by the server", 2) {
		if !m.expandable || m.recalled {
			return
		}
		p.tell("the server has %s change key %s of %d of %s to %s, removing: %v", u, key, m.seq, g, value, removes)
		form := url.Values{"userId": {u}, "conversationType": {"3"}, "targetId": {g}, "msgUID": {m.uid}, "isSyncSender": {"1"}}
		if removes {
			form.Set("extraKey", `["`+key+`"]`)
			p.must("/message/expansion/delete.json", form, nil)
		} else {
			form.Set("extraKeyVal", fmt.Sprintf(`{%q:%q}`, key, value))
			p.must("/message/expansion/set.json", form, nil)
		}
		change(true)
		return
	}
	d := p.of(u)
	p.tell("%s changes key %s of %d of %s to %s, removing: %v", d.name, key, m.seq, g, value, removes)
	want := r.enter(u)
	switch {
	case want != "":
	case m.recalled || !r.could(u, m):
		want = "not_found"
	default:
		if want = p.speak(u, g); want == "" && !m.expandable {
			want = "invalid_argument"
		}
	}
	method, body := "PUT", fmt.Sprintf(`{"set":{%q:%q}}`, key, value)
	if removes {
		method, body = "DELETE", fmt.Sprintf(`{"remove":[%q]}`, key)
	}
	if !p.refused("a change of keys", d.call(method, "/groups/"+g+"/messages/"+m.uid+"/expansion", body, nil), want) {
		change(false)
	}
}
