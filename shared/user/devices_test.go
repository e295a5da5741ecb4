package user_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/throng-im/throng/shared/commit"
	"github.com/throng-im/throng/shared/event"
	"github.com/throng-im/throng/shared/group"
	"github.com/throng-im/throng/shared/id"
	"github.com/throng-im/throng/shared/user"
)

// counting is a store that counts documents.
type counting struct {
	commit.Memory
	mu            sync.Mutex
	reads, writes int
}

func (c *counting) count(reads, writes int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.reads, c.writes = c.reads+reads, c.writes+writes
}

func (c *counting) Get(ctx context.Context, paths []string, fields ...string) ([]commit.Doc, error) {
	c.count(len(paths), 0)
	return c.Memory.Get(ctx, paths, fields...)
}

func (c *counting) Query(ctx context.Context, q commit.Query) ([]commit.Doc, error) {
	docs, err := c.Memory.Query(ctx, q)
	c.count(max(len(docs), 1), 0)
	return docs, err
}

func (c *counting) Commit(ctx context.Context, ws []commit.Write) (time.Time, error) {
	c.count(0, len(ws))
	return c.Memory.Commit(ctx, ws)
}

// street is people with phones in groups, and a clock.
type street struct {
	*testing.T
	store  *counting
	users  *user.Users
	groups *group.Groups
	clock  time.Time
}

// newStreet has ann and bob in a group each and in one together.
func newStreet(t *testing.T) *street {
	s := &street{T: t, store: new(counting), clock: time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC)}
	s.restarts()
	s.ok(s.groups.Join(t.Context(), "hers", []id.User{"ann"}, ""))
	s.ok(s.groups.Join(t.Context(), "his", []id.User{"bob"}, ""))
	s.ok(s.groups.Join(t.Context(), "both", []id.User{"ann", "bob"}, ""))
	return s
}

// restarts begins another process.
func (s *street) restarts() {
	now := func() time.Time { return s.clock }
	s.groups = group.New(s.store, func(context.Context, ...[]byte) error { return nil }, group.Options{Now: now, Linger: -1})
	s.users = user.New(s.store, s.groups, nil, 0, now)
}

func (s *street) ok(err error) {
	s.Helper()
	if err != nil {
		s.Fatal(err)
	}
}

func (s *street) days(n int) { s.clock = s.clock.AddDate(0, 0, n) }

// puts registers a device, "phone=token".
func (s *street) puts(u id.User, device string) error {
	name, token, _ := strings.Cut(device, "=")
	return s.users.PutDevice(s.Context(), u, user.Device{ID: id.Device(name), Platform: "android", Token: token})
}

// has are a user's devices: those that the document says, and where the rosters say
// anything else, these.
func (s *street) has(u id.User) string {
	s.Helper()
	profiles, err := s.users.Profiles(s.Context(), []id.User{u})
	s.ok(err)
	list := func(devices []group.Device) string {
		var out []string
		for _, d := range devices {
			out = append(out, fmt.Sprintf("%s=%s", d.ID, d.Token))
		}
		return strings.Join(out, " ")
	}
	said := list(profiles[u].Targets("both").Devices)
	mine, err := s.groups.Of(s.Context(), u, 0, 0)
	s.ok(err)
	answers := said
	for _, g := range mine {
		if got := list(copied(s.T, s.groups, s.store, g.ID, u)); got != said {
			answers += fmt.Sprintf(", but %s says %q", g.ID, got)
		}
	}
	return answers
}

// TestDevicesAsTheyComeAndGo is what becomes of registrations: of each user's
// devices, in the user's document and in every roster.
func TestDevicesAsTheyComeAndGo(t *testing.T) {
	for what, c := range map[string]struct {
		steps    string // who does what: "ann phone=t" registers, "ann -phone" logs out, "ann !t" is FCM's word that t is dead
		ann, bob string
	}{
		"several devices":                       {"ann phone=1, ann tablet=2, ann web=3", "phone=1 tablet=2 web=3", ""},
		"the same again":                        {"ann phone=1, ann tablet=2, ann phone=1", "phone=1 tablet=2", ""},
		"FCM gave the device a new token":       {"ann phone=1, ann phone=2", "phone=2", ""},
		"installed anew, the same token":        {"ann phone=1, ann again=1", "again=1", ""},
		"installed anew, a new token":           {"ann phone=1, ann again=2, ann !1", "again=2", ""},
		"an old token comes back":               {"ann phone=1, ann phone=2, ann phone=1", "phone=1", ""},
		"two devices swap their tokens":         {"ann phone=1, ann tablet=2, ann phone=2, ann tablet=1", "phone=2 tablet=1", ""},
		"logged out":                            {"ann phone=1, ann -phone", "", ""},
		"logged out twice":                      {"ann phone=1, ann -phone, ann -phone", "", ""},
		"logged out and in":                     {"ann phone=1, ann -phone, ann phone=1", "phone=1", ""},
		"the phone changes hands after logout":  {"ann phone=1, ann -phone, bob phone=1", "", "phone=1"},
		"the phone changes hands without":       {"ann phone=1, bob phone=1", "", "phone=1"},
		"and is installed anew":                 {"ann phone=1, bob again=1", "", "again=1"},
		"and comes back":                        {"ann phone=1, bob phone=1, ann phone=1", "phone=1", ""},
		"and comes back, and goes":              {"ann phone=1, bob phone=1, ann phone=1, bob phone=1", "", "phone=1"},
		"the tablet stays":                      {"ann phone=1, ann tablet=2, bob phone=1", "tablet=2", "phone=1"},
		"who lost the phone logs out late":      {"ann phone=1, bob phone=1, ann -phone", "", "phone=1"},
		"who lost the phone has a new one":      {"ann phone=1, bob phone=1, ann phone=2", "phone=2", "phone=1"},
		"a token is dead":                       {"ann phone=1, ann tablet=2, ann !1", "tablet=2", ""},
		"a token is said to be dead late":       {"ann phone=1, bob phone=1, ann !1", "", "phone=1"},
		"a dead token is registered once more":  {"ann phone=1, ann !1, ann phone=1", "phone=1", ""},
		"each has the other's, one at a time":   {"ann phone=1, bob phone=2, ann phone=2, bob phone=1", "phone=2", "phone=1"},
		"the same name of a device is no claim": {"ann phone=1, bob phone=2", "phone=1", "phone=2"},
	} {
		s := newStreet(t)
		for _, step := range strings.Split(c.steps, ", ") {
			if who, act, _ := strings.Cut(step, " "); act[0] == '-' {
				s.ok(s.users.RemoveDevice(t.Context(), id.User(who), id.Device(act[1:])))
			} else if act[0] == '!' {
				s.ok(s.users.ForgetToken(t.Context(), id.User(who), act[1:]))
			} else {
				s.ok(s.puts(id.User(who), act))
			}
			s.restarts()
		}
		if ann, bob := s.has("ann"), s.has("bob"); ann != c.ann || bob != c.bob {
			t.Errorf("%s (%s): ann has %q, want %q; bob has %q, want %q", what, c.steps, ann, c.ann, bob, c.bob)
		}
	}
}

// TestRegistrationsCost counts what registrations read and write of people in two
// groups each, which the process knows. To say that nothing was to be changed it has
// to read the user once more, and the token with it.
func TestRegistrationsCost(t *testing.T) {
	s := newStreet(t)
	for _, c := range []struct {
		what          string
		days          int
		do            func() error
		reads, writes int
	}{
		// The user, the token and two groups are read; the user and the token are
		// written, two heads and two rosters, and the user, for the copies were made.
		{"the first", 0, func() error { return s.puts("ann", "phone=1") }, 4, 7},
		{"the same again", 0, func() error { return s.puts("ann", "phone=1") }, 3, 0},
		{"a day later", 1, func() error { return s.puts("ann", "phone=1") }, 3, 0},
		{"after a month", 29, func() error { return s.puts("ann", "phone=1") }, 1, 2},
		{"and again", 0, func() error { return s.puts("ann", "phone=1") }, 3, 0},
		{"a new token", 0, func() error { return s.puts("ann", "phone=2") }, 3, 7},
		// The claim is a commit of its own; then ann's as a logout, bob's as the first.
		{"a phone that changes hands", 0, func() error { return s.puts("bob", "phone=2") }, 8, 15},
		{"a logout", 0, func() error { return s.users.RemoveDevice(t.Context(), "bob", "phone") }, 2, 6},
		{"another", 0, func() error { return s.users.RemoveDevice(t.Context(), "bob", "phone") }, 1, 0},
	} {
		s.days(c.days)
		s.store.reads, s.store.writes = 0, 0
		s.ok(c.do())
		if s.store.reads != c.reads || s.store.writes != c.writes {
			t.Errorf("%s costs %d reads and %d writes, want %d and %d", c.what, s.store.reads, s.store.writes, c.reads, c.writes)
		}
	}
}

// TestTheOneSeenLeastGoes registers more devices than a user may have.
func TestTheOneSeenLeastGoes(t *testing.T) {
	s := newStreet(t)
	for i := range user.MaxDevices {
		s.ok(s.puts("ann", fmt.Sprintf("d%02d=t%d", i, i)))
		s.days(1)
	}
	s.days(30)
	s.ok(s.puts("ann", "d00=t0"))
	s.ok(s.puts("ann", "new=new"))
	names := func() (out []string) {
		for _, d := range strings.Fields(s.has("ann")) {
			out = append(out, d[:3])
		}
		return out
	}
	if got := names(); len(got) != user.MaxDevices || !slices.Contains(got, "d00") || slices.Contains(got, "d01") || !slices.Contains(got, "d02") {
		t.Errorf("%d devices are left: %v", len(got), got)
	}
}

// TestAnInterruptedMoveIsMadeGood lets the store fail at each commit of a phone's
// change of hands in turn. Then bob asks again; or cem does, who has it next.
func TestAnInterruptedMoveIsMadeGood(t *testing.T) {
	broken := errors.New("permission denied")
	for _, next := range []id.User{"bob", "cem"} {
		for at := 0; ; at++ {
			s := newStreet(t)
			s.ok(s.groups.Join(t.Context(), "both", []id.User{"cem"}, ""))
			s.ok(s.puts("ann", "phone=1"))
			var mu sync.Mutex
			n := 0
			s.store.Before = func([]commit.Write) error {
				mu.Lock()
				defer mu.Unlock()
				n++
				if n > at {
					return broken
				}
				return nil
			}
			err := s.puts("bob", "phone=1")
			s.store.Calm()
			if err == nil && at > 0 {
				break
			}
			if !errors.Is(err, broken) {
				t.Fatalf("after %d commits: %v", at, err)
			}
			s.restarts()
			s.ok(s.puts(next, "phone=1"))
			want := map[id.User]string{next: "phone=1"}
			for _, u := range []id.User{"ann", "bob", "cem"} {
				if got := s.has(u); got != want[u] {
					t.Errorf("it broke after %d commits, then %s asked: %s has %q, want %q", at, next, u, got, want[u])
				}
			}
		}
	}
}

// TestOneOfManyEndsWithTheToken has people in several processes register the same
// token at the same time.
func TestOneOfManyEndsWithTheToken(t *testing.T) {
	people := []id.User{"ann", "bob", "cem", "dan", "eve"}
	for range 20 {
		s := newStreet(t)
		s.ok(s.groups.Join(t.Context(), "both", people, ""))
		var all sync.WaitGroup
		for _, u := range people {
			users, _ := open(s.store)
			for range 2 {
				all.Go(func() {
					if err := users.PutDevice(t.Context(), u, user.Device{ID: "phone", Platform: "ios", Token: "1"}); err != nil {
						t.Errorf("%s: %v", u, err)
					}
				})
			}
		}
		all.Wait()
		s.restarts()
		have := map[id.User]string{}
		for _, u := range people {
			if got := s.has(u); got != "" {
				have[u] = got
			}
		}
		if len(have) != 1 || slices.Collect(maps.Values(have))[0] != "phone=1" {
			t.Fatalf("the token belongs to %v", have)
		}
	}
}

// TestSilentDevices turns the clock. rosters is what the copies say, where they
// are believed.
func TestSilentDevices(t *testing.T) {
	s := newStreet(t)
	copies := func() string {
		targets := copies(t, s.groups, s.store, "hers", "ann")
		if targets.Doubtful(s.clock) {
			return "in doubt"
		}
		return fmt.Sprint(len(targets.Devices))
	}
	expect := func(when, devices, rosters string) {
		t.Helper()
		profiles, err := s.users.Profiles(t.Context(), []id.User{"ann"})
		s.ok(err)
		var got []string
		for _, d := range profiles["ann"].Targets("hers").Devices {
			got = append(got, string(d.ID))
		}
		if strings.Join(got, " ") != devices || copies() != rosters {
			t.Errorf("%s: ann has %v, want %s; the copies say %s, want %s", when, got, devices, copies(), rosters)
		}
	}
	s.ok(s.puts("ann", "phone=1"))
	s.ok(s.puts("ann", "tablet=2"))
	s.days(269)
	expect("a day before", "phone tablet", "2")
	s.ok(s.puts("ann", "phone=1"))
	s.days(1)
	expect("the tablet is silent, the phone was seen yesterday", "phone", "in doubt")

	// Pushing asks, and stores what it learns, though nothing was changed.
	profiles, err := s.users.Profiles(t.Context(), []id.User{"ann"})
	s.ok(err)
	learnt := map[id.User]group.Targets{"ann": profiles["ann"].Targets("hers")}
	s.ok(s.groups.SetTargets(t.Context(), "hers", 1, learnt))
	expect("looked up", "phone", "1")

	// The tablet is switched on again: all copies have it at once.
	s.ok(s.puts("ann", "tablet=2"))
	expect("the tablet is back", "phone tablet", "2")
	s.days(269)
	expect("the phone is silent", "tablet", "in doubt")
	s.ok(s.puts("ann", "phone=1"))
	expect("the phone is back before anybody noticed", "tablet phone", "2")

	// Whatever is written next forgets what is silent, and so does the job.
	s.days(269)
	s.ok(s.puts("ann", "phone=1"))
	s.days(1)
	s.ok(s.users.Register(t.Context(), "ann", "Ann", ""))
	if got := stored(t, s.store, "ann"); strings.Contains(got, "tablet") || !strings.Contains(got, "phone") {
		t.Errorf("stored is %s", got)
	}
	s.days(270)
	s.ok(s.users.ForgetSilent(t.Context(), "ann"))
	if got := stored(t, s.store, "ann"); got != "[]" {
		t.Errorf("the job leaves %s", got)
	}
	s.store.writes = 0
	s.ok(s.users.ForgetSilent(t.Context(), "ann"))
	s.ok(s.users.ForgetSilent(t.Context(), "nobody"))
	if s.store.writes > 0 {
		t.Errorf("nothing was silent, and %d documents were written", s.store.writes)
	}
}

func stored(t *testing.T, store commit.Store, u id.User) string {
	t.Helper()
	docs, err := store.Get(t.Context(), []string{"users/" + string(u)})
	if err != nil {
		t.Fatal(err)
	}
	raw, _ := docs[0].Fields["devices"].([]byte)
	return string(raw)
}

// TestDevicesFromBeforeThereWereDates count as seen when they are met first.
func TestDevicesFromBeforeThereWereDates(t *testing.T) {
	for what, meet := range map[string]func(*street) error{
		"they register":    func(s *street) error { return s.puts("ann", "phone=1") },
		"the job comes by": func(s *street) error { return s.users.ForgetSilent(s.Context(), "ann") },
	} {
		s := newStreet(t)
		_, err := s.store.Commit(t.Context(), []commit.Write{{Path: "users/ann", Fields: commit.Fields{
			"devices": []byte(`[{"id":"phone","platform":"android","token":"1"}]`), "revision": int64(1), "copied": int64(1),
		}}})
		s.ok(err)
		s.days(1000)
		if got := s.has("ann"); !strings.HasPrefix(got, "phone=1") {
			t.Fatalf("%s: without a date it is %q", what, got)
		}
		s.ok(meet(s))
		s.days(269)
		if got := s.has("ann"); got != "phone=1" {
			t.Errorf("%s: ann has %q", what, got)
		}
		s.days(1)
		if targets := copies(t, s.groups, s.store, "hers", "ann"); !targets.Doubtful(s.clock) {
			t.Errorf("%s: 270 days later the copies are believed", what)
		}
	}
}

// TestSomebodyComesBetween has bob register ann's token in another process at the
// very moment of each of ann's commits in turn. Who came last has it in the end, and
// in between nobody else.
func TestSomebodyComesBetween(t *testing.T) {
	for what, before := range map[string]func(*street) error{
		"a new token":            func(*street) error { return nil },
		"ann's, by another name": func(s *street) error { return s.puts("ann", "old=1") },
		"ann's, a month ago":     func(s *street) error { defer s.days(31); return s.puts("ann", "phone=1") },
		"ann's, logged out": func(s *street) error {
			return errors.Join(s.puts("ann", "phone=1"), s.users.RemoveDevice(s.Context(), "ann", "phone"))
		},
		"cem's":                    func(s *street) error { return s.puts("cem", "phone=1") },
		"bob's":                    func(s *street) error { return s.puts("bob", "old=1") },
		"cem's, and bob's by then": func(s *street) error { return errors.Join(s.puts("cem", "phone=1"), s.puts("bob", "phone=1")) },
	} {
		for at := 0; ; at++ {
			s := newStreet(t)
			s.ok(s.groups.Join(t.Context(), "both", []id.User{"cem"}, ""))
			s.ok(before(s))
			ann, anns := s.users, 0
			s.restarts()
			bob, came := s.users, false
			var mu sync.Mutex
			s.store.Before = func(ws []commit.Write) error {
				mu.Lock()
				mine := ws[len(ws)-1].Path == "users/ann" && !came
				if mine {
					anns++
				}
				comes := mine && anns == at+1
				came = came || comes
				mu.Unlock()
				if comes {
					return bob.PutDevice(t.Context(), "bob", user.Device{ID: "phone", Platform: "web", Token: "1"})
				}
				return nil
			}
			s.ok(ann.PutDevice(t.Context(), "ann", user.Device{ID: "phone", Platform: "android", Token: "1"}))
			s.store.Calm()
			if !came {
				break
			}
			s.restarts()
			have := map[id.User]string{}
			for _, u := range []id.User{"ann", "bob", "cem"} {
				if got := s.has(u); got != "" {
					have[u] = got
				}
			}
			// Before ann's first commit nothing of hers was there to be taken.
			want := map[id.User]string{"bob": "phone=1"}
			if at == 0 {
				want = map[id.User]string{"ann": "phone=1"}
			}
			if !maps.Equal(have, want) {
				t.Errorf("%s: bob came at ann's commit %d: %v, want %v", what, at, have, want)
			}
		}
	}
}

// TestWhoseTheDevicesOfAJobAreStill says which of four devices that a job was made for
// are pushed to when it is tried again, for a read of each user.
func TestWhoseTheDevicesOfAJobAreStill(t *testing.T) {
	const all = "ann/phone ann/pad bob/phone bob/old"
	for what, c := range map[string]struct {
		happened func(s *street) error
		want     string
	}{
		"nothing":                {func(*street) error { return nil }, all},
		"a device is removed":    {func(s *street) error { return s.users.RemoveDevice(t.Context(), "ann", "pad") }, "ann/phone bob/phone bob/old"},
		"a device changes hands": {func(s *street) error { return s.puts("bob", "new=ann-phone") }, "ann/pad bob/phone bob/old"},
		"a token is replaced":    {func(s *street) error { return s.puts("bob", "phone=fresh") }, "ann/phone ann/pad bob/old"},
		"a token is dead":        {func(s *street) error { return s.users.ForgetToken(t.Context(), "ann", "ann-phone") }, "ann/pad bob/phone bob/old"},
		"a device is renamed":    {func(s *street) error { return s.puts("ann", "tablet=ann-pad") }, all},
		"a token gets an owner":  {func(s *street) error { return s.puts("bob", "old=bob-old") }, all},
	} {
		s := newStreet(t)
		var targets []event.PushTarget
		for device := range strings.FieldsSeq(all) {
			u, name, _ := strings.Cut(device, "/")
			token := u + "-" + name
			s.ok(s.puts(id.User(u), name+"="+token))
			targets = append(targets, event.PushTarget{User: id.User(u), Device: id.Device(name), Token: token})
		}
		// Before there were documents of tokens, one was registered without.
		_, err := s.store.Memory.Commit(t.Context(), []commit.Write{{Path: user.ClaimPath("bob-old"), Delete: true}})
		s.ok(err)
		s.restarts()
		s.ok(c.happened(s))
		before := s.store.reads
		left, err := s.users.StillTheirs(t.Context(), targets)
		s.ok(err)
		var got []string
		for _, d := range left {
			got = append(got, fmt.Sprintf("%s/%s", d.User, d.Device))
		}
		if strings.Join(got, " ") != c.want || s.store.reads-before != 2 {
			t.Errorf("%s: pushed to %q with %d reads, want %q", what, got, s.store.reads-before, c.want)
		}
	}
}
