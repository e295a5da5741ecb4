package live_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"os"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/throng-im/throng/shared/commit"
	"github.com/throng-im/throng/shared/conversation"
	"github.com/throng-im/throng/shared/event"
	"github.com/throng-im/throng/shared/group"
	"github.com/throng-im/throng/shared/id"
	"github.com/throng-im/throng/shared/live"
)

// crowd is a group whose members are connected over HTTP on this machine.
type crowd struct {
	*testing.B
	hub     *live.Hub
	deliver func(context.Context, *event.Timeline) error
	// last is the newest seq that each reader has, late the ages of what some of
	// them read.
	last []atomic.Int64
	mu   sync.Mutex
	late []time.Duration
	seq  int64
	// connecting is how long it took to connect everybody.
	connecting time.Duration
}

// newCrowd connects so many members.
func newCrowd(b *testing.B, members int) *crowd {
	b.Helper()
	c := &crowd{B: b, last: make([]atomic.Int64, members)}
	// The group was made long ago; what the benchmark says is not stored.
	groups := group.New(new(commit.Memory), func(context.Context, ...[]byte) error { return nil }, group.Options{
		MaxMembers: members, Now: func() time.Time { return time.Now().Add(-time.Hour) },
	})
	all := make([]id.User, members)
	for i := range all {
		all[i] = id.User(fmt.Sprint("u", i))
	}
	if err := groups.Join(b.Context(), "g", all, "G"); err != nil {
		b.Fatal(err)
	}
	c.hub = live.New(live.Options{
		Feed: func(ctx context.Context, liveNow func(), deliver func(context.Context, *event.Timeline) error) error {
			c.deliver = deliver
			liveNow()
			<-ctx.Done()
			return nil
		},
		List: func(context.Context, id.User) (conversation.List, error) {
			in := conversation.Conversation{Membership: conversation.Membership{Joined: 1}}
			return conversation.List{Conversations: map[id.Group]conversation.Conversation{"g": in}}, nil
		},
		Groups:      groups,
		Connections: members, Linger: -1,
	})
	c.seq = 1
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	s := &http.Server{Handler: http.HandlerFunc(c.serve)}
	go func() { _ = s.Serve(ln) }()
	b.Cleanup(func() { _ = s.Close() })
	started := time.Now()
	var connecting sync.WaitGroup
	for i := range members {
		connecting.Go(func() { c.connect(ln.Addr().String(), i) })
		if i%256 == 255 {
			connecting.Wait()
		}
	}
	connecting.Wait()
	c.connecting = time.Since(started)
	return c
}

func (c *crowd) serve(w http.ResponseWriter, r *http.Request) {
	conn, err := c.hub.Connect(r.Context(), id.User(r.URL.Query().Get("user")), "")
	if err != nil {
		w.WriteHeader(http.StatusServiceUnavailable)
		return
	}
	out := live.NewAnswer(conn.Context(), w)
	defer out.End()
	_ = conn.Run(out.Send, nil)
}

// connect opens one connection by hand: 2,900 of the standard client's would
// cost more than what is measured.
func (c *crowd) connect(addr string, i int) {
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		c.Error(err)
		return
	}
	c.Cleanup(func() { _ = conn.Close() })
	_, _ = fmt.Fprintf(conn, "GET /?user=u%d HTTP/1.1\r\nHost: x\r\n\r\n", i)
	lines := bufio.NewReaderSize(conn, 32<<10)
	for {
		line, err := lines.ReadSlice('\n')
		if err != nil {
			c.Error(err)
			return
		}
		if strings.HasPrefix(string(line), "id: ") {
			break
		}
	}
	go c.read(lines, i)
}

var (
	dataMark = []byte("data: ")
	seqMark  = []byte(`"lastSeq":`)
	atMark   = []byte(`"at":`)
)

// read counts entries. Every 64th member also notes how old they are.
func (c *crowd) read(lines *bufio.Reader, i int) {
	for {
		line, err := lines.ReadSlice('\n')
		if len(line) > 100 && bytes.HasPrefix(line, dataMark) {
			c.note(line, i)
		}
		for err == bufio.ErrBufferFull {
			_, err = lines.ReadSlice('\n')
		}
		if err != nil {
			return
		}
	}
}

func (c *crowd) note(line []byte, i int) {
	c.last[i].Store(number(line, seqMark))
	if i%64 == 0 {
		age := time.Since(time.UnixMicro(number(line, atMark)))
		c.mu.Lock()
		c.late = append(c.late, age)
		c.mu.Unlock()
	}
}

func number(line, mark []byte) int64 {
	at := bytes.Index(line[:min(len(line), 400)], mark)
	if at < 0 {
		return 0
	}
	n := int64(0)
	for _, d := range line[at+len(mark):] {
		if d < '0' || d > '9' {
			break
		}
		n = n*10 + int64(d-'0')
	}
	return n
}

// say delivers one event of n messages of 400 bytes. Their time is in
// microseconds here, so that their age can be told.
func (c *crowd) say(n int) {
	ev := &event.Timeline{Group: "g", Name: "G", Serial: 7}
	for range n {
		c.seq++
		raw, _ := json.Marshal(group.Entry{Seq: c.seq, At: time.Now().UnixMicro(), Kind: group.KindMessage, From: "app", Type: "RC:TxtMsg", Content: strings.Repeat("x", 400)})
		ev.Entries = append(ev.Entries, raw)
	}
	if err := c.deliver(context.Background(), ev); err != nil {
		c.Error(err)
	}
}

// settle waits until everybody has everything.
func (c *crowd) settle() {
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(time.Millisecond) {
		behind := 0
		for i := range c.last {
			if c.last[i].Load() != c.seq {
				behind++
			}
		}
		if behind == 0 {
			return
		}
		if time.Now().After(deadline) {
			c.Fatalf("%d of %d members do not have seq %d", behind, len(c.last), c.seq)
		}
	}
}

func (c *crowd) report(took time.Duration, from int64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	slices.Sort(c.late)
	at := func(q float64) float64 {
		if len(c.late) == 0 {
			return 0
		}
		return c.late[int(q*float64(len(c.late)-1))].Seconds() * 1000
	}
	c.ReportMetric(c.connecting.Seconds(), "s-to-connect")
	c.ReportMetric(float64(c.seq-from)*float64(len(c.last))/took.Seconds(), "deliveries/s")
	c.ReportMetric(at(0.5), "p50-ms")
	c.ReportMetric(at(0.99), "p99-ms")
}

// BenchmarkFlatOut has a sender who is held back by nothing but the hub.
func BenchmarkFlatOut(b *testing.B) {
	for _, n := range []int{1, 10, 100} {
		b.Run(fmt.Sprintf("2900 members, %d messages an event", n), func(b *testing.B) {
			c := newCrowd(b, 2900)
			from, started := c.seq, time.Now()
			for b.Loop() {
				c.say(n)
			}
			c.settle()
			c.report(time.Since(started), from)
		})
	}
}

// BenchmarkPaced sends two messages a second.
func BenchmarkPaced(b *testing.B) {
	c := newCrowd(b, 2900)
	tick := time.NewTicker(500 * time.Millisecond)
	defer tick.Stop()
	from, started := c.seq, time.Now()
	for b.Loop() {
		<-tick.C
		c.say(1)
	}
	c.settle()
	c.report(time.Since(started), from)
}

// BenchmarkMemory connects a full instance, client and server in one process, and
// reports what each connection takes of both.
func BenchmarkMemory(b *testing.B) {
	for b.Loop() {
		before := resident()
		c := newCrowd(b, live.DefaultConnections)
		c.say(10)
		c.settle()
		runtime.GC()
		b.ReportMetric(float64(resident()-before)/(1<<20), "MiB-both-sides")
	}
}

// resident is the memory that the process takes, in bytes.
func resident() int64 {
	text, _ := os.ReadFile("/proc/self/statm")
	var total, pages int64
	_, _ = fmt.Sscan(string(text), &total, &pages)
	return pages * int64(os.Getpagesize())
}
