package devices_test

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"pgregory.net/rapid"
)

// play is one round in a city: some users with two devices each, some groups, and
// what rapid has them do.
type play struct {
	*city
	r *rapid.T
	world
	users, groups []string
	devices       []*device
	// story is what was done so far, a line each.
	story []string
	keys  int
	// dues are notifications that somebody is still owed who is not connected.
	dues []due
	// may says whom each message may notify; silent marks those whose settings have
	// not let it since.
	may, silent map[[2]string]bool
	// doubted are users who were connected to an instance that died: others take
	// them for connected for as long as its lease lasts.
	doubted map[string]bool
	// sent are the seqs that idempotency keys got, by user, group and key.
	sent map[string]int64
}

type due struct {
	user, group string
	e           *entry
}

func newPlay(c *city, r *rapid.T, round int) *play {
	p := &play{
		city: c, r: r, world: world{rooms: map[string]*room{}, people: map[string]*person{}},
		may: map[[2]string]bool{}, silent: map[[2]string]bool{}, doubted: map[string]bool{}, sent: map[string]int64{},
	}
	for _, name := range []string{"a", "b", "c"} {
		p.groups = append(p.groups, fmt.Sprintf("%s%d", name, round))
	}
	for _, name := range []string{"ann", "bob", "cem"} {
		u := fmt.Sprintf("%s%d", name, round)
		p.users = append(p.users, u)
		p.people[u] = &person{conversations: map[string]*chat{}, levels: map[string]int{}}
		var out struct{ Token string }
		p.must("/user/getToken.json", url.Values{"userId": {u}, "name": {name}}, &out)
		for _, n := range []string{"1", "2"} {
			d := newDevice(c, u, u+"-"+n, out.Token)
			p.devices = append(p.devices, d)
			if no := d.call("PUT", "/devices/d"+n, fmt.Sprintf(`{"platform":"android","pushToken":%q}`, d.name), nil); no != "" {
				p.fail("a device was not registered: %s", no)
			}
		}
	}
	return p
}

// fail ends the round with its story.
func (p *play) fail(format string, args ...any) {
	p.Helper()
	p.failing.Store(true)
	var logs strings.Builder
	for _, g := range p.groups {
		for _, e := range p.room(g).log {
			fmt.Fprintf(&logs, "  %s %s", g, lineOf(e.seq, e.kind, e.from, e.content, e.users, e.recalled, e.expansion))
			if e.target > 0 {
				fmt.Fprintf(&logs, " of %d", e.target)
			}
			if len(e.to) > 0 {
				fmt.Fprintf(&logs, " to %v", e.to)
			}
			logs.WriteByte('\n')
		}
	}
	p.r.Fatalf("%s\nthe story:\n  %s\nthe groups:\n%s", fmt.Sprintf(format, args...), strings.Join(p.story, "\n  "), &logs)
}

func (p *play) tell(format string, args ...any) {
	p.story = append(p.story, fmt.Sprintf(format, args...))
}

func (p *play) must(path string, form url.Values, into any) {
	p.Helper()
	if status, text := p.server(path, form, into); status != http.StatusOK {
		p.fail("%s was answered %d %s", path, status, text)
	}
}

// refused holds what a call was answered against the rules.
func (p *play) refused(what, got, want string) bool {
	p.Helper()
	if got != want {
		p.fail("%s was answered %q, not %q", what, got, want)
	}
	return want != ""
}

func (p *play) chance(what string, in int) bool {
	return rapid.IntRange(0, in-1).Draw(p.r, what) == in-1
}

func (p *play) user() string  { return rapid.SampledFrom(p.users).Draw(p.r, "user") }
func (p *play) group() string { return rapid.SampledFrom(p.groups).Draw(p.r, "group") }
func (p *play) some() []string {
	return rapid.SliceOfNDistinct(rapid.SampledFrom(p.users), 1, len(p.users), rapid.ID).Draw(p.r, "users")
}

// of is any device of a user.
func (p *play) of(user string) *device {
	all := slices.DeleteFunc(slices.Clone(p.devices), func(d *device) bool { return d.user != user })
	return all[rapid.IntRange(0, len(all)-1).Draw(p.r, "device")]
}

func (p *play) anyDevice() *device {
	return p.devices[rapid.IntRange(0, len(p.devices)-1).Draw(p.r, "device")]
}

// message is a message of a group, nil where there is none.
func (p *play) message(g string) *entry {
	all := slices.DeleteFunc(slices.Clone(p.room(g).log), func(e *entry) bool { return e.kind != "message" })
	if len(all) == 0 {
		return nil
	}
	return all[rapid.IntRange(0, len(all)-1).Draw(p.r, "message")]
}

// online says whether any of a user's devices is connected.
func (p *play) online(user string) (yes bool) {
	for _, d := range p.devices {
		yes = d.user == user && d.connected() || yes
	}
	return yes
}

// look notices which connections have ended by themselves, and whom nothing is
// owed any more for they are connected.
func (p *play) look() {
	p.dues = slices.DeleteFunc(p.dues, func(d due) bool { return p.online(d.user) })
}

// said adds a message to the model, and whom it is to notify.
func (p *play) said(g string, e entry) {
	r := p.room(g)
	if seq := r.last() + 1; e.seq != seq {
		p.fail("a message got seq %d, not %d", e.seq, seq)
	}
	m := r.add(e)
	for _, u := range p.meant(g, m) {
		key := [2]string{u, m.uid}
		p.may[key] = true
		switch {
		case !p.lets(u, g, m):
			p.silent[key] = true
		case !p.doubted[u] && !p.online(u):
			p.dues = append(p.dues, due{u, g, m})
		}
	}
}

// changedLevels is what a change of settings means for what was said before: it
// may notify now, or not any more.
func (p *play) changedLevels(user string) {
	for key := range p.silent {
		if key[0] == user {
			delete(p.silent, key)
		}
	}
	p.dues = slices.DeleteFunc(p.dues, func(d due) bool { return d.user == user })
}

// back forgets what is owed to users of a group whom a call lets in once more:
// only their stay before this one is remembered for it.
func (p *play) back(g string, users []string) {
	p.dues = slices.DeleteFunc(p.dues, func(d due) bool { return d.group == g && slices.Contains(users, d.user) })
}

// eventually polls until ok says nothing, and fails with what it says.
func (p *play) eventually(ok func() string) {
	p.Helper()
	wrong, patience := "", 2*time.Minute
	if p.failing.Load() {
		patience = 10 * time.Second // a shorter story is looked for, of many
	}
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); time.Sleep(5 * time.Millisecond) {
		if wrong = ok(); wrong == "" {
			return
		}
	}
	p.fail("waited in vain: %s", wrong)
}

// together does things at the same time.
func together(all []func()) {
	var wg sync.WaitGroup
	for _, do := range all {
		wg.Go(do)
	}
	wg.Wait()
}

// step does one thing.
func (p *play) step() {
	p.look()
	g := p.group()
	acts := p.acts(g)
	var names []string
	for _, a := range acts {
		for range a.often {
			names = append(names, a.name)
		}
	}
	name := rapid.SampledFrom(names).Draw(p.r, "do")
	for _, a := range acts {
		if a.name == name {
			a.do()
		}
	}
	p.wrongs()
}

type act struct {
	name  string
	often int
	do    func()
}

func (p *play) acts(g string) []act {
	return []act{
		{"join", 4, func() { p.join(g) }},
		{"quit", 2, func() { p.leave(g) }},
		{"dismiss", 1, func() { p.dismiss(g) }},
		{"rename", 1, func() { p.rename(g) }},
		{"publish", 5, func() { p.publish(g) }},
		{"send", 8, func() { p.send(g) }},
		{"burst", 2, func() { p.burst(g) }},
		{"recall", 2, func() { p.recallOne(g) }},
		{"edit", 2, func() { p.editOne(g) }},
		{"extend", 2, func() { p.extendOne(g) }},
		{"mute", 2, func() { p.mute(g) }},
		{"status", 1, func() { p.status(g) }},
		{"read", 2, func() { p.read(g) }},
		{"arrange", 3, func() { p.arrange(g) }},
		{"settings", 1, func() { p.settle(g) }},
		{"delete", 2, func() { p.deleteSome(g) }},
		{"receipts", 2, func() { p.receipts(g) }},
		{"ask", 2, func() { p.ask(p.user(), g) }},
		{"connect", 6, p.connectOne},
		{"disconnect", 3, p.disconnectOne},
		{"sync", 3, func() { p.sync(p.anyDevice()) }},
		{"repeat", 2, func() { p.tell("something is announced again"); p.post.repeat() }},
		{"replace", 1, p.replaceStation},
		{"rest", 1, p.rest},
	}
}
