package user_test

import (
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"

	"pgregory.net/rapid"

	"github.com/throng-im/throng/shared/commit"
	"github.com/throng-im/throng/shared/fault"
	"github.com/throng-im/throng/shared/group"
	"github.com/throng-im/throng/shared/id"
	"github.com/throng-im/throng/shared/notify"
	"github.com/throng-im/throng/shared/user"
)

func TestNoticesAreKept(t *testing.T) {
	store := new(commit.Memory)
	users, _ := open(store)
	ctx := t.Context()
	ok := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	expect := func(level, kind notify.Level, quiet *notify.Quiet) {
		t.Helper()
		again, _ := open(store) // another process
		for _, u := range []*user.Users{users, again} {
			l, err := u.Level(ctx, "ann", "g")
			ok(err)
			k, err := u.TypeLevel(ctx, "ann")
			ok(err)
			q, err := u.Quiet(ctx, "ann")
			ok(err)
			if l != level || k != kind || !reflect.DeepEqual(q, quiet) {
				t.Errorf("got %d, %d, %+v, want %d, %d, %+v", l, k, q, level, kind, quiet)
			}
		}
	}
	night := notify.Quiet{Start: "22:00:00", Minutes: 600, Level: notify.Mentions, Zone: "Asia/Shanghai"}
	expect(0, 0, nil)
	ok(users.ClearQuiet(ctx, "ann"))
	if docs, _ := store.Get(ctx, []string{"users/ann"}); docs[0].Exists() {
		t.Error("ending no quiet hours made a user")
	}
	ok(users.SetLevel(ctx, "ann", "g", notify.Nothing))
	expect(notify.Nothing, 0, nil)
	ok(users.SetTypeLevel(ctx, "ann", notify.MentionsMe))
	ok(users.SetQuiet(ctx, "ann", night))
	expect(notify.Nothing, notify.MentionsMe, &night)
	for what, err := range map[string]error{
		"level":      users.SetLevel(ctx, "ann", "g", 3),
		"type level": users.SetTypeLevel(ctx, "ann", 6),
		"quiet":      users.SetQuiet(ctx, "ann", notify.Quiet{Start: "soon", Minutes: 1}),
	} {
		if !fault.Is(err, fault.InvalidArgument) {
			t.Errorf("%s: %v", what, err)
		}
	}
	expect(notify.Nothing, notify.MentionsMe, &night)
	ok(users.SetLevel(ctx, "ann", "g", notify.Unset))
	ok(users.ClearQuiet(ctx, "ann"))
	ok(users.SetTypeLevel(ctx, "ann", notify.Unset))
	expect(0, 0, nil)
	docs, err := store.Get(ctx, []string{"users/ann"})
	ok(err)
	if raw, _ := docs[0].Fields["notices"].([]byte); len(raw) > 0 {
		t.Errorf("a user who set nothing pays for %s", raw)
	}
}

func TestLevelsHaveABound(t *testing.T) {
	store := new(commit.Memory)
	full := `{"g":{"` + strings.Repeat("g", 512<<10) + `":5}}`
	if _, err := store.Commit(t.Context(), []commit.Write{{Path: "users/ann", Fields: commit.Fields{"notices": []byte(full)}}}); err != nil {
		t.Fatal(err)
	}
	users, _ := open(store)
	if err := users.SetLevel(t.Context(), "ann", "g", notify.Nothing); !fault.Is(err, fault.TooLarge) {
		t.Errorf("got %v", err)
	}
	if level, err := users.Level(t.Context(), "ann", "g"); err != nil || level != notify.Unset {
		t.Errorf("a refused level is %d, %v", level, err)
	}
}

// TestALevelTouchesOneGroup counts the documents that a change writes.
func TestALevelTouchesOneGroup(t *testing.T) {
	store := new(commit.Memory)
	users, groups := open(store)
	ctx := t.Context()
	for i := range 5 {
		if err := groups.Join(ctx, id.Group(fmt.Sprint("g", i)), []id.User{"ann"}, ""); err != nil {
			t.Fatal(err)
		}
	}
	var mu sync.Mutex
	heads := map[string]bool{}
	store.Before = func(ws []commit.Write) error {
		mu.Lock()
		defer mu.Unlock()
		heads[ws[len(ws)-1].Path] = true
		return nil
	}
	for _, c := range []struct {
		what  string
		do    func() error
		heads int
	}{
		{"a level", func() error { return users.SetLevel(ctx, "ann", "g1", notify.Nothing) }, 2},
		{"the same level", func() error { return users.SetLevel(ctx, "ann", "g1", notify.Nothing) }, 0},
		{"a level elsewhere", func() error { return users.SetLevel(ctx, "ann", "strange", notify.Nothing) }, 1},
		{"a type level", func() error { return users.SetTypeLevel(ctx, "ann", notify.Nothing) }, 6},
	} {
		clear(heads)
		if err := c.do(); err != nil {
			t.Fatal(err)
		}
		if len(heads) != c.heads {
			t.Errorf("%s wrote to %v, want %d documents", c.what, heads, c.heads)
		}
	}
}

// world is a user in some groups whose copies may fail to be written.
type world struct {
	t      *testing.T
	store  *commit.Memory
	users  *user.Users
	groups *group.Groups
	want   group.Targets
	kind   notify.Level
	levels map[id.Group]notify.Level

	mu     sync.Mutex
	broken map[string]bool
	// spared are the writes of the user's own document that surely succeed.
	spared int
}

// before fails writes to what is broken.
func (w *world) before(ws []commit.Write) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	path := ws[len(ws)-1].Path
	if path == "users/ann" && w.spared > 0 {
		w.spared--
		return nil
	}
	if w.broken[path] {
		return errors.New("permission denied")
	}
	return nil
}

// breaks draws what is broken during the next call: the copies in some groups,
// the mark that says they were made, but not the change itself.
func (w *world) breaks(r *rapid.T) {
	broken := map[string]bool{"users/ann": rapid.IntRange(0, 5).Draw(r, "the mark breaks") == 0}
	for _, g := range some {
		broken["groups/"+string(g)] = rapid.IntRange(0, 2).Draw(r, "a copy breaks") == 0
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.broken, w.spared = broken, 1
}

var some = []id.Group{"g0", "g1", "g2"}

// change draws a call; what it asks for is to be seen in the copies from when it
// or one after it succeeds.
func (w *world) change(r *rapid.T) error {
	ctx := w.t.Context()
	level := rapid.SampledFrom([]notify.Level{-1, 0, 1, 2, 4, 5}).Draw(r, "level")
	switch rapid.IntRange(0, 5).Draw(r, "call") {
	case 0:
		g := rapid.SampledFrom(some).Draw(r, "group")
		w.levels[g] = level
		return w.users.SetLevel(ctx, "ann", g, level)
	case 1:
		w.kind = level
		return w.users.SetTypeLevel(ctx, "ann", level)
	case 2:
		w.want.Quiet = &notify.Quiet{Start: "22:00:00", Minutes: rapid.IntRange(1, 3).Draw(r, "minutes"), Level: notify.Nothing}
		return w.users.SetQuiet(ctx, "ann", *w.want.Quiet)
	case 3:
		w.want.Quiet = nil
		return w.users.ClearQuiet(ctx, "ann")
	case 4:
		w.want.Devices = []group.Device{{ID: "phone", Platform: "web", Token: rapid.SampledFrom([]string{"a", "b"}).Draw(r, "token")}}
		return w.users.PutDevice(ctx, "ann", user.Device{ID: "phone", Platform: "web", Token: w.want.Devices[0].Token})
	default:
		w.want.Devices = nil
		return w.users.RemoveDevice(ctx, "ann", "phone")
	}
}

// TestCopiesFollowWhateverBreaks holds that after a call that succeeded every
// roster has all that was ever set, also by calls before it whose copying broke
// off in some of the groups.
func TestCopiesFollowWhateverBreaks(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		w := &world{t: t, store: new(commit.Memory), levels: map[id.Group]notify.Level{}}
		w.users, w.groups = open(w.store)
		for _, g := range some {
			if err := w.groups.Join(t.Context(), g, []id.User{"ann"}, ""); err != nil {
				t.Fatal(err)
			}
		}
		w.store.Before = w.before
		profiles := func() map[id.User]user.Profile {
			p, err := w.users.Profiles(t.Context(), []id.User{"ann"})
			if err != nil {
				t.Fatal(err)
			}
			return p
		}
		for range rapid.IntRange(1, 12).Draw(r, "calls") {
			w.breaks(r)
			if rapid.IntRange(0, 3).Draw(r, "another process") == 0 {
				w.users, w.groups = open(w.store)
			}
			err := w.change(r)
			p := profiles()["ann"]
			for _, g := range some {
				want := w.want
				want.Level = notify.First(w.levels[g], w.kind)
				if got := p.Targets(g); !reflect.DeepEqual(stripped(got), want) {
					r.Fatalf("the profile in %s is %+v, want %+v", g, got, want)
				}
				if got := copies(t, w.groups, w.store, g, "ann"); err == nil && !reflect.DeepEqual(stripped(got), want) {
					r.Fatalf("%s has %+v, want %+v", g, got, want)
				}
			}
		}
	})
}

// stripped is a copy without its version and without days.
func stripped(t group.Targets) group.Targets {
	t.Version, t.Devices = 0, slices.Clone(t.Devices)
	for i := range t.Devices {
		t.Devices[i].Seen = 0
	}
	return t
}
