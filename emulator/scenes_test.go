package main

import (
	"fmt"
	"log/slog"
	"net/url"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// act is a scene as the programme has it.
type act struct {
	name string
	play func(s *scene)
}

// programme is every scene that is played.
func programme() []act {
	return slices.Concat(groupScenes, memberScenes, muteScenes, messageScenes, changeScenes, receiptScenes,
		pushScenes, quietScenes, nightScenes, unreadScenes, conversationScenes, historyScenes, offlineScenes, appScenes, liveScenes, returnScenes, callbackScenes)
}

// atOnce is how many scenes are played at the same time: they wait for the cloud
// most of theirs.
const atOnce = 10

// TestScenes plays every scene in one local cloud. A scene has users and groups of
// its own, so all of them go on side by side; -run TestScenes/part_of_a_name plays
// those alone.
func TestScenes(t *testing.T) {
	server := newAppServer(t)
	w := startTown(t, server.settings()...)
	// The functions that run in this process say nothing of each message.
	defer slog.SetLogLoggerLevel(slog.SetLogLoggerLevel(slog.LevelWarn))
	acts := programme()
	together(atOnce, len(acts), func(i int) {
		t.Run(acts[i].name, func(t *testing.T) {
			stage := *w
			stage.T = t
			s := &scene{town: &stage, n: i, at: stage.url(portGateway), ownServer: server}
			defer func() {
				// Otherwise the first panic takes the cloud from all the others.
				if r := recover(); r != nil {
					t.Errorf("%v\n%s", r, debug.Stack())
				}
			}()
			acts[i].play(s)
			s.lastLook()
		})
	})
}

// scene is one play: its people and their phones, and how the app's server calls.
type scene struct {
	*town
	// n sets the scene's users and groups apart from all others'.
	n int
	// at is where calls go: the gateway, or another app's functions.
	at string
	// ownServer is the app's own, which the cloud calls.
	ownServer *appServer
	people    []*person
	clients   atomic.Int64
}

// person is a user, who holds a phone, and may have more of them.
type person struct {
	*phone
	name string
	// id is the user's id in the cloud.
	id string
}

// as is whoever has this name in the scene.
func (s *scene) as(name string) *person {
	s.Helper()
	for _, p := range s.people {
		if p.name == name {
			return p
		}
	}
	p := &person{name: name, id: s.name(name)}
	p.phone = p.another(s, "phone", s.register(name))
	s.people = append(s.people, p)
	return p
}

// register tells the app's name of a user, and returns a token for a device.
func (s *scene) register(name string, more ...string) string {
	s.Helper()
	return s.app("/user/getToken.json", append([]string{"userId", s.name(name), "name", strings.ToUpper(name[:1]) + name[1:]}, more...)...).Token
}

// three are the people whom most scenes need.
func (s *scene) three() (ann, bob, cem *person) {
	s.Helper()
	return s.as("ann"), s.as("bob"), s.as("cem")
}

// name is the id of what the scene calls by a name, and named the way back.
func (s *scene) name(name string) string { return fmt.Sprintf("%s-%d", name, s.n) }
func (s *scene) named(id string) string  { return strings.TrimSuffix(id, fmt.Sprintf("-%d", s.n)) }

// names are the ids of people.
func ids(people []*person) []string {
	out := make([]string, len(people))
	for i, p := range people {
		out[i] = p.id
	}
	return out
}

// app is a call of the app's server that succeeds, with pairs of names and values.
func (s *scene) app(path string, pairs ...string) answer {
	s.Helper()
	return s.must(path, form(pairs), s.at)
}

func form(pairs []string) url.Values {
	f := url.Values{}
	for i := 0; i < len(pairs); i += 2 {
		f.Add(pairs[i], pairs[i+1])
	}
	return f
}

// repeated are pairs of one name and several values.
func repeated(name string, values []string, more ...string) []string {
	for _, v := range values {
		more = append(more, name, v)
	}
	return more
}

// group has the app create a group; the first one named is its creator.
func (s *scene) group(g string, members ...*person) {
	s.Helper()
	s.app("/group/create.json", repeated("userId", ids(members), "groupId", s.name(g), "groupName", "The "+g)...)
}

func (s *scene) joins(g string, people ...*person) {
	s.Helper()
	s.app("/group/join.json", repeated("userId", ids(people), "groupId", s.name(g))...)
}

func (s *scene) quits(g string, people ...*person) {
	s.Helper()
	s.app("/group/quit.json", repeated("userId", ids(people), "groupId", s.name(g))...)
}

func (s *scene) dismisses(g string, by *person) {
	s.Helper()
	s.app("/group/dismiss.json", "groupId", s.name(g), "userId", by.id)
}

// members are those whom the app is told that a group has.
func (s *scene) members(g string) string {
	s.Helper()
	var names []string
	for _, u := range s.app("/group/user/query.json", "groupId", s.name(g)).Users {
		names = append(names, s.named(u.ID))
	}
	slices.Sort(names)
	return strings.Join(names, " ")
}

// groupsOf are those that the app is told a user is in.
func (s *scene) groupsOf(p *person, more ...string) string {
	s.Helper()
	var names []string
	for _, g := range s.app("/user/group/query.json", append([]string{"userId", p.id}, more...)...).Groups {
		names = append(names, s.named(g.ID)+"="+g.Name)
	}
	return strings.Join(names, " ")
}

// appSends publishes a message through the server API.
func (s *scene) appSends(from *person, g, kind, content string, more ...string) line {
	s.Helper()
	a := s.app("/message/group/publish.json", append([]string{"fromUserId", from.id, "toGroupId", s.name(g), "objectName", kind, "content", content}, more...)...)
	return line{group: g, uid: a.UIDs[0].UID}
}

// is fails unless two texts are the same.
func (s *scene) is(what, got, want string) {
	s.Helper()
	if got != want {
		s.Errorf("%s: got %s, want %s", what, got, want)
	}
}

// becomes waits until a text is the wanted one.
func (s *scene) becomes(what, want string, look func() string) {
	s.Helper()
	got, pause := "", 10*time.Millisecond
	for deadline := time.Now().Add(3 * time.Minute); ; time.Sleep(pause) {
		if got = look(); got == want {
			return
		}
		if time.Now().After(deadline) {
			s.Fatalf("%s: got\n\t%s\nand in all that time not\n\t%s", what, got, want)
		}
		pause = min(pause*3/2, 200*time.Millisecond)
	}
}

// quoted are texts in one.
func quoted(texts []string) string { return fmt.Sprintf("%q", texts) }

func number(n int) string { return strconv.Itoa(n) }

// lastLook holds once more, when all is over, that nobody was notified of anything
// else than the scene says, and that no phone was told anything twice.
func (s *scene) lastLook() {
	s.Helper()
	if s.Failed() {
		return
	}
	for _, p := range s.people {
		for _, ph := range p.phones() {
			if ph.notified != nil {
				s.is("in the end, the notifications of "+ph.title(), quoted(ph.tray()), quoted(ph.notified))
			}
			for _, fault := range ph.faults() {
				s.Error(fault)
			}
		}
	}
}
