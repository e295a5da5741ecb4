package main

import (
	"fmt"
	"net/http"
	"time"
)

// unreadScenes are of what was not read.
var unreadScenes = []act{
	{"the phone jumps to the first unread message", func(s *scene) {
		ann, bob, _ := s.three()
		s.group("team", ann, bob)
		ann.sends("team", "read")
		bob.sees("team", "read")
		bob.reads("team")
		bob.hasUnread("team", 0, 0)
		first := ann.sends("team", "first")
		ann.sends("team", "second")
		bob.sends("team", "my own does not count")
		ann.sends("team", "third")
		u := bob.unread("team", "?limit=2")
		s.is("the first unread", fmt.Sprint(u.FirstUnread), fmt.Sprint(first.seq))
		s.is("the first page", quoted(texted(u.Messages)), quoted([]string{"first", "second"}))
		bob.hasUnread("team", 3, 0)
	}},
	{"the phone shows all unread mentions", func(s *scene) {
		ann, bob, cem := s.three()
		s.group("team", ann, bob, cem)
		ann.sends("team", "Bob?", mentioning("", bob))
		ann.sends("team", "nothing")
		ann.sends("team", "Cem?", mentioning("", cem))
		ann.sends("team", "all?", mentioning(""))
		u := bob.unread("team", "?mentions=true")
		s.is("the mentions", quoted(texted(u.Messages)), quoted([]string{"Bob?", "all?"}))
		bob.hasUnread("team", 4, 2)
		cem.hasUnread("team", 4, 2)
	}},
	{"the unread count is cleared, and never rises by going back", func(s *scene) {
		ann, bob, _ := s.three()
		s.group("team", ann, bob)
		one := ann.sends("team", "one")
		two := ann.sends("team", "two", mentioning("", bob))
		ann.sends("team", "three")
		bob.hasUnread("team", 3, 1)
		bob.reads("team", one)
		bob.hasUnread("team", 2, 1)
		bob.reads("team", two)
		bob.hasUnread("team", 1, 0)
		bob.reads("team", one)
		bob.hasUnread("team", 1, 0)
		bob.reads("team")
		bob.hasUnread("team", 0, 0)
	}},
	{"what is read on one phone is cleared from the other, where the app wants it", func(s *scene) {
		ann, bob, _ := s.three()
		s.group("team", ann, bob)
		s.like("THRONG_PUSH_CLEAR", "true")
		tablet := bob.gets("tablet")
		bob.asksForPushes()
		tablet.asksForPushes()
		one, two := ann.sends("team", "one"), ann.sends("team", "two")
		bob.isNotified("Ann: one", "Ann: two")
		tablet.isNotified("Ann: one", "Ann: two")
		bob.reads("team", one)
		tablet.isNotified("Ann: two")
		bob.isNotified("Ann: one", "Ann: two") // what it shows itself a phone needs not be told
		tablet.reads("team", two)
		bob.isNotified()
	}},
	{"what was read on one phone is read on the other", func(s *scene) {
		ann, bob, _ := s.three()
		s.group("team", ann, bob)
		tablet := bob.gets("tablet")
		for i := range 5 {
			ann.sends("team", fmt.Sprint(i), mentioning("", bob))
		}
		bob.hasUnread("team", 5, 5)
		tablet.hasUnread("team", 5, 5)
		bob.reads("team")
		tablet.hasUnread("team", 0, 0)
		ann.sends("team", "more")
		tablet.hasUnread("team", 1, 0)
		tablet.reads("team")
		bob.hasUnread("team", 0, 0)
	}},
	{"more than a thousand unread messages count as a thousand", func(s *scene) {
		ann, bob, _ := s.three()
		s.group("team", ann, bob)
		together(16, 1010, func(i int) { ann.sends("team", fmt.Sprint(i)) })
		u := bob.unread("team", "?limit=1")
		s.is("the count", fmt.Sprint(u.Count), "1000")
		s.is("the first unread is still the first", fmt.Sprint(u.FirstUnread), fmt.Sprint(u.Messages[0].Seq))
		bob.becomes("bob has all of them", "1010", func() string {
			return bob.look(func(v *view) string { return number(len(v.visible(s.name("team")))) })
		})
		s.is("the first that bob has", fmt.Sprint(bob.visible(s.name("team"))[0].Seq), fmt.Sprint(u.FirstUnread))
	}},
}

// conversationScenes are of the list of conversations and what users make of it.
var conversationScenes = []act{
	{"the list has the newest conversation first", func(s *scene) {
		ann, bob, _ := s.three()
		for _, g := range []string{"one", "two", "three"} {
			s.group(g, ann, bob)
			ann.sends(g, "in "+g)
		}
		bob.lists("three", "two", "one")
		ann.sends("one", "again in one")
		bob.lists("one", "three", "two")
		c := bob.list("")[0]
		e := bob.decode(c.LastMessage)
		s.is("the first of the list", fmt.Sprintf("%s: %s, %d unread", c.Name, e.text(), c.Unread), "The one: again in one, 2 unread")
	}},
	{"a pinned conversation stays on top", func(s *scene) {
		ann, bob, _ := s.three()
		tablet := bob.gets("tablet")
		for _, g := range []string{"one", "two", "three"} {
			s.group(g, ann, bob)
			ann.sends(g, "hello")
		}
		bob.sets("one", "pinned", true)
		bob.lists("one", "three", "two")
		ann.sends("two", "newer")
		bob.lists("one", "two", "three")
		tablet.keeps("one", "true", pinned)
		// So does one that the app pins, which every phone is told.
		s.app("/conversation/top/set.json", "userId", bob.id, "conversationType", "3", "targetId", s.name("three"), "setTop", "true")
		bob.lists("three", "one", "two")
		bob.keeps("three", "true", pinned)
		tablet.sets("one", "pinned", false)
		bob.keeps("one", "false", pinned)
		bob.lists("three", "two", "one")
	}},
	{"a deleted conversation comes back with its next message", func(s *scene) {
		ann, bob, _ := s.three()
		s.group("one", ann, bob)
		s.group("two", ann, bob)
		ann.sends("one", "hello")
		ann.sends("two", "hello")
		bob.lists("two", "one")
		bob.does("DELETE", "/conversations/"+s.name("two"), nil, nil)
		bob.lists("one")
		ann.lists("two", "one")
		s.is("unread of it", number(bob.unread("two", "").Count), "0")
		bob.finds("two", "", "hello") // the messages are another matter
		ann.sends("two", "are you there?")
		bob.lists("two", "one")
		bob.hasUnread("two", 1, 0)
	}},
	{"a draft waits on every phone", func(s *scene) {
		ann, bob, _ := s.three()
		tablet := bob.gets("tablet")
		s.group("team", ann, bob)
		bob.sets("team", "draft", "I was about to say")
		tablet.keeps("team", "I was about to say", draft)
		s.is("the draft in the list", tablet.list("")[0].Draft, "I was about to say")
		tablet.sets("team", "draft", "")
		bob.keeps("team", "", draft)
		ann.lists("team")
		s.is("ann has none of it", ann.list("")[0].Draft, "")
	}},
	{"a user makes 20 tags and not one more", func(s *scene) {
		bob, tablet := s.as("bob"), s.as("bob").gets("tablet")
		for i := range 20 {
			bob.does("PUT", fmt.Sprintf("/tags/t%d", i), body{"name": fmt.Sprint("Tag ", i)}, nil)
		}
		bob.isRefused("invalid_argument", "PUT", "/tags/t20", body{"name": "too many"})
		bob.does("PUT", "/tags/t3", body{"name": "Family"}, nil)
		bob.does("DELETE", "/tags/t4", nil, nil)
		bob.does("PUT", "/tags/t20", body{"name": "Tag 20"}, nil)
		for _, p := range bob.phones() {
			p.becomes(p.title()+" has tags", "20, the fourth is Family, the last is Tag 20", func() string {
				return p.look(func(v *view) string {
					if len(v.tags) != 20 {
						return number(len(v.tags))
					}
					return fmt.Sprintf("20, the fourth is %s, the last is %s", v.tags[3].Name, v.tags[19].Name)
				})
			})
		}
		s.is("the tags that the app sees", number(len(s.tagsOf(bob))), "20")
		tablet.isRefused("not_found", "GET", "/tags/t4", nil)
	}},
	{"conversations are grouped by tags", func(s *scene) {
		ann, bob, _ := s.three()
		tablet := bob.gets("tablet")
		for _, g := range []string{"one", "two", "three"} {
			s.group(g, ann, bob)
			ann.sends(g, "hello")
		}
		bob.does("PUT", "/tags/work", body{"name": "Work"}, nil)
		bob.does("PUT", "/tags/fun", body{"name": "Fun"}, nil)
		bob.sets("one", "tags", []string{"work"})
		bob.sets("three", "tags", []string{"fun", "work"})
		bob.listsTagged("work", "three", "one")
		bob.listsTagged("fun", "three")
		tablet.keeps("three", `["fun" "work"]`, tagged)
		bob.isRefused("invalid_argument", "PATCH", "/conversations/"+s.name("two"), body{"tags": []string{"none of mine"}})
		tablet.does("DELETE", "/tags/work", nil, nil)
		bob.keeps("three", `["fun"]`, tagged)
		bob.listsTagged("work")
		ann.listsTagged("fun")
		s.is("what the app sees", s.tagsOf(bob)["fun"], "Fun")
	}},
	{"a user's settings are the same on all phones and for the app", func(s *scene) {
		ann, bob, _ := s.three()
		tablet := bob.gets("tablet")
		s.group("team", ann, bob)
		bob.sets("team", "notify", 5)
		tablet.keeps("team", "5", level)
		s.is("what the app sees", s.levelOf(bob, "team"), "5")
		s.app("/conversation/notification/set.json", "conversationType", "3", "requestId", bob.id, "targetId", s.name("team"), "unpushLevel", "2")
		for _, p := range bob.phones() {
			p.keeps("team", "2", level)
		}
		tablet.does("PUT", "/settings", body{"notify": body{"group": 1}, "quietHours": body{"start": "23:00:00", "minutes": 480, "timeZone": "Asia/Shanghai", "level": 5}}, nil)
		for _, p := range bob.phones() {
			p.becomes(p.title()+" has the settings", "1, from 23:00:00 for 480 minutes", func() string {
				return p.look(func(v *view) string {
					if v.set.QuietHours == nil {
						return "none"
					}
					return fmt.Sprintf("%d, from %s for %d minutes", v.set.Notify.Group, v.set.QuietHours.Start, v.set.QuietHours.Minutes)
				})
			})
		}
	}},
}

// tagsOf are a user's tags as the app's server sees them.
func (s *scene) tagsOf(p *person) map[string]string {
	s.Helper()
	r, err := http.NewRequest(http.MethodGet, s.at+"/user/conversation/tag/get.json?userId="+p.id, nil)
	if err != nil {
		s.Fatal(err)
	}
	sign(r, "dev-secret")
	var got struct {
		Data struct {
			Tags []struct{ TagID, TagName string }
		}
	}
	s.send(r, &got)
	out := map[string]string{}
	for _, t := range got.Data.Tags {
		out[t.TagID] = t.TagName
	}
	return out
}

func (s *scene) levelOf(p *person, g string) string {
	s.Helper()
	var got struct{ IsMuted int }
	s.post("/conversation/notification/get.json", form([]string{"conversationType", "3", "requestId", p.id, "targetId", s.name(g)}), &got, s.at)
	return number(got.IsMuted)
}

// quietScenes are of Do Not Disturb.
var quietScenes = []act{
	{"a conversation is not to disturb", func(s *scene) {
		ann, bob, cem := s.three()
		s.group("team", ann, bob, cem)
		s.group("club", ann, bob, cem)
		bob.asksForPushes()
		cem.asksForPushes()
		say := func(g string, level int) {
			s.Helper()
			bob.sets(g, "notify", level)
			one := ann.sends(g, fmt.Sprintf("at level %d", level))
			two := ann.sends(g, "x", mentioning(fmt.Sprintf("Bob at level %d", level), bob))
			three := ann.sends(g, "x", mentioning(fmt.Sprintf("all at level %d", level)))
			cem.hears(one, two, three)
		}
		for _, l := range []int{1, 2, 4, 5, -1} {
			say("team", l)
		}
		ann.sends("club", "in another")
		bob.isNotified("Ann: Bob at level 1", "Ann: all at level 1", "Ann: Bob at level 2", "Ann: all at level 4",
			"Ann: at level -1", "Ann: Bob at level -1", "Ann: all at level -1", "Ann: in another")
		s.is("how often cem is notified", number(len(cem.tray())), "16")
		bob.hasUnread("team", 15, 10)
	}},
	{"all groups are not to disturb but one", func(s *scene) {
		ann, bob, cem := s.three()
		s.group("team", ann, bob, cem)
		s.group("family", ann, bob)
		bob.asksForPushes()
		cem.asksForPushes()
		bob.does("PUT", "/settings", body{"notify": body{"group": 5}}, nil)
		bob.sets("family", "notify", -1)
		cem.hears(ann.sends("team", "quiet"))
		ann.sends("family", "dinner!")
		bob.isNotified("Ann: dinner!")
		// The app sets it for a user, too.
		s.app("/conversation/type/notification/set.json", "conversationType", "3", "requestId", bob.id, "unpushLevel", "1")
		ann.sends("team", "quiet, too")
		ann.sends("team", "x", mentioning("but not this", bob))
		bob.isNotified("Ann: dinner!", "Ann: but not this")
		s.group("new", ann, bob)
		ann.sends("new", "nor a group that is new")
		ann.sends("new", "x", mentioning("until mentioned", bob))
		bob.isNotified("Ann: dinner!", "Ann: but not this", "Ann: until mentioned")
	}},
	{"nobody is disturbed in their quiet hours", func(s *scene) {
		ann, bob, cem := s.three()
		s.group("team", ann, bob, cem)
		bob.asksForPushes()
		cem.asksForPushes()
		start := time.Now().UTC().Add(-12 * time.Hour).Format(time.TimeOnly)
		quiet := func(level int) {
			s.Helper()
			bob.does("PUT", "/settings", body{"quietHours": body{"start": start, "minutes": 1439, "timeZone": "UTC", "level": level}}, nil)
		}
		quiet(1)
		cem.hears(ann.sends("team", "late"), ann.sends("team", "x", mentioning("late, but for you", bob)))
		quiet(5)
		cem.hears(ann.sends("team", "x", mentioning("not even this", bob)))
		bob.does("PUT", "/settings", body{"quietHours": body{"start": time.Now().UTC().Add(12 * time.Hour).Format(time.TimeOnly), "minutes": 60, "timeZone": "UTC", "level": 5}}, nil)
		cem.hears(ann.sends("team", "at another hour"))
		s.app("/user/blockPushPeriod/set.json", "userId", bob.id, "startTime", start, "period", "1439", "level", "5")
		cem.hears(ann.sends("team", "by the app"))
		s.app("/user/blockPushPeriod/delete.json", "userId", bob.id)
		ann.sends("team", "good morning")
		bob.isNotified("Ann: late, but for you", "Ann: at another hour", "Ann: good morning")
	}},
}
