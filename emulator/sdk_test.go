package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// sdk is RC's published Node SDK, unmodified, working on a town.
type sdk struct {
	*town
	in  io.Writer
	out *bufio.Scanner
}

// object is a JSON object, as the SDK takes and gives it.
type object map[string]any

// startSDK installs the SDK from the package registry, at the pinned version,
// and starts it.
func (w *town) startSDK() *sdk {
	w.Helper()
	if _, err := exec.LookPath("npm"); err != nil {
		w.Fatal("node and npm were not found: install Node 18 or later from https://nodejs.org")
	}
	dir := w.TempDir()
	for _, name := range []string{"package.json", "package-lock.json", "bridge.js"} {
		text, err := os.ReadFile(filepath.Join("sdk", name))
		if err != nil {
			w.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, name), text, 0o600); err != nil {
			w.Fatal(err)
		}
	}
	install := exec.Command("npm", "ci", "--no-audit", "--no-fund", "--ignore-scripts")
	install.Dir = dir
	if out, err := install.CombinedOutput(); err != nil {
		w.Fatalf("npm ci: %v\n%s", err, out)
	}
	node := exec.Command("node", "bridge.js")
	node.Dir, node.Stderr = dir, os.Stderr
	node.Env = append(os.Environ(), "THRONG_URL="+w.url(portGateway), "THRONG_APP_KEY=dev-app", "THRONG_APP_SECRET=dev-secret")
	in, err := node.StdinPipe()
	if err != nil {
		w.Fatal(err)
	}
	out, err := node.StdoutPipe()
	if err != nil {
		w.Fatal(err)
	}
	if err := node.Start(); err != nil {
		w.Fatal(err)
	}
	w.Cleanup(func() { _ = in.Close(); _ = node.Wait() })
	scanner := bufio.NewScanner(out)
	scanner.Buffer(nil, 8<<20)
	return &sdk{town: w, in: in, out: scanner}
}

// call calls a method of the SDK and returns what its promise became.
func (s *sdk) call(method string, args object) object {
	s.Helper()
	line, err := json.Marshal(object{"call": method, "args": args})
	if err != nil {
		s.Fatal(err)
	}
	if _, err := s.in.Write(append(line, '\n')); err != nil {
		s.Fatal(err)
	}
	if !s.out.Scan() {
		s.Fatalf("%s: the SDK ended: %v", method, s.out.Err())
	}
	var answer struct {
		Reply object
		Error any
	}
	if err := json.Unmarshal(s.out.Bytes(), &answer); err != nil || answer.Error != nil {
		s.Fatalf("%s: %s %v", method, s.out.Bytes(), err)
	}
	return answer.Reply
}

// does is call for what has to succeed.
func (s *sdk) does(method string, args object) object {
	s.Helper()
	got := s.call(method, args)
	if fmt.Sprint(got["code"]) != "200" {
		s.Fatalf("%s %v answered %v", method, args, got)
	}
	return got
}

func people(ids ...string) []object {
	out := make([]object, len(ids))
	for i, u := range ids {
		out[i] = object{"id": u}
	}
	return out
}

// texts lists a field of the objects in a list, sorted.
func texts(list any, field string) []string {
	out := []string{}
	items, _ := list.([]any)
	for _, item := range items {
		object, _ := item.(map[string]any)
		out = append(out, fmt.Sprint(object[field]))
	}
	slices.Sort(out)
	return out
}

// form calls the server API as any other server would, and returns all of the reply.
func (s *sdk) form(path string, form url.Values) object {
	s.Helper()
	var out object
	s.post(path, form, &out)
	if fmt.Sprint(out["code"]) != "200" {
		s.Fatalf("%s answered %v", path, out)
	}
	return out
}

// says lets a member send from a device and returns the refusal, "" for none.
func (s *sdk) says(user, group, key string) string {
	s.Helper()
	var out struct {
		Error struct{ Code string }
	}
	s.device("POST", "/groups/"+group+"/messages", s.token(user), fmt.Sprintf(`{"clientId":%q,"type":"RC:TxtMsg","content":"{\"content\":\"hi\"}"}`, key), &out)
	return out.Error.Code
}

func (s *sdk) wants(what string, got, want any) {
	s.Helper()
	if g, w := fmt.Sprint(got), fmt.Sprint(want); g != w {
		s.Errorf("%s: %s, want %s", what, g, w)
	}
}

// TestThePublishedSDK has RC's Node SDK run a group's life, and looks at what it
// did through other doors: another server's calls, members' devices, pushes.
func TestThePublishedSDK(t *testing.T) {
	s := startTown(t).startSDK()
	for _, u := range []string{"ann", "bob", "cem", "dee"} {
		s.wants("the token is for", s.does("User.register", object{"id": u, "name": "Name of " + u, "portrait": "https://example.com/" + u})["userId"], u)
		s.device("PUT", "/devices/phone", s.token(u), fmt.Sprintf(`{"platform":"android","pushToken":"phone-of-%s"}`, u), nil)
	}
	s.does("User.update", object{"id": "ann", "name": "Ann & Co", "portrait": "https://example.com/new"})
	info := s.form("/user/info.json", url.Values{"userId": {"ann"}})
	s.wants("ann is called", info["userName"], "Ann & Co")
	s.wants("ann is online", s.does("User.OnlineStatus.get", object{"id": "ann", "name": "n", "portrait": "p"})["status"], "0")

	s.groupsOfSDK()
	s.mutesOfSDK()
	s.messagesOfSDK()
	s.conversationsOfSDK()
	s.outsideOfSDK()

	s.does("Group.dismiss", object{"id": "crew", "member": object{"id": "ann"}})
	s.wants("a dismissed group's members", texts(s.form("/group/user/query.json", url.Values{"groupId": {"crew"}})["users"], "id"), []string{})
	s.wants("a member of a dismissed group", s.says("ann", "crew", "late"), "group_dismissed")
}

func (s *sdk) groupsOfSDK() {
	s.Helper()
	s.does("Group.create", object{"id": "crew", "name": "The crew", "members": people("ann", "bob")})
	s.does("Group.join", object{"id": "crew", "name": "The crew", "member": object{"id": "cem"}})
	s.wants("members as the SDK sees them", texts(s.does("Group.get", object{"id": "crew"})["members"], "id"), []string{"ann", "bob", "cem"})
	s.wants("members as others see them", texts(s.form("/group/user/query.json", url.Values{"groupId": {"crew"}})["users"], "id"), []string{"ann", "bob", "cem"})
	s.does("Group.quit", object{"id": "crew", "member": object{"id": "cem"}})
	s.wants("someone who quit", s.says("cem", "crew", "1"), "not_member")
	s.does("Group.update", object{"id": "crew", "name": "Ann's crew; 100%"})
	s.wants("groups of ann", s.form("/user/group/query.json", url.Values{"userId": {"ann"}})["groups"], []any{map[string]any{"id": "crew", "name": "Ann's crew; 100%"}})
	s.does("Group.sync", object{"id": "dee", "groups": []object{{"id": "crew", "name": "Ann's crew; 100%"}, {"id": "den", "name": "The den"}}})
	s.wants("groups of dee", texts(s.form("/user/group/query.json", url.Values{"userId": {"dee"}})["groups"], "id"), []string{"crew", "den"})
	s.does("Group.sync", object{"id": "dee", "groups": []object{{"id": "crew", "name": ""}}})
	s.wants("groups of dee after another sync", texts(s.form("/user/group/query.json", url.Values{"userId": {"dee"}})["groups"], "id"), []string{"crew"})
	s.does("Group.join", object{"id": "crew", "name": "", "member": object{"id": "cem"}})
}

func (s *sdk) mutesOfSDK() {
	s.Helper()
	for _, module := range []string{"Group.Gag", "Group.Mute.Member"} {
		s.does(module+".add", object{"id": "crew", "members": people("bob"), "minute": 30})
		list := s.does(module+".getList", object{"id": "crew"})["members"]
		s.wants(module+" lists", texts(list, "id"), []string{"bob"})
		end, err := time.ParseInLocation(time.DateTime, texts(list, "time")[0], time.UTC)
		if left := time.Until(end); err != nil || left < 28*time.Minute || left > 31*time.Minute {
			s.Errorf("%s: the mute ends at %v, %v", module, end, err)
		}
		s.wants("a gagged member", s.says("bob", "crew", "gagged "+module), "muted")
		s.wants("another member", s.says("ann", "crew", "not gagged "+module), "")
		s.does(module+".remove", object{"id": "crew", "members": people("bob")})
		s.wants("no longer gagged", s.says("bob", "crew", "free "+module), "")
	}
	s.does("Group.Mute.All.add", object{"groups": people("crew")})
	s.wants("muted groups", texts(s.does("Group.Mute.All.getList", object{})["groups"], "id"), []string{"crew"})
	s.wants("a member of a muted group", s.says("bob", "crew", "all"), "group_muted")
	s.does("Group.Mute.Whitelist.add", object{"id": "crew", "members": people("bob")})
	s.wants("the allowlist", texts(s.does("Group.Mute.Whitelist.getList", object{"id": "crew"})["members"], "id"), []string{"bob"})
	s.wants("an allowed member of a muted group", s.says("bob", "crew", "allowed"), "")
	s.does("Group.Mute.Whitelist.remove", object{"id": "crew", "members": people("bob")})
	s.wants("no longer allowed", s.says("bob", "crew", "not allowed"), "group_muted")
	s.does("Group.Mute.All.remove", object{"groups": people("crew")})
	s.wants("no longer muted", s.says("bob", "crew", "open"), "")
}

// history is what a member sees of the group, oldest first.
func (s *sdk) history(user, group string) []map[string]any {
	s.Helper()
	var out struct {
		Code int
		Data []map[string]any
	}
	body := fmt.Sprintf(`{"userId":%q,"targetId":%q,"startTime":0,"endTime":%d,"pageSize":100,"includeStart":true}`, user, group, time.Now().Add(time.Minute).UnixMilli())
	if s.postJSON("/v3/message/group/query.json", body, &out); out.Code != 200 {
		s.Fatalf("history answered %+v", out)
	}
	return out.Data
}

func (s *sdk) messagesOfSDK() {
	s.Helper()
	s.settle()
	s.forgetPushes()
	sent := s.does("Message.Group.send", object{"senderId": "ann", "targetId": []string{"crew"}, "objectName": "RC:TxtMsg", "content": object{"content": "100% & more; a=b <é群>"}, "isIncludeSender": 1})
	s.eventually("the message is pushed", func() bool { return len(s.pushes()) >= 3 })
	for _, p := range s.pushes() {
		s.wants("the push says", p.Message.Data["body"], "Name of ann: 100% & more; a=b <é群>")
	}
	s.does("Message.Group.sendMention", object{"senderId": "ann", "targetId": "crew", "objectName": "RC:TxtMsg",
		"content": object{"content": "look", "mentionedInfo": object{"type": 2, "userIds": []string{"cem"}, "mentionedContent": "cem, look"}}})
	uid := texts(sent["messageUIDs"], "messageUID")[0]
	var before map[string]any
	for _, m := range s.history("cem", "crew") {
		if m["messageUID"] == uid {
			before = m
		}
	}
	if before == nil || before["fromUserId"] != "ann" || !strings.Contains(fmt.Sprint(before["content"]), "100% & more") {
		s.Fatalf("history does not have %s: %v", uid, before)
	}
	s.does("Message.Group.recall", object{"senderId": "ann", "targetId": "crew", "uId": uid, "sentTime": fmt.Sprintf("%.0f", before["msgTime"])})
	recalled := false
	for _, m := range s.history("cem", "crew") {
		if strings.Contains(fmt.Sprint(m["content"]), "100% & more") {
			s.Errorf("a recalled message is still readable: %v", m)
		}
		recalled = recalled || m["objectName"] == "RC:RcCmd" && strings.Contains(fmt.Sprint(m["content"]), uid)
	}
	if !recalled {
		s.Error("history does not have the recall")
	}
	if h := s.history("stranger", "crew"); len(h) != 0 {
		s.Errorf("a stranger sees %v", h)
	}
	// Nothing was archived yet, so there is no log to download or remove.
	if got := s.does("Message.History.get", object{"date": "2026112405"}); got["url"] != "" {
		s.Errorf("the hourly log answered %v", got)
	}
	s.does("Message.History.remove", object{"date": "2026112405"})
}

func (s *sdk) conversationsOfSDK() {
	s.Helper()
	level := func() any {
		return s.form("/conversation/notification/get.json", url.Values{"conversationType": {"3"}, "requestId": {"cem"}, "targetId": {"crew"}})["isMuted"]
	}
	s.does("Conversation.mute", object{"type": "GROUP", "userId": "cem", "targetId": "crew"})
	s.wants("a conversation that is muted", level(), 5)
	s.settle()
	s.forgetPushes()
	s.does("Message.Group.send", object{"senderId": "ann", "targetId": "crew", "objectName": "RC:TxtMsg", "content": object{"content": "quiet"}})
	s.eventually("the others are notified", func() bool { return len(s.pushes()) >= 2 })
	s.settle()
	got := map[string]bool{}
	for _, p := range s.pushes() {
		got[p.Token] = true
	}
	s.wants("who was notified", slices.Sorted(maps.Keys(got)), []string{"phone-of-bob", "phone-of-dee"})
	s.does("Conversation.unmute", object{"type": "GROUP", "userId": "cem", "targetId": "crew"})
	s.wants("a conversation that is not muted", level(), 0)
}

// outsideOfSDK calls what is no business of groups: never a fake success.
func (s *sdk) outsideOfSDK() {
	s.Helper()
	for method, args := range map[string]object{
		"Message.Private.send": {"senderId": "ann", "targetId": "bob", "objectName": "RC:TxtMsg", "content": object{"content": "x"}},
		"User.Block.add":       {"id": "bob", "minute": 10},
		"User.Blacklist.add":   {"id": "bob", "blacklist": people("ann")},
		"Chatroom.create":      {"id": "room", "name": "Room"},
	} {
		if got := s.call(method, args); fmt.Sprint(got["code"]) != "404" || !strings.Contains(fmt.Sprint(got["msg"]), "group") {
			s.Errorf("%s answered %v", method, got)
		}
	}
}
