package commit

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"time"
)

// document is one document's queue and cached state. mu of the Loop guards
// its first fields, down to gathered; the rest belongs to the running goroutine, or to whoever
// holds mu while none runs.
type document[S any] struct {
	key     string
	queue   []*call[S]
	running bool
	// gathered is closed when the queue has the awaited length, while the
	// running goroutine waits for that.
	awaited  int
	gathered chan struct{}

	state *S
	// stale is the last state that proved to be out of date: parts of it may
	// still serve the next load.
	stale *S
	// asOf is when the read or commit started that proved state current.
	asOf time.Time
	size int
	// doubts are the commits of the current batch that may still land. Once a
	// later one succeeds they cannot: its precondition was theirs.
	doubts []doubt[S]
	// announcing holds a token per batch being announced.
	announcing chan struct{}
	pace       pace
	contest    contest

	prev, next *document[S]
}

// forget marks the state as out of date; the next attempt loads it again.
func (d *document[S]) forget() {
	if d.state != nil {
		d.state, d.stale = nil, d.state
	}
}

// old is the newest state known, current or not.
func (d *document[S]) old() *S {
	if d.state != nil {
		return d.state
	}
	return d.stale
}

// rest files a document that nobody waits for under the cached ones and drops
// those used longest ago until the cache keeps its bound. l.mu is held.
func (l *Loop[S]) rest(d *document[S]) {
	l.bytes -= d.size
	d.size, d.stale = 0, nil
	if d.state == nil {
		delete(l.docs, d.key)
		return
	}
	d.size = l.model.Size(d.state)
	l.bytes += d.size
	l.idle.push(d)
	for l.bytes > l.opts.CacheBytes && l.idle.tail != nil {
		last := l.idle.tail
		l.idle.remove(last)
		l.bytes -= last.size
		delete(l.docs, last.key)
	}
}

// idleList orders the idle documents by last use, newest first. It is a list
// of its own because documents leave it from the middle when work arrives.
type idleList[S any] struct{ head, tail *document[S] }

func (i *idleList[S]) push(d *document[S]) {
	d.prev, d.next = nil, i.head
	if i.head != nil {
		i.head.prev = d
	} else {
		i.tail = d
	}
	i.head = d
}

func (i *idleList[S]) remove(d *document[S]) {
	if d.prev == nil && d.next == nil && i.head != d {
		return
	}
	if d.prev != nil {
		d.prev.next = d.next
	} else {
		i.head = d.next
	}
	if d.next != nil {
		d.next.prev = d.prev
	} else {
		i.tail = d.prev
	}
	d.prev, d.next = nil, nil
}

// hang makes a plan hang on the root as it was loaded, and says as of when that
// is. Every commit changes the root, for the journal is in it.
func (l *Loop[S]) hang(d *document[S], draft *S, p Plan) (time.Time, error) {
	path, version := l.model.Root(d.state)
	i := slices.IndexFunc(p.Writes, func(w Write) bool { return w.Path == path && !w.Delete })
	if i < 0 {
		return version, fmt.Errorf("a commit of %s leaves out %s", d.key, path)
	}
	l.model.Journal(draft).write(p.Writes[i].Fields)
	p.Writes[i].If = Condition{Version: version, Absent: version.IsZero()}
	return version, nil
}

// outcome is what to do after an attempt.
type outcome int

const (
	settled    outcome = iota
	retryNow           // the cause is known and cured by reading again
	retryLater         // the store needs time
)

// backoff spaces the attempts of one batch, with jitter so that processes that
// met on one document do not meet again.
type backoff struct {
	n     int
	pause time.Duration
}

const (
	firstPause = 2 * time.Millisecond
	maxPause   = time.Second
	// maxLostPause is less: who lost to others must not be quiet until it is late.
	maxLostPause = 250 * time.Millisecond
	// freeRetries conflicts in a row are answered at once: a conflict means
	// that another process made progress, and reading again is already a pause.
	freeRetries = 3
)

func (b *backoff) note(step outcome) {
	b.n++
	if step == retryNow && b.n <= freeRetries {
		return
	}
	limit := maxPause
	if step == retryNow {
		limit = maxLostPause
	}
	b.pause = min(max(2*b.pause, firstPause), limit)
}

// wait pauses before the next attempt. It says no when that would be past the
// deadline.
func (b *backoff) wait(deadline time.Time) bool {
	pause := time.Duration(0)
	if b.pause > 0 {
		pause = b.pause/2 + rand.N(b.pause/2+1)
	}
	if time.Now().Add(pause).After(deadline) {
		return false
	}
	time.Sleep(pause)
	return true
}
