package retention_test

import (
	"testing"
	"time"

	"github.com/throng-im/throng/shared/group"
	"github.com/throng-im/throng/shared/retention"
)

func at(text string) time.Time {
	t, err := time.Parse("2006-01-02 15:04", text)
	if err != nil {
		panic(err)
	}
	return t
}

func TestWhatIsKept(t *testing.T) {
	for name, c := range map[string]struct {
		days, months, own int
		now, until        string
	}{
		"a week, no history":                                   {7, 0, 0, "2026-11-24 12:00", "2026-11-16 00:00"},
		"a day, no history":                                    {1, 0, 0, "2026-11-24 12:00", "2026-11-22 00:00"},
		"a day that is just over":                              {1, 0, 0, "2026-11-24 01:00", "2026-11-22 00:00"},
		"a day that is over by less than clocks differ":        {1, 0, 0, "2026-11-24 00:59", "2026-11-21 00:00"},
		"a day, and a week for this group":                     {1, 0, 7, "2026-11-24 12:00", "2026-11-16 00:00"},
		"a week, and a day for this group":                     {7, 0, 1, "2026-11-24 12:00", "2026-11-22 00:00"},
		"history of six months is longer than any window":      {7, 6, 0, "2026-11-24 12:00", "2026-05-20 00:00"},
		"and than a group's own":                               {1, 6, 7, "2026-11-24 12:00", "2026-05-20 00:00"},
		"three years":                                          {7, 36, 0, "2026-11-24 12:00", "2023-11-20 00:00"},
		"a month before the last of March":                     {7, 1, 0, "2026-03-31 12:00", "2026-02-27 00:00"},
		"one month of history in February is longer than days": {7, 1, 0, "2026-03-01 12:00", "2026-01-28 00:00"},
	} {
		until := retention.Rules{OfflineDays: c.days, HistoryMonths: c.months}.Until(at(c.now), c.own)
		if want := group.Day(at(c.until).UnixMilli()); until != want {
			t.Errorf("%s: the last day that is over is %s, want %s", name, time.UnixMilli(until*86400000).UTC().Format(time.DateOnly), c.until)
		}
	}
}

// TestWhatIsOverStaysOver holds that no reader ever looks back behind what a run
// before may have removed, on any day of eight years.
func TestWhatIsOverStaysOver(t *testing.T) {
	for _, months := range []int{0, 1, 6, 11, 36} {
		for days := 1; days <= 7; days++ {
			r := retention.Rules{OfflineDays: days, HistoryMonths: months}
			removed := int64(0)
			for now := at("2024-01-01 00:07"); now.Year() < 2032; now = now.Add(5 * time.Hour) {
				removed = max(removed, r.Since(now, 0))
				looks := now.AddDate(0, 0, -days)
				if months > 0 && now.AddDate(0, -months, 0).Before(looks) {
					looks = now.AddDate(0, -months, 0)
				}
				if looks.UnixMilli() <= removed {
					t.Fatalf("%s at %s: readers look back to %s, removed until %s", r, now, looks, time.UnixMilli(removed).UTC())
				}
			}
		}
	}
}

func TestWhatIsLeftOfGroupsIsKeptLonger(t *testing.T) {
	now := at("2026-11-24 12:00")
	for name, c := range map[string]struct {
		got  int64
		want string
	}{
		"a dismissed group without history":  {retention.Rules{OfflineDays: 1}.EndedBefore(now), "2026-05-21 11:00"},
		"a dismissed group with history":     {retention.Rules{OfflineDays: 1, HistoryMonths: 12}.EndedBefore(now), "2025-11-21 11:00"},
		"a group left, without history":      {retention.Rules{OfflineDays: 1}.LeftBefore(now), "2026-11-17 11:00"},
		"a group left, with a short history": {retention.Rules{OfflineDays: 1, HistoryMonths: 1}.LeftBefore(now), "2026-10-21 11:00"},
	} {
		if c.got != at(c.want).UnixMilli() {
			t.Errorf("%s is kept from %s on", name, time.UnixMilli(c.got).UTC())
		}
	}
}
