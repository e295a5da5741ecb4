package main

import (
	"fmt"
	"slices"
	"sync"

	"github.com/throng-im/throng/shared/conversation"
)

// liveScenes are of phones that are connected.
var liveScenes = []act{
	{"connected phones have every message in a moment", func(s *scene) {
		ann, bob, cem := s.three()
		s.group("team", ann, bob, cem)
		s.group("club", ann, bob)
		tablet := ann.gets("tablet")
		for _, p := range []*phone{ann.phone, tablet, bob.phone, cem.phone} {
			p.connects()
		}
		bob.has("team", "club")
		ann.sends("team", "hello")
		bob.sends("team", "hello, Ann")
		ann.sendsA("team", "RC:ImgMsg", "{}")
		s.appSends(cem, "team", "RC:TxtMsg", says("by the app"))
		ann.sends("club", "to Bob")
		for _, p := range []*phone{ann.phone, tablet, bob.phone} {
			p.sees("team", "hello", "hello, Ann", "RC:ImgMsg {}", "by the app")
			p.sees("club", "to Bob")
		}
		cem.sees("team", "hello", "hello, Ann", "RC:ImgMsg {}")
		cem.has("team")
		bob.hasUnread("team", 3, 0)
	}},
	{"recalls, edits and extensions come as they happen", func(s *scene) {
		ann, bob, cem := s.three()
		s.group("team", ann, bob, cem)
		bob.connects()
		cem.connects()
		one, two := ann.sends("team", "oh no", mentioning("", bob)), ann.sends("team", "helo")
		three := ann.sends("team", "tea?", with("expansion", body{"yes": "0"}))
		bob.hasUnread("team", 3, 1)
		ann.recalls(one)
		ann.edits(two, "hello")
		bob.extends(three, "yes", "1")
		cem.extends(three, "no", "1")
		ann.unextends(three, "no")
		for _, p := range []*person{bob, cem} {
			p.sees("team", "(recalled)", "hello (edited)", "tea? [yes=1]")
			p.isTold("team", "recall", "edit", "expansion", "expansion", "expansion")
		}
		bob.hasUnread("team", 2, 0)
	}},
	{"the sender is told who reads as they read", func(s *scene) {
		ann, bob, cem := s.three()
		s.group("team", ann, bob, cem)
		ann.connects()
		m := ann.sends("team", "read this", with("receipt", true))
		bob.hasRead("team", m)
		ann.isToldReaders(m, 1)
		cem.hasRead("team", m)
		ann.isToldReaders(m, 2)
		s.is("who has read it", ann.readers(m), "bob cem, 0 have not")
	}},
	{"who is there sees somebody type, and nobody sees it later", func(s *scene) {
		ann, bob, cem := s.three()
		eve := s.as("eve")
		s.group("team", ann, bob, cem)
		bob.connects()
		eve.connects()
		// What is stored nowhere is lost on who is only just being let in.
		ann.sends("team", "there")
		bob.sees("team", "there")
		ann.does("POST", ann.in("team", "/typing"), nil, nil)
		bob.isHeard("ann in team: RC:TypSts")
		eve.isRefused("not_member", "POST", eve.in("team", "/typing"), nil)
		s.app("/statusmessage/group/publish.json", "fromUserId", ann.id, "toGroupId", s.name("team"), "objectName", "app:waves", "content", "{}")
		bob.isHeard("ann in team: RC:TypSts", "ann in team: app:waves")
		cem.connects() // who comes now hears nothing of it
		cem.sees("team", "there")
		cem.isHeard()
		eve.isHeard()
		bob.hasUnread("team", 1, 0)
		cem.finds("team", "", "there")
	}},
	{"what a user changes on one phone shows on the other", func(s *scene) {
		ann, bob, _ := s.three()
		tablet := bob.gets("tablet")
		s.group("team", ann, bob)
		ann.sends("team", "one")
		m := ann.sends("team", "two")
		bob.sees("team", "one", "two")
		tablet.connects()
		tablet.has("team")
		bob.sets("team", "pinned", true)
		tablet.keeps("team", "true", pinned)
		bob.sets("team", "notify", 5)
		tablet.keeps("team", "5", level)
		s.app("/conversation/notification/set.json", "conversationType", "3", "requestId", bob.id, "targetId", s.name("team"), "unpushLevel", "1")
		tablet.keeps("team", "1", level)
		bob.sets("team", "draft", "I was")
		tablet.keeps("team", "I was", draft)
		bob.does("PUT", "/tags/w", body{"name": "Work"}, nil)
		bob.sets("team", "tags", []string{"w"})
		tablet.keeps("team", `["w"]`, tagged)
		tablet.becomes("the tags", "Work", func() string {
			return tablet.look(func(v *view) string { return v.tags[0].Name })
		})
		tablet.hasUnread("team", 2, 0)
		bob.reads("team")
		tablet.hasUnread("team", 0, 0)
		tablet.keeps("team", fmt.Sprint(m.seq), func(item conversation.Item, _ int) string { return fmt.Sprint(item.ReadSeq) })
		bob.does("DELETE", bob.in("team", "/messages"), body{"messageUIDs": []string{m.uid}}, nil)
		tablet.sees("team", "one")
		bob.does("PUT", "/settings", body{"notify": body{"group": 4}}, nil)
		tablet.becomes("the settings", "4", func() string {
			return tablet.look(func(v *view) string { return number(int(v.set.Notify.Group)) })
		})
		s.is("whether ann has any of it", ann.list("")[0].Draft, "")
	}},
	{"joining, leaving, renaming and dismissing show while connected", func(s *scene) {
		ann, bob, cem := s.three()
		s.group("team", ann, bob)
		ann.sends("team", "before Cem")
		bob.connects()
		cem.connects()
		cem.has()
		s.joins("team", cem)
		cem.has("team")
		ann.sends("team", "with Cem")
		cem.sees("team", "with Cem")
		s.app("/group/refresh.json", "groupId", s.name("team"), "groupName", "The crew")
		for _, p := range []*person{bob, cem} {
			p.becomes("the name", "The crew", func() string {
				return p.look(func(v *view) string { return v.room(s.name("team")).name })
			})
		}
		s.quits("team", cem)
		cem.seesNothingOf("team")
		ann.sends("team", "without Cem")
		bob.sees("team", "before Cem", "with Cem", "without Cem")
		bob.isTold("team", "joined cem", "renamed", "left cem")
		s.joins("team", cem)
		ann.sends("team", "with Cem again")
		cem.sees("team", "with Cem again")
		s.dismisses("team", ann)
		bob.seesNothingOf("team")
		cem.seesNothingOf("team")
		s.group("other", ann, bob, cem)
		ann.sends("other", "we go on here")
		bob.sees("other", "we go on here")
		cem.sees("other", "we go on here")
		// Should the group come back, everybody has what was theirs.
		s.group("team", ann, bob, cem)
		ann.sends("team", "back to work")
		bob.sees("team", "before Cem", "with Cem", "without Cem", "with Cem again", "back to work")
		cem.sees("team", "with Cem again", "back to work")
	}},
	{"the stream keeps targeted messages from others", func(s *scene) {
		ann, bob, cem := s.three()
		s.group("team", ann, bob, cem)
		bob.connects()
		cem.connects()
		ann.sends("team", "for Bob", to(bob))
		s.appSends(bob, "team", "RC:TxtMsg", says("not for its sender"))
		ann.sends("team", "for all")
		bob.sees("team", "for Bob", "for all")
		cem.sees("team", "not for its sender", "for all")
	}},
	{"a muted user hears everything in real time", func(s *scene) {
		ann, bob, _ := s.three()
		s.group("team", ann, bob)
		bob.connects()
		s.app("/group/user/gag/add.json", "userId", bob.id, "groupId", s.name("team"), "minute", "5")
		ann.sends("team", "hush")
		bob.sees("team", "hush")
		bob.cannotSend("muted", "team", "but")
	}},
	{"nobody is pushed to while connected, and everybody once gone", func(s *scene) {
		ann, bob, cem := s.three()
		s.group("team", ann, bob, cem)
		bob.asksForPushes()
		cem.asksForPushes()
		bob.connects()
		// Pushing learns within moments that Bob is there. What it did with a message
		// is known for sure when Cem has heard a later one, too.
		notified := func(l line) string {
			cem.hears(l, ann.sends("team", "and on"))
			_, there := bob.notifications()[l.uid]
			return fmt.Sprint(there)
		}
		bob.becomes("bob is notified", "false", func() string { return notified(ann.sends("team", "knock")) })
		quiet := ann.sends("team", "you are there")
		bob.becomes("bob saw it", "true", func() string {
			return bob.look(func(v *view) string {
				return fmt.Sprint(slices.Contains(texted(v.visible(s.name("team"))), "you are there"))
			})
		})
		s.is("whether bob is notified", notified(quiet), "false")
		bob.disconnects()
		bob.hears(ann.sends("team", "you are gone"))
	}},
}

// returnScenes are of connections that break.
var returnScenes = []act{
	{"a phone that comes back goes on where it was", func(s *scene) {
		ann, bob, _ := s.three()
		s.group("team", ann, bob)
		s.group("club", ann, bob)
		s.group("old", ann, bob)
		m := ann.sends("team", "before")
		bob.connects()
		ann.sends("team", "while there")
		bob.sees("team", "before", "while there")
		bob.has("team", "club", "old")
		bob.disconnects()
		ann.sends("team", "while away")
		ann.recalls(m)
		ann.sends("club", "here, too")
		s.quits("old", bob)
		bob.connects()
		bob.sees("team", "(recalled)", "while there", "while away")
		bob.sees("club", "here, too")
		bob.has("team", "club")
		ann.sends("team", "there again")
		bob.sees("team", "(recalled)", "while there", "while away", "there again")
		bob.hearsNothingTwice()
		bob.isAskedToSynchronise(0)
		bob.disconnects()
		s.group("new", ann, bob)
		ann.sends("new", "you are in")
		bob.connects()
		bob.has("team", "club", "new")
		bob.sees("new", "you are in")
	}},
	{"a phone that comes back has what the other one changed meanwhile", func(s *scene) {
		ann, bob, _ := s.three()
		tablet := bob.gets("tablet")
		s.group("team", ann, bob)
		one, two := ann.sends("team", "one"), ann.sends("team", "two")
		tablet.connects()
		tablet.sees("team", "one", "two")
		tablet.disconnects()
		bob.sets("team", "pinned", true)
		bob.sets("team", "draft", "I was")
		bob.sets("team", "notify", 5)
		bob.reads("team", one)
		three := ann.sends("team", "three")
		bob.does("DELETE", bob.in("team", "/messages"), body{"messageUIDs": []string{two.uid, three.uid}}, nil)
		bob.does("PUT", "/tags/w", body{"name": "Work"}, nil)
		tablet.comesBack()
		tablet.keeps("team", "true", pinned)
		tablet.keeps("team", "I was", draft)
		tablet.keeps("team", "5", level)
		tablet.sees("team", "one")
		tablet.hasUnread("team", 0, 0)
		tablet.becomes("how many tags there are", "1", func() string {
			return tablet.look(func(v *view) string { return number(len(v.tags)) })
		})
	}},
	{"a phone in and out of tunnels has every message once and in order", func(s *scene) {
		ann, bob, cem := s.three()
		s.group("team", ann, bob, cem)
		bob.connects()
		const each = 60
		var talk sync.WaitGroup
		for _, p := range []*person{ann, cem} {
			talk.Go(func() {
				for i := range each {
					p.sends("team", fmt.Sprintf("%s %d", p.name, i))
				}
			})
		}
		for seen := 0; seen < 2*each; {
			// At every tenth message it is cut off, wherever the stream is then.
			bob.becomes("bob sees more", "true", func() string {
				return bob.look(func(v *view) string {
					n := len(v.visible(s.name("team")))
					return fmt.Sprint(n >= min(seen+10, 2*each))
				})
			})
			bob.disconnects()
			seen = len(bob.visible(s.name("team")))
			bob.connects()
		}
		talk.Wait()
		bob.isAskedToSynchronise(0)
		all := cem.look(func(v *view) string { return quoted(texted(v.visible(s.name("team")))) })
		bob.becomes("bob's messages", all, func() string {
			return bob.look(func(v *view) string { return quoted(texted(v.visible(s.name("team")))) })
		})
		bob.disconnects()
		s.is("how many there are", number(len(bob.visible(s.name("team")))), number(2*each))
	}},
	{"a member who comes and goes sees what was said meanwhile, live and after", func(s *scene) {
		ann, bob, cem := s.three()
		s.group("team", ann, bob)
		cem.connects()
		for i := range 4 {
			s.joins("team", cem)
			in := fmt.Sprint("in ", i)
			ann.sends("team", in)
			cem.sees("team", in)
			if i == 2 {
				// He is away when he is taken out.
				cem.disconnects()
			}
			s.quits("team", cem)
			ann.sends("team", fmt.Sprint("out ", i))
			if i == 2 {
				cem.connects()
			}
			cem.seesNothingOf("team")
		}
		bob.sees("team", "in 0", "out 0", "in 1", "out 1", "in 2", "out 2", "in 3", "out 3")
	}},
	{"a phone with an id from nowhere is told to synchronise", func(s *scene) {
		ann, bob, _ := s.three()
		s.group("team", ann, bob)
		ann.sends("team", "one")
		bob.connects()
		bob.sees("team", "one")
		bob.disconnects()
		ann.sends("team", "two")
		bob.line.lastID = ann.id
		bob.connects()
		bob.sees("team", "one", "two")
		bob.isAskedToSynchronise(1)
		ann.sends("team", "three")
		bob.sees("team", "one", "two", "three")
	}},
}
