// Package live hands what happens in groups to the devices that are connected to
// this process, as server-sent events.
//
// A Hub follows the topics while anybody is connected. It puts each group's
// entries into order, encodes what everybody may see once, and queues it for each
// connection, which writes all that waits in one piece. A reader that is too slow
// is cut off and resumes at another time; the others never wait for it. When the
// process itself cannot keep up, Deliver waits, and with it the topic.
//
// Who is in which group is a seat for each connection and group: the seq of the
// newest change of the membership that is known, and what it left the user as. A
// change that is not above it is ignored, so that events may come twice, late and
// in any order. A seat is in the group's room, which has all its connections go
// on together, or catches up: it reads what it lacks, from the group itself, and
// enters the room where that ends.
//
// Events carry an id. A device that comes back with the last one it read is sent
// what it missed, wherever it connects: nothing is kept for it here.
package live

import (
	"context"
	"encoding/json"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/singleflight"

	"github.com/throng-im/throng/shared/conversation"
	"github.com/throng-im/throng/shared/fault"
	"github.com/throng-im/throng/shared/group"
	"github.com/throng-im/throng/shared/id"
)

// Defaults and limits.
const (
	// DefaultConnections is more than the platform's limit of requests to one
	// instance, 1,000: a process that is not on a platform may take more.
	DefaultConnections = 5000
	// DefaultPerUser bounds one user's connections to one process; one more cuts
	// off the oldest.
	DefaultPerUser = 20
	// queueBatches and queueBytes bound what waits for one connection. The bytes
	// are shared with all others, so they bound how far behind it is, not memory.
	queueBatches = 1024
	queueBytes   = 4 << 20
	// fullRetry is what a device is told to wait that found the process full.
	fullRetry = 2 * time.Second
)

// Options are what a Hub works with. The first three are required.
type Options struct {
	Feed Feed
	// List returns a user's own document; see conversation.Conversations.
	List   func(ctx context.Context, user id.User) (conversation.List, error)
	Groups *group.Groups

	// Presence tells the others who is connected here; see Presence.
	Presence Presence
	// Missed is told of entries that a connection took or was about to take when
	// it broke: nobody notified the user of them, who counted as connected.
	Missed func(ctx context.Context, user id.User, g id.Group, spans []Span)

	// Connections and PerUser bound the connections; the defaults where zero.
	Connections, PerUser int
	// Ping is how often a quiet connection hears something: 18 s when zero.
	Ping time.Duration
	// Lifetime is about how long a connection lasts: 55 minutes when zero.
	Lifetime time.Duration
	// Window is how old an id may be that a device resumes from: 7 days when zero.
	Window time.Duration
	// GapWait is how long entries wait for those before them that are still on
	// their way, before these are read: 500 ms when zero.
	GapWait time.Duration
	// Linger is how long what comes for a user who has just gone is still noted
	// and given to Missed, until the others know: 3 s when zero, none below. The
	// request lasts as long.
	Linger time.Duration
	// Now is the clock: time.Now when nil.
	Now func() time.Time
}

// Span is entries of a group: those after one seq up to another.
type Span struct{ After, Last int64 }

// Hub is the connections of one process.
type Hub struct {
	o Options

	mu    sync.RWMutex
	users map[id.User][]*Conn // each user's oldest first
	// lingering are connections that have gone and still note what their users miss.
	lingering map[id.User][]*Conn
	rooms     map[id.Group]*room
	count     int
	// unsettled are the connections whose users' documents are being read.
	unsettled map[*Conn]struct{}

	// newest is the time of the newest entry that arrived, in Unix milliseconds.
	newest  atomic.Int64
	flow    flow
	tuner   tuner
	rosters singleflight.Group
}

// New returns a hub without connections.
func New(o Options) *Hub {
	fallback := func(d *time.Duration, to time.Duration) {
		if *d == 0 {
			*d = to
		}
	}
	if o.Connections == 0 {
		o.Connections = DefaultConnections
	}
	if o.PerUser == 0 {
		o.PerUser = DefaultPerUser
	}
	fallback(&o.Ping, 18*time.Second)
	fallback(&o.Lifetime, 55*time.Minute)
	fallback(&o.Window, 7*24*time.Hour)
	fallback(&o.GapWait, 500*time.Millisecond)
	fallback(&o.Linger, 3*time.Second)
	fallback(&o.Presence.Every, 15*time.Second)
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Missed == nil {
		o.Missed = func(context.Context, id.User, id.Group, []Span) {}
	}
	h := &Hub{o: o, users: map[id.User][]*Conn{}, lingering: map[id.User][]*Conn{}, rooms: map[id.Group]*room{}, unsettled: map[*Conn]struct{}{}}
	h.flow.limit, h.flow.changed = flowMost/4, make(chan struct{})
	return h
}

// Connections says how many there are.
func (h *Hub) Connections() int {
	h.mu.RLock()
	defer h.mu.RUnlock()
	return h.count
}

// Connect registers a connection of a user and reads where the user is: from now
// on, what comes for the user waits for it. lastID is the id of the last event
// that the device read, empty when it asks for what comes from now on. Run must
// be called next. Errors: fault.Unavailable when the process has no room.
func (h *Hub) Connect(ctx context.Context, user id.User, lastID string) (*Conn, error) {
	if h.Connections() >= h.o.Connections {
		return nil, full()
	}
	if err := h.tune(ctx); err != nil {
		return nil, err
	}
	c := newConn(ctx, h, user)
	c.resume(lastID)
	if !h.register(c) {
		h.untune()
		return nil, full()
	}
	// Whatever changes from here on reaches the connection through the topics, and
	// what changed before is in the document, or will be on a topic again once it is.
	list, err := h.o.List(c.ctx, user)
	if err == nil {
		err = h.settle(c, list)
	}
	if err != nil {
		h.leave(c, nil, false)
		return nil, err
	}
	h.tuner.changed()
	return c, nil
}

func full() error {
	f := fault.New(fault.Unavailable, "this instance takes no more connections, try again")
	f.RetryAfter = fullRetry
	return f
}

// register files the connection under its user and cuts off the user's oldest
// when there are too many.
func (h *Hub) register(c *Conn) bool {
	h.mu.Lock()
	if h.count >= h.o.Connections {
		h.mu.Unlock()
		return false
	}
	h.count++
	h.users[c.user] = append(h.users[c.user], c)
	h.unsettled[c] = struct{}{}
	var oldest *Conn
	if conns := h.users[c.user]; len(conns) > h.o.PerUser {
		oldest = conns[len(conns)-1-h.o.PerUser]
	}
	h.mu.Unlock()
	if oldest != nil {
		oldest.End("replaced")
	}
	return true
}

// Tell queues an event for all connections of a user.
func (h *Hub) Tell(user id.User, name string, data json.RawMessage) {
	b := &batch{wire: block(name, data)}
	h.mu.RLock()
	conns := h.users[user]
	h.mu.RUnlock()
	for _, c := range conns {
		c.push(b)
	}
}

// Recheck asks about the tokens of a user's connections, of which some may have
// been ended, and ends the connections that have those.
func (h *Hub) Recheck(user id.User) {
	h.mu.RLock()
	conns := h.users[user]
	h.mu.RUnlock()
	for _, c := range conns {
		go c.recheck()
	}
}

// connected says whether a user has a connection here.
func (h *Hub) connected(user id.User) bool {
	h.mu.RLock()
	defer h.mu.RUnlock()
	return len(h.users[user]) > 0
}

// present lists who is connected.
func (h *Hub) present() []id.User {
	h.mu.RLock()
	defer h.mu.RUnlock()
	users := make([]id.User, 0, len(h.users))
	for u := range h.users {
		users = append(users, u)
	}
	return users
}
