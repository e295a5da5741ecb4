package hourlog

import "time"

const (
	// nameLayout is how an hour is asked for, on the clock of the log's zone.
	nameLayout = "2006010215"
	// keyLayout names an hour in the bucket by the instant at which it begins.
	keyLayout = "20060102T1504Z"
	// quarter divides every offset from UTC that a zone has today, and every
	// change of a zone's clock.
	quarter = 15 * time.Minute
)

// hour is an hour on the clock of a zone. It is longer where that clock is put
// back within it or from after it, so that every instant belongs to one hour and
// every name to one stretch of time; it is shorter, or never comes, where the clock
// is put forward.
type hour struct {
	name string
	// from is the first instant of the hour, to the first after it.
	from, to time.Time
}

// hourAt is the hour of an instant.
func hourAt(at time.Time, zone *time.Location) hour {
	name := func(t time.Time) string { return t.In(zone).Format(nameLayout) }
	h := hour{name: name(at), from: at.Truncate(quarter)}
	for name(h.from.Add(-quarter)) == h.name {
		h.from = h.from.Add(-quarter)
	}
	for h.to = h.from; name(h.to) == h.name; {
		h.to = h.to.Add(quarter)
	}
	return h
}

// hourNamed is the hour that a caller asks for. ok is false for what is no hour of
// the zone's clock.
func hourNamed(name string, zone *time.Location) (h hour, ok bool) {
	at, err := time.ParseInLocation(nameLayout, name, zone)
	if err != nil {
		return hour{}, false
	}
	h = hourAt(at, zone)
	return h, h.name == name
}

// overBy lists the hours that end after a time and not after another, in order.
func overBy(after, end time.Time, zone *time.Location) []hour {
	var hours []hour
	for h := hourAt(after, zone); !h.to.After(end); h = hourAt(h.to, zone) {
		hours = append(hours, h)
	}
	return hours
}

// key names the hour in the bucket.
func (h hour) key() string { return h.from.UTC().Format(keyLayout) }

// file is the name of the text in the hour's file, day and hour apart.
func (h hour) file() string {
	at, _ := time.Parse(nameLayout, h.name)
	return at.Format("2006-01-02-15")
}

// hourKeyed is the hour with a key, whatever the zone it was made in, which need not be
// that of today. Neither its end is known nor, without its file, its name: that is the
// key. ours is false for what is no key.
func hourKeyed(key string) (h hour, ours bool) {
	from, err := time.Parse(keyLayout, key)
	if err != nil || !from.Equal(from.Truncate(quarter)) {
		return hour{}, false
	}
	h = hour{name: key, from: from}
	return h, h.key() == key
}
