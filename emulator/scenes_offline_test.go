package main

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync/atomic"
)

// pushScenes are of what reaches a phone that is asleep.
var pushScenes = []act{
	{"who is offline is notified, and the sender is not", func(s *scene) {
		ann, bob, cem := s.three()
		s.group("team", ann, bob, cem)
		for _, p := range s.people {
			p.asksForPushes()
		}
		tablet := bob.gets("tablet")
		tablet.asksForPushes()
		m := ann.sends("team", "hello")
		bob.isNotified("Ann: hello")
		tablet.isNotified("Ann: hello")
		n := bob.notifications()[m.uid].Message.Data
		s.is("what the phone learns", fmt.Sprint(n["title"], " ", s.named(n["group"]), " ", n["seq"], " ", s.named(n["sender"])), fmt.Sprintf("The team team %d ann", m.seq))
		bob.sends("team", "hello, Ann")
		ann.isNotified("Bob: hello, Ann")
		cem.isNotified("Ann: hello", "Bob: hello, Ann")
	}},
	{"a phone on which the user logged out is not notified", func(s *scene) {
		ann, bob, _ := s.three()
		s.group("team", ann, bob)
		tablet := bob.gets("tablet")
		bob.asksForPushes()
		tablet.asksForPushes()
		ann.sends("team", "one")
		bob.isNotified("Ann: one")
		tablet.isNotified("Ann: one")
		tablet.does("DELETE", "/devices/tablet", nil, nil)
		ann.sends("team", "two")
		bob.isNotified("Ann: one", "Ann: two")
		tablet.isNotified("Ann: one")
	}},
	{"a phone that changes hands is notified for who holds it", func(s *scene) {
		ann, bob, cem := s.three()
		s.group("hers", ann, cem)
		s.group("his", bob, cem)
		ann.asksForPushes()
		cem.sends("hers", "for Ann")
		ann.isNotified("Cem: for Ann")
		// Bob logs in on ann's phone. Nobody said that she logged out.
		hers := body{"platform": "android", "pushToken": ann.pushToken()}
		bob.does("PUT", "/devices/phone", hers, nil)
		cem.sends("hers", "not for Bob")
		cem.sends("his", "for Bob")
		ann.isNotified("Cem: for Ann", "Cem: for Bob")
		// She takes it back, and has it in her groups alone.
		ann.does("PUT", "/devices/phone", hers, nil)
		cem.sends("his", "not for Ann")
		cem.sends("hers", "for Ann again")
		ann.isNotified("Cem: for Ann", "Cem: for Bob", "Cem: for Ann again")
	}},
	{"the sender says what the notification shows, or that there is none", func(s *scene) {
		ann, bob, _ := s.three()
		s.group("team", ann, bob)
		bob.asksForPushes()
		ann.sends("team", "secret", with("push", body{"content": "a message", "data": "for the app", "ext": body{"title": "From Ann"}}))
		ann.sends("team", "hush", with("push", body{"disabled": true}))
		s.appSends(ann, "team", "RC:TxtMsg", says("secret, too"), "pushContent", "from the app", "pushData", "d")
		s.appSends(ann, "team", "RC:TxtMsg", says("hush, too"), "disablePush", "true")
		bob.isNotified("Ann: a message", "Ann: from the app")
		for _, n := range bob.notifications() {
			d := n.Message.Data
			want := map[string]string{"Ann: a message": "From Ann, for the app", "Ann: from the app": "The team, d"}[d["body"]]
			s.is("what goes with it", d["title"]+", "+d["appData"], want)
		}
		bob.sees("team", "secret", "hush", "secret, too", "hush, too")
	}},
	{"a member is called what the group calls them", func(s *scene) {
		ann, bob, _ := s.three()
		s.group("team", ann, bob)
		bob.asksForPushes()
		s.app("/group/remarks/set.json", "groupId", s.name("team"), "userId", ann.id, "remark", "The boss")
		ann.sends("team", "to work!")
		bob.isNotified("The boss: to work!")
	}},
}

// historyScenes are of messages on the server, and of deleting them.
var historyScenes = []act{
	{"history is read page by page in both directions", func(s *scene) {
		ann, bob, _ := s.three()
		s.group("team", ann, bob)
		var lines []line
		var all []string
		for i := range 130 { // more than the newest that a group keeps at hand
			all = append(all, fmt.Sprint(i))
			lines = append(lines, ann.sends("team", all[i]))
		}
		backward := slices.Clone(all)
		slices.Reverse(backward)
		bob.finds("team", "?limit=3", backward[:3]...)
		bob.finds("team", fmt.Sprintf("?limit=100&before=%d", lines[100].seq), backward[30:]...)
		bob.finds("team", fmt.Sprintf("?limit=5&after=%d", lines[9].seq), all[10:15]...)
		bob.finds("team", "?limit=2&afterTime=1", all[:2]...)
		bob.finds("team", fmt.Sprintf("?limit=1&beforeTime=%d", lines[129].at+1), "129")
		s.is("what the app reads", s.appReads(bob, "team"), quoted(backward[:50]))
		var one entry
		bob.does("GET", bob.of(lines[7], ""), nil, &one)
		s.is("one message", one.text(), "7")
	}},
	{"messages are deleted for oneself and for nobody else", func(s *scene) {
		ann, bob, _ := s.three()
		tablet := bob.gets("tablet")
		s.group("team", ann, bob)
		one, two := ann.sends("team", "one"), ann.sends("team", "two")
		ann.sends("team", "three")
		bob.sees("team", "one", "two", "three")
		tablet.sees("team", "one", "two", "three")
		bob.does("DELETE", bob.in("team", "/messages"), body{"messageUIDs": []string{two.uid}}, nil)
		bob.sees("team", "one", "three")
		tablet.sees("team", "one", "three")
		bob.finds("team", "", "three", "one")
		bob.hasUnread("team", 2, 0)
		bob.gets("new").sees("team", "one", "three")
		s.is("what the app reads for bob", s.appReads(bob, "team"), `["three" "one"]`)
		bob.isRefused("not_found", "GET", bob.of(two, ""), nil)
		ann.sees("team", "one", "two", "three")
		ann.finds("team", "", "three", "two", "one")
		ann.does("GET", ann.of(one, ""), nil, nil)
	}},
	{"a conversation is cleared for oneself", func(s *scene) {
		ann, bob, cem := s.three()
		tablet := bob.gets("tablet")
		s.group("team", ann, bob, cem)
		ann.sends("team", "old")
		last := ann.sends("team", "older than now")
		tablet.sees("team", "old", "older than now")
		bob.does("DELETE", bob.in("team", "/messages"), body{"beforeTime": last.at + 1}, nil)
		ann.sends("team", "new")
		bob.sees("team", "new")
		tablet.sees("team", "new")
		bob.finds("team", "", "new")
		bob.hasUnread("team", 1, 0)
		// The app clears it for another user.
		s.app("/conversation/message/history/clean.json", "conversationType", "3", "fromUserId", cem.id, "targetId", s.name("team"))
		cem.finds("team", "")
		ann.finds("team", "", "new", "older than now", "old")
	}},
	{"history keeps six months", func(s *scene) {
		ann, bob, _ := s.three()
		past := s.goesBack(200)
		s.group("team", ann, bob)
		ann.sends("team", "last winter")
		past.days(150)
		ann.sends("team", "in spring")
		past.ends()
		ann.sends("team", "today")
		bob.finds("team", "", "today", "in spring")
		bob.finds("team", "?afterTime=1", "in spring", "today")
		s.is("what the app reads", s.appReads(bob, "team"), `["today" "in spring"]`)
		bob.sees("team", "today") // what waits for a device is another matter
	}},
}

// appScenes are of what an app sets.
var appScenes = []act{
	{"an app shows newcomers what was said before they joined", func(s *scene) {
		ann, bob, cem := s.three()
		s.group("team", ann, bob)
		s.like("THRONG_HISTORY_BEFORE_JOIN", "true")
		ann.sends("team", "before")
		s.appSends(ann, "team", "RC:TxtMsg", says("for Bob alone"), "toUserId", bob.id)
		s.joins("team", cem)
		ann.sends("team", "after")
		cem.finds("team", "", "after", "before")
		s.is("what the app reads", s.appReads(cem, "team"), `["after" "before"]`)
		cem.sees("team", "after") // of itself a phone is sent what came since
		cem.hasUnread("team", 1, 0)
		s.quits("team", cem)
		cem.isRefused("not_member", "GET", cem.in("team", "/messages"), nil)
	}},
	{"a user's devices send five messages a second, an app's server twenty", func(s *scene) {
		ann, bob, _ := s.three()
		s.group("team", ann, bob)
		s.like("THRONG_DEVICE_RATE", "5", "THRONG_RATE_LIMITS", "/message/group/publish.json=20")
		refused := func(calls int, call func() bool) string {
			var n atomic.Int64
			together(calls, calls, func(int) {
				if !call() {
					n.Add(1)
				}
			})
			return fmt.Sprint(n.Load() > 0 && n.Load() < int64(calls))
		}
		s.is("whether some of ann's are refused and not all", refused(60, func() bool {
			return ann.ask("POST", ann.in("team", "/typing"), nil, nil) != "rate_limited"
		}), "true")
		bob.sends("team", "mine are counted apart")
		s.is("whether some of the app's are refused and not all", refused(200, func() bool {
			return s.server("/message/group/publish.json", form([]string{"fromUserId", ann.id, "toGroupId", s.name("nowhere"), "objectName", "RC:TxtMsg", "content", "x"}), s.at).Code != 1008
		}), "true")
		// Whoever waits is let through.
		ann.becomes("ann sends", "", func() string {
			return ann.ask("POST", ann.in("team", "/messages"), body{"clientId": "later", "type": "RC:TxtMsg", "content": says("slowly")}, nil)
		})
		bob.sees("team", "mine are counted apart", "slowly")
	}},
	{"an app without cloud storage has no history, and delivers all the same", func(s *scene) {
		ann, bob, _ := s.three()
		s.like("THRONG_HISTORY_MONTHS", "0")
		s.group("team", ann, bob)
		ann.sends("team", "hello")
		bob.sees("team", "hello")
		bob.isRefused("permission_denied", "GET", bob.in("team", "/messages"), nil)
	}},
	{"an app keeps what devices missed for one day", func(s *scene) {
		ann, bob, _ := s.three()
		s.like("THRONG_OFFLINE_DAYS", "1")
		today := s.at
		past := s.goesBack(1.5)
		s.group("team", ann, bob)
		ann.sends("team", "the day before")
		past.days(0.5)
		ann.sends("team", "last night")
		past.days(0)
		s.at = today
		ann.sends("team", "now")
		bob.sees("team", "last night", "now")
		bob.hasUnread("team", 2, 0)
		bob.finds("team", "", "now", "last night", "the day before")
	}},
}

// offlineScenes are of phones that were away.
var offlineScenes = []act{
	{"a phone that was away gets every message once and in order", func(s *scene) {
		ann, bob, _ := s.three()
		s.group("team", ann, bob)
		ann.sends("team", "before")
		bob.sees("team", "before")
		want := []string{"before"}
		for i := range 230 {
			want = append(want, fmt.Sprint(i))
			ann.sends("team", want[len(want)-1])
		}
		bob.sees("team", want...)
		bob.gets("tablet").sees("team", want...)
		bob.hasUnread("team", 231, 0)
	}},
	{"messages wait for seven days and no longer", func(s *scene) {
		ann, bob, _ := s.three()
		past := s.goesBack(8)
		s.group("team", ann, bob)
		bob.sees("team")
		ann.sends("team", "eight days ago")
		past.days(7.1)
		ann.sends("team", "seven days and an hour or two ago")
		past.days(6.9)
		waits := ann.sends("team", "not quite seven days ago")
		past.ends()
		ann.sends("team", "today")
		bob.sees("team", "not quite seven days ago", "today")
		s.is("where the phone lacks something", bob.look(func(v *view) string { return fmt.Sprint(v.rooms[s.name("team")].from) }), fmt.Sprint(waits.seq))
		bob.hasUnread("team", 2, 0)
		bob.finds("team", "", "today", "not quite seven days ago", "seven days and an hour or two ago", "eight days ago")
	}},
	{"a phone that was off for six days shows the same as the other one", sixDays},
}

// shown is all that a phone shows.
func (v *view) shown() string {
	var b strings.Builder
	for _, g := range slices.Sorted(maps.Keys(v.rooms)) {
		r, item := v.rooms[g], v.items[g]
		n, m := v.counts(g)
		fmt.Fprintf(&b, "%s %q since %d: %d unread, %d mentions, pinned %v, level %d, tags %v, draft %q, read to %d of %d\n",
			g, r.name, r.joinedSeq, n, m, item.Pinned, v.levels[g], item.Tags, item.Draft, item.ReadSeq, r.lastSeq)
		for _, e := range v.visible(g) {
			fmt.Fprintf(&b, "\t%d %s: %s\n", e.Seq, e.From, e.text())
		}
	}
	fmt.Fprintf(&b, "tags %v, groups at %d, quiet %+v\n", v.tags, v.set.Notify.Group, v.set.QuietHours)
	return b.String()
}

// whole is what a phone shows, and what a sync told it of unread messages.
func (v *view) whole() string {
	told := v.shown()
	for _, g := range slices.Sorted(maps.Keys(v.rooms)) {
		told += fmt.Sprintf("%s: told of %d unread, %d mentions\n", g, v.rooms[g].unread, v.rooms[g].mentions)
	}
	return told
}

// sixDays has a tablet off while its owner's phone, the others and the app go on.
func sixDays(s *scene) {
	ann, bob, cem := s.three()
	tablet := bob.gets("tablet")
	past := s.goesBack(6)
	s.group("team", ann, bob, cem)
	s.group("club", ann, bob)
	s.group("old", ann, bob)
	s.group("gone", ann, bob)
	poll := ann.sends("team", "who is in?", with("expansion", body{"yes": "0"}))
	typo := ann.sends("team", "helo")
	for _, p := range bob.phones() {
		p.has("team", "club", "old", "gone")
		p.sees("team", "who is in? [yes=0]", "helo")
	}

	// The tablet is off from here on.
	past.days(5)
	for i := range 120 {
		ann.sends("team", fmt.Sprint("on Monday ", i))
	}
	s.quits("old", bob)
	s.dismisses("gone", ann)
	past.days(4)
	ann.edits(typo, "hello")
	cem.extends(poll, "yes", "1")
	wrong := cem.sends("team", "wrong group")
	cem.recalls(wrong)
	bob.syncs()
	bob.reads("team")
	past.days(3)
	s.group("new", ann, bob)
	ann.sends("new", "welcome", mentioning("", bob))
	s.app("/group/refresh.json", "groupId", s.name("club"), "groupName", "The bridge club")
	bob.does("PUT", "/tags/w", body{"name": "Work"}, nil)
	bob.sets("team", "tags", []string{"w"})
	bob.sets("club", "pinned", true)
	past.days(2)
	ann.sends("team", "for Cem alone", to(cem))
	ann.sends("team", "for Bob alone", to(bob))
	unwanted := cem.sends("team", "look at this")
	bob.does("DELETE", bob.in("team", "/messages"), body{"messageUIDs": []string{unwanted.uid}}, nil)
	bob.sets("team", "notify", 1)
	bob.does("PUT", "/settings", body{"notify": body{"group": 2}, "quietHours": body{"start": "22:00:00", "minutes": 60, "timeZone": "UTC", "level": 5}}, nil)
	past.days(1)
	for i := range 60 {
		cem.sends("team", fmt.Sprint("yesterday ", i))
	}
	bob.sends("club", "shall we play?")
	bob.sets("club", "draft", "who has the cards")
	past.ends()
	ann.sends("team", "good morning", mentioning("", bob))

	bob.has("team", "club", "new")
	bob.hasUnread("team", 62, 1)
	bob.hasUnread("new", 1, 1)
	tablet.has("team", "club", "new")
	s.becomes("the tablet", bob.look((*view).whole), func() string { return tablet.look((*view).whole) })
	tablet.hasUnread("team", 62, 1)
	s.is("how many the tablet has", number(len(tablet.visible(s.name("team")))), number(2+120+1+1+60+1))
	tablet.keeps("club", "true", pinned)
	tablet.keeps("club", "who has the cards", draft)
	tablet.keeps("team", `["w"]`, tagged)
	tablet.keeps("team", "1", level)
	tablet.reads("team")
	bob.hasUnread("team", 0, 0)
	s.becomes("the tablet once more", bob.look((*view).whole), func() string { return tablet.look((*view).whole) })

	// And from now on everything is there in a moment.
	bob.connects()
	tablet.connects()
	next := ann.sends("team", "one more thing", mentioning("", bob))
	bob.edits(bob.sends("club", "where are thou?"), "where are you?")
	bob.sets("new", "pinned", true)
	for _, p := range bob.phones() {
		p.keeps("new", "true", pinned)
		p.hasUnread("team", 1, 1)
		p.sees("club", "shall we play?", "where are you? (edited)")
	}
	tablet.reads("team", next)
	bob.hasUnread("team", 0, 0)
	// A sync counts what is unread, the stream does not: in that alone they may differ.
	s.becomes("the tablet in the end", bob.look((*view).shown), func() string { return tablet.look((*view).shown) })
}
