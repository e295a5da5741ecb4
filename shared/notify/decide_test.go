package notify_test

import (
	"slices"
	"testing"
	"time"

	"github.com/throng-im/throng/shared/notify"
)

// TestTheTablesAreComplete: each table says one thing of every combination of its
// own columns. The last may give several reasons why there is no push.
func TestTheTablesAreComplete(t *testing.T) {
	c := readCases(t, "testdata/decisions.txt")
	for name, tab := range c.tables {
		shown := 0
		c.each(tab.columns, func(r row) {
			says := c.says(name, r)
			tells := slices.ContainsFunc(says, func(s string) bool { return notify.Reason(s).Tells() })
			if len(says) != 1 && (name != "decision" || len(says) == 0 || tells) && shown < 10 {
				shown++
				t.Errorf("table %s says %q of %s", name, says, c.print(r, tab.columns))
			}
		})
	}
}

// TestDecide holds the decision to the tables, in every combination of what they
// begin with.
func TestDecide(t *testing.T) {
	c := readCases(t, "testdata/decisions.txt")
	// What the message says and the member wants comes first: it is looked up once
	// for all that may stand in the way.
	wishes := c.numbers("message", "pushContent", "mentionText", "mention", "level", "quiet", "sent")
	columns := append(slices.Clone(wishes), c.numbers("disablePush", "recalled", "burst", "sender", "member", "list", "device", "connected")...)
	combinations, shown, met := 0, 0, map[string]int{}
	var m notify.Message
	var u notify.Member
	c.eachWithin(wishes, columns, func(r row) {
		c.find("text", r, "text")
		c.find("wish", r, "wish")
		plain := slices.Clone(r)
		plain[c.number("mention")] = 0
		c.find("wish", plain, "plainWish")
		r[c.number("plainWish")] = plain[c.number("plainWish")]
		m, u = c.message(r), c.member(r)
	}, func(r row) {
		want := c.says("decision", r)
		c.circumstances(r, &m, &u)
		got := string(notify.Decide(m, u))
		combinations++
		met[got]++
		if !slices.Contains(want, got) && shown < 10 {
			shown++
			t.Errorf("%s, the tables %q: %s", got, want, c.print(r, columns))
		}
		// Who is connected may be asked last and apart.
		unknown := u
		unknown.Connected = false
		if apart := notify.Decide(m, unknown).Unless(u.Connected); string(apart) != got && shown < 10 {
			shown++
			t.Errorf("%s, asked in two steps %s: %s", got, apart, c.print(r, columns))
		}
		if notify.Reason(got).Tells() && !notify.Anybody(m, u.Mention.Any()) {
			t.Fatalf("nobody would be told, it says: %s", c.print(r, columns))
		}
	})
	t.Logf("%d combinations: %v", combinations, met)
	for _, line := range c.tables["decision"].lines {
		if met[line.result] == 0 {
			t.Errorf("%q was never met", line.result)
		}
	}
}

// TestLevels holds what counts of three levels to the table of levels: with the
// three, each message notifies as with the one.
func TestLevels(t *testing.T) {
	c := readCases(t, "testdata/decisions.txt")
	tab := c.tables["level"]
	c.each(append(slices.Clone(tab.columns), c.number("mention"), c.number("quiet"), c.number("sent")), func(r row) {
		c.find("level", r, "level")
		m, one := notify.Message{Class: notify.Content, At: c.at(r)}, c.member(r)
		one.In, one.Device = true, true
		three := one
		three.Conversation, three.Type, three.App = c.level(r, "conversation"), c.level(r, "type"), c.level(r, "app")
		if got, want := notify.Decide(m, three), notify.Decide(m, one); got != want {
			t.Errorf("%s, want %s: %s", got, want, c.print(r, tab.columns))
		}
	})
}

func (c *cases) message(r row) notify.Message {
	classes := map[string]notify.Class{
		"content": notify.Content, "notification": notify.Notification, "signalling": notify.Signalling,
		"custom": notify.Custom, "status": notify.Status, "change": notify.Change,
	}
	return notify.Message{
		Class: classes[c.text(r, "message")], PushContent: c.is(r, "pushContent", "yes"), MentionText: c.is(r, "mentionText", "yes"), At: c.at(r),
	}
}

// circumstances are what may stand in the way of a push.
func (c *cases) circumstances(r row, m *notify.Message, u *notify.Member) {
	m.Disabled, m.Targeted, m.TakenBack, m.Burst = c.is(r, "disablePush", "yes"), !c.is(r, "list", "none"), c.is(r, "recalled", "yes"), c.is(r, "burst", "yes")
	u.Own, u.In, u.Listed = c.is(r, "sender", "yes"), c.is(r, "member", "yes"), c.is(r, "list", "on")
	u.Device, u.Connected = c.is(r, "device", "yes"), c.is(r, "connected", "yes")
}

func (c *cases) member(r row) notify.Member {
	u := notify.Member{Mention: notify.Mention{Me: c.is(r, "mention", "me"), All: c.is(r, "mention", "all")}, Conversation: c.level(r, "level")}
	if !c.is(r, "quiet", "none") {
		passes := map[string]notify.Level{"everything": notify.Unset, "mentions": notify.Mentions, "nothing": notify.Nothing}
		u.Quiet = &notify.Quiet{Start: "22:00:00", Minutes: 600, Zone: "Europe/Berlin", Level: passes[c.text(r, "quiet")]}
	}
	return u
}

func (c *cases) level(r row, column string) notify.Level {
	return map[string]notify.Level{
		"unset": notify.Unset, "every": notify.Every, "mentions": notify.Mentions,
		"me": notify.MentionsMe, "all": notify.MentionsAll, "nothing": notify.Nothing,
	}[c.text(r, column)]
}

// at is the noon and the midnight of a day in Berlin.
func (c *cases) at(r row) time.Time {
	noon := time.Date(2026, 5, 1, 10, 0, 0, 0, time.UTC)
	if c.is(r, "sent", "night") {
		return noon.Add(12 * time.Hour)
	}
	return noon
}
