package notify_test

import (
	"errors"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/throng-im/throng/shared/fault"
	"github.com/throng-im/throng/shared/notify"
)

// TestQuietHours holds the periods against the clocks of their zones.
func TestQuietHours(t *testing.T) {
	raw, err := os.ReadFile("testdata/quiet-hours.txt")
	if err != nil {
		t.Fatal(err)
	}
	on := map[string]int{}
	for n, line := range strings.Split(string(raw), "\n") {
		cells := strings.Fields(line)
		if len(cells) != 6 || cells[0] == "#" || cells[0] == "start" {
			continue
		}
		minutes, err := strconv.Atoi(cells[1])
		sent, err2 := time.Parse(time.RFC3339, cells[3])
		if err = errors.Join(err, err2); err != nil {
			t.Fatalf("line %d: %s", n+1, err)
		}
		quiet := notify.Quiet{Start: cells[0], Minutes: minutes, Zone: cells[2]}
		on[cells[5]]++
		if got := quiet.Covers(sent); got != (cells[5] == "yes") {
			t.Errorf("line %d: %s: %v", n+1, line, got)
		}
	}
	if len(on) != 2 || on["yes"] < 15 || on["no"] < 15 {
		t.Errorf("the file has the cases %v", on)
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
