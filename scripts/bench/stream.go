package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/throng-im/throng/shared/cost"
	"github.com/throng-im/throng/shared/deviceapi"
	"github.com/throng-im/throng/shared/event"
	"github.com/throng-im/throng/shared/id"
	"github.com/throng-im/throng/shared/pubsub"
	"github.com/throng-im/throng/shared/token"
)

const (
	// paceOf and paceFor are the messages that a paced measurement sends.
	paceOf  = 500 * time.Millisecond
	paceFor = 10
	// flatSenders send as fast as they are answered.
	flatSenders = 16
	// sampled is which reader's messages are timed when there are very many.
	sampled = 64
	// connectAtOnce bounds the connections that are being made.
	connectAtOnce = 64
	// streamPatience is how long the last message may take.
	streamPatience = time.Minute
	// settledEvery is how often is asked whether a group is known, which is no hurry
	// and takes of the machine that tells them.
	settledEvery = 50 * time.Millisecond
)

// streamTable measures the stream of a big group of which nearly everybody is
// connected, from the call that sends to the device that reads.
func (t *town) streamTable(ctx context.Context, r *report) error {
	const group = "streamed"
	if err := t.createGroupAt(t.gateway, group, t.members); err != nil {
		return err
	}
	if err := t.settled(group); err != nil {
		return err
	}
	var arrivals []sample
	var a *crowd
	for i := range t.rounds + 1 {
		var err error
		if a, err = gather(ctx, group, t.members*29/30); err != nil {
			return err
		}
		arrivals = append(arrivals, a.connecting)
		if i < t.rounds {
			a.leave()
		}
	}
	defer a.leave()
	out := table{Name: "stream", Title: fmt.Sprintf("From a message to %d connected members of %d", len(a.conns), t.members), Unit: "deliveries/s",
		Note: "p50 and p99 are from the send to the device; Pub/Sub alone is its emulator handing the same messages to one subscriber; of connecting they are one device's. CPU is the stream's for one delivery"}
	out.Rows = append(out.Rows,
		row{Name: "connecting, the first time", Variants: []measured{middle("Throng", arrivals[:1])}},
		row{Name: "coming back, all at once", Variants: []measured{middle("Throng", arrivals[1:])}})
	var paced, alone, flat []sample
	for range t.rounds {
		stream := function("STREAM")
		var bare sample
		s, err := stream.observe(func() (s sample, err error) { s, bare, err = a.paced(t.whole.base); return s, err })
		if err != nil {
			return err
		}
		paced, alone = append(paced, s), append(alone, bare)
		if s, err = stream.observe(func() (sample, error) { return a.flatOut(t.whole.base, t.per) }); err != nil {
			return err
		}
		flat = append(flat, s)
	}
	out.Rows = append(out.Rows,
		row{Name: "2 messages a second", Variants: []measured{middle("Throng", paced), middle("Pub/Sub alone", alone)}},
		row{Name: fmt.Sprintf("%d senders, flat out", flatSenders), Variants: []measured{middle("Throng", flat)}})
	r.add(out)
	return nil
}

// settled waits until fan-out has told the members of a new group that they are in it:
// who connects before is told while connected, which is other work.
func (t *town) settled(group string) error {
	tokens := token.New(appKey, appSecret, time.Now)
	for i := 0; i < t.members; i += max(1, t.members/16) {
		text, err := tokens.Issue(id.User(fmt.Sprint("user", i)), 0, false)
		if err != nil {
			return err
		}
		for end := time.Now().Add(streamPatience); ; time.Sleep(settledEvery) {
			body, err := ask(http.MethodGet, function("CLIENT").base+deviceapi.Base+"/conversations", text, "")
			if err != nil {
				return err
			}
			if bytes.Contains(body, []byte(group)) {
				break
			}
			if time.Now().After(end) {
				return fmt.Errorf("user%d was not told of the group: %s", i, body)
			}
		}
	}
	return nil
}

// crowd is the devices on the stream, and a subscriber beside them.
type crowd struct {
	group      string
	conns      []net.Conn
	connecting sample
	received   atomic.Int64
	// every says that all readers are timed, not only some.
	every atomic.Bool
	stop  context.CancelFunc
	done  sync.WaitGroup

	mu          sync.Mutex
	late, alone []time.Duration
	failed      error
}

// gather connects members of a group.
func gather(ctx context.Context, group string, members int) (*crowd, error) {
	ctx, stop := context.WithCancel(ctx)
	a := &crowd{group: group, conns: make([]net.Conn, members), stop: stop}
	u, err := url.Parse(function("STREAM").base)
	if err != nil {
		return nil, err
	}
	if err := a.listenBeside(ctx); err != nil {
		a.leave()
		return nil, err
	}
	tokens := token.New(appKey, appSecret, time.Now)
	took, begun := make([]time.Duration, members), time.Now()
	slots := make(chan struct{}, connectAtOnce)
	var connecting sync.WaitGroup
	for i := range members {
		slots <- struct{}{}
		connecting.Go(func() {
			defer func() { <-slots }()
			at := time.Now()
			if err := a.connect(u.Host, tokens, i); err != nil {
				a.fail(fmt.Errorf("device %d: %w", i, err))
			}
			took[i] = time.Since(at)
		})
	}
	connecting.Wait()
	a.connecting = summary(took, time.Since(begun))
	if a.failed != nil {
		a.leave()
	}
	return a, a.failed
}

func (a *crowd) leave() {
	a.stop()
	for _, c := range a.conns {
		if c != nil {
			_ = c.Close()
		}
	}
	a.done.Wait()
}

func (a *crowd) fail(err error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.failed = errors.Join(a.failed, err)
}

// listenBeside follows the topic with a subscription of its own.
func (a *crowd) listenBeside(ctx context.Context) error {
	ps, err := pubsub.Open(ctx, os.Getenv("GOOGLE_CLOUD_PROJECT"), new(cost.Meter))
	if err != nil {
		return err
	}
	ready := make(chan struct{})
	a.done.Go(func() {
		defer func() { _ = ps.Close() }()
		_ = ps.Follow(ctx, "bench-beside-"+strconv.FormatInt(time.Now().UnixNano(), 36), event.TopicTimeline, func() { close(ready) }, func(_ context.Context, d pubsub.Delivery) error {
			now := time.Now()
			var ev event.Timeline
			if json.Unmarshal(d.Data, &ev) == nil && string(ev.Group) == a.group {
				a.mu.Lock()
				for _, raw := range ev.Entries {
					a.alone = append(a.alone, ages(raw, now)...)
				}
				a.mu.Unlock()
			}
			return nil
		})
	})
	select {
	case <-ready:
		return nil
	case <-time.After(streamPatience):
		return errors.New("there is no subscription of the topic timeline")
	}
}

// connect opens one stream by hand and returns when its id has come.
func (a *crowd) connect(host string, tokens *token.Keys, i int) error {
	text, err := tokens.Issue(id.User(fmt.Sprint("user", i)), 0, false)
	if err != nil {
		return err
	}
	if a.conns[i], err = net.DialTimeout("tcp", host, streamPatience); err != nil {
		return err
	}
	if _, err := fmt.Fprintf(a.conns[i], "GET %s/stream HTTP/1.1\r\nHost: %s\r\nAuthorization: Bearer %s\r\n\r\n", deviceapi.Base, host, text); err != nil {
		return err
	}
	lines := bufio.NewScanner(a.conns[i])
	lines.Buffer(nil, 8<<20)
	for first := ""; lines.Scan(); {
		if first == "" {
			first = lines.Text()
		}
		if strings.HasPrefix(lines.Text(), "id: ") {
			a.done.Go(func() { a.read(lines, i) })
			return nil
		}
		if !strings.HasPrefix(first, "HTTP/1.1 200") {
			return fmt.Errorf("the stream answered %s", first)
		}
	}
	return fmt.Errorf("the stream ended: %w", lines.Err())
}

var message = []byte(`"kind":"message"`)

// read counts messages until the connection is closed.
func (a *crowd) read(lines *bufio.Scanner, i int) {
	for lines.Scan() {
		if n := bytes.Count(lines.Bytes(), message); n > 0 {
			if i%sampled == 0 || a.every.Load() {
				late := ages(lines.Bytes(), time.Now())
				a.mu.Lock()
				a.late = append(a.late, late...)
				a.mu.Unlock()
			}
			a.received.Add(int64(n))
		}
	}
}

// stamped is a message that says between two signs when it was sent.
func stamped(group string) string {
	return url.Values{"fromUserId": {"app"}, "toGroupId": {group}, "objectName": {"RC:TxtMsg"},
		"content": {fmt.Sprintf(`{"content":"@%d@%s"}`, time.Now().UnixMicro(), strings.Repeat("hello there ", 30))}}.Encode()
}

// ages lists how old the messages are that a text holds.
func ages(text []byte, now time.Time) (out []time.Duration) {
	for part := range bytes.SplitSeq(text, []byte("@")) {
		if at, err := strconv.ParseInt(string(part), 10, 64); err == nil {
			out = append(out, now.Sub(time.UnixMicro(at)))
		}
	}
	return out
}

// begin forgets what came before.
func (a *crowd) begin(every bool) {
	a.every.Store(every)
	a.received.Store(0)
	a.mu.Lock()
	defer a.mu.Unlock()
	a.late, a.alone = nil, nil
}

// end waits until everybody has so many messages, and sums up.
func (a *crowd) end(messages int, begun time.Time) (all, alone sample, err error) {
	want := int64(messages * len(a.conns))
	for deadline := time.Now().Add(streamPatience); a.received.Load() < want; time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			return all, alone, fmt.Errorf("%d of %d deliveries have come", a.received.Load(), want)
		}
	}
	elapsed := time.Since(begun)
	a.mu.Lock()
	defer a.mu.Unlock()
	all, alone = summary(slices.Clone(a.late), elapsed), summary(slices.Clone(a.alone), elapsed)
	all.Rate, all.Operations = float64(want)/elapsed.Seconds(), int(want)
	return all, alone, nil
}

// paced sends a message every now and then.
func (a *crowd) paced(base string) (all, alone sample, err error) {
	a.begin(true)
	begun := time.Now()
	for i := range paceFor {
		time.Sleep(time.Until(begun.Add(time.Duration(i) * paceOf)))
		if _, err := once(base, "/message/group/publish.json", stamped(a.group)); err != nil {
			return all, alone, err
		}
	}
	return a.end(paceFor, begun)
}

// flatOut keeps senders busy.
func (a *crowd) flatOut(base string, per time.Duration) (sample, error) {
	a.begin(false)
	begun := time.Now()
	sent, err := storm(flatSenders, per, posts(base, "/message/group/publish.json",
		func(int64) string { return stamped(a.group) }, func([]byte) error { return nil }))
	if err != nil {
		return sample{}, err
	}
	s, _, err := a.end(sent.Operations, begun)
	return s, err
}
