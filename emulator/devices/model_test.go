package devices_test

import (
	"cmp"
	"maps"
	"slices"
)

// entry is one line of a group's timeline, as the model writes it down by hand.
type entry struct {
	seq                          int64
	kind, from, typ, content     string
	to, users                    []string
	mention                      *mention
	uncounted, unpersisted       bool
	hidden, keepLast             bool // from its sender; from the list of conversations
	expandable                   bool
	expansion                    map[string]string
	removed                      []string
	target                       int64
	recalled, noNotice, receipts bool
	readers                      map[string]bool
	uid                          string
}

type mention struct {
	all   bool
	users []string
}

func (m *mention) names(user string) bool {
	return m != nil && (m.all || slices.Contains(m.users, user))
}

// stay is one user's place in a group: the entries that let them in and out, and
// the pairs of entries between which the group was gone and came back with them.
type stay struct {
	joined, left int64
	away         []int64
	// before are the stays before this one, which nobody sees anything of any more.
	before []stay
}

func (s stay) present() bool { return s.joined > 0 && s.left == 0 }

// at says whether the user was in the group when an entry was made.
func (s stay) at(seq int64) bool {
	return s.joined > 0 && seq > s.joined && (s.left == 0 || seq < s.left) && !s.wasAway(seq)
}

func (s stay) wasAway(seq int64) bool {
	for gap := range slices.Chunk(s.away, 2) {
		if gap[0] <= seq && seq <= gap[1] {
			return true
		}
	}
	return false
}

// endedBy says whether an entry ended one of the user's stays that are over, or an
// absence began with it.
func (s stay) endedBy(seq int64) bool {
	for gap := range slices.Chunk(s.away, 2) {
		if gap[0] == seq {
			return true
		}
	}
	return slices.ContainsFunc(s.before, func(b stay) bool { return b.left == seq || b.endedBy(seq) })
}

// ever says whether the user was in the group then, in whichever stay.
func (s stay) ever(seq int64) bool {
	return s.at(seq) || slices.ContainsFunc(s.before, func(b stay) bool { return b.at(seq) })
}

// room is a group.
type room struct {
	name      string
	live      bool
	dismissal int64
	log       []*entry
	stays     map[string]stay
	gagged    map[string]bool
	allowed   map[string]bool
	muted     bool
}

// chat is what a user made of one group. It outlives the membership.
type chat struct {
	pinned                       bool
	tags                         []string
	draft                        string
	readSeq, deletedSeq, cleared int64
	deleted                      map[int64]bool
}

// person is what a user set.
type person struct {
	conversations map[string]*chat
	tags          []tag
	// levels are those of groups, and that for all groups under "".
	levels map[string]int
	gagged bool
}

type tag struct {
	ID   string `json:"tagId"`
	Name string `json:"name"`
}

// world is the model: what is true, by the rules, after the calls so far.
type world struct {
	rooms  map[string]*room
	people map[string]*person
}

func (w *world) room(g string) *room {
	if w.rooms[g] == nil {
		w.rooms[g] = &room{stays: map[string]stay{}, gagged: map[string]bool{}, allowed: map[string]bool{}}
	}
	return w.rooms[g]
}

func (w *world) conversation(user, g string) *chat {
	p := w.people[user]
	if p.conversations[g] == nil {
		p.conversations[g] = &chat{deleted: map[int64]bool{}}
	}
	return p.conversations[g]
}

// lasts are the seqs of all groups' newest entries.
func (w *world) lasts() map[string]int64 {
	out := map[string]int64{}
	for g, r := range w.rooms {
		out[g] = r.last()
	}
	return out
}

func (r *room) last() int64 { return int64(len(r.log)) }

func (r *room) add(e entry) *entry {
	e.seq = r.last() + 1
	r.log = append(r.log, &e)
	return &e
}

// join lets users in, and brings a group into being or back.
func (r *room) join(users []string, name string) {
	var fresh []string
	for _, u := range users {
		if !r.stays[u].present() {
			fresh = append(fresh, u)
		}
	}
	r.live = true
	if len(fresh) > 0 {
		e := r.add(entry{kind: "joined", users: fresh})
		for _, u := range fresh {
			s := r.stays[u]
			if s.left > 0 && s.left == r.dismissal {
				// Who was there to the end finds what was theirs again.
				s.away, s.left = append(slices.Clone(s.away), s.left, e.seq), 0
			} else {
				past := slices.Clone(s.before)
				if s.joined > 0 {
					past = append(past, stay{joined: s.joined, left: s.left, away: s.away})
				}
				s = stay{joined: e.seq, before: past}
			}
			r.stays[u] = s
		}
	}
	r.rename(name)
}

// rename changes the name; the first one is no news.
func (r *room) rename(name string) {
	if !r.live || name == "" || name == r.name {
		return
	}
	if r.name != "" {
		r.add(entry{kind: "renamed", content: name})
	}
	r.name = name
}

func (r *room) quit(users []string) {
	var leaving []string
	for _, u := range users {
		if r.stays[u].present() {
			leaving = append(leaving, u)
		}
	}
	if len(leaving) == 0 {
		return
	}
	e := r.add(entry{kind: "left", users: leaving})
	for _, u := range leaving {
		s := r.stays[u]
		s.left = e.seq
		r.stays[u] = s
	}
}

func (r *room) dismiss(by string) {
	if !r.live {
		return
	}
	e := r.add(entry{kind: "dismissed", from: by})
	for u, s := range r.stays {
		if s.present() {
			s.left = e.seq
			r.stays[u] = s
		}
	}
	r.live, r.dismissal = false, e.seq
}

// enter says why a user's device gets nowhere in a group, empty where it does.
func (r *room) enter(user string) string {
	switch {
	case !r.live && r.dismissal > 0:
		return "group_dismissed"
	case !r.stays[user].present():
		return "not_member"
	}
	return ""
}

// speak says why a user may not say anything.
func (w *world) speak(user, g string) string {
	r := w.room(g)
	switch no := r.enter(user); {
	case no != "":
		return no
	case w.people[user].gagged, r.gagged[user]:
		return "muted"
	case r.muted && !r.allowed[user]:
		return "group_muted"
	}
	return ""
}

// shown says whether an entry is for a member at all.
func (e *entry) shown(user string) bool {
	switch {
	case e.from == user:
		return !e.hidden
	case len(e.to) == 0 || slices.Contains(e.to, user):
		return true
	}
	return e.kind == "recall" && slices.Contains(e.users, user)
}

// could says whether a member may see an entry, whatever the member cleared.
func (r *room) could(user string, e *entry) bool {
	s := r.stays[user]
	about := cmp.Or(e.target, e.seq)
	return s.present() && min(e.seq, about) > s.joined && !s.wasAway(about) && e.shown(user)
}

// sees says whether a user may see an entry now.
func (w *world) sees(user, g string, e *entry) bool {
	c, about := w.conversation(user, g), cmp.Or(e.target, e.seq)
	return w.room(g).could(user, e) && about > c.cleared && !c.deleted[about]
}

// mightHave says whether an entry may have been shown to a user at some time.
func (w *world) mightHave(user, g string, e *entry) bool {
	s := w.room(g).stays[user]
	about := cmp.Or(e.target, e.seq)
	return s.ever(about) && (s.ever(e.seq) || e.target > 0) && e.shown(user)
}

func (w *world) unread(user, g string) (unread, mentions int, first int64) {
	for _, e := range w.room(g).log {
		if e.kind != "message" || e.from == user || e.uncounted || e.recalled || e.seq <= w.conversation(user, g).readSeq || !w.sees(user, g, e) {
			continue
		}
		if unread++; first == 0 {
			first = e.seq
		}
		if e.mention.names(user) {
			mentions++
		}
	}
	return unread, mentions, first
}

// history is the messages that a user finds in the cloud, oldest first.
func (w *world) history(user, g string) (found []*entry) {
	for _, e := range w.room(g).log {
		if e.kind == "message" && !e.unpersisted && !(e.recalled && e.noNotice) && w.sees(user, g, e) {
			found = append(found, e)
		}
	}
	return found
}

// lastMessage is what the list of conversations shows of a group, and whether the
// group is in the list.
func (w *world) lastMessage(user, g string) (last *entry, listed bool) {
	for _, e := range slices.Backward(w.room(g).log) {
		if e.kind == "message" && !e.keepLast && !(e.recalled && e.noNotice) && w.sees(user, g, e) {
			last = e
			break
		}
	}
	deleted := w.conversation(user, g).deletedSeq
	return last, w.room(g).stays[user].present() && (deleted == 0 || last != nil && last.seq > deleted)
}

// lets says whether a user's level lets a message notify them.
func (w *world) lets(user, g string, e *entry) bool {
	level := w.people[user].levels[g]
	if level == 0 {
		level = w.people[user].levels[""]
	}
	me, all := e.mention != nil && !e.mention.all && slices.Contains(e.mention.users, user), e.mention != nil && e.mention.all
	switch level {
	case 1:
		return me || all
	case 2:
		return me
	case 4:
		return all
	case 5:
		return false
	}
	return true
}

// meant lists whom a message notifies who are not connected.
func (w *world) meant(g string, e *entry) (users []string) {
	for u, s := range w.room(g).stays {
		if u != e.from && s.at(e.seq) && (len(e.to) == 0 || slices.Contains(e.to, u)) {
			users = append(users, u)
		}
	}
	return users
}

// recall takes a message back; it says whether that changed anything.
func (r *room) recall(m *entry, by string, noNotice bool) bool {
	if m.recalled {
		return false
	}
	e := entry{kind: "recall", from: by, target: m.seq, to: m.to, hidden: m.hidden && m.from == by}
	if m.from != by {
		e.users = []string{m.from}
	}
	m.recalled, m.noNotice, m.content, m.expansion = true, noNotice, "", nil
	r.add(e)
	return true
}

func (r *room) edit(m *entry, by, content string, about *mention) bool {
	if m.recalled || m.content == content {
		return false
	}
	m.content, m.mention = content, about
	r.add(entry{kind: "edit", from: by, target: m.seq, to: m.to, content: content, hidden: m.hidden})
	return true
}

// extend sets and removes extension keys.
func (r *room) extend(m *entry, by string, set map[string]string, remove []string) {
	old := m.expansion
	m.expansion = maps.Clone(old)
	if m.expansion == nil {
		m.expansion = map[string]string{}
	}
	maps.Copy(m.expansion, set)
	for _, k := range remove {
		delete(m.expansion, k)
	}
	r.add(entry{kind: "expansion", from: by, target: m.seq, to: m.to, expansion: set, removed: remove})
}
