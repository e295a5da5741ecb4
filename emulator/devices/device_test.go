package devices_test

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"

	"github.com/throng-im/throng/shared/id"
)

// told is an entry as devices are told of it.
type told struct {
	Seq                                   int64
	Kind, MessageUID, From, Type, Content string
	At, TargetAt                          int64
	Users, To, Removed                    []string
	Counted, Persisted                    *bool
	Recalled, Edited                      int64
	Target                                string
	Mention                               *struct {
		Type    int
		UserIDs []string
	}
	Expansion map[string]struct {
		V  string
		TS int64
	}
	Receipt bool
}

// seqOf is the seq inside of a message's id.
func seqOf(uid string) int64 {
	_, seq, _ := id.Message(uid).Parse()
	return seq
}

func (t told) keys() map[string]string {
	out := map[string]string{}
	for k, v := range t.Expansion {
		out[k] = v.V
	}
	return out
}

// kept is an entry as a device keeps it, brought up to date by what came after.
type kept struct {
	told
	recalled bool
	keys     map[string]string
}

// local is what a device keeps of a group.
type local struct {
	name         string
	joined, last int64
	entries      map[int64]*kept
}

// item is a conversation as devices are told of it.
type item struct {
	GroupID               string
	Changed               int64
	Pinned                bool
	Tags                  []string
	Draft                 string
	ReadSeq, DeletedSeq   int64
	ClearedSeq, ClearedAt int64
	DeletedSeqs           []int64
}

type config struct {
	Version       int64
	Notify        struct{ Group int }
	Conversations map[string]int
}

// news is what a sync and the stream tell of what a user set.
type news struct {
	Conversations []item
	Tags          *[]tag
	TagsChanged   int64
	Settings      *config
}

// answer is what a sync is answered with.
type answer struct {
	Cursor string
	Groups []struct {
		GroupID, Name            string
		LastSeq, JoinedSeq, From int64
		Unread, Mentions         int
		Entries                  []told
		More                     bool
	}
	Left []struct {
		GroupID string
		Seq     int64
	}
	news
	More bool
}

// device is a phone that does what the description of the API says, and no more.
type device struct {
	*city
	name, user, token string
	// line is its connection, nil while it has none.
	line *line

	mu     sync.Mutex
	cursor string
	groups map[string]*local
	// moved are the seqs of the newest changes of memberships that it knows of.
	moved map[string]int64
	// joined are groups that the stream has named and no sync yet.
	joined   map[string]bool
	items    map[string]item
	tags     []tag
	tagsSeen int64
	config   config
	// behind says that it was told, or has seen, that it must synchronise.
	behind bool
	// receipts counts who has read the user's messages, as the stream said.
	receipts map[string]int
	// lastID is the id of the last event with one; chain is what the stream has
	// told since it began without one.
	lastID string
	chain  chain
	// wrongs is what it was told that must not be.
	wrongs []string
}

func newDevice(c *city, user, name, token string) *device {
	return &device{city: c, name: name, user: user, token: token, groups: map[string]*local{}, moved: map[string]int64{}, joined: map[string]bool{}, items: map[string]item{}, receipts: map[string]int{}}
}

// call makes a call and returns the code of the error that it is answered with,
// empty for none.
func (d *device) call(method, path, body string, into any) string {
	d.Helper()
	status, text := d.device(d.token, method, path, body, into)
	if status == http.StatusOK {
		return ""
	}
	var refused struct{ Error struct{ Code string } }
	if json.Unmarshal([]byte(text), &refused) != nil || refused.Error.Code == "" {
		return fmt.Sprintf("%d %s", status, text)
	}
	return refused.Error.Code
}

// request is what the device asks for in a sync, and the seqs that it has.
func (d *device) request(limit int) (body string, has map[string]int64) {
	d.mu.Lock()
	defer d.mu.Unlock()
	has = map[string]int64{}
	for g := range d.joined {
		has[g] = 0 // it was told of the group, and has nothing of it
	}
	for g, l := range d.groups {
		has[g] = l.last
	}
	raw, _ := json.Marshal(map[string]any{"cursor": d.cursor, "groups": has, "limit": limit})
	return string(raw), has
}

// take takes a sync's answer in.
func (d *device) take(a *answer) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, l := range a.Left {
		if l.Seq == 0 || l.Seq > d.moved[l.GroupID] {
			d.leave(l.GroupID, l.Seq)
		}
	}
	for _, g := range a.Groups {
		if g.LastSeq < d.moved[g.GroupID] && !g.More {
			continue // it is from before what the stream has told
		}
		l := d.group(g.GroupID)
		if l.joined != g.JoinedSeq {
			l.joined = g.JoinedSeq
			maps.DeleteFunc(l.entries, func(seq int64, _ *kept) bool { return seq <= g.JoinedSeq })
		}
		d.moved[g.GroupID] = max(d.moved[g.GroupID], g.JoinedSeq)
		l.add(g.Entries, g.LastSeq)
		l.name = g.Name
	}
	d.learn(a.news)
	d.cursor = a.Cursor
}

func (d *device) group(g string) *local {
	delete(d.joined, g)
	if d.groups[g] == nil {
		d.groups[g] = &local{entries: map[int64]*kept{}}
	}
	return d.groups[g]
}

func (d *device) leave(g string, seq int64) {
	delete(d.groups, g)
	delete(d.joined, g)
	d.moved[g] = max(d.moved[g], seq)
}

func (d *device) isBehind() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.behind
}

// learn takes in what the user set.
func (d *device) learn(n news) {
	for _, i := range n.Conversations {
		if i.Changed >= d.items[i.GroupID].Changed {
			d.items[i.GroupID] = i
		}
	}
	if n.Tags != nil && n.TagsChanged >= d.tagsSeen {
		d.tags, d.tagsSeen = *n.Tags, n.TagsChanged
	}
	if n.Settings != nil && n.Settings.Version >= d.config.Version {
		d.config = *n.Settings
	}
}

// add adds the entries up to last that are new.
func (l *local) add(entries []told, last int64) {
	for _, t := range entries {
		if t.Seq > l.last {
			l.keep(t)
		}
	}
	l.last = max(l.last, last)
}

// keep keeps an entry, or applies what it says of another.
func (l *local) keep(t told) {
	if t.Kind == "renamed" {
		l.name = t.Content
	}
	if t.Target == "" {
		l.entries[t.Seq] = &kept{told: t, recalled: t.Recalled > 0, keys: t.keys()}
		return
	}
	of := l.entries[seqOf(t.Target)]
	if of == nil {
		return // it is not on this device
	}
	switch t.Kind {
	case "recall":
		of.Content, of.recalled, of.keys = "", true, map[string]string{}
	case "edit":
		of.Content = t.Content
	case "expansion":
		maps.Copy(of.keys, t.keys())
		for _, k := range t.Removed {
			delete(of.keys, k)
		}
	}
}

// shows is what the device shows of a group, a line each; nil where it has none.
func (d *device) shows(g string) []string {
	d.mu.Lock()
	defer d.mu.Unlock()
	l := d.groups[g]
	if l == nil {
		return nil
	}
	i := d.items[g]
	lines := []string{l.name}
	for _, seq := range slices.Sorted(maps.Keys(l.entries)) {
		e := l.entries[seq]
		if seq <= i.ClearedSeq || e.At <= i.ClearedAt || slices.Contains(i.DeletedSeqs, seq) {
			continue
		}
		lines = append(lines, lineOf(seq, e.Kind, e.From, e.Content, e.Users, e.recalled, e.keys))
	}
	return lines
}

// shows is what a device of a user should show of a group.
func (w *world) shows(user, g string) []string {
	r := w.room(g)
	if !r.stays[user].present() {
		return nil
	}
	lines := []string{r.name}
	for _, e := range r.log {
		if e.target == 0 && w.sees(user, g, e) {
			lines = append(lines, lineOf(e.seq, e.kind, e.from, e.content, e.users, e.recalled, e.expansion))
		}
	}
	return lines
}

func lineOf(seq int64, kind, from, content string, users []string, recalled bool, keys map[string]string) string {
	users = slices.Sorted(slices.Values(users))
	out := fmt.Sprintf("%d %s %s %s", seq, kind, cmp.Or(from, "-"), cmp.Or(content, "-"))
	if recalled {
		out += " recalled"
	}
	if len(users) > 0 {
		out += " " + strings.Join(users, ",")
	}
	for _, k := range slices.Sorted(maps.Keys(keys)) {
		out += " " + k + "=" + keys[k]
	}
	return out
}

// arranged is what a device shows of what the user set.
func (d *device) arranged(groups []string) string {
	d.mu.Lock()
	defer d.mu.Unlock()
	var out strings.Builder
	for _, g := range groups {
		if i := d.items[g]; d.groups[g] != nil {
			fmt.Fprintf(&out, "%s: %v %v %q %d %d, level %d\n", g, i.Pinned, slices.Sorted(slices.Values(i.Tags)), i.Draft, i.ReadSeq, i.DeletedSeq, d.config.Conversations[g])
		}
	}
	fmt.Fprintf(&out, "tags %v, level %d", d.tags, d.config.Notify.Group)
	return out.String()
}

func (w *world) arranged(user string, groups []string) string {
	var out strings.Builder
	p := w.people[user]
	for _, g := range groups {
		if c := w.conversation(user, g); w.room(g).stays[user].present() {
			fmt.Fprintf(&out, "%s: %v %v %q %d %d, level %d\n", g, c.pinned, slices.Sorted(slices.Values(c.tags)), c.draft, c.readSeq, c.deletedSeq, p.levels[g])
		}
	}
	fmt.Fprintf(&out, "tags %v, level %d", p.tags, p.levels[""])
	return out.String()
}
