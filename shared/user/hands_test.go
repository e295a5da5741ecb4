package user_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"sync"
	"testing"

	"pgregory.net/rapid"

	"github.com/throng-im/throng/shared/commit"
	"github.com/throng-im/throng/shared/event"
	"github.com/throng-im/throng/shared/fault"
	"github.com/throng-im/throng/shared/group"
	"github.com/throng-im/throng/shared/id"
	"github.com/throng-im/throng/shared/user"
)

// handset is a phone that people log in on. When a call of its was not answered it
// makes the one that it would make now, later.
type handset struct {
	device  id.Device
	token   string
	holder  id.User // who is logged in, if anybody
	leaving id.User // whose logout was not answered
}

// town is people, handsets that change hands, and groups that people join and
// leave, with a store that fails and events that come as they like.
type town struct {
	*rapid.T
	ctx    context.Context
	store  *commit.Memory
	users  *user.Users
	groups *group.Groups
	phones []*handset
	tokens int
	dead   []func() error // FCM's words that were not taken
	// hanging are users whom a call was about that was not answered, until one is.
	// held are those who ever had a token.
	hanging map[id.User]bool
	held    map[string][]id.User
	waiting []event.Copies
	// left is how many commits succeed before all fail, below zero without end;
	// lost is which commit's answer is lost. A call that was given up may still commit.
	mu         sync.Mutex
	left, lost int
}

// set changes how the store fails.
func (w *town) set(left, lost int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.left, w.lost = left, lost
}

func (w *town) gone() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.left == 0
}

var people = []id.User{"ann", "bob", "cem"}

func (w *town) restarts() {
	w.users, w.groups = open(w.store)
	w.users.CopyBefore(2)
	w.users.Later = func(_ context.Context, payloads ...[]byte) error {
		if w.gone() {
			return errors.New("nobody listens")
		}
		for _, p := range payloads {
			var ev event.Copies
			if err := json.Unmarshal(p, &ev); err != nil {
				return err
			}
			w.waiting = append(w.waiting, ev)
		}
		return nil
	}
}

// fails draws how the next call goes wrong, mostly not at all.
func (w *town) fails() {
	left, lost := -1, -1
	switch rapid.IntRange(0, 4).Draw(w.T, "faults") {
	case 0:
		left = rapid.IntRange(0, 12).Draw(w.T, "commits that succeed")
	case 1:
		lost = rapid.IntRange(0, 6).Draw(w.T, "the answer that is lost")
	}
	w.set(left, lost)
}

func (w *town) draws(name string) *handset {
	return w.phones[rapid.IntRange(0, len(w.phones)-1).Draw(w.T, name)]
}

// registers is what a phone does when it starts.
func (w *town) registers(p *handset) error {
	if p.leaving != "" && p.leaving != p.holder {
		if err := w.about(w.users.RemoveDevice(w.ctx, p.leaving, p.device), p.leaving); err != nil {
			return err
		}
	}
	p.leaving = ""
	if p.holder == "" {
		return nil
	}
	w.held[p.token] = append(w.held[p.token], p.holder)
	err := w.users.PutDevice(w.ctx, p.holder, user.Device{ID: p.device, Platform: "ios", Token: p.token})
	return w.about(err, p.holder, w.held[p.token]...)
}

// about notes of whom a call was, and from whom it may have taken something.
func (w *town) about(err error, user id.User, others ...id.User) error {
	w.hanging[user] = false
	if err != nil {
		for _, u := range append(others, user) {
			w.hanging[u] = true
		}
	}
	return err
}

func (w *town) login(*rapid.T) {
	w.fails()
	p := w.draws("phone")
	p.holder = rapid.SampledFrom(people).Draw(w.T, "who")
	if rapid.Bool().Draw(w.T, "forgets the logout before") {
		p.leaving = ""
	}
	_ = w.registers(p)
}

func (w *town) logout(*rapid.T) {
	w.fails()
	p := w.draws("phone")
	if p.holder == "" {
		return
	}
	who := p.holder
	p.holder = ""
	if rapid.Bool().Draw(w.T, "says so") {
		p.leaving = who
		_ = w.registers(p)
	}
}

// reinstall gives a phone a new name, a new token or both.
func (w *town) reinstall(*rapid.T) {
	w.fails()
	p := w.draws("phone")
	if rapid.Bool().Draw(w.T, "a new name") {
		w.tokens++
		p.device, p.leaving = id.Device(fmt.Sprint("device-", w.tokens)), ""
	}
	if rapid.Bool().Draw(w.T, "a new token") {
		w.tokens++
		p.token = fmt.Sprint("token-", w.tokens)
	}
	_ = w.registers(p)
}

func (w *town) forget(*rapid.T) {
	w.fails()
	who, token := rapid.SampledFrom(people).Draw(w.T, "whose"), w.draws("token of").token
	forget := func() error { return w.about(w.users.ForgetToken(w.ctx, who, token), who) }
	if forget() != nil {
		w.dead = append(w.dead, forget)
	}
}

func (w *town) moves(*rapid.T) {
	w.set(-1, -1)
	g, who := id.Group(fmt.Sprint("g", rapid.IntRange(0, 4).Draw(w.T, "group"))), rapid.SampledFrom(people).Draw(w.T, "member")
	if rapid.Bool().Draw(w.T, "joins") {
		w.ok(w.groups.Join(w.ctx, g, []id.User{who}, ""))
		w.welcome(g, who)
	} else {
		w.ok(w.groups.Quit(w.ctx, g, []id.User{who}))
	}
}

// welcome is what the fan-out does when somebody has joined.
func (w *town) welcome(g id.Group, who id.User) {
	profiles, err := w.users.Profiles(w.ctx, []id.User{who})
	w.ok(err)
	w.ok(w.groups.SetTargets(w.ctx, g, 1, map[id.User]group.Targets{who: profiles[who].Targets(g)}))
}

// event delivers any of those that wait, and may keep it to come again.
func (w *town) event(*rapid.T) {
	if len(w.waiting) == 0 {
		return
	}
	w.fails()
	i := rapid.IntRange(0, len(w.waiting)-1).Draw(w.T, "event")
	ev := w.waiting[i]
	if w.copies(ev) == nil && !rapid.Bool().Draw(w.T, "comes again") {
		w.waiting = slices.Delete(w.waiting, i, i+1)
	}
}

func (w *town) copies(ev event.Copies) error {
	return w.users.Copy(w.ctx, ev, func(context.Context) error { return nil })
}

func (w *town) ok(err error) {
	w.Helper()
	if err != nil {
		w.Fatal(err)
	}
}

// settles has every call made again that was not answered, and every event come. Of
// whom a call was that nobody makes again, the job takes care that looks for silent
// devices.
func (w *town) settles() {
	w.set(-1, -1)
	for _, forget := range w.dead {
		w.ok(forget())
	}
	w.dead = nil
	for _, p := range w.phones {
		w.ok(w.registers(p))
	}
	for _, u := range people {
		if w.hanging[u] {
			w.ok(w.users.ForgetSilent(w.ctx, u))
		}
	}
	for len(w.waiting) > 0 {
		ev := w.waiting[0]
		w.waiting = w.waiting[1:]
		w.ok(w.copies(ev))
	}
}

// owners are who has which token by the users' documents. At no time are they two,
// whatever broke and was not made good.
func (w *town) owners() map[string]id.User {
	profiles, err := w.users.Profiles(w.ctx, people)
	w.ok(err)
	owners := map[string]id.User{}
	for u, p := range profiles {
		for _, d := range p.Targets("").Devices {
			if other := owners[d.Token]; other != "" {
				w.Fatalf("%s is %s's and %s's", d.Token, u, other)
			}
			owners[d.Token] = u
		}
	}
	return owners
}

// checkRosters holds that rosters say what the users' documents do, and these that
// each phone is its holder's.
func (w *town) checkRosters(t *testing.T) {
	profiles, err := w.users.Profiles(w.ctx, people)
	w.ok(err)
	for _, u := range people {
		said := profiles[u].Targets("").Devices
		mine, err := w.groups.Of(w.ctx, u, 0, 0)
		w.ok(err)
		for _, g := range mine {
			if got := copied(t, w.groups, w.store, g.ID, u); !reflect.DeepEqual(got, said) {
				w.Fatalf("%s has %v of %s, whose devices are %v", g.ID, got, u, said)
			}
		}
	}
	owners := w.owners()
	for _, p := range w.phones {
		if p.holder != "" && owners[p.token] != p.holder {
			w.Fatalf("%s on which %s is logged in is %q's", p.token, p.holder, owners[p.token])
		}
	}
}

// TestPhonesChangeHandsWhateverBreaks plays logins, logouts, reinstallations, dead
// tokens and changes of memberships in any order on a store that breaks off in the
// middle of calls, with processes that come and go and events that come late, twice
// and in any order.
func TestPhonesChangeHandsWhateverBreaks(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		w := &town{T: r, ctx: t.Context(), store: new(commit.Memory), hanging: map[id.User]bool{}, held: map[string][]id.User{}, left: -1, lost: -1}
		w.store.Before = func([]commit.Write) error {
			w.mu.Lock()
			defer w.mu.Unlock()
			if w.left == 0 {
				return fault.New(fault.Unavailable, "the store is gone")
			}
			w.left--
			return nil
		}
		w.store.After = func([]commit.Write) error {
			w.mu.Lock()
			defer w.mu.Unlock()
			w.lost--
			if w.lost == -1 {
				return commit.ErrUnknown
			}
			return nil
		}
		w.restarts()
		for i := range 2 {
			w.phones = append(w.phones, &handset{device: id.Device(fmt.Sprint("phone-", i)), token: fmt.Sprint("first-", i)})
		}
		for i := range 4 {
			w.ok(w.groups.Join(w.ctx, id.Group(fmt.Sprint("g", i)), people[:1+i%3], ""))
		}
		r.Repeat(map[string]func(*rapid.T){
			"login": w.login, "logout": w.logout, "reinstall": w.reinstall, "forget": w.forget, "moves": w.moves, "event": w.event,
			"restart": func(*rapid.T) { w.restarts() },
			"":        func(*rapid.T) { w.owners() },
		})
		w.settles()
		w.checkRosters(t)
	})
}
