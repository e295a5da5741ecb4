package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/throng-im/throng/shared/inbox"
)

// handset is a device that synchronises.
type handset struct {
	*town
	token, cursor string
	groups        map[string]int64
	seen          map[string][]string
	last          inbox.Answer
}

func (w *town) handset(u string) *handset {
	return &handset{town: w, token: w.token(u), groups: map[string]int64{}, seen: map[string][]string{}}
}

// sync asks until there is no more.
func (h *handset) sync() {
	h.Helper()
	for more := true; more; more = h.last.More {
		groups, _ := json.Marshal(h.groups)
		h.last = inbox.Answer{}
		if status := h.device("POST", "/sync", h.token, fmt.Sprintf(`{"cursor":%q,"groups":%s,"limit":20}`, h.cursor, groups), &h.last); status != 200 {
			h.Fatalf("a sync was answered %d", status)
		}
		h.cursor = h.last.Cursor
		for _, g := range h.last.Groups {
			h.groups[string(g.ID)] = g.LastSeq
			for _, raw := range g.Entries {
				var e struct{ Kind, Content string }
				if err := json.Unmarshal(raw, &e); err != nil {
					h.Fatal(err)
				}
				h.seen[string(g.ID)] = append(h.seen[string(g.ID)], e.Kind+" "+e.Content)
			}
		}
		for _, l := range h.last.Left {
			delete(h.groups, string(l.ID))
			delete(h.seen, string(l.ID))
		}
	}
}

func (h *handset) do(method, path, body string, into any) {
	h.Helper()
	if status := h.device(method, path, h.token, body, into); status != 200 {
		h.Fatalf("%s %s was answered %d", method, path, status)
	}
}

func (w *town) say(g, text string) {
	w.Helper()
	w.must("/message/group/publish.json", url.Values{"fromUserId": {"bob"}, "toGroupId": {g}, "objectName": {"RC:TxtMsg"}, "content": {text}})
}

// TestTwoPhonesOfOneUser has one phone away while the other, and the app's server,
// go on.
func TestTwoPhonesOfOneUser(t *testing.T) {
	w := startTown(t)
	for _, g := range []string{"team", "club"} {
		w.must("/group/create.json", url.Values{"groupId": {g}, "groupName": {strings.ToUpper(g)}, "userId": {"ann", "bob"}})
	}
	here, away := w.handset("ann"), w.handset("ann")
	w.eventually("a phone knows both groups", func() bool { away.sync(); return len(away.groups) == 2 })
	for i := range 70 {
		w.say("team", fmt.Sprint(i))
	}
	w.say("club", "hello")
	w.must("/group/quit.json", url.Values{"groupId": {"club"}, "userId": {"ann"}})
	w.must("/group/create.json", url.Values{"groupId": {"new"}, "groupName": {"NEW"}, "userId": {"ann", "bob"}})
	here.do("PUT", "/tags/t", `{"name":"Work"}`, nil)
	here.do("POST", "/groups/team/read", `{"seq":70}`, nil)
	here.do("PATCH", "/conversations/team", `{"clientId":"1","tags":["t"],"draft":"I was"}`, nil)
	quiet{w}.set("/conversation/top/set.json", "userId", "ann", "conversationType", "3", "targetId", "team", "setTop", "true")
	quiet{w}.set("/conversation/notification/set.json", "conversationType", "3", "requestId", "ann", "targetId", "team", "unpushLevel", "5")

	w.eventually("memberships were copied", func() bool { away.sync(); return len(away.groups) == 2 && away.groups["new"] > 0 })
	here.sync()
	for name, h := range map[string]*handset{"the one that was away": away, "the other": here} {
		if seen := h.seen["team"]; len(seen) != 70 || seen[0] != "message 0" || seen[69] != "message 69" {
			t.Errorf("%s has %d entries: %v", name, len(seen), seen)
		}
		if _, there := h.groups["club"]; there {
			t.Errorf("%s still shows a group that was left", name)
		}
	}
	var list inbox.List
	away.do("GET", "/conversations", "", &list)
	if len(list.Conversations) != 2 {
		t.Fatalf("the list is %+v", list)
	}
	if c := list.Conversations[0]; c.Group != "team" || !c.Pinned || *c.Notify != 5 || !slices.Equal(c.Tags, []string{"t"}) || c.Draft != "I was" || c.Unread != 1 || c.ReadSeq != 70 {
		t.Errorf("the conversation is %+v", c)
	}
	// The server API shows what the phone did.
	var got struct {
		Data struct {
			Tags []struct{ TagName string }
			Top  struct{ Top bool }
			Mute struct{ Mute int }
		}
	}
	away.do("PATCH", "/conversations/team", `{"pinned":false,"notify":1}`, nil)
	r, err := http.NewRequest(http.MethodGet, w.url(portGateway)+"/conversation/attribute/get.json?userId=ann&targetId=team&conversationType=3", nil)
	if err != nil {
		t.Fatal(err)
	}
	sign(r, "dev-secret")
	w.send(r, &got)
	if len(got.Data.Tags) != 1 || got.Data.Tags[0].TagName != "Work" || got.Data.Top.Top || got.Data.Mute.Mute != 1 {
		t.Errorf("the server API shows %+v", got)
	}
	here.sync()
	if len(here.last.Conversations) != 1 || here.last.Conversations[0].Pinned || *here.last.Conversations[0].Notify != 1 {
		t.Errorf("the other phone is told %+v", here.last)
	}
	w.must("/group/dismiss.json", url.Values{"groupId": {"team"}, "userId": {"bob"}})
	w.eventually("the group is gone", func() bool { here.sync(); return len(here.groups) == 1 })
	if status := here.device("GET", "/groups/team/unread", here.token, "", nil); status != 403 {
		t.Errorf("unread of a group that is gone was answered %d", status)
	}
}
