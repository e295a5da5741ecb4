package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"

	"github.com/throng-im/throng/shared/deviceapi/checker"
	"github.com/throng-im/throng/shared/inbox"
)

// stream is a phone's connection, and what came by it.
type stream struct {
	stop  context.CancelFunc
	ended chan struct{}
	// lastID is where the phone goes on when it connects again.
	lastID string
	// holding says that the phone has to synchronise, and held is what came
	// meanwhile: it goes on from where the sync ends.
	holding bool
	held    []told
	// heard is what a phone shows for a moment, and does not keep.
	heard []string
	// resyncs and again count how often the phone was asked to synchronise, and
	// entries that it had.
	resyncs, again int
	// reads are how many have read a message.
	reads map[string]int
}

// told is an event.
type told struct{ name, data string }

// update is what the stream says of an entry, a membership, or what a user set.
type update struct {
	GroupID, Kind, Name, MessageUID, Reason string
	Seq, After, LastSeq                     int64
	Read                                    int
	Entries                                 []json.RawMessage
	inbox.Answer
}

// comesBack connects again and synchronises, as a device does for what has no part
// in an id: what the user set, and receipts.
func (p *phone) comesBack() {
	p.Helper()
	p.connects()
	p.syncs()
}

// connects opens the stream, and goes on where it was when it is not the first
// time. A phone that begins synchronises once, after which it is told everything.
func (p *phone) connects() {
	p.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	p.Cleanup(cancel)
	p.mu.Lock()
	first, lastID := p.line.lastID == "", p.line.lastID
	p.mu.Unlock()
	var res *http.Response
	p.becomes(p.title()+" connects", "true", func() string {
		r, err := http.NewRequestWithContext(ctx, http.MethodGet, p.town.url(portGateway)+"/client/v1/stream", nil)
		if err != nil {
			p.Fatal(err)
		}
		r.Header.Set("Authorization", "Bearer "+p.token)
		if !first {
			r.Header.Set("Last-Event-ID", lastID)
		}
		res, err = (&http.Client{Transport: p.client.Transport}).Do(r)
		if err != nil {
			return err.Error()
		}
		return fmt.Sprint(res.StatusCode == http.StatusOK)
	})
	ended, begun := make(chan struct{}), make(chan struct{})
	p.mu.Lock()
	p.line.stop, p.line.ended, p.line.again = cancel, ended, 0
	p.line.holding = p.line.holding || first
	p.mu.Unlock()
	go func() {
		defer close(ended)
		defer func() { _ = res.Body.Close() }()
		err := p.listens(res.Body, begun)
		if err != nil && !errors.Is(err, context.Canceled) {
			p.mu.Lock()
			p.fault("the stream broke: %v", err)
			p.mu.Unlock()
		}
	}()
	select {
	case <-begun:
	case <-ended:
		p.Fatalf("%s was cut off before it was told anything", p.title())
	}
	if first {
		p.syncs()
	}
}

// disconnects is a phone that goes under a bridge.
func (p *phone) disconnects() {
	p.mu.Lock()
	stop, ended := p.line.stop, p.line.ended
	p.mu.Unlock()
	stop()
	<-ended
	p.mu.Lock()
	p.line.stop = nil
	p.mu.Unlock()
}

// behind says whether the phone has to synchronise to know what is new.
func (p *phone) behind() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.line.stop == nil || p.line.holding
}

// goesOn takes in what came while the phone synchronised.
func (p *phone) goesOn() {
	p.mu.Lock()
	defer p.mu.Unlock()
	held := p.line.held
	p.line.holding, p.line.held = false, nil
	for _, e := range held {
		p.takes(e)
	}
}

// listens reads events until the stream ends, and closes begun at the first that
// says where the phone is.
func (p *phone) listens(stream io.Reader, begun chan struct{}) error {
	return checker.Frames(stream, func(name, id, data string) {
		p.mu.Lock()
		p.takes(told{name, data})
		if id != "" {
			p.line.lastID = id
		}
		p.mu.Unlock()
		if id != "" && begun != nil {
			close(begun)
			begun = nil
		}
	})
}

// takes takes in an event, or holds it back.
func (p *phone) takes(e told) {
	if p.line.holding {
		p.line.held = append(p.line.held, e)
		return
	}
	var u update
	if e.data != "" {
		if err := json.Unmarshal([]byte(e.data), &u); err != nil {
			p.fault("the stream said %q: %v", e.data, err)
		}
	}
	switch e.name {
	case "", "ping":
	case "entries":
		p.follows(u)
	case "status":
		for _, raw := range u.Entries {
			e := p.decode(raw)
			p.line.heard = append(p.line.heard, fmt.Sprintf("%s in %s: %s", p.named(e.From), p.named(u.GroupID), e.Type))
		}
	case "membership":
		r := p.rooms[u.GroupID]
		if r != nil && u.Seq <= r.joinedSeq {
			break // a sync has told more
		}
		if u.Kind != "joined" {
			delete(p.rooms, u.GroupID)
			break
		}
		// Whoever comes back after a dismissal gets back what was theirs, so that
		// the phone asks for all of it.
		delete(p.rooms, u.GroupID)
		p.room(u.GroupID).name = u.Name
		p.line.holding = true
	case "conversation":
		p.toldOf(u.Answer)
	case "receipt":
		if p.line.reads == nil {
			p.line.reads = map[string]int{}
		}
		p.line.reads[u.MessageUID] = max(p.line.reads[u.MessageUID], u.Read)
	case "resync":
		p.line.resyncs++
		p.line.holding = true
	case "goodbye":
		p.line.heard = append(p.line.heard, "goodbye "+u.Reason)
	default:
		p.fault("the stream knows an event %q", e.name)
	}
}

// follows takes in entries, which must follow those that the phone has.
func (p *phone) follows(u update) {
	r := p.rooms[u.GroupID]
	if r == nil || u.After > r.lastSeq {
		has := "nothing"
		if r != nil {
			has = fmt.Sprint(r.lastSeq)
		}
		p.fault("the stream goes on after %d in %s, of which the phone has %s", u.After, p.named(u.GroupID), has)
		return
	}
	for _, raw := range u.Entries {
		e := p.decode(raw)
		if e.Seq <= r.lastSeq {
			p.line.again++
		}
		r.apply(e)
	}
	r.lastSeq = max(r.lastSeq, u.LastSeq)
}

// isHeard waits until the phone was told just this of what is not kept.
func (p *phone) isHeard(want ...string) {
	p.Helper()
	p.becomes(p.title()+" heard", quoted(want), func() string {
		return p.look(func(*view) string { return quoted(p.line.heard) })
	})
}

// isToldReaders waits until the phone was told how many have read a message.
func (p *phone) isToldReaders(l line, n int) {
	p.Helper()
	p.becomes(p.title()+" is told how many have read", number(n), func() string {
		return p.look(func(*view) string { return number(p.line.reads[l.uid]) })
	})
}

// isAskedToSynchronise holds how often the stream asked the phone to.
func (p *phone) isAskedToSynchronise(times int) {
	p.Helper()
	p.mu.Lock()
	defer p.mu.Unlock()
	p.is("how often "+p.title()+" is asked to synchronise", number(p.line.resyncs), number(times))
}

// hearsNothingTwice holds that no entry came that the phone had when it last
// connected.
func (p *phone) hearsNothingTwice() {
	p.Helper()
	p.mu.Lock()
	defer p.mu.Unlock()
	p.is("how many entries "+p.title()+" is told again", number(p.line.again), "0")
}
