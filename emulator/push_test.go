package main

import (
	"fmt"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"

	"github.com/throng-im/throng/scripts/house"
	"github.com/throng-im/throng/shared/group"
	"github.com/throng-im/throng/shared/id"
)

// misbehave has FCM treat a token in some way.
func (w *town) misbehave(token, how string) {
	w.Helper()
	r, _ := http.NewRequest(http.MethodPut, w.url(portFCM)+"/emulator/tokens/"+token, strings.NewReader(how))
	if status := w.send(r, nil); status != http.StatusOK {
		w.Fatalf("FCM's stand-in answered %d to %s", status, how)
	}
}

// phones makes a group of users with a phone each, whose tokens are their names.
func (w *town) phones(group string, n int) []string {
	w.Helper()
	users := make([]string, n)
	for i := range users {
		users[i] = fmt.Sprintf("%s-%03d", group, i)
	}
	together(8, n, func(i int) {
		if status := w.device("PUT", "/devices/d", w.token(users[i]), `{"platform":"android","pushToken":"`+users[i]+`"}`, nil); status != 200 {
			w.Errorf("a device was answered %d", status)
		}
	})
	w.must("/group/create.json", url.Values{"groupId": {group}, "groupName": {"G"}, "userId": users})
	return users
}

// reaches waits until a message has reached these devices.
func (w *town) reaches(uid string, tokens []string) {
	w.Helper()
	w.eventually(fmt.Sprintf("message %s is on %d phones", uid, len(tokens)), func() bool {
		got := w.reached(uid)
		for _, token := range tokens {
			if got[token] == 0 {
				return false
			}
		}
		return true
	})
}

// devicesKnown are the tokens that are known of a user: by the user, and by the roster.
func (w *town) devicesKnown(name string, users []string) (own, copied map[string]bool) {
	w.Helper()
	c := w.inside()
	ids := make([]id.User, len(users))
	for i, u := range users {
		ids[i] = id.User(u)
	}
	profiles, err := c.Users.Profiles(w.Context(), ids)
	if err != nil {
		w.Fatal(err)
	}
	docs, err := c.Store.Get(w.Context(), []string{"groups/" + name})
	if err != nil {
		w.Fatal(err)
	}
	shards, _ := docs[0].Fields["shards"].([]int64)
	roster, err := c.Groups.Roster(w.Context(), id.Group(name), shards)
	if err != nil {
		w.Fatal(err)
	}
	own, copied = map[string]bool{}, map[string]bool{}
	for _, u := range ids {
		for _, d := range profiles[u].Targets(id.Group(name)).Devices {
			own[d.Token] = true
		}
	}
	roster.Each(func(_ id.User, _ group.Member, targets *group.Targets) {
		if targets != nil {
			for _, d := range targets.Devices {
				copied[d.Token] = true
			}
		}
	})
	return own, copied
}

// TestPushOnABadDay has FCM refuse a tenth of all phones for a while, one for ever,
// and answer for one only after half a minute; a twentieth is no more. It runs out of
// quota, and push is killed in the middle of a job.
func TestPushOnABadDay(t *testing.T) {
	t.Parallel()
	w := startTown(t)
	users := w.phones("g", 60)
	var live, dead []string
	for i, u := range users {
		switch {
		case i == 0:
			w.misbehave(u, `{"error":"UNAVAILABLE"}`)
			continue
		case i == 1:
			w.misbehave(u, `{"latencyMs":30000,"times":1}`)
		case i%10 == 2:
			w.misbehave(u, `{"error":"UNAVAILABLE","times":1}`)
		case i%20 == 3:
			w.misbehave(u, `{"error":"UNREGISTERED"}`)
			dead = append(dead, u)
			continue
		}
		live = append(live, u)
	}
	uids := []string{w.publish("g", "app"), w.publish("g", "app"), w.publish("g", "app")}
	for _, uid := range uids {
		w.reaches(uid, live)
	}
	for _, uid := range uids {
		for token, n := range w.reached(uid) {
			if n != 1 {
				t.Errorf("%s was notified %d times of one message, and nothing was killed", token, n)
			}
		}
	}
	own, copied := w.devicesKnown("g", users)
	for _, token := range dead {
		if own[token] || copied[token] {
			t.Errorf("%s is dead; its user knows it: %v, the roster knows it: %v", token, own[token], copied[token])
		}
	}
	for _, token := range live {
		if !own[token] || !copied[token] {
			t.Errorf("%s was forgotten: by its user %v, by the roster %v", token, !own[token], !copied[token])
		}
	}
	w.misbehave(live[5], `{"error":"QUOTA_EXCEEDED","retryAfter":15,"times":1}`)
	uids = append(uids[:0], w.publish("g", "app"), w.publish("g", "app"))
	for _, uid := range uids {
		w.reaches(uid, live)
	}
	w.killPush(live)
}

// killPush kills push in the middle of a job. Half of the phones are slow, so that
// others show that it is the middle. TestAStorm of the function kills more.
func (w *town) killPush(live []string) {
	w.Helper()
	for _, u := range live[len(live)/2:] {
		w.misbehave(u, `{"latencyMs":3000}`)
	}
	for range max(1, kills(w.T)/5) {
		uid := w.publish("g", "app")
		w.eventually("the first phones have it", func() bool { return len(w.reached(uid)) > 0 })
		for _, pid := range w.functionPIDs("push") {
			_ = syscall.Kill(pid, syscall.SIGKILL)
		}
		if got := len(w.reached(uid)); got == len(live) {
			w.Errorf("push was killed after the end of its job")
		}
		w.reaches(uid, live)
	}
}

// TestAnOperatorPausesPush runs the commands of functions/README.md.
func TestAnOperatorPausesPush(t *testing.T) {
	t.Parallel()
	w := startTown(t, "--trace")
	text, err := os.ReadFile("../functions/README.md")
	if err != nil {
		t.Fatal(err)
	}
	var commands []string
	for _, block := range house.Blocks(string(text), "sh") {
		if strings.Contains(block, "scripts/push") {
			commands = strings.Split(block, "\n")
		}
	}
	if len(commands) != 3 {
		t.Fatalf("functions/README.md shows the commands %q", commands)
	}
	run := func(command, want string) {
		t.Helper()
		cmd := exec.Command("sh", "-eu", "-c", command)
		cmd.Dir, cmd.Env = "..", append(os.Environ(), "GOOGLE_CLOUD_PROJECT="+w.project)
		out, err := cmd.CombinedOutput()
		if err != nil || !strings.Contains(string(out), want) {
			t.Fatalf("%s: %v\n%s", command, err, out)
		}
	}
	run("go run ./scripts/push pause || echo refused", "refused")
	users := w.phones("g", 3)
	run(commands[0], `"paused":true`)
	run(commands[1], `"why":"a campaign went wrong"`)
	uid := w.publish("g", "app")
	w.eventually("the job waits", func() bool { return strings.Contains(w.out.String(), "push waits") })
	w.settle()
	if got := w.reached(uid); len(got) > 0 {
		t.Errorf("pushed to %v while paused", got)
	}
	run(commands[2], `"used":0`)
	w.reaches(uid, users)
	w.settle()
	for token, n := range w.reached(uid) {
		if n != 1 {
			t.Errorf("%s was notified %d times", token, n)
		}
	}
}
