package notify

import (
	"sync"
	"time"
	_ "time/tzdata" // a container may have no zones of its own

	"github.com/throng-im/throng/shared/fault"
)

const (
	// MaxMinutes is the contract's longest period: a minute less than a day.
	MaxMinutes = 1439
	// clock is how the contract writes a time of day.
	clock = "15:04:05"
	day   = 24 * time.Hour
)

// Quiet is a period of every day in which only some messages notify. It is read
// on the wall clock: ten hours from 22:00 end when the clock says 08:00, also in
// the night in which it is put forward or back.
type Quiet struct {
	// Start is a time of day as HH:MM:SS in Zone.
	Start   string `json:"s"`
	Minutes int    `json:"m"`
	// Level is Unset (everything notifies), Mentions or Nothing.
	Level Level `json:"l,omitempty"`
	// Zone is an IANA name; what is empty or unknown is UTC.
	Zone string `json:"z,omitempty"`
}

// Names are what an API calls the parts of quiet hours.
type Names struct{ Start, Minutes, Level string }

// Check refuses quiet hours that the contract does not know.
func (q Quiet) Check() error { return q.CheckAs(Names{"startTime", "period", "level"}) }

// CheckAs is Check with other names in its errors.
func (q Quiet) CheckAs(as Names) error {
	if _, ok := q.start(); !ok {
		return fault.New(fault.InvalidArgument, "%s must be a time of day as HH:MM:SS", as.Start)
	}
	if q.Minutes < 1 || q.Minutes > MaxMinutes {
		return fault.New(fault.InvalidArgument, "%s must be from 1 to %d minutes", as.Minutes, MaxMinutes)
	}
	switch q.Level {
	case Unset, Mentions, Nothing:
	default:
		return fault.New(fault.InvalidArgument, "%s must be 0, 1 or 5", as.Level)
	}
	if _, ok := zone(q.Zone); !ok {
		return fault.New(fault.InvalidArgument, "%q is no time zone", q.Zone)
	}
	return nil
}

// start is the time of day at which the period begins, as time since midnight.
func (q Quiet) start() (time.Duration, bool) {
	t, err := time.Parse(clock, q.Start)
	// Parse takes hours of one digit and fractions of a second as well.
	return sinceMidnight(t), err == nil && len(q.Start) == len(clock)
}

// Covers says whether the period is on. It may have begun the day before.
func (q Quiet) Covers(at time.Time) bool {
	start, ok := q.start()
	if !ok {
		return false
	}
	loc, _ := zone(q.Zone)
	passed := (sinceMidnight(at.In(loc)) - start + day) % day
	return passed < time.Duration(q.Minutes)*time.Minute
}

// StartIn is Start as the clock of another zone shows it on the day of at.
func (q Quiet) StartIn(loc *time.Location, at time.Time) string {
	start, ok := q.start()
	if !ok {
		return q.Start
	}
	own, _ := zone(q.Zone)
	year, month, date := at.In(own).Date()
	return time.Date(year, month, date, 0, 0, int(start/time.Second), 0, own).In(loc).Format(clock)
}

// sinceMidnight is what the clock shows.
func sinceMidnight(t time.Time) time.Duration {
	hour, minute, second := t.Clock()
	return time.Duration(hour)*time.Hour + time.Duration(minute)*time.Minute + time.Duration(second)*time.Second
}

// zones are the time zones read so far. Only those that there are get in, so
// some six hundred names bound it.
var zones sync.Map

// zone finds a time zone by its IANA name; ok is false for what is none, which
// is then UTC.
func zone(name string) (loc *time.Location, ok bool) {
	if name == "" {
		return time.UTC, true
	}
	if known, found := zones.Load(name); found {
		return known.(*time.Location), true
	}
	loc, err := Zone(name)
	if err != nil {
		return time.UTC, false
	}
	zones.Store(name, loc)
	return loc, true
}

// Zone reads a time zone by its IANA name. The zone of the machine is none: two
// machines would disagree on it.
func Zone(name string) (*time.Location, error) {
	if name == "Local" {
		return nil, fault.New(fault.InvalidArgument, "%q is no time zone", name)
	}
	return time.LoadLocation(name)
}
