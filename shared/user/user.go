// Package user is who uses the app: the name that pushes show, the devices that
// pushes go to, which messages may push, and what the app's servers hold against
// somebody. users/{user} is one document on the commit loop.
package user

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/throng-im/throng/shared/commit"
	"github.com/throng-im/throng/shared/event"
	"github.com/throng-im/throng/shared/fault"
	"github.com/throng-im/throng/shared/group"
	"github.com/throng-im/throng/shared/id"
)

// Info is what the app's servers registered.
type Info struct {
	Name, Portrait string
	CreatedAt      time.Time
}

// Users is all users of the app, as this process works on them.
type Users struct {
	// Later announces event.Copies: what is to be copied into very many rosters is
	// copied after the call was answered. Where it is nil, all is copied before.
	Later event.Announcer

	store  commit.Store
	loop   *commit.Loop[state]
	groups *group.Groups
	// few is in how many groups a user may be whose copies do not wait for events.
	few int
	now func() time.Time
}

// New returns the users kept in store. groups holds the copies that pushing
// reads. What a user sets is announced as event.Conversation, unless announce is
// nil. now is the clock.
func New(store commit.Store, groups *group.Groups, announce event.Announcer, cacheBytes int, now func() time.Time) *Users {
	loop := commit.New[state](store, &model{now: now, announce: announce}, commit.Options{CacheBytes: cacheBytes})
	return &Users{store: store, groups: groups, now: now, loop: loop, few: copiedBefore}
}

func (u *Users) do(ctx context.Context, user id.User, apply func(*state) error) (*state, error) {
	return u.doWith(ctx, user, nil, apply)
}

// doWith is do with what apply needs to know beside the user's document.
func (u *Users) doWith(ctx context.Context, user id.User, need needs, apply func(*state) error) (*state, error) {
	v, err := u.loop.Do(ctx, string(user), commit.Command[state]{Need: need, Apply: func(s *state) (any, error) {
		err := apply(s)
		if err == nil && s.changed {
			s.devices = live(s.devices, s.today())
		}
		after := *s
		return &after, err
	}})
	if err != nil {
		return nil, err
	}
	return v.(*state), nil
}

// Register stores a user and the name that pushes show. An empty portrait
// leaves the one there is.
func (u *Users) Register(ctx context.Context, user id.User, name, portrait string) error {
	_, err := u.do(ctx, user, func(s *state) error {
		if !s.registered() {
			s.createdAt, s.changed = s.now, true
		}
		s.describe(name, portrait)
		return nil
	})
	return err
}

// Refresh changes what is not empty of a user's description. An unknown user
// stays unknown.
func (u *Users) Refresh(ctx context.Context, user id.User, name, portrait string) error {
	_, err := u.do(ctx, user, func(s *state) error {
		if s.registered() {
			s.describe(name, portrait)
		}
		return nil
	})
	return err
}

// Info returns what was registered of a user. Errors: fault.NotFound.
func (u *Users) Info(ctx context.Context, user id.User) (Info, error) {
	docs, err := u.store.Get(ctx, []string{path(user)})
	if err != nil {
		return Info{}, err
	}
	s, err := read(user, docs[0])
	if err != nil {
		return Info{}, err
	}
	if !s.registered() {
		return Info{}, fault.New(fault.NotFound, "the user does not exist")
	}
	return Info{Name: s.name, Portrait: s.portrait, CreatedAt: time.UnixMilli(s.createdAt)}, nil
}

// Profile is what pushing needs of a user.
type Profile struct {
	Name string
	of   *state
}

// Targets are the user's devices and settings as the roster of a group copies them.
func (p Profile) Targets(g id.Group) group.Targets { return p.of.targets(g) }

// Profiles reads users for pushing. Everyone asked for has an entry; who is
// unknown has no name and no devices.
func (u *Users) Profiles(ctx context.Context, users []id.User) (map[id.User]Profile, error) {
	states, err := u.read(ctx, users)
	if err != nil {
		return nil, err
	}
	out := make(map[id.User]Profile, len(users))
	for _, s := range states {
		out[s.id] = Profile{Name: s.name, of: s}
	}
	return out, nil
}

// read reads users as of now.
func (u *Users) read(ctx context.Context, users []id.User) ([]*state, error) {
	paths := make([]string, len(users))
	for i, user := range users {
		paths[i] = path(user)
	}
	docs, err := u.store.Get(ctx, paths)
	if err != nil {
		return nil, err
	}
	out := make([]*state, len(users))
	for i, user := range users {
		if out[i], err = read(user, docs[i]); err != nil {
			return nil, err
		}
		out[i].now = u.now().UnixMilli()
	}
	return out, nil
}

func path(user id.User) string { return "users/" + id.Document(string(user)) }

// userOf is the inverse of path.
func userOf(path string) id.User {
	return id.User(id.FromDocument(strings.TrimPrefix(path, "users/")))
}

// state is a user's document.
type state struct {
	id             id.User
	version        time.Time
	name, portrait string
	createdAt      int64
	devices        []Device
	notices        notices
	// revision counts the changes of what the rosters copy, devices and notices;
	// copied is the revision that all of them have followed.
	revision, copied int64
	standing         Standing
	journal          commit.Journal
	// claims are the push tokens that a command was about, by the paths of their
	// documents. They are looked at anew for each command.
	claims map[string]claim

	// only is the one group whose copy is behind. It is empty when others may be,
	// too, and in a state that was read: it is not stored.
	only id.Group

	// now is when a draft was begun, or the state read for pushing.
	now int64
	// The rest belongs to a draft.
	changed bool
	// set says that a command was about the settings, ended that one was about
	// tokens that count no more.
	set, ended bool
}

func (s *state) exists() bool { return !s.version.IsZero() }

// registered says whether the app's servers ever named the user. One who was
// only muted has a document, too.
func (s *state) registered() bool { return s.createdAt != 0 }

func (s *state) describe(name, portrait string) {
	for _, f := range []struct {
		field *string
		value string
	}{{&s.name, name}, {&s.portrait, portrait}} {
		if f.value != "" && f.value != *f.field {
			*f.field, s.changed = f.value, true
		}
	}
}

func read(user id.User, d commit.Doc) (*state, error) {
	s := &state{id: user, version: d.Version}
	number := func(field string) int64 { n, _ := d.Fields[field].(int64); return n }
	s.name, _ = d.Fields["name"].(string)
	s.portrait, _ = d.Fields["portrait"].(string)
	s.createdAt, s.revision, s.copied = number("createdAt"), number("revision"), number("copied")
	s.standing = readStanding(d.Fields)
	for field, into := range map[string]any{"devices": &s.devices, "notices": &s.notices} {
		raw, _ := d.Fields[field].([]byte)
		if len(raw) == 0 {
			continue
		}
		if err := json.Unmarshal(raw, into); err != nil {
			return nil, fmt.Errorf("%s %s: %w", d.Path, field, err)
		}
	}
	s.journal = commit.ReadJournal(d)
	return s, nil
}

// model teaches the commit loop what a user is.
type model struct {
	now      func() time.Time
	announce event.Announcer
}

func (m *model) Load(ctx context.Context, r commit.Reader, key string, _ *state) (*state, error) {
	docs, err := r.Get(ctx, []string{path(id.User(key))})
	if err != nil {
		return nil, err
	}
	return read(id.User(key), docs[0])
}

func (m *model) Draft(s *state) *state {
	d := *s
	d.journal, d.now, d.changed, d.set, d.ended = s.journal.Clone(), m.now().UnixMilli(), false, false, false
	return &d
}

func (m *model) Weight(*state) int                 { return 0 }
func (m *model) Journal(s *state) *commit.Journal  { return &s.journal }
func (m *model) Root(s *state) (string, time.Time) { return path(s.id), s.version }
func (m *model) Size(s *state) int                 { return 1024 + 512*len(s.devices) + 128*len(s.notices.Groups) }

func (m *model) Plan(d *state) (commit.Plan, error) {
	announce, err := m.announcement(d)
	if !d.changed || err != nil {
		return commit.Plan{Announce: announce}, err
	}
	devices, err := json.Marshal(d.devices)
	if err != nil {
		return commit.Plan{}, err
	}
	encoded, err := d.notices.bytes()
	if err != nil {
		return commit.Plan{}, err
	}
	w := commit.Write{Path: path(d.id), Fields: commit.Fields{
		"name": d.name, "portrait": d.portrait, "createdAt": d.createdAt, "devices": devices, "notices": encoded,
		"revision": d.revision, "copied": d.copied,
	}}
	d.standing.write(w.Fields)
	return commit.Plan{Writes: append(d.claimWrites(), w), Announce: announce}, nil
}

func (m *model) Settle(d *state, version time.Time) *state {
	s := *d
	s.version, s.claims, s.changed, s.set, s.ended = version, nil, false, false, false
	return &s
}
