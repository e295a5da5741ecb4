package fcm

import (
	"fmt"
	"slices"
	"time"
)

// Fate is what became of a message on a phone.
type Fate string

// The fates of messages.
const (
	Shown     Fate = "shown"
	Silent    Fate = "silent"
	Replaced  Fate = "replaced"
	Removed   Fate = "removed"
	Stored    Fate = "stored"
	Delayed   Fate = "delayed"
	Collapsed Fate = "collapsed"
	Expired   Fate = "expired"
	Dropped   Fate = "dropped"
	Refused   Fate = "refused"
	Deleted   Fate = "deleted messages"
)

// Record is a line of a phone's log: a message and what became of it.
type Record struct {
	ID   string `json:"id,omitempty"`
	At   int64  `json:"at"`
	Text string `json:"text,omitempty"`
	Kind string `json:"kind,omitempty"`
	Fate Fate   `json:"fate"`
	Why  string `json:"why,omitempty"`
}

const (
	// maxShown and maxLog bound a phone's screen and log.
	maxShown = 200
	maxLog   = 200
	// maxCollapseKeys is how many collapse keys FCM keeps messages of for an
	// Android device that is off.
	maxCollapseKeys = 4
	// maxStored is how many other messages FCM keeps for it; one more, and all are
	// dropped and the app is told to ask its server.
	maxStored = 100
)

// phone is one device. Its shard's lock is held by whoever uses it.
type phone struct {
	token    string
	platform string
	// told says that a person chose the platform.
	told   bool
	off    bool
	screen Screen
	stored []arrival
	log    []Record
	badge  int64
	// deleted says that stored messages were dropped, and the app does not know yet.
	deleted bool
	// attempts is how often the token was sent to, got how often with success.
	attempts, got int64
	minute, hour  window
	// burst is how many collapsible messages may come at once, as of refilled.
	burst    int64
	refilled time.Time
	touched  time.Time
	size     int
	counts   *counts
	app      App
}

// record adds to the log.
func (p *phone) record(r Record) {
	if len(p.log) >= maxLog {
		p.log = slices.Delete(p.log, 0, 1)
	}
	p.log = append(p.log, r)
	p.counts.fate(r.Fate)
}

// fate says what became of a message that is in the log.
func (p *phone) fate(id string, fate Fate, why string) {
	p.counts.fate(fate)
	for i := len(p.log) - 1; i >= 0; i-- {
		if p.log[i].ID == id {
			p.log[i].Fate, p.log[i].Why = fate, why
			return
		}
	}
}

// admit counts a message and refuses it when the device has had too many.
func (p *phone) admit(limits *Quotas, now time.Time) *refusal {
	for _, q := range []struct {
		w     *window
		span  time.Duration
		limit int64
		what  string
	}{{&p.minute, time.Minute, limits.DevicePerMinute, "minute"}, {&p.hour, time.Hour, limits.DevicePerHour, "hour"}} {
		if q.limit <= 0 {
			continue
		}
		if wait := q.w.take(now, q.span, q.limit); wait > 0 {
			return &refusal{code: "QUOTA_EXCEEDED", quota: "device:" + p.token, wait: wait,
				message: fmt.Sprintf("the device's quota of %d messages a %s is used up", q.limit, q.what)}
		}
	}
	return nil
}

// collapsible takes one from the burst of collapsible messages, false if it is
// used up.
func (p *phone) collapsible(limits *Quotas, now time.Time) bool {
	if limits.CollapsibleBurst <= 0 || p.platform != android {
		return true
	}
	every := time.Duration(limits.CollapsibleEverySeconds) * time.Second
	if p.refilled.IsZero() || now.Before(p.refilled) {
		p.burst, p.refilled = limits.CollapsibleBurst, now
	}
	if n := int64(now.Sub(p.refilled) / every); n > 0 {
		p.burst, p.refilled = p.burst+n, p.refilled.Add(time.Duration(n)*every)
	}
	if p.burst >= limits.CollapsibleBurst {
		p.burst, p.refilled = limits.CollapsibleBurst, now
	}
	if p.burst == 0 {
		return false
	}
	p.burst--
	return true
}

// receive is the way of a message that FCM has accepted.
func (p *phone) receive(a arrival, limits *Quotas, now time.Time) {
	p.got++
	p.catchUp(limits, now)
	a.delayed = a.collapse != "" && !p.collapsible(limits, now)
	r := Record{ID: a.id, At: a.at, Text: a.title(), Kind: a.n.Kind}
	switch {
	case p.off && a.expires <= a.at:
		r.Fate, r.Why = Expired, "it is not kept, and the phone is off"
		p.record(r)
	case p.off, a.delayed:
		if r.Fate = Stored; a.delayed {
			r.Fate, r.Why = Delayed, "the burst of collapsible messages is used up"
		}
		p.record(r)
		p.store(a)
	default:
		p.record(r)
		p.show(a)
	}
}

// store keeps a message for later, as FCM does.
func (p *phone) store(a arrival) {
	if a.collapse != "" {
		p.unstore(Collapsed, "into "+a.id, func(old arrival) bool { return old.collapse == a.collapse })
	}
	p.stored = append(p.stored, a)
	others, keys := 0, []string{}
	for _, one := range p.stored {
		if one.collapse == "" {
			others++
		} else {
			keys = append(keys, one.collapse)
		}
	}
	switch {
	case p.platform == android && others > maxStored:
		p.unstore(Dropped, fmt.Sprintf("more than %d messages waited", maxStored), func(one arrival) bool { return one.collapse == "" })
		p.deleted = true
	case p.platform == android && len(keys) > maxCollapseKeys:
		p.unstore(Dropped, fmt.Sprintf("messages with more than %d collapse keys waited", maxCollapseKeys), func(one arrival) bool { return one.collapse == keys[0] })
	case len(p.stored) > maxStored:
		oldest := p.stored[0].id
		p.unstore(Dropped, fmt.Sprintf("the stand-in keeps %d for a phone", maxStored), func(one arrival) bool { return one.id == oldest })
	}
}

// unstore forgets messages that wait.
func (p *phone) unstore(fate Fate, why string, which func(arrival) bool) {
	p.stored = slices.DeleteFunc(p.stored, func(one arrival) bool {
		if !which(one) {
			return false
		}
		p.fate(one.id, fate, why)
		return true
	})
}

// catchUp lets time pass: what waited too long expires, and what may come now
// comes.
func (p *phone) catchUp(limits *Quotas, now time.Time) {
	if len(p.stored) > 0 {
		p.unstore(Expired, "it waited as long as it was to be kept", func(one arrival) bool { return one.expires <= now.UnixMilli() })
	}
	if p.off {
		return
	}
	if p.deleted {
		p.deleted = false
		p.record(Record{At: now.UnixMilli(), Fate: Deleted, Why: "the app is told that messages were dropped, and asks its server"})
	}
	waiting := p.stored
	p.stored = nil
	for _, one := range waiting {
		if one.delayed && !p.collapsible(limits, now) {
			p.stored = append(p.stored, one)
			continue
		}
		p.show(one)
	}
}

// show hands a message to the phone's system or to the app's code.
func (p *phone) show(a arrival) {
	if a.badge != nil {
		p.badge = *a.badge
	}
	p.screen.told = p.fate
	if a.system {
		p.screen.Show(a.n)
		p.fate(a.id, Shown, "")
		return
	}
	fate, why := p.app(&p.screen, a.id, a.at, a.data)
	p.fate(a.id, fate, why)
}

// View is a phone as others see it.
type View struct {
	Token         string         `json:"token"`
	Platform      string         `json:"platform"`
	Online        bool           `json:"online"`
	Badge         int64          `json:"badge"`
	Received      int64          `json:"received"`
	Waiting       int            `json:"waiting"`
	Fault         *Fault         `json:"fault,omitempty"`
	Notifications []Notification `json:"notifications"`
	Log           []Record       `json:"log,omitempty"`
	touched       time.Time
}

// view copies what a phone shows, with the newest lines of its log.
func (p *phone) view(lines int) View {
	v := View{Token: p.token, Platform: p.platform, Online: !p.off, Badge: p.badge, Received: p.got, Waiting: len(p.stored),
		Notifications: slices.Clone(p.screen.shown), touched: p.touched}
	if v.Platform == "" {
		v.Platform = android
	}
	if v.Notifications == nil {
		v.Notifications = []Notification{}
	}
	if v.Badge == 0 && v.Platform == android {
		v.Badge = int64(len(v.Notifications))
	}
	v.Log = slices.Clone(p.log[max(0, len(p.log)-lines):])
	return v
}
