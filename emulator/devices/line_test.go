package devices_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"math"
	"net/http"
	"time"

	"github.com/throng-im/throng/shared/deviceapi/checker"
)

// line is a connection to the stream.
type line struct {
	station *station
	cut     context.CancelFunc
	ended   chan struct{}
}

// chain is what the stream told a device since it began without an id, over all
// connections that resumed.
type chain struct {
	// covered is up to where the user lacks nothing of the groups, heard up to where
	// they were told: whoever begins may be told again what is young. confirmed and
	// known are the same as of the last id. open groups go on wherever the stream
	// does.
	covered, heard, confirmed, known map[string]int64
	open                             map[string]bool
	// from is where each group began, shown what was told since.
	from    map[string]int64
	shown   map[string]map[int64]told
	resyncs int
}

// begin begins a chain where the groups are.
func (c *chain) begin(at map[string]int64) {
	c.covered, c.confirmed, c.from = maps.Clone(at), maps.Clone(at), maps.Clone(at)
	c.heard, c.known = map[string]int64{}, map[string]int64{}
	c.open, c.shown = map[string]bool{}, map[string]map[int64]told{}
}

// resync asks of one group, or of all, to be synchronised: the stream goes on
// somewhere behind.
func (c *chain) resync(groups ...string) {
	c.resyncs++
	for _, g := range groups {
		c.open[g] = true
	}
}

// entries takes in that a group was told from after up to last.
func (c *chain) entries(g string, after, last int64, entries []told) (wrong string) {
	switch {
	case c.open[g]:
		c.from[g], c.covered[g] = after, after
		delete(c.open, g)
	case after > c.covered[g]:
		wrong = fmt.Sprintf("a gap in %s: %d follows %d", g, after+1, c.covered[g])
	}
	before := max(c.heard[g], after)
	for _, t := range entries {
		if t.Seq <= before || t.Seq > last {
			wrong = fmt.Sprintf("entry %d of %s after %d, up to %d", t.Seq, g, before, last)
		}
		before = t.Seq
		if c.shown[g] == nil {
			c.shown[g] = map[int64]told{}
		}
		c.shown[g][t.Seq] = t
	}
	c.upTo(g, last)
	return wrong
}

// upTo notes that the device was told all of a group up to a seq.
func (c *chain) upTo(g string, seq int64) {
	c.covered[g], c.heard[g] = max(c.covered[g], seq), max(c.heard[g], seq)
}

// confirm takes in an id: whoever comes back with it is told what is behind it.
func (c *chain) confirm() { c.confirmed, c.known = maps.Clone(c.covered), maps.Clone(c.heard) }

// resume goes on from the last id.
func (c *chain) resume() { c.covered, c.heard = maps.Clone(c.confirmed), maps.Clone(c.known) }

// connect opens the stream at a station. at is where the groups are by now; the
// connection breaks after so many bytes.
func (d *device) connect(s *station, at func() map[string]int64, bytes int64) error {
	d.mu.Lock()
	last := d.lastID
	d.mu.Unlock()
	ctx, cancel := context.WithCancel(context.Background())
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+s.proxy.Addr()+"/client/v1/stream", nil)
	if err != nil {
		cancel()
		return err
	}
	r.Header.Set("Authorization", "Bearer "+d.token)
	if last != "" {
		r.Header.Set("Last-Event-ID", last)
	}
	// Connections to an instance that went are not used again.
	res, err := (&http.Client{Transport: &http.Transport{DisableKeepAlives: true, ResponseHeaderTimeout: 30 * time.Second}}).Do(r)
	if err == nil && res.StatusCode != http.StatusOK {
		body, _ := io.ReadAll(res.Body)
		_ = res.Body.Close()
		err = fmt.Errorf("the stream answered %s %s", res.Status, body)
	}
	if err != nil {
		cancel()
		return err
	}
	d.mu.Lock()
	if last == "" {
		d.chain.begin(at())
	} else {
		d.chain.resume()
	}
	// What the user set has no part in an id.
	d.behind = true
	d.mu.Unlock()
	l := &line{station: s, cut: cancel, ended: make(chan struct{})}
	d.line = l
	go func() {
		defer close(l.ended)
		defer cancel()
		_ = checker.Frames(io.LimitReader(res.Body, bytes), d.hear)
		_ = res.Body.Close()
	}()
	return nil
}

// forever is more bytes than a connection brings.
const forever = math.MaxInt64

// connected says whether the device has a connection, as far as it has noticed.
func (d *device) connected() bool {
	if d.line != nil {
		select {
		case <-d.line.ended:
			d.line = nil
		default:
		}
	}
	return d.line != nil
}

// disconnect breaks the connection.
func (d *device) disconnect() {
	if d.line != nil {
		d.line.cut()
		<-d.line.ended
		d.line = nil
	}
}

// hear takes in an event of the stream.
func (d *device) hear(name, eventID, data string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	var e struct {
		GroupID, Kind, MessageUID string
		Seq, After, LastSeq       int64
		Read                      int
		Entries                   []told
		news
	}
	if data != "" {
		if err := json.Unmarshal([]byte(data), &e); err != nil {
			d.wrong("an event that cannot be read: %s", data)
		}
	}
	switch name {
	case "entries":
		if wrong := d.chain.entries(e.GroupID, e.After, e.LastSeq, e.Entries); wrong != "" {
			d.wrong("%s", wrong)
		}
		if l := d.groups[e.GroupID]; l == nil || l.last < e.After {
			d.behind = true
		} else {
			l.add(e.Entries, e.LastSeq)
		}
	case "membership":
		d.move(e.GroupID, e.Kind, e.Seq)
	case "conversation":
		d.learn(e.news)
	case "receipt":
		d.receipts[e.MessageUID] = max(d.receipts[e.MessageUID], e.Read)
	case "resync":
		d.behind = true
		if e.GroupID != "" {
			d.chain.resync(e.GroupID)
		} else {
			for g := range d.chain.covered {
				d.chain.resync(g)
			}
		}
	}
	if eventID != "" {
		d.lastID = eventID
		d.chain.confirm()
	}
}

// move takes in that the user joined or left a group.
func (d *device) move(g, kind string, seq int64) {
	d.chain.upTo(g, seq)
	l := d.groups[g]
	if seq <= d.moved[g] || l != nil && seq <= l.last {
		return // it knows better
	}
	if kind == "joined" {
		d.moved[g], d.joined[g], d.behind = seq, true, true
		return
	}
	d.leave(g, seq)
}

func (d *device) wrong(format string, args ...any) {
	d.wrongs = append(d.wrongs, fmt.Sprintf(format, args...))
}
