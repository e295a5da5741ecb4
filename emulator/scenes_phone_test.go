package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/throng-im/throng/shared/conversation"
	"github.com/throng-im/throng/shared/inbox"
)

// phone is a device: a plain HTTP client, and what it keeps.
type phone struct {
	*scene
	owner *person
	label string
	token string
	// others are the owner's other phones, on the first one.
	others []*phone
	// notified is what the phone was last expected to have been notified of.
	notified []string

	mu sync.Mutex
	*view
	line stream
}

// another is one more phone of a person.
func (p *person) another(s *scene, label, token string) *phone {
	ph := &phone{scene: s, owner: p, label: label, token: token, view: newView(p.id)}
	if p.phone != nil {
		p.others = append(p.others, ph)
	}
	return ph
}

// gets is one more phone of a person, on which they log in.
func (p *person) gets(label string) *phone {
	p.Helper()
	return p.another(p.scene, label, p.register(p.name))
}

func (p *person) phones() []*phone { return append([]*phone{p.phone}, p.others...) }

func (p *phone) title() string { return p.owner.name + "'s " + p.label }

func (p *phone) faults() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	out := slices.Clone(p.view.faults)
	for i := range out {
		out[i] = p.title() + ": " + out[i]
	}
	return out
}

// object is a JSON object in the making.
type body = map[string]any

// ask makes a call and returns the error's code, empty for none.
func (p *phone) ask(method, path string, body, into any) (code string) {
	p.Helper()
	var text []byte
	if body != nil {
		var err error
		if text, err = json.Marshal(body); err != nil {
			p.Fatal(err)
		}
	}
	r, err := http.NewRequest(method, p.at+"/client/v1"+path, bytes.NewReader(text))
	if err != nil {
		p.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+p.token)
	res, err := p.client.Do(r)
	if err != nil {
		p.Fatal(err)
	}
	raw, err := io.ReadAll(res.Body)
	_ = res.Body.Close()
	var failed struct{ Error struct{ Code string } }
	if into == nil {
		into = &struct{}{}
	}
	if err = errors.Join(err, json.Unmarshal(raw, &failed), json.Unmarshal(raw, into)); err != nil {
		p.Fatalf("%s %s by %s was answered %d %q: %v", method, path, p.title(), res.StatusCode, raw, err)
	}
	if (res.StatusCode != http.StatusOK) != (failed.Error.Code != "") {
		p.Fatalf("%s %s by %s was answered %d %q", method, path, p.title(), res.StatusCode, raw)
	}
	return failed.Error.Code
}

// does makes a call that succeeds.
func (p *phone) does(method, path string, body, into any) {
	p.Helper()
	if code := p.ask(method, path, body, into); code != "" {
		p.Fatalf("%s %s by %s was refused: %s", method, path, p.title(), code)
	}
}

// isRefused makes a call that does not succeed.
func (p *phone) isRefused(code, method, path string, body any) {
	p.Helper()
	if got := p.ask(method, path, body, nil); got != code {
		p.Errorf("%s %s by %s was answered %q, want %s", method, path, p.title(), got, code)
	}
}

func (p *phone) key() string { return fmt.Sprintf("key-%d", p.clients.Add(1)) }

func (p *phone) in(g, path string) string { return "/groups/" + p.name(g) + path }

// line is a message that was sent.
type line struct {
	group string
	uid   string
	seq   int64
	at    int64
}

// option is something that goes with a message.
type option func(body)

func with(name string, value any) option { return func(b body) { b[name] = value } }

func to(people ...*person) option { return with("to", ids(people)) }

// mentioning mentions people, or everybody when it names none.
func mentioning(text string, people ...*person) option {
	kind := 2
	if len(people) == 0 {
		kind = 1
	}
	return with("mention", body{"type": kind, "userIds": ids(people), "text": text})
}

// says is the content of a text.
func says(text string) string {
	raw, _ := json.Marshal(struct {
		Content string `json:"content"`
	}{text})
	return string(raw)
}

// sends says something in a group.
func (p *phone) sends(g, text string, more ...option) line {
	p.Helper()
	return p.sendsA(g, "RC:TxtMsg", says(text), more...)
}

// sendsA sends a message of any type.
func (p *phone) sendsA(g, kind, content string, more ...option) line {
	p.Helper()
	return p.made(g, "POST", p.in(g, "/messages"), p.letter(kind, content, more...))
}

func (p *phone) letter(kind, content string, more ...option) body {
	b := body{"clientId": p.key(), "type": kind, "content": content}
	for _, o := range more {
		o(b)
	}
	return b
}

func (p *phone) cannotSend(code, g, text string, more ...option) {
	p.Helper()
	p.isRefused(code, "POST", p.in(g, "/messages"), p.letter("RC:TxtMsg", says(text), more...))
}

// made makes a call that adds an entry.
func (p *phone) made(g, method, path string, b body) line {
	p.Helper()
	var out struct {
		MessageUID string
		Seq        int64
		SentTime   int64
	}
	p.does(method, path, b, &out)
	if out.MessageUID == "" || out.Seq == 0 || out.SentTime == 0 {
		p.Fatalf("%s %s was answered %+v", method, path, out)
	}
	return line{g, out.MessageUID, out.Seq, out.SentTime}
}

func (p *phone) of(l line, path string) string { return p.in(l.group, "/messages/"+l.uid+path) }

func (p *phone) recalls(l line) line {
	p.Helper()
	return p.made(l.group, "POST", p.of(l, "/recall"), body{"clientId": p.key()})
}

func (p *phone) edits(l line, text string) line {
	p.Helper()
	return p.made(l.group, "PATCH", p.of(l, ""), body{"clientId": p.key(), "content": says(text)})
}

func (p *phone) extends(l line, key, value string) line {
	p.Helper()
	return p.made(l.group, "PUT", p.of(l, "/expansion"), body{"clientId": p.key(), "set": body{key: value}})
}

func (p *phone) unextends(l line, keys ...string) line {
	p.Helper()
	return p.made(l.group, "DELETE", p.of(l, "/expansion"), body{"clientId": p.key(), "remove": keys})
}

// syncs synchronises until there is no more.
func (p *phone) syncs() {
	p.Helper()
	for more := true; more; {
		p.mu.Lock()
		known, cursor := p.known(), p.cursor
		p.mu.Unlock()
		var a inbox.Answer
		p.does("POST", "/sync", body{"cursor": cursor, "groups": known, "limit": 40}, &a)
		p.mu.Lock()
		p.apply(a, known)
		p.mu.Unlock()
		more = a.More
	}
	p.goesOn()
}

// look shows something of what the phone has. One that is not connected
// synchronises before.
func (p *phone) look(at func(v *view) string) string {
	p.Helper()
	if p.behind() {
		p.syncs()
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	return at(p.view)
}

// sees waits until the phone shows exactly these messages of a group.
func (p *phone) sees(g string, want ...string) {
	p.Helper()
	p.becomes(p.title()+" shows of "+g, quoted(want), func() string {
		return p.look(func(v *view) string { return quoted(texted(v.visible(p.name(g)))) })
	})
}

// seesNothingOf waits until the phone does not have a group.
func (p *phone) seesNothingOf(g string) {
	p.Helper()
	p.becomes(p.title()+" has "+g, "false", func() string {
		return p.look(func(v *view) string { return fmt.Sprint(v.rooms[p.name(g)] != nil) })
	})
}

// has waits until the phone has exactly these groups.
func (p *phone) has(want ...string) {
	p.Helper()
	slices.Sort(want)
	p.becomes(p.title()+" has the groups", quoted(want), func() string {
		return p.look(func(v *view) string {
			var got []string
			for g := range v.rooms {
				got = append(got, p.named(g))
			}
			slices.Sort(got)
			return quoted(got)
		})
	})
}

// isTold waits until the phone was told just this besides messages.
func (p *phone) isTold(g string, want ...string) {
	p.Helper()
	p.becomes(p.title()+" is told of "+g, quoted(want), func() string {
		return p.look(func(v *view) string {
			r := v.rooms[p.name(g)]
			if r == nil {
				return "nothing"
			}
			got := slices.Clone(r.happened)
			for i := range got {
				got[i] = strings.ReplaceAll(got[i], p.name(""), "")
			}
			return quoted(got)
		})
	})
}

// reads moves the read position to the newest entry the phone has, or to a line.
func (p *phone) reads(g string, upTo ...line) {
	p.Helper()
	seq := int64(0)
	if len(upTo) > 0 {
		seq = upTo[0].seq
	} else {
		p.look(func(v *view) string { seq = v.room(p.name(g)).lastSeq; return "" })
	}
	p.does("POST", p.in(g, "/read"), body{"seq": seq, "deviceId": p.label}, nil)
}

// unread is what is unread of a group, as the server tells it.
type unread struct {
	FirstUnread     int64
	Count, Mentions int
	Messages        []*entry
}

func (p *phone) unread(g, query string) (u unread) {
	p.Helper()
	p.does("GET", p.in(g, "/unread"+query), nil, &u)
	return u
}

// hasUnread waits until so much is unread of a group, and that is the same in a
// sync, in the list, in the group and as the phone counts it.
func (p *phone) hasUnread(g string, count, mentions int) {
	p.Helper()
	show := func(n, m int) string { return fmt.Sprintf("%d unread, %d of them mentions", n, m) }
	p.becomes("unread of "+g+" for "+p.title(), show(count, mentions), func() string {
		own := p.look(func(v *view) string { return show(v.counts(p.name(g))) })
		told := own
		if p.line.stop == nil { // the stream does not count
			told = p.look(func(v *view) string { return show(v.room(p.name(g)).unread, v.room(p.name(g)).mentions) })
		}
		u := p.unread(g, "")
		asked, listed := show(u.Count, u.Mentions), "not in the list"
		for _, c := range p.list("") {
			if string(c.Group) == p.name(g) {
				listed = show(c.Unread, c.Mentions)
			}
		}
		if told == own && own == asked && asked == listed {
			return told
		}
		return fmt.Sprintf("told %s, counted %s, asked %s, listed %s", told, own, asked, listed)
	})
}

// list is the whole list of conversations, page by page.
func (p *phone) list(tag string) (all []inbox.Listed) {
	p.Helper()
	for page := (inbox.List{More: true}); page.More; {
		query := url.Values{"limit": {"2"}, "tag": {tag}, "cursor": {page.Cursor}}
		page = inbox.List{}
		p.does("GET", "/conversations?"+query.Encode(), nil, &page)
		all = append(all, page.Conversations...)
	}
	return all
}

// lists waits until the list has these conversations in this order.
func (p *phone) lists(want ...string) {
	p.Helper()
	p.listsTagged("", want...)
}

func (p *phone) listsTagged(tag string, want ...string) {
	p.Helper()
	p.becomes(p.title()+" lists", quoted(want), func() string {
		var got []string
		for _, c := range p.list(tag) {
			got = append(got, p.named(string(c.Group)))
		}
		return quoted(got)
	})
}

// sets changes a conversation.
func (p *phone) sets(g, what string, value any) {
	p.Helper()
	p.does("PATCH", "/conversations/"+p.name(g), body{"clientId": p.key(), what: value}, nil)
}

// keeps waits until the phone has a conversation as show shows it.
func (p *phone) keeps(g, want string, show func(item conversation.Item, level int) string) {
	p.Helper()
	p.becomes(p.title()+" has of "+g, want, func() string {
		return p.look(func(v *view) string { return show(v.items[p.name(g)], v.levels[p.name(g)]) })
	})
}

func pinned(item conversation.Item, _ int) string { return fmt.Sprint(item.Pinned) }
func draft(item conversation.Item, _ int) string  { return item.Draft }
func tagged(item conversation.Item, _ int) string { return quoted(item.Tags) }
func level(_ conversation.Item, level int) string { return number(level) }

// finds asks the history on the server, and expects these messages.
func (p *phone) finds(g, query string, want ...string) {
	p.Helper()
	var page struct{ Messages []*entry }
	p.does("GET", p.in(g, "/messages"+query), nil, &page)
	p.is(p.title()+" finds in "+g+query, quoted(texted(page.Messages)), quoted(want))
}

// asksForPushes registers the phone for notifications.
func (p *phone) asksForPushes() {
	p.Helper()
	platforms := []string{"android", "ios", "web"}
	p.does("PUT", "/devices/"+p.label, body{"platform": platforms[len(p.title())%3], "pushToken": p.pushToken(), "language": "en"}, nil)
}

func (p *phone) pushToken() string { return p.owner.id + "-" + p.label }

// notifications are what the phone shows of what was pushed to it: the newest of
// each message, for one replaces the other, and nothing that it was told to clear.
func (p *phone) notifications() map[string]pushed {
	p.Helper()
	r, _ := http.NewRequest(http.MethodGet, p.town.url(portFCM)+"/emulator/pushes?token="+p.pushToken(), nil)
	var all struct{ Pushes []pushed }
	p.send(r, &all)
	out := map[string]pushed{}
	for _, n := range all.Pushes {
		if n.Message.Data["kind"] != "clear" {
			out[n.Message.Data["messageUID"]] = n
			continue
		}
		maps.DeleteFunc(out, func(_ string, old pushed) bool {
			return old.Message.Data["group"] == n.Message.Data["group"] && seqOf(old) <= seqOf(n)
		})
	}
	return out
}

func seqOf(n pushed) int64 {
	seq, _ := strconv.ParseInt(n.Message.Data["seq"], 10, 64)
	return seq
}

// tray is what the phone's notifications say, in no order.
func (p *phone) tray() []string {
	p.Helper()
	tray := []string{}
	for _, n := range p.notifications() {
		tray = append(tray, n.Message.Data["body"])
	}
	slices.Sort(tray)
	return tray
}

// isNotified waits until the notifications are exactly these.
func (p *phone) isNotified(want ...string) {
	p.Helper()
	p.notified = slices.Clone(want)
	slices.Sort(p.notified)
	p.becomes(p.title()+" is notified", quoted(p.notified), func() string { return quoted(p.tray()) })
}

// hears waits until the phone was notified of messages, whatever else there is.
// Whom else they notify is decided by then.
func (p *phone) hears(lines ...line) {
	p.Helper()
	for _, l := range lines {
		p.becomes(p.title()+" was notified", "true", func() string {
			_, there := p.notifications()[l.uid]
			return fmt.Sprint(there)
		})
	}
}
