package main

import (
	"fmt"
	"maps"
	"net/url"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// crowd is what must be true of some groups, whichever door one looks through.
type crowd struct {
	groups map[string]*crowdGroup
	// notified are the devices that each message was for.
	notified map[string][]string
}

type crowdGroup struct {
	name string
	live bool
	// in has, for each member, runs of messages that are theirs to see, as the
	// indexes of the first and of the one behind the last, or -1 while it lasts.
	// left is the same of the members whom the last dismissal took out.
	in, left map[string][][2]int
	said     []crowdMessage
}

type crowdMessage struct {
	uid, from string
	to        []string
	shown     bool // to its sender, too
	recalled  bool
}

func (g *crowdGroup) join(users []string) {
	for _, u := range users {
		if _, member := g.in[u]; member {
			continue
		}
		// The contract: who was there when the group was dismissed finds the old
		// history again.
		g.in[u] = append(g.left[u], [2]int{len(g.said), -1})
		delete(g.left, u)
	}
	g.live = true
}

func (g *crowdGroup) quit(users []string) {
	for _, u := range users {
		delete(g.in, u)
	}
}

func (g *crowdGroup) dismiss() {
	if !g.live {
		return
	}
	for _, runs := range g.in {
		runs[len(runs)-1][1] = len(g.said)
	}
	g.left, g.in, g.live = g.in, map[string][][2]int{}, false
}

// sees lists the messages of the group in a user's history.
func (g *crowdGroup) sees(user string) []string {
	out := []string{}
	for i, m := range g.said {
		there := slices.ContainsFunc(g.in[user], func(run [2]int) bool { return run[0] <= i && (run[1] < 0 || i < run[1]) })
		if !there || m.recalled || m.from == user && !m.shown || len(m.to) > 0 && m.from != user && !slices.Contains(m.to, user) {
			continue
		}
		out = append(out, m.uid)
	}
	return out
}

// player makes random calls on a town and on the model of it.
type player struct {
	*town
	*rapid.T
	crowd
	users, names []string
}

func (p *player) some(label string, of []string) []string {
	return rapid.SliceOfNDistinct(rapid.SampledFrom(of), 1, len(of), rapid.ID).Draw(p.T, label)
}

func (p *player) group(name string) *crowdGroup {
	if p.groups[name] == nil {
		p.groups[name] = &crowdGroup{in: map[string][][2]int{}, left: map[string][][2]int{}}
	}
	return p.groups[name]
}

func (p *player) step() {
	name := rapid.SampledFrom(p.names).Draw(p.T, "group")
	g := p.group(name)
	switch do := rapid.SampledFrom([]string{"create", "join", "quit", "dismiss", "refresh", "sync", "publish", "publish", "publish", "recall"}).Draw(p.T, "do"); do {
	case "create", "join":
		users, title := p.some("who", p.users), fmt.Sprintf("Name %d", rapid.IntRange(0, 3).Draw(p.T, "title"))
		p.must("/group/"+do+".json", url.Values{"groupId": {name}, "userId": users, "groupName": {title}})
		g.join(users)
		g.name = title
	case "quit":
		users := p.some("who", p.users)
		p.must("/group/quit.json", url.Values{"groupId": {name}, "userId": users})
		g.quit(users)
	case "dismiss":
		p.must("/group/dismiss.json", url.Values{"groupId": {name}, "userId": {p.users[0]}})
		g.dismiss()
	case "refresh":
		title := fmt.Sprintf("Name %d", rapid.IntRange(0, 3).Draw(p.T, "title"))
		p.must("/group/refresh.json", url.Values{"groupId": {name}, "groupName": {title}})
		if g.live {
			g.name = title
		}
	case "sync":
		p.sync()
	case "publish":
		p.publish(name, g)
	case "recall":
		if len(g.said) > 0 {
			m := &g.said[rapid.IntRange(0, len(g.said)-1).Draw(p.T, "message")]
			p.must("/message/recall.json", url.Values{"fromUserId": {m.from}, "conversationType": {"3"}, "targetId": {name}, "messageUID": {m.uid}, "sentTime": {"1"}, "disablePush": {"true"}})
			m.recalled = true
		}
	}
}

func (p *player) sync() {
	user := rapid.SampledFrom(p.users).Draw(p.T, "user")
	form := url.Values{"userId": {user}}
	for _, name := range p.names {
		g := p.group(name)
		if !rapid.Bool().Draw(p.T, "in "+name) {
			g.quit([]string{user})
			continue
		}
		title := rapid.SampledFrom([]string{"", "Synced"}).Draw(p.T, "title")
		form.Set("group["+name+"]", title)
		g.join([]string{user})
		if title != "" {
			g.name = title
		}
	}
	p.must("/group/sync.json", form)
}

func (p *player) publish(name string, g *crowdGroup) {
	m := crowdMessage{from: rapid.SampledFrom(append(p.users, "server")).Draw(p.T, "from"), shown: rapid.Bool().Draw(p.T, "shown")}
	form := url.Values{"fromUserId": {m.from}, "toGroupId": {name}, "objectName": {"RC:TxtMsg"}, "content": {text}}
	if m.shown {
		form.Set("isIncludeSender", "1")
	}
	if rapid.IntRange(0, 3).Draw(p.T, "targeted") == 0 {
		m.to = p.some("to", p.users)
		form["toUserId"] = m.to
	}
	m.uid = p.must("/message/group/publish.json", form).UIDs[0].UID
	if !g.live {
		return
	}
	g.said = append(g.said, m)
	phones := []string{}
	for u := range g.in {
		if u != m.from && (len(m.to) == 0 || slices.Contains(m.to, u)) {
			phones = append(phones, "phone-of-"+u)
		}
	}
	slices.Sort(phones)
	p.notified[m.uid] = phones
}

// look compares every door with the model.
func (p *player) look(c map[string]bool) {
	for name, g := range p.groups {
		var members []string
		for _, u := range p.must("/group/user/query.json", url.Values{"groupId": {name}}).Users {
			members = append(members, u.ID)
		}
		slices.Sort(members)
		if want := slices.Sorted(maps.Keys(g.in)); !slices.Equal(members, want) {
			p.T.Fatalf("%s has the members %v, want %v", name, members, want)
		}
		for _, u := range p.users {
			if got, want := p.seen(u, name), g.sees(u); !slices.Equal(got, want) {
				p.T.Fatalf("%s sees %v of %s, want %v", u, got, name, want)
			}
		}
	}
	for _, u := range p.users {
		got, want := map[string]string{}, map[string]string{}
		for _, g := range p.must("/user/group/query.json", url.Values{"userId": {u}}).Groups {
			got[g.ID] = g.Name
		}
		for name, g := range p.groups {
			if _, member := g.in[u]; member {
				want[name] = g.name
			}
		}
		if !maps.Equal(got, want) {
			p.T.Fatalf("%s is in %v, want %v", u, got, want)
		}
	}
	for uid, phones := range p.notified {
		for _, phone := range phones {
			c[uid+" "+phone] = true
		}
	}
}

// seen is a user's history of a group as the server API tells it.
func (p *player) seen(user, group string) []string {
	var out struct {
		Code int
		Data []struct{ MessageUID, ObjectName string }
	}
	body := fmt.Sprintf(`{"userId":%q,"targetId":%q,"startTime":0,"endTime":%d,"pageSize":100,"includeStart":true}`, user, group, time.Now().Add(time.Minute).UnixMilli())
	p.postJSON("/v3/message/group/query.json", body, &out)
	uids := []string{}
	for _, m := range out.Data {
		if m.ObjectName != "RC:RcCmd" {
			uids = append(uids, m.MessageUID)
		}
	}
	return uids
}

// doorRounds is how often the random calls begin anew; make chaos plays more.
const doorRounds = 25

// TestEveryDoorSaysTheSame makes random calls and then asks every call that
// tells something, and the phones.
func TestEveryDoorSaysTheSame(t *testing.T) {
	w := startTown(t)
	want, round := map[string]bool{}, 0
	rapid.Check(t, func(rt *rapid.T) {
		if round == doorRounds && os.Getenv("THRONG_LONG") == "" {
			return
		}
		round++
		p := &player{town: w, T: rt, crowd: crowd{map[string]*crowdGroup{}, map[string][]string{}}}
		// Nothing is left of the rounds before: sync states all that a user is in.
		for _, name := range []string{"ann", "bob", "cem", "dee"} {
			u := fmt.Sprintf("%s%d", name, round)
			p.users = append(p.users, u)
			w.device("PUT", "/devices/phone", w.token(u), fmt.Sprintf(`{"platform":"android","pushToken":"phone-of-%s"}`, u), nil)
		}
		for _, n := range []string{"a", "b", "c"} {
			p.names = append(p.names, fmt.Sprintf("%s%d", n, round))
		}
		for range rapid.IntRange(5, 40).Draw(rt, "steps") {
			p.step()
		}
		p.look(want)
	})
	got := map[string]bool{}
	listen := func() {
		for _, push := range w.pushes() {
			got[push.Message.Data["messageUID"]+" "+push.Token] = true
		}
	}
	defer func() {
		for key := range want {
			if !got[key] {
				t.Errorf("not notified: %s", key)
			}
		}
	}()
	// Rest alone does not say that all has come: a busy machine rests, too.
	w.eventually("everyone is notified who is meant", func() bool {
		listen()
		for key := range want {
			if !got[key] {
				return false
			}
		}
		return true
	})
	w.settle()
	listen()
	for key := range got {
		if !want[key] {
			t.Errorf("notified, but not meant: %s", strings.Replace(key, " ", " to ", 1))
		}
	}
}
