package main

import (
	"crypto/sha1"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
)

// appServer is the app's own server, which the local cloud calls. It refuses what
// wants to sell something. It is down once for everything that it is told of those for
// whom it shall be: one that is for all the scenes at a time would be left alone.
type appServer struct {
	url  string
	mu   sync.Mutex
	told []appCall
	down map[string]bool
	seen map[string]bool
}

// failsFor has the first call fail of everything about a group or a user.
func (a *appServer) failsFor(about string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.down[about] = true
}

// appCall is a call that the app's server took.
type appCall struct{ path, about, says string }

// asked is the type of messages that it is asked about before they are stored: its
// own, so that no other scene waits for it.
const asked = "app:checked"

func newAppServer(t *testing.T) *appServer {
	a := &appServer{down: map[string]bool{}, seen: map[string]bool{}}
	s := httptest.NewServer(a)
	t.Cleanup(s.Close)
	a.url = s.URL
	return a
}

// settings are what a local cloud is started with to call it.
func (a *appServer) settings() []string {
	return []string{"THRONG_CALLBACK_MESSAGES=" + a.url + "/messages", "THRONG_CALLBACK_OPERATIONS=" + a.url + "/operations", "THRONG_CALLBACK_STATUS=" + a.url + "/status",
		"THRONG_CALLBACK_PRE=" + a.url + "/pre", "THRONG_CALLBACK_PRE_TYPES=" + asked}
}

func (a *appServer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	// The contract's formula, written anew: what is signed otherwise is refused, and so
	// never heard.
	q := r.URL.Query()
	sum := sha1.Sum([]byte("dev-secret" + q.Get("nonce") + q.Get("signTimestamp")))
	if q.Get("signature") != hex.EncodeToString(sum[:]) || q.Get("appKey") != "dev-app" {
		w.WriteHeader(http.StatusUnauthorized)
		return
	}
	if r.URL.Path == "/pre" {
		answer := map[string]any{"pass": 1, "replaceContent": strings.ReplaceAll(r.FormValue("content"), "darn", "****")}
		if strings.Contains(r.FormValue("content"), "buy") {
			answer = map[string]any{"pass": 0, "extra": "no ads here"}
		}
		_ = json.NewEncoder(w).Encode(answer)
		return
	}
	calls, key, err := read(r)
	a.mu.Lock()
	defer a.mu.Unlock()
	down := func(c appCall) bool { return a.down[c.about] }
	if err != nil || slices.ContainsFunc(calls, down) && !a.seen[key] {
		a.seen[key] = true
		w.WriteHeader(http.StatusServiceUnavailable)
		return
	}
	a.told = append(a.told, calls...)
}

// read takes a call to pieces, one for each thing that it tells of.
func read(r *http.Request) (calls []appCall, key string, err error) {
	if r.URL.Path == "/messages" {
		return []appCall{{r.URL.Path, r.FormValue("toUserId"), r.FormValue("source") + " " + r.FormValue("fromUserId") + ": " + r.FormValue("content")}}, r.FormValue("msgUID"), nil
	}
	raw, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, "", err
	}
	if r.URL.Path == "/status" {
		var changes []struct{ Userid, Status string }
		if err := json.Unmarshal(raw, &changes); err != nil {
			return nil, "", err
		}
		for _, c := range changes {
			calls = append(calls, appCall{r.URL.Path, c.Userid, c.Status})
		}
		return calls, string(raw), nil
	}
	var o struct {
		EventType        int
		FromUserID       string
		ConversationInfo struct{ TargetID string }
		OriginalMsgInfo  struct{ MessageID string }
	}
	err = json.Unmarshal(raw, &o)
	return []appCall{{r.URL.Path, o.ConversationInfo.TargetID, fmt.Sprint(o.EventType, " ", o.FromUserID, " ", o.OriginalMsgInfo.MessageID)}}, string(raw), err
}

// heard is what it was told at a path of something, each thing once and in order of
// the alphabet: what failed comes later than what did not.
func (a *appServer) heard(path, about string) string {
	a.mu.Lock()
	defer a.mu.Unlock()
	var out []string
	for _, c := range a.told {
		if c.path == path && c.about == about {
			out = append(out, c.says)
		}
	}
	slices.Sort(out)
	return quoted(slices.Compact(out))
}

// appHears waits until the app's server was told this of something.
func (s *scene) appHears(path, about string, want ...string) {
	s.Helper()
	slices.Sort(want)
	s.becomes("what the app's server hears at "+path+" of "+about, quoted(want), func() string { return s.ownServer.heard(path, about) })
}

var callbackScenes = []act{
	{"the app's own server gets every message, recall and deletion, though it fails at first", func(s *scene) {
		ann, bob, _ := s.three()
		s.group("team", ann, bob)
		team := s.name("team")
		s.ownServer.failsFor(team)
		hello := ann.sends("team", "hello")
		oops := bob.sends("team", "oops")
		s.appSends(ann, "team", "RC:TxtMsg", says("by the app itself")) // which knows
		bob.recalls(oops)
		bob.does("DELETE", bob.in("team", "/messages"), body{"messageUIDs": []string{hello.uid}}, nil)
		s.appHears("/messages", team, "PC "+ann.id+": "+says("hello"), "PC "+bob.id+": "+says("oops"))
		s.appHears("/operations", team, "1 "+bob.id+" "+oops.uid, "2 "+bob.id+" "+hello.uid)
	}},
	{"the app's own server is told who comes online, who goes and who logs out", func(s *scene) {
		ann, _, _ := s.three()
		s.group("team", ann)
		s.ownServer.failsFor(ann.id)
		ann.connects()
		s.appHears("/status", ann.id, "0")
		ann.disconnects()
		s.appHears("/status", ann.id, "0", "1")
		ann.does("DELETE", "/devices/phone", nil, nil)
		s.appHears("/status", ann.id, "0", "1", "2")
	}},
	{"the app's own server refuses a message, and changes another", func(s *scene) {
		ann, bob, _ := s.three()
		s.group("team", ann, bob)
		ann.isRefused("permission_denied", "POST", ann.in("team", "/messages"), ann.letter(asked, "buy this"))
		ann.sendsA("team", asked, "darn it")
		bob.syncs()
		bob.sees("team", asked+" **** it")
		s.appHears("/messages", s.name("team"), "PC "+ann.id+": **** it")
	}},
}
