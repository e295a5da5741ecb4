package fanout

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/throng-im/throng/shared/commit"
	"github.com/throng-im/throng/shared/event"
	"github.com/throng-im/throng/shared/group"
	"github.com/throng-im/throng/shared/id"
	"github.com/throng-im/throng/shared/notify"
	"github.com/throng-im/throng/shared/pubsub"
)

// night is quiet from 22:00 to 06:00 UTC.
func night(level notify.Level) *notify.Quiet {
	return &notify.Quiet{Start: "22:00:00", Minutes: 480, Level: level}
}

// members has the settings of the members of the tests' group; each has one device.
var members = map[id.User]group.Targets{
	"sender":    {},
	"plain":     {},
	"every":     {Level: notify.Every},
	"mentions":  {Level: notify.Mentions},
	"me":        {Level: notify.MentionsMe},
	"all":       {Level: notify.MentionsAll},
	"nothing":   {Level: notify.Nothing},
	"asleep":    {Quiet: night(notify.Nothing)},
	"dozing":    {Quiet: night(notify.Mentions)},
	"open":      {Quiet: night(notify.Unset)},
	"me-dozing": {Level: notify.MentionsMe, Quiet: night(notify.Mentions)},
}

// aRoster is a group's roster with the members above, and with one whose
// settings nobody looked up.
func aRoster(t *testing.T) *group.Roster {
	t.Helper()
	groups := group.New(new(commit.Memory), func(context.Context, ...[]byte) error { return nil }, group.Options{})
	users, targets := []id.User{"unknown"}, map[id.User]group.Targets{}
	for u, settings := range members {
		users = append(users, u)
		settings.Version, settings.Devices = 1, []group.Device{{ID: "phone", Platform: "web", Token: "token of " + string(u)}}
		targets[u] = settings
	}
	if err := groups.Join(t.Context(), "g", users, ""); err != nil {
		t.Fatal(err)
	}
	if err := groups.SetTargets(t.Context(), "g", 1, targets); err != nil {
		t.Fatal(err)
	}
	roster, err := groups.Roster(t.Context(), "g", []int64{2})
	if err != nil {
		t.Fatal(err)
	}
	return roster
}

// noon and midnight are outside and inside of the members' night.
var noon, midnight = time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC), time.Date(2026, 5, 2, 0, 0, 0, 0, time.UTC)

// TestTheAudienceIsAsItsMembersWish says for each message, hour and level of the
// app who is notified, and who of them as mentioned.
func TestTheAudienceIsAsItsMembersWish(t *testing.T) {
	toAll := &group.Mention{Type: group.MentionAll}
	to := func(users ...id.User) *group.Mention { return &group.Mention{Type: group.MentionUsers, Users: users} }
	roster := aRoster(t)
	for what, c := range map[string]struct {
		entry group.Entry
		at    time.Time
		level notify.Level
		// everyone and mentioned are names in alphabetical order.
		everyone, mentioned string
		missed              []id.User
	}{
		"nobody in particular":         {group.Entry{}, noon, notify.Unset, "asleep dozing every open plain", "", nil},
		"at night":                     {group.Entry{}, midnight, notify.Unset, "every open plain", "", nil},
		"everyone is mentioned":        {group.Entry{Mention: toAll}, noon, notify.Unset, "", "all asleep dozing every mentions open plain", nil},
		"everyone, at night":           {group.Entry{Mention: toAll}, midnight, notify.Unset, "", "all dozing every mentions open plain", nil},
		"some are mentioned":           {group.Entry{Mention: to("me", "nothing", "all", "plain", "sender")}, noon, notify.Unset, "asleep dozing every open", "me plain", nil},
		"some, at night":               {group.Entry{Mention: to("asleep", "dozing", "me-dozing")}, midnight, notify.Unset, "every open plain", "dozing me-dozing", nil},
		"for some only":                {group.Entry{To: []id.User{"plain", "nothing", "mentions"}}, noon, notify.Unset, "plain", "", nil},
		"for some, mentioning one":     {group.Entry{To: []id.User{"plain", "mentions"}, Mention: to("mentions")}, noon, notify.Unset, "plain", "mentions", nil},
		"the app says mentions":        {group.Entry{}, noon, notify.Mentions, "every", "", nil},
		"the app says mentions, all":   {group.Entry{Mention: toAll}, noon, notify.Mentions, "", "all asleep dozing every mentions open plain", nil},
		"the app says nothing":         {group.Entry{Mention: toAll}, noon, notify.Nothing, "", "all every mentions", nil},
		"the app says every":           {group.Entry{}, noon, notify.Every, "asleep dozing every open plain", "", nil},
		"before anybody was a member":  {group.Entry{Seq: 1}, noon, notify.Unset, "", "", nil},
		"the sender mentions themself": {group.Entry{Mention: to("sender")}, noon, notify.Unset, "asleep dozing every open plain", "", nil},
		"some missed it":               {group.Entry{}, midnight, notify.Unset, "every plain", "", []id.User{"plain", "every", "asleep", "nothing", "sender", "unknown", "stranger"}},
		"some missed a mention":        {group.Entry{Mention: to("me", "nothing", "plain")}, noon, notify.Unset, "every", "me", []id.User{"every", "me", "nothing"}},
		"some missed it for some":      {group.Entry{To: []id.User{"plain", "every"}}, noon, notify.Unset, "every", "", []id.User{"every", "open"}},
		"it missed who came later":     {group.Entry{Seq: 1}, noon, notify.Unset, "", "", []id.User{"plain"}},
	} {
		c.entry.From = "sender"
		if c.entry.Seq == 0 {
			c.entry.Seq = 2
		}
		c.entry.Kind, c.entry.Type, c.entry.At = group.KindMessage, "RC:TxtMsg", c.at.UnixMilli()
		a := audienceOf(roster, c.entry, c.missed, c.level)
		if got := names(a.everyone); got != c.everyone {
			t.Errorf("%s: notified are %q, want %q", what, got, c.everyone)
		}
		if got := names(a.mentioned); got != c.mentioned {
			t.Errorf("%s: notified as mentioned are %q, want %q", what, got, c.mentioned)
		}
	}
}

func names(targets []event.PushTarget) string {
	var out []string
	for _, d := range targets {
		out = append(out, string(d.User))
	}
	slices.Sort(out)
	return strings.Join(out, " ")
}

// TestWhatComesLateIsJudgedByWhenItWasSent hands events of a night to a process that
// has slept until noon, and those of a noon at night. What members set meanwhile
// counts, as far as the process comes to know of it.
func TestWhatComesLateIsJudgedByWhenItWasSent(t *testing.T) {
	s := newScene(t)
	sent := func(at time.Time) event.Timeline {
		s.Helper()
		s.publishes(group.Entry{From: "ann"})
		ev := s.newest()
		e, err := group.DecodeEntry(ev.Entries[0])
		s.ok(err)
		e.At = at.UnixMilli()
		ev.Entries[0], err = json.Marshal(e)
		s.ok(err)
		return ev
	}
	s.ok(s.Users.SetQuiet(t.Context(), "bob", *night(notify.Nothing)))
	atNoon, atMidnight := sent(noon), sent(midnight)
	for _, now := range []time.Time{noon, midnight, noon.AddDate(0, 0, 3)} {
		s.clock = now
		for what, ev := range map[string]event.Timeline{"bob cem dan": atNoon, "cem dan": atMidnight} {
			f := s.another()
			data, err := json.Marshal(ev)
			s.ok(err)
			s.ok(f.handle(t.Context(), pubsub.Delivery{Data: data}))
			if got := fmt.Sprint(s.notified()); got != "["+what+"]" {
				t.Errorf("handled at %s, notified are %s, want %s", now, got, what)
			}
		}
	}
	s.ok(s.Users.SetLevel(t.Context(), "cem", "g", notify.Nothing))
	fresh := *s.Cloud
	fresh.Groups = group.New(s.store, nil, group.Options{})
	cold := newFunction(&fresh)
	cold.now, cold.publish = s.now, s.take
	data, err := json.Marshal(atNoon)
	s.ok(err)
	s.ok(cold.handle(t.Context(), pubsub.Delivery{Data: data}))
	if got := fmt.Sprint(s.notified()); got != "[bob dan]" {
		t.Errorf("after cem has set it to nothing, notified are %s", got)
	}
}
