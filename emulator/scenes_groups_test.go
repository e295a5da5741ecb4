package main

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
)

// groupScenes are of groups: create and dismiss, names, who is in them.
var groupScenes = []act{
	{"a group is created and its members talk", func(s *scene) {
		ann, bob, cem := s.three()
		s.group("team", ann, bob, cem)
		s.is("the members", s.members("team"), "ann bob cem")
		ann.sends("team", "hello")
		bob.sends("team", "hello, Ann")
		for _, p := range []*person{ann, bob, cem} {
			p.sees("team", "hello", "hello, Ann")
			s.is("the name on a phone", p.look(func(v *view) string { return v.rooms[s.name("team")].name }), "The team")
		}
	}},
	{"a group is dismissed and its memberships no longer exist", func(s *scene) {
		ann, bob, cem := s.three()
		s.group("team", ann, bob)
		ann.sends("team", "hello")
		bob.sees("team", "hello")
		s.dismisses("team", ann)
		s.is("the members", s.members("team"), "")
		s.is("bob's groups", s.groupsOf(bob), "")
		ann.cannotSend("group_dismissed", "team", "is anybody there?")
		bob.seesNothingOf("team")
		bob.lists()
		bob.isRefused("group_dismissed", "GET", bob.in("team", "/messages"), nil)
		// Who was there finds the history again when the group comes back; others
		// see what is said from then on.
		s.group("team", ann, bob, cem)
		ann.sends("team", "again")
		bob.finds("team", "", "again", "hello")
		cem.finds("team", "", "again")
		cem.sees("team", "again")
	}},
	{"a user who may not be in the group can neither read nor write", func(s *scene) {
		ann, bob, eve := s.as("ann"), s.as("bob"), s.as("eve")
		s.group("team", ann, bob)
		m := ann.sends("team", "between us")
		eve.cannotSend("not_member", "team", "let me in")
		eve.isRefused("not_member", "GET", eve.in("team", "/messages"), nil)
		eve.isRefused("not_member", "GET", eve.in("team", "/unread"), nil)
		eve.isRefused("not_member", "POST", eve.of(m, "/recall"), body{})
		eve.isRefused("not_member", "PATCH", "/conversations/"+s.name("team"), body{"pinned": true})
		eve.has()
		bob.sees("team", "between us")
	}},
	{"groups are the app server's business, not that of devices", func(s *scene) {
		ann, bob, _ := s.three()
		s.group("team", ann)
		for _, path := range []string{"/groups", "/groups/" + s.name("team"), ann.in("team", "/members"), ann.in("team", "/join")} {
			for _, method := range []string{"POST", "PUT", "DELETE"} {
				bob.isRefused("not_found", method, path, body{"userId": bob.id})
			}
		}
		// Nor does a device's token sign a call of the server API.
		r, err := http.NewRequest(http.MethodPost, s.at+"/group/join.json", strings.NewReader(form([]string{"userId", bob.id, "groupId", s.name("team")}).Encode()))
		if err != nil {
			s.Fatal(err)
		}
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		r.Header.Set("Authorization", "Bearer "+bob.token)
		s.is("how a device is answered", number(s.send(r, nil)), "401")
		s.is("the members", s.members("team"), "ann")
	}},
	{"a group's new name is what phones and notifications show", func(s *scene) {
		ann, bob, _ := s.three()
		s.group("team", ann, bob)
		bob.asksForPushes()
		m := ann.sends("team", "one")
		bob.isNotified("Ann: one")
		s.is("the title", bob.notifications()[m.uid].Message.Data["title"], "The team")
		s.app("/group/refresh.json", "groupId", s.name("team"), "groupName", "The crew")
		n := ann.sends("team", "two")
		bob.isNotified("Ann: one", "Ann: two")
		s.is("the new title", bob.notifications()[n.uid].Message.Data["title"], "The crew")
		bob.sees("team", "one", "two")
		s.is("the name on a phone", bob.look(func(v *view) string { return v.rooms[s.name("team")].name }), "The crew")
		s.is("the name in the list", bob.list("")[0].Name, "The crew")
		s.is("the name for the app", s.groupsOf(bob), "team=The crew")
	}},
	{"the app asks who is in a group", func(s *scene) {
		ann, bob, cem := s.three()
		s.is("nobody is in a group that is not there", s.members("team"), "")
		s.group("team", ann)
		s.joins("team", bob, cem)
		s.quits("team", ann)
		s.is("the members", s.members("team"), "bob cem")
	}},
	{"the app asks for the groups of a user page by page", func(s *scene) {
		ann, bob, _ := s.three()
		for i := range 5 {
			s.group(fmt.Sprint("club", i), ann, bob)
		}
		s.quits("club3", bob)
		s.is("all", s.groupsOf(bob), "club0=The club0 club1=The club1 club2=The club2 club4=The club4")
		s.is("a page", s.groupsOf(bob, "page", "2", "size", "3"), "club4=The club4")
	}},
	{"the app corrects which groups a user is in", func(s *scene) {
		ann, bob, _ := s.three()
		s.group("old", ann, bob)
		s.group("kept", ann, bob)
		bob.has("old", "kept")
		s.app("/group/sync.json", "userId", bob.id, "group["+s.name("kept")+"]", "Kept", "group["+s.name("new")+"]", "New")
		s.is("bob's groups", s.groupsOf(bob), "kept=Kept new=New")
		s.is("who is left in the old one", s.members("old"), "ann")
		bob.has("kept", "new")
		ann.sends("kept", "still here")
		bob.sees("kept", "still here")
		bob.cannotSend("not_member", "old", "and here?")
		s.app("/group/sync.json", "userId", bob.id)
		s.is("bob's groups in the end", s.groupsOf(bob), "")
		bob.has()
	}},
	{"the app brings its groups along before anybody connects", func(s *scene) {
		// Nobody has a token yet: all of it comes from the app's own data.
		for _, u := range []string{"ann", "bob"} {
			s.app("/group/sync.json", "userId", s.name(u), "group["+s.name("team")+"]", "The team", "group["+s.name("club")+"]", "The club")
		}
		s.is("the members", s.members("team"), "ann bob")
		ann, bob := s.as("ann"), s.as("bob")
		bob.has("club", "team")
		ann.sends("team", "we have moved in")
		bob.sees("team", "we have moved in")
	}},
	{"a user is in as many groups as they like", func(s *scene) {
		ann, bob, _ := s.three()
		const groups = 120
		pairs := []string{"userId", bob.id}
		var names []string
		for i := range groups {
			names = append(names, fmt.Sprintf("club%03d", i))
			pairs = append(pairs, "group["+s.name(names[i])+"]", "Club")
		}
		s.app("/group/sync.json", pairs...)
		bob.has(names...)
		s.joins(names[77], ann)
		ann.sends(names[77], "you are hard to find")
		bob.sees(names[77], "you are hard to find")
		s.is("how many the app is told", number(len(strings.Fields(s.groupsOf(bob)))), number(groups))
	}},
	{"a group has room for 3,000 members and not for one more", func(s *scene) {
		crowd := make([]string, 3000)
		for i := range crowd {
			crowd[i] = s.name(fmt.Sprintf("m%04d", i))
		}
		for chunk := range slices.Chunk(crowd, 1000) {
			s.app("/group/join.json", repeated("userId", chunk, "groupId", s.name("crowd"))...)
		}
		one := s.server("/group/join.json", form([]string{"userId", s.name("late"), "groupId", s.name("crowd")}), s.at)
		s.is("one more", fmt.Sprint(one.Status, one.Code), "405 25411")
		s.is("how many there are", number(len(strings.Fields(s.members("crowd")))), "3000")
		s.app("/group/join.json", "userId", crowd[0], "groupId", s.name("crowd")) // who is there takes no room
		s.app("/group/quit.json", "userId", crowd[0], "groupId", s.name("crowd"))
		s.app("/group/join.json", "userId", s.name("late"), "groupId", s.name("crowd"))
	}},
}

// memberScenes are of joining and leaving.
var memberScenes = []act{
	{"a newcomer sees what is said after joining", func(s *scene) {
		ann, bob, cem := s.three()
		s.group("team", ann, bob)
		old := ann.sends("team", "before")
		s.joins("team", cem)
		ann.sends("team", "after")
		cem.sees("team", "after")
		cem.finds("team", "", "after")
		cem.isRefused("not_found", "GET", cem.of(old, ""), nil)
		cem.hasUnread("team", 1, 0)
		bob.sees("team", "before", "after")
		bob.isTold("team", "joined cem")
	}},
	{"whoever quits receives no new messages", func(s *scene) {
		ann, bob, cem := s.three()
		s.group("team", ann, bob, cem)
		bob.asksForPushes()
		cem.asksForPushes()
		ann.sends("team", "one")
		cem.sees("team", "one")
		cem.isNotified("Ann: one")
		s.quits("team", cem)
		ann.sends("team", "two")
		bob.isNotified("Ann: one", "Ann: two")
		cem.isNotified("Ann: one")
		cem.seesNothingOf("team")
		cem.lists()
		cem.isRefused("not_member", "GET", cem.in("team", "/messages"), nil)
		cem.cannotSend("not_member", "team", "three")
		bob.isTold("team", "left cem")
		s.is("the members", s.members("team"), "ann bob")
	}},
	{"whoever comes back sees what is said from then on", func(s *scene) {
		ann, bob, cem := s.three()
		s.group("team", ann, bob, cem)
		ann.sends("team", "together")
		cem.sees("team", "together")
		s.quits("team", cem)
		cem.seesNothingOf("team")
		ann.sends("team", "without Cem")
		s.joins("team", cem)
		ann.sends("team", "together again")
		cem.sees("team", "together again")
		cem.finds("team", "", "together again")
		bob.sees("team", "together", "without Cem", "together again")
	}},
	{"a message goes with a change of the members", func(s *scene) {
		ann, bob, cem := s.three()
		bound := func(path, kind string, more ...string) {
			s.Helper()
			s.app(path, append([]string{"groupId", s.name("team"), "bindNotifyMsg", "true", "fromUserId", ann.id, "objectName", kind, "content", "{}", "isIncludeSender", "1"}, more...)...)
		}
		bound("/group/create.json", "app:created", "groupName", "The team", "userId", ann.id, "userId", bob.id)
		bound("/group/join.json", "app:welcome", "userId", cem.id)
		cem.sees("team", "app:welcome {}") // who comes is welcomed
		bound("/group/quit.json", "app:bye", "userId", cem.id)
		bob.sees("team", "app:created {}", "app:welcome {}", "app:bye {}")
		cem.seesNothingOf("team")
	}},
}

// muteScenes are of those who may not speak.
var muteScenes = []act{
	{"a muted user reads and cannot send", func(s *scene) {
		ann, bob, cem := s.three()
		s.group("team", ann, bob, cem)
		s.group("club", ann, bob)
		s.app("/group/user/gag/add.json", "userId", bob.id, "groupId", s.name("team"), "minute", "10")
		bob.cannotSend("muted", "team", "I")
		ann.sends("team", "hush")
		bob.sees("team", "hush")
		bob.sends("club", "here I may")
		// The app's server is not bound by it.
		s.appSends(bob, "team", "RC:TxtMsg", says("by the app"), "isIncludeSender", "1")
		cem.sees("team", "hush", "by the app")
		var muted struct{ Users []struct{ UserID string } }
		s.post("/group/user/gag/list.json", form([]string{"groupId", s.name("team")}), &muted, s.at)
		s.is("the muted", fmt.Sprint(muted.Users), "[{"+bob.id+"}]")
		s.app("/group/user/gag/rollback.json", "userId", bob.id, "groupId", s.name("team"))
		bob.sends("team", "thank you")
		cem.sees("team", "hush", "by the app", "thank you")
	}},
	{"a user is muted in all groups at once", func(s *scene) {
		ann, bob, _ := s.three()
		s.group("team", ann, bob)
		s.group("club", ann, bob)
		s.app("/group/user/gag/add.json", "userId", bob.id, "minute", "0")
		s.group("later", ann, bob)
		for _, g := range []string{"team", "club", "later"} {
			bob.cannotSend("muted", g, "anywhere?")
			ann.sends(g, "only me")
			bob.sees(g, "only me")
		}
		s.app("/group/user/gag/rollback.json", "userId", bob.id)
		bob.sends("later", "at last")
		ann.sees("later", "only me", "at last")
	}},
	{"a muted group listens to those on the allowlist", func(s *scene) {
		ann, bob, cem := s.three()
		s.group("team", ann, bob, cem)
		s.app("/group/ban/add.json", "groupId", s.name("team"))
		for _, p := range []*person{ann, bob, cem} {
			p.cannotSend("group_muted", "team", "may I?")
		}
		s.app("/group/user/ban/whitelist/add.json", "userId", ann.id, "groupId", s.name("team"))
		ann.sends("team", "I may")
		bob.cannotSend("group_muted", "team", "I may not")
		cem.sees("team", "I may")
		var allowed struct{ UserIDs []string }
		s.post("/group/user/ban/whitelist/query.json", form([]string{"groupId", s.name("team")}), &allowed, s.at)
		s.is("the allowlist", fmt.Sprint(allowed.UserIDs), "["+ann.id+"]")
		var muted struct{ GroupInfo []struct{ Stat int } }
		s.post("/group/ban/query.json", form([]string{"groupId", s.name("team")}), &muted, s.at)
		s.is("whether it is muted", fmt.Sprint(muted.GroupInfo), "[{1}]")
		s.app("/group/user/ban/whitelist/rollback.json", "userId", ann.id, "groupId", s.name("team"))
		ann.cannotSend("group_muted", "team", "no longer")
		s.app("/group/ban/rollback.json", "groupId", s.name("team"))
		bob.sends("team", "all of us")
		cem.sees("team", "I may", "all of us")
	}},
	{"a user who is muted stays so on the allowlist and after coming back", func(s *scene) {
		ann, bob, _ := s.three()
		s.group("team", ann, bob)
		s.app("/group/user/gag/add.json", "userId", bob.id, "groupId", s.name("team"), "minute", "10")
		s.app("/group/ban/add.json", "groupId", s.name("team"))
		s.app("/group/user/ban/whitelist/add.json", "userId", bob.id, "groupId", s.name("team"))
		bob.cannotSend("muted", "team", "on the list")
		s.quits("team", bob)
		s.joins("team", bob)
		bob.cannotSend("muted", "team", "back again")
		s.app("/group/user/gag/rollback.json", "userId", bob.id, "groupId", s.name("team"))
		bob.sends("team", "the list has outlived it, too")
		ann.sees("team", "the list has outlived it, too")
	}},
}
