package hourlog

import (
	"slices"
	"testing"
	"time"
	_ "time/tzdata"
)

func zone(t *testing.T, name string) *time.Location {
	t.Helper()
	z, err := time.LoadLocation(name)
	if err != nil {
		t.Fatal(err)
	}
	return z
}

func instant(t *testing.T, text string) time.Time {
	t.Helper()
	at, err := time.Parse(time.RFC3339, text)
	if err != nil {
		t.Fatal(err)
	}
	return at
}

func TestAnHourIsOnTheClockOfItsZone(t *testing.T) {
	for _, c := range []struct{ about, zone, at, name, from, to string }{
		{"UTC", "UTC", "2026-11-24T10:59:59Z", "2026112410", "2026-11-24T10:00:00Z", "2026-11-24T11:00:00Z"},
		{"its first instant", "UTC", "2026-11-24T11:00:00Z", "2026112411", "2026-11-24T11:00:00Z", "2026-11-24T12:00:00Z"},
		{"eight hours on, the next day", "Asia/Shanghai", "2026-11-24T16:30:00Z", "2026112500", "2026-11-24T16:00:00Z", "2026-11-24T17:00:00Z"},
		{"half an hour on", "Asia/Kolkata", "2026-11-24T10:29:59Z", "2026112415", "2026-11-24T09:30:00Z", "2026-11-24T10:30:00Z"},
		{"three quarters on", "Asia/Kathmandu", "2026-11-24T10:14:00Z", "2026112415", "2026-11-24T09:15:00Z", "2026-11-24T10:15:00Z"},
		{"half an hour back", "America/St_Johns", "2026-11-24T10:31:00Z", "2026112407", "2026-11-24T10:30:00Z", "2026-11-24T11:30:00Z"},
		{"the clock goes back: twice as long", "America/New_York", "2026-11-01T06:59:00Z", "2026110101", "2026-11-01T05:00:00Z", "2026-11-01T07:00:00Z"},
		{"back by half an hour", "Australia/Lord_Howe", "2026-04-04T15:10:00Z", "2026040501", "2026-04-04T14:00:00Z", "2026-04-04T15:30:00Z"},
		{"forward by half an hour", "Australia/Lord_Howe", "2026-10-03T15:40:00Z", "2026100402", "2026-10-03T15:30:00Z", "2026-10-03T16:00:00Z"},
	} {
		h := hourAt(instant(t, c.at), zone(t, c.zone))
		if h.name != c.name || !h.from.Equal(instant(t, c.from)) || !h.to.Equal(instant(t, c.to)) {
			t.Errorf("%s: %s from %s to %s, want %s from %s to %s", c.about, h.name, h.from.UTC(), h.to.UTC(), c.name, c.from, c.to)
		}
		if asked, ok := hourNamed(c.name, zone(t, c.zone)); !ok || !asked.from.Equal(h.from) || !asked.to.Equal(h.to) {
			t.Errorf("%s: asked for it is from %s to %s, %v", c.about, asked.from, asked.to, ok)
		}
		if want := c.name[:4] + "-" + c.name[4:6] + "-" + c.name[6:8] + "-" + c.name[8:]; h.file() != want {
			t.Errorf("%s: the file is %s, want %s", c.about, h.file(), want)
		}
	}
	if h, ok := hourNamed("2026030802", zone(t, "America/New_York")); ok {
		t.Errorf("an hour that no clock has shown: %+v", h)
	}
}

func TestHoursAreWithoutGaps(t *testing.T) {
	for _, name := range []string{"UTC", "Asia/Kathmandu", "America/New_York", "Australia/Lord_Howe"} {
		z := zone(t, name)
		begin := instant(t, "2026-01-01T00:00:00Z")
		hours := overBy(begin, begin.AddDate(1, 0, 0), z)
		if len(hours) < 365*24-2 || len(hours) > 365*24+1 {
			t.Errorf("%s: %d hours in a year", name, len(hours))
		}
		for i, h := range hours[1:] {
			if !h.from.Equal(hours[i].to) || h.name <= hours[i].name {
				t.Errorf("%s: %s from %s follows %s to %s", name, h.name, h.from, hours[i].name, hours[i].to)
			}
		}
	}
}

func TestWhichHoursAreOver(t *testing.T) {
	var names []string
	for _, h := range overBy(instant(t, "2026-11-24T07:30:00Z"), instant(t, "2026-11-24T10:30:00Z"), zone(t, "Asia/Kolkata")) {
		names = append(names, h.name)
	}
	if want := []string{"2026112413", "2026112414", "2026112415"}; !slices.Equal(names, want) {
		t.Errorf("%v, want %v", names, want)
	}
	if hours := overBy(instant(t, "2026-11-24T10:00:00Z"), instant(t, "2026-11-24T10:59:59Z"), time.UTC); len(hours) != 0 {
		t.Errorf("an hour that is not over: %v", hours)
	}
}

func TestAnHourIsKnownByItsKeyInEveryZone(t *testing.T) {
	for _, name := range []string{"UTC", "Asia/Kathmandu", "America/New_York", "Australia/Lord_Howe"} {
		for _, h := range overBy(instant(t, "2026-10-01T00:00:00Z"), instant(t, "2026-11-10T00:00:00Z"), zone(t, name)) {
			if keyed, ours := hourKeyed(h.key()); !ours || !keyed.from.Equal(h.from) || keyed.key() != h.key() {
				t.Errorf("%s of %s is %+v, %v", h.key(), name, keyed, ours)
			}
		}
	}
	for _, key := range []string{"", "x", "20261124T1007Z", "20261124T1000", "20261124T1000Z/x", "20261324T1000Z"} {
		if h, ours := hourKeyed(key); ours {
			t.Errorf("%q is the key of %+v", key, h)
		}
	}
}
