package hourlog

import (
	"slices"
	"testing"
)

// TestHoursOfAnotherZone: the zone was set to one that is half an hour off since the
// files were made. What was said is found under the hour that it was logged in, and
// erased there, too.
func TestHoursOfAnotherZone(t *testing.T) {
	for _, c := range []struct{ before, after, date, key string }{
		{"UTC", "Asia/Kolkata", "2026112409", "20261124T0900Z"},
		{"Asia/Kolkata", "UTC", "2026112415", "20261124T0930Z"},
	} {
		p := newPress(t, "2026-11-24T09:45:00Z", c.before)
		p.begins("g")
		p.says("g", "bad")
		p.says("g", "good")
		p.is("2026-11-24T10:40:00Z")
		p.ticks(p.logs)
		// Another made the file, too, and died before it could say so.
		p.put("files/"+c.key+"/dead/x.zip", string(p.download(c.date)))
		l := p.another(p.logs.Bucket)
		l.Zone = zone(t, c.after)
		var hours []string
		p.ok(l.Lines(t.Context(), func(l Line) error { hours = append(hours, l.Hour); return nil }))
		if want := []string{c.date, c.date}; !slices.Equal(hours, want) {
			t.Errorf("%s: with the clock of %s the lines are of %q, want %q", c.before, c.after, hours, want)
		}
		p.ok(l.Erase(t.Context(), notBad))
		if left := p.having("bad"); len(left) > 0 {
			t.Errorf("%s: with the clock of %s there is left %q", c.before, c.after, left)
		}
		if lines := p.lines(c.date); len(lines) != 1 {
			t.Errorf("%s: the lines are %q", c.before, lines)
		}
		p.ok(p.marksHold())
	}
}
