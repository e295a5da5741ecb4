package live_test

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/throng-im/throng/shared/group"
	"github.com/throng-im/throng/shared/id"
	"github.com/throng-im/throng/shared/live"
)

// truth is what a group's timeline holds for a user: the entries to see, and for
// each of them when the membership began that it belongs to.
type truth struct {
	seqs, since  []int64
	member       bool
	joined, last int64
	// view is the rule of what is the user's to see now.
	view group.View
	all  []group.Entry
}

func (s *street) truth(g id.Group, u id.User) truth {
	s.Helper()
	entries, err := s.groups.Timeline(s.ctx, g, 0, 1<<30)
	s.ok(err)
	out := truth{view: group.View{User: u}, all: entries}
	dismissal := int64(0)
	for _, e := range entries {
		out.last = e.Seq
		out.view = out.view.Of(out.view.Member().After(u, e, dismissal))
		if e.Kind == group.KindDismissed {
			dismissal = e.Seq
		}
		mine := slices.Contains(e.Users, u)
		if e.Kind == group.KindDismissed || e.Kind == group.KindLeft && mine {
			out.member = false
		}
		visible := len(e.To) == 0 || slices.Contains(e.To, u) || e.From == u
		if out.member && visible && !(e.HideFromSender && e.From == u) {
			out.seqs, out.since = append(out.seqs, e.Seq), append(out.since, out.joined)
		}
		if e.Kind == group.KindJoined && mine {
			out.member, out.joined = true, e.Seq
		}
	}
	return out
}

// reader is a device that keeps what it is told, and does not forgive.
type reader struct {
	*device
	street *street
	names  []id.Group
	// known is how far it is in each group, has the seqs it was shown.
	known  map[id.Group]int64
	has    map[id.Group][]int64
	member map[id.Group]bool
	// heard are the memberships that it knows of, by group and first seq. Nobody
	// tells it of one that began and ended while it was away.
	heard map[string]bool
	// synced groups may repeat what a synchronisation has given.
	synced map[id.Group]int64
	// line is how far this connection is in each group: nothing comes twice on one.
	line  map[id.Group]int64
	wrong []string
}

func (s *street) reader(u id.User, names []id.Group) *reader {
	r := &reader{device: &device{user: u}, street: s, names: names, known: map[id.Group]int64{}, has: map[id.Group][]int64{}, member: map[id.Group]bool{}, synced: map[id.Group]int64{}, heard: map[string]bool{}, line: map[id.Group]int64{}}
	r.hear = r.note
	for _, g := range names {
		r.sync(g)
	}
	clear(r.synced)
	return r
}

// sync stands in for the call that gives a device the whole truth.
func (r *reader) sync(g id.Group) {
	t := r.street.truth(g, r.user)
	r.known[g], r.has[g], r.member[g], r.synced[g] = t.last, t.seqs, t.member, t.last
	for _, joined := range append(t.since, t.joined) {
		r.heard[fmt.Sprint(g, joined)] = true
	}
}

func (r *reader) note(f frame) {
	g := f.data.Group
	bad := func(format string, args ...any) {
		r.wrong = append(r.wrong, fmt.Sprintf(format, args...))
	}
	switch f.name {
	case "resync":
		if g != "" {
			r.sync(g)
			return
		}
		for _, g := range r.names {
			r.sync(g)
		}
	case "membership":
		if f.data.Seq <= r.line[g] {
			bad("%s %s@%d after %d", f.data.Kind, g, f.data.Seq, r.line[g])
		}
		r.line[g] = f.data.Seq
		if f.data.Seq > r.known[g] {
			r.known[g], r.member[g] = f.data.Seq, f.data.Kind == group.KindJoined
			r.heard[fmt.Sprint(g, f.data.Seq)] = r.member[g]
		}
	case "entries":
		if f.data.After < r.line[g] {
			bad("a repeat in %s: after %d, and the line was at %d", g, f.data.After, r.line[g])
		}
		r.line[g] = f.data.LastSeq
		if r.again(g, f.data.After) {
			bad("a repeat in %s: after %d, and had %d", g, f.data.After, r.known[g])
		}
		if f.data.LastSeq <= r.known[g] {
			return
		}
		if !r.member[g] {
			bad("entries of %s up to %d for somebody outside", g, f.data.LastSeq)
		}
		if f.data.After > r.known[g] {
			bad("a gap in %s: %d after %d", g, f.data.After, r.known[g])
		}
		for _, e := range f.data.Entries {
			if e.Seq > r.known[g] {
				r.has[g] = append(r.has[g], e.Seq)
			}
		}
		r.known[g] = f.data.LastSeq
	}
}

// again says whether what comes after a seq came before, and not from a
// synchronisation.
func (r *reader) again(g id.Group, after int64) bool {
	return after < r.known[g] && r.known[g] > r.synced[g]
}

// TestAResumeHasNoGapAndNoRepeat plays random things in random groups to devices
// whose lines are cut at random places, on two processes that hear of it late,
// twice and in another order.
func TestAResumeHasNoGapAndNoRepeat(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		p := newStage(rt, ctx)
		rt.Repeat(map[string]func(*rapid.T){
			"say":      p.say,
			"members":  p.members,
			"deliver":  p.deliver,
			"fan out":  p.fanOutSome,
			"drop":     p.drop,
			"return":   p.comeBack,
			"wait":     p.wait,
			"everyone": func(*rapid.T) { p.quiet() },
		})
		p.finish()
	})
}

type stage struct {
	*street
	hubs    []*live.Hub
	names   []id.Group
	users   []id.User
	readers []*reader
}

func newStage(rt *rapid.T, ctx context.Context) *stage {
	s := newStreet(rt, ctx)
	p := &stage{street: s, names: []id.Group{"g", "h", "i"}, users: []id.User{"ann", "bob", "cem"}}
	p.hubs = []*live.Hub{s.hub(), s.hub()}
	for i, g := range p.names {
		s.ok(s.groups.Join(ctx, g, p.users[:i+1], "Name"))
	}
	s.later.Add(int64(time.Minute)) // what was before is over
	s.byHand = true
	for _, u := range append(p.users, "ann") {
		r := s.reader(u, p.names)
		p.readers = append(p.readers, r)
		p.connect(rt, r)
	}
	return p
}

func (p *stage) connect(rt *rapid.T, r *reader) {
	first := r.lastID == ""
	h := p.hubs[rapid.IntRange(0, 1).Draw(rt, "hub")]
	budget := rapid.OneOf(rapid.Just(-1), rapid.IntRange(0, 1500)).Draw(rt, "bytes until the line is cut")
	if first {
		budget = -1 // before its first id, a device starts at now
	}
	clear(r.line)
	p.ok(p.street.connect(h, r.device, budget))
	if first {
		p.eventually(func() string { return "an id" }, func() bool { r.mu.Lock(); defer r.mu.Unlock(); return r.lastID != "" })
	}
}

func (p *stage) say(rt *rapid.T) {
	e := group.Entry{From: rapid.SampledFrom(p.users).Draw(rt, "from"), HideFromSender: rapid.IntRange(0, 3).Draw(rt, "hide") == 0}
	if rapid.IntRange(0, 3).Draw(rt, "targeted") == 0 {
		e.To = []id.User{rapid.SampledFrom(p.users).Draw(rt, "to")}
	}
	g := rapid.SampledFrom(p.names).Draw(rt, "group")
	for range rapid.OneOf(rapid.Just(1), rapid.IntRange(1, 40), rapid.Just(100)).Draw(rt, "times") {
		p.street.say(g, e)
	}
}

func (p *stage) members(rt *rapid.T) {
	g, u := rapid.SampledFrom(p.names).Draw(rt, "group"), rapid.SampledFrom(p.users).Draw(rt, "user")
	switch rapid.IntRange(0, 5).Draw(rt, "what") {
	case 0:
		p.ok(p.groups.Dismiss(p.ctx, g, u))
	case 1, 2:
		p.ok(p.groups.Quit(p.ctx, g, []id.User{u}))
	default:
		p.ok(p.groups.Join(p.ctx, g, []id.User{u}, ""))
	}
}

func (p *stage) deliver(rt *rapid.T) {
	h := p.hubs[rapid.IntRange(0, 1).Draw(rt, "hub")]
	for range rapid.IntRange(1, 10).Draw(rt, "times") {
		if n := p.waiting(h); n > 0 {
			p.street.deliver(h, rapid.IntRange(0, min(n-1, 5)).Draw(rt, "which"), rapid.IntRange(0, 4).Draw(rt, "again") == 0)
		}
	}
}

// fanOutSome brings some copies of memberships up to date, in any order.
func (p *stage) fanOutSome(rt *rapid.T) {
	for range rapid.IntRange(1, 5).Draw(rt, "times") {
		if n := p.fanOutLeft(); n > 0 {
			p.fanOut(rapid.IntRange(0, min(n-1, 3)).Draw(rt, "which"))
		}
	}
}

func (p *stage) drop(rt *rapid.T) {
	r := p.readers[rapid.IntRange(0, len(p.readers)-1).Draw(rt, "device")]
	r.stop()
	p.eventually(func() string { return "the connection ended" }, r.away)
}

func (p *stage) comeBack(rt *rapid.T) {
	for _, r := range p.readers {
		if r.away() && rapid.Bool().Draw(rt, "comes back") {
			p.connect(rt, r)
		}
	}
}

// wait lets time pass, once all events have come in: an id promises as much.
func (p *stage) wait(rt *rapid.T) {
	p.quiet()
	p.later.Add(int64(rapid.SampledFrom([]time.Duration{time.Second, time.Minute, 5 * time.Minute}).Draw(rt, "how long")))
}

// quiet delivers everything and waits until the devices that are there have it.
func (p *stage) quiet() {
	p.fanOutAll()
	for _, h := range p.hubs {
		p.deliverAll(h)
		p.eventually(h.Dump, h.Resting)
	}
	for _, r := range p.readers {
		p.eventually(func() string {
			r.mu.Lock()
			c, _ := live.ParseCursor(r.lastID)
			r.mu.Unlock()
			return fmt.Sprintf("%s\none hub: %s\nthe other: %s\ncursor %+v now %d", p.differs(r), p.hubs[0].Dump(), p.hubs[1].Dump(), c, p.now().UnixMilli())
		}, func() bool { return r.away() || p.differs(r) == "" })
	}
}

// differs says what a device lacks, or has wrong.
func (p *stage) differs(r *reader) string {
	r.mu.Lock()
	defer r.mu.Unlock()
	var out []string
	for _, g := range p.names {
		t := p.truth(g, r.user)
		var owed []int64
		for i, seq := range t.seqs {
			told := t.member && t.since[i] == t.joined || r.heard[fmt.Sprint(g, t.since[i])]
			// What is the user's to see now must be there. What only was, at the time,
			// may be.
			if slices.Contains(r.has[g], seq) || told && t.view.Sees(t.all[seq-1]) {
				owed = append(owed, seq)
			}
		}
		if r.member[g] != t.member || !slices.Equal(r.has[g], owed) {
			out = append(out, fmt.Sprintf("%s in %s: a member %v, sees %v; it should be %v and %v", r.user, g, r.member[g], r.has[g], t.member, owed))
		}
	}
	if len(out) > 0 {
		out = append(out, r.told())
	}
	return strings.Join(out, "\n")
}

func (p *stage) finish() {
	for _, r := range p.readers {
		if r.away() {
			clear(r.line)
			p.ok(p.street.connect(p.hubs[0], r.device, -1))
		} else {
			r.mu.Lock()
			r.budget = -1
			r.mu.Unlock()
		}
	}
	p.quiet()
	for _, r := range p.readers {
		if r.away() {
			clear(r.line)
			p.ok(p.street.connect(p.hubs[0], r.device, -1))
		}
		p.eventually(func() string { return p.differs(r) }, func() bool { return p.differs(r) == "" })
		r.stop()
		<-r.on
		if len(r.wrong) > 0 {
			p.Errorf("%s was told wrong:\n%s\nstory: %s", r.user, strings.Join(r.wrong, "\n"), r.story())
		}
	}
	for _, h := range p.hubs {
		p.eventually(func() string { return h.Dump() }, func() bool { return h.Rooms() == 0 && h.Connections() == 0 })
	}
}

func TestAnIDThatCannotBeResumed(t *testing.T) {
	s := play(t)
	h := s.hub()
	s.ok(s.groups.Join(s.ctx, "g", []id.User{"ann", "bob"}, "G"))
	s.later.Store(int64(time.Minute)) // what was before is over
	ann := s.phone(h, "ann")
	s.eventually(func() string { return "an id" }, func() bool { ann.mu.Lock(); defer ann.mu.Unlock(); return ann.lastID != "" })
	ann.stop()
	<-ann.on
	for what, text := range map[string]string{
		"nonsense": "nonsense", "not base64": "§§", "cut short": ann.lastID[:8], "somebody else's": ann.lastID, "far too long": strings.Repeat("A", 1<<17),
	} {
		d := &device{user: "bob", lastID: text}
		s.ok(s.connect(h, d, -1))
		s.eventually(func() string { return what + ": " + d.story() }, func() bool { return d.story() == "resync" })
		d.stop()
	}
	s.later.Store(int64(8 * 24 * time.Hour))
	s.ok(s.connect(h, ann, -1))
	s.hears(ann, "resync")
	ann.stop()
	<-ann.on
	// From there on it goes on as usual.
	s.ok(s.connect(h, ann, -1))
	s.say("g", group.Entry{From: "app"})
	s.deliverAll(h)
	s.hears(ann, "resync; g(1,2]:2")
}

func TestTooMuchToResume(t *testing.T) {
	s := play(t)
	h := s.hub()
	s.ok(s.groups.Join(s.ctx, "g", []id.User{"ann", "bob"}, "G"))
	ann := s.phone(h, "ann")
	s.say("g", group.Entry{From: "app"})
	s.deliverAll(h)
	s.hears(ann, "g(1,2]:2")
	ann.stop()
	<-ann.on
	for range 501 {
		s.say("g", group.Entry{From: "app"})
	}
	s.ok(s.connect(h, ann, -1))
	s.hears(ann, "g(1,2]:2; resync g")
	s.say("g", group.Entry{From: "app"})
	s.deliverAll(h)
	s.hears(ann, "g(1,2]:2; resync g; g(503,504]:504")
}

func FuzzCursor(f *testing.F) {
	f.Add("AQ")
	f.Fuzz(func(t *testing.T, text string) {
		c, ok := live.ParseCursor(text)
		if !ok {
			return
		}
		again, ok := live.ParseCursor(c.Text())
		if !ok || again.Text() != c.Text() && len(c.Text()) < 40 || !maps.Equal(c.Seqs(), again.Seqs()) {
			t.Fatalf("%q came back as %v, %v", text, again, ok)
		}
	})
}
