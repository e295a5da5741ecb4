package notify_test

import (
	"testing"
	"time"

	"github.com/throng-im/throng/shared/fault"
	"github.com/throng-im/throng/shared/notify"
)

// Who is mentioned, as the tables say it.
var (
	nobody = notify.Mention{}
	me     = notify.Mention{Me: true}
	all    = notify.Mention{All: true}
)

// TestLevels is the contract's table of levels, each against a message for
// nobody in particular, one that mentions this member and one that mentions all.
func TestLevels(t *testing.T) {
	for _, c := range []struct {
		conversation, kind, app notify.Level
		nobody, me, all         bool
	}{
		//conversation       type               app                nobody me     all
		{notify.Unset, notify.Unset, notify.Unset, true, true, true},
		{notify.Every, notify.Unset, notify.Unset, true, true, true},
		{notify.Mentions, notify.Unset, notify.Unset, false, true, true},
		{notify.MentionsMe, notify.Unset, notify.Unset, false, true, false},
		{notify.MentionsAll, notify.Unset, notify.Unset, false, false, true},
		{notify.Nothing, notify.Unset, notify.Unset, false, false, false},
		// What is not set falls back: conversation, type, app, everything.
		{notify.Unset, notify.Nothing, notify.Unset, false, false, false},
		{notify.Unset, notify.MentionsMe, notify.Nothing, false, true, false},
		{notify.Unset, notify.Unset, notify.MentionsAll, false, false, true},
		{notify.Every, notify.Nothing, notify.Nothing, true, true, true},
		{notify.Unset, notify.Every, notify.Nothing, true, true, true},
		{notify.Nothing, notify.Every, notify.Every, false, false, false},
	} {
		for mention, want := range map[notify.Mention]bool{nobody: c.nobody, me: c.me, all: c.all, {Me: true, All: true}: c.me || c.all} {
			if got := notify.May(mention, time.Time{}, nil, c.conversation, c.kind, c.app); got != want {
				t.Errorf("conversation %d, type %d, app %d, %+v: %v", c.conversation, c.kind, c.app, mention, got)
			}
		}
	}
}

// TestQuietHours holds the periods against the clocks of their zones.
func TestQuietHours(t *testing.T) {
	night := notify.Quiet{Start: "22:00:00", Minutes: 600, Level: notify.Nothing}
	in := func(q notify.Quiet, zone string) notify.Quiet { q.Zone = zone; return q }
	for _, c := range []struct {
		quiet notify.Quiet
		at    string
		want  bool
	}{
		{night, "2026-01-10T21:59:59Z", false},
		{night, "2026-01-10T22:00:00Z", true},
		{night, "2026-01-10T23:59:59Z", true},
		{night, "2026-01-11T00:00:00Z", true},
		{night, "2026-01-11T07:59:59Z", true},
		{night, "2026-01-11T08:00:00Z", false},
		{notify.Quiet{Start: "12:30:15", Minutes: 1}, "2026-01-10T12:30:14Z", false},
		{notify.Quiet{Start: "12:30:15", Minutes: 1}, "2026-01-10T12:30:15Z", true},
		{notify.Quiet{Start: "12:30:15", Minutes: 1}, "2026-01-10T12:31:15Z", false},
		{notify.Quiet{Start: "12:00:00", Minutes: 1439}, "2026-01-10T11:58:59Z", true},
		{notify.Quiet{Start: "12:00:00", Minutes: 1439}, "2026-01-10T11:59:00Z", false},
		{notify.Quiet{Start: "12:00:00", Minutes: 0}, "2026-01-10T12:00:00Z", false},
		// Shanghai is eight hours ahead.
		{in(night, "Asia/Shanghai"), "2026-01-10T14:00:00Z", true},
		{in(night, "Asia/Shanghai"), "2026-01-10T13:59:59Z", false},
		{in(night, "Asia/Shanghai"), "2026-01-11T00:00:00Z", false},
		// Berlin puts its clocks forward on 2026-03-29 and back on 2026-10-25.
		{in(night, "Europe/Berlin"), "2026-03-28T21:00:00Z", true},
		{in(night, "Europe/Berlin"), "2026-03-29T05:59:59Z", true},
		{in(night, "Europe/Berlin"), "2026-03-29T06:00:00Z", false},
		{in(night, "Europe/Berlin"), "2026-03-29T20:00:00Z", true},
		{in(night, "Europe/Berlin"), "2026-10-24T20:00:00Z", true},
		{in(night, "Europe/Berlin"), "2026-10-25T06:59:59Z", true},
		{in(night, "Europe/Berlin"), "2026-10-25T07:00:00Z", false},
		{in(night, "Europe/Berlin"), "2026-10-25T21:00:00Z", true},
		// Nobody knows these; then it is UTC.
		{in(night, "Atlantis/Capital"), "2026-01-10T22:00:00Z", true},
		{in(night, "Local"), "2026-01-10T22:00:00Z", true},
		{in(night, "Local"), "2026-01-10T21:59:59Z", false},
		{notify.Quiet{Start: "soon", Minutes: 600}, "2026-01-10T22:00:00Z", false},
	} {
		at, err := time.Parse(time.RFC3339, c.at)
		if err != nil {
			t.Fatal(err)
		}
		if got := c.quiet.Covers(at); got != c.want {
			t.Errorf("%+v at %s: %v", c.quiet, c.at, got)
		}
	}
}

func TestQuietHoursApplyOnTop(t *testing.T) {
	inside, outside := time.Date(2026, 1, 10, 23, 0, 0, 0, time.UTC), time.Date(2026, 1, 10, 12, 0, 0, 0, time.UTC)
	for _, c := range []struct {
		level, quiet    notify.Level
		nobody, me, all bool
	}{
		{notify.Unset, notify.Unset, true, true, true},
		{notify.Unset, notify.Mentions, false, true, true},
		{notify.Unset, notify.Nothing, false, false, false},
		{notify.Every, notify.Mentions, false, true, true},
		{notify.MentionsMe, notify.Unset, false, true, false},
		{notify.MentionsMe, notify.Mentions, false, true, false},
		{notify.MentionsAll, notify.Nothing, false, false, false},
		{notify.Nothing, notify.Unset, false, false, false},
	} {
		q := &notify.Quiet{Start: "22:00:00", Minutes: 120, Level: c.quiet}
		for mention, want := range map[notify.Mention]bool{nobody: c.nobody, me: c.me, all: c.all} {
			if got := notify.May(mention, inside, q, c.level); got != want {
				t.Errorf("level %d, quiet %d, %+v: %v", c.level, c.quiet, mention, got)
			}
			if got, want := notify.May(mention, outside, q, c.level), notify.May(mention, outside, nil, c.level); got != want {
				t.Errorf("level %d, quiet %d, %+v, outside the hours: %v", c.level, c.quiet, mention, got)
			}
		}
	}
}

func TestWhatIsNoSettingIsRefused(t *testing.T) {
	for level := notify.Level(-3); level < 8; level++ {
		ok := level == -1 || level == 0 || level == 1 || level == 2 || level == 4 || level == 5
		if err := level.Check("unpushLevel"); ok != (err == nil) || !ok && !fault.Is(err, fault.InvalidArgument) {
			t.Errorf("level %d: %v", level, err)
		}
	}
	good := notify.Quiet{Start: "22:00:00", Minutes: 1, Level: notify.Nothing, Zone: "Asia/Tokyo"}
	if err := good.Check(); err != nil {
		t.Error(err)
	}
	for what, change := range map[string]func(*notify.Quiet){
		"no start":           func(q *notify.Quiet) { q.Start = "" },
		"minutes only":       func(q *notify.Quiet) { q.Start = "22:00" },
		"one digit":          func(q *notify.Quiet) { q.Start = "2:00:00" },
		"a fraction":         func(q *notify.Quiet) { q.Start = "22:00:00.5" },
		"no hour":            func(q *notify.Quiet) { q.Start = "24:00:00" },
		"no minute":          func(q *notify.Quiet) { q.Start = "22:60:00" },
		"no minutes":         func(q *notify.Quiet) { q.Minutes = 0 },
		"a day":              func(q *notify.Quiet) { q.Minutes = 1440 },
		"a level that is no": func(q *notify.Quiet) { q.Level = notify.MentionsMe },
		"no zone":            func(q *notify.Quiet) { q.Zone = "Atlantis/Capital" },
		"the machine's":      func(q *notify.Quiet) { q.Zone = "Local" },
	} {
		q := good
		if change(&q); !fault.Is(q.Check(), fault.InvalidArgument) {
			t.Errorf("%s: %v", what, q.Check())
		}
	}
}

func TestStartsAreShownInOtherZones(t *testing.T) {
	tokyo, err := notify.Zone("Asia/Tokyo")
	if err != nil {
		t.Fatal(err)
	}
	q := notify.Quiet{Start: "22:30:05", Minutes: 60, Zone: "Europe/Berlin"}
	for at, want := range map[string]string{"2026-01-10T12:00:00Z": "06:30:05", "2026-07-10T12:00:00Z": "05:30:05"} {
		now, _ := time.Parse(time.RFC3339, at)
		if got := q.StartIn(tokyo, now); got != want {
			t.Errorf("at %s: %s, want %s", at, got, want)
		}
		if berlin, _ := notify.Zone("Europe/Berlin"); q.StartIn(berlin, now) != q.Start {
			t.Errorf("at %s the own zone shows %s", at, q.StartIn(berlin, now))
		}
	}
}
