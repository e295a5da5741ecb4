package main

import "fmt"

// nightScenes are of who is notified at which hour, on days when the clocks change
// and on the days around them.
var nightScenes = []act{
	{"quiet hours go by the member's clock, over midnight and when the clocks change", func(s *scene) {
		night := s.goesBack(0, "THRONG_TIME_ZONE", "Europe/Berlin")
		night.is("2026-10-24T12:00:00+02:00")
		ann, bob, cem, dan := s.sleepers()
		bob.does("PUT", "/settings", body{"quietHours": body{"start": "22:00:00", "minutes": 600, "timeZone": "Europe/Berlin", "level": 1}}, nil)
		s.app("/user/blockPushPeriod/set.json", "userId", dan.id, "startTime", "22:00:00", "period", "600", "level", "5")
		dan.becomes("dan's quiet hours, which the app has set", "22:00:00 for 600 minutes in Europe/Berlin, level 5", func() string {
			return dan.look(func(v *view) string {
				if v.set.QuietHours == nil {
					return "none"
				}
				q := *v.set.QuietHours
				return fmt.Sprintf("%s for %d minutes in %s, level %d", q.Start, q.Minutes, q.Zone, q.Level)
			})
		})
		var bobs, dans []string
		for _, when := range []struct {
			at     string
			asleep bool
		}{
			// It is 21:45, then 22:15, past midnight, half past two, once more half past
			// two, 07:45, and 08:15: an hour more than in other nights.
			{"2026-10-24T21:45:00+02:00", false}, {"2026-10-24T22:15:00+02:00", true}, {"2026-10-25T00:05:00+02:00", true},
			{"2026-10-25T02:30:00+02:00", true}, {"2026-10-25T02:30:00+01:00", true}, {"2026-10-25T07:45:00+01:00", true},
			{"2026-10-25T08:15:00+01:00", false}, {"2026-10-25T21:45:00+01:00", false}, {"2026-10-25T22:15:00+01:00", true},
			// And an hour less: two o'clock is three.
			{"2027-03-27T21:45:00+01:00", false}, {"2027-03-27T22:15:00+01:00", true}, {"2027-03-28T01:50:00+01:00", true},
			{"2027-03-28T03:05:00+02:00", true}, {"2027-03-28T07:45:00+02:00", true}, {"2027-03-28T08:15:00+02:00", false},
			{"2027-03-28T22:15:00+02:00", true},
		} {
			night.is(when.at)
			cem.hears(ann.sends("team", when.at), ann.sends("team", when.at+" to Bob", mentioning(when.at+" you", bob)), ann.sends("team", "x", mentioning(when.at+" all")))
			bobs = append(bobs, "Ann: "+when.at+" you", "Ann: "+when.at+" all")
			if !when.asleep {
				bobs = append(bobs, "Ann: "+when.at)
				dans = append(dans, "Ann: "+when.at, "Ann: "+when.at+" to Bob", "Ann: "+when.at+" all")
			}
		}
		bob.isNotified(bobs...)
		dan.isNotified(dans...)
	}},
	{"a level that the app sets shows on the phone and holds, also at night", func(s *scene) {
		night := s.goesBack(0)
		night.is("2026-10-24T12:00:00Z")
		ann, bob, cem, _ := s.sleepers()
		tablet := bob.gets("tablet")
		var want []string
		say := func(what string, lets ...string) {
			s.Helper()
			cem.hears(ann.sends("team", what), ann.sends("team", what+" to Bob", mentioning(what+" you", bob)), ann.sends("team", "x", mentioning(what+" all")))
			for _, l := range lets {
				want = append(want, "Ann: "+what+l)
			}
		}
		level := func(l string) {
			s.Helper()
			s.app("/conversation/notification/set.json", "conversationType", "3", "requestId", bob.id, "targetId", s.name("team"), "unpushLevel", l)
			bob.keeps("team", l, level)
			tablet.keeps("team", l, level)
			s.is("the level that the app reads", s.levelOf(bob, "team"), l)
		}
		level("1")
		say("at level 1", " you", " all")
		level("2")
		say("at level 2", " you")
		level("4")
		say("at level 4", " all")
		level("5")
		say("at level 5")
		// What is set for all groups counts where the group has no level.
		level("0")
		s.app("/conversation/type/notification/set.json", "conversationType", "3", "requestId", bob.id, "unpushLevel", "2")
		say("for all groups", " you")
		level("-1")
		say("all but this", "", " you", " all")
		// Quiet hours come on top, from both ends, and are over for both.
		bob.does("PUT", "/settings", body{"quietHours": body{"start": "22:00:00", "minutes": 120, "timeZone": "UTC", "level": 1}}, nil)
		night.is("2026-10-24T22:30:00Z")
		say("at night", " you", " all")
		level("4")
		say("at night, at level 4", " all")
		s.app("/user/blockPushPeriod/set.json", "userId", bob.id, "startTime", "22:00:00", "period", "120", "level", "5")
		say("at night, with nothing")
		s.app("/user/blockPushPeriod/delete.json", "userId", bob.id)
		say("at night, awake", " all")
		bob.isNotified(want...)
	}},
	{"a push that comes late is judged by when its message was sent", func(s *scene) {
		night := s.goesBack(0)
		night.is("2026-10-24T12:00:00Z")
		ann, bob, cem, _ := s.sleepers()
		bob.does("PUT", "/settings", body{"quietHours": body{"start": "22:00:00", "minutes": 600, "timeZone": "UTC", "level": 1}}, nil)
		cem.hears(ann.sends("team", "at noon"))
		night.holds()
		var lines []line
		for _, at := range []string{"2026-10-24T21:45:00Z", "2026-10-24T22:15:00Z", "2026-10-25T07:45:00Z", "2026-10-25T08:15:00Z"} {
			night.is(at)
			lines = append(lines, ann.sends("team", at))
		}
		night.is("2026-10-25T23:00:00Z")
		night.lets()
		cem.hears(lines...)
		bob.isNotified("Ann: at noon", "Ann: 2026-10-24T21:45:00Z", "Ann: 2026-10-25T08:15:00Z")
	}},
}

// sleepers are ann, who speaks to a group, and three who have phones that are off.
func (s *scene) sleepers() (ann, bob, cem, dan *person) {
	s.Helper()
	ann, bob, cem = s.three()
	dan = s.as("dan")
	s.group("team", ann, bob, cem, dan)
	for _, p := range []*person{bob, cem, dan} {
		p.asksForPushes()
	}
	return ann, bob, cem, dan
}
