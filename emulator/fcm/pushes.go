package fcm

import (
	"bufio"
	"encoding/json"
	"fmt"
	"net/http"
	"sort"
	"strconv"
	"strings"
	"sync"
)

const (
	// MaxPushes is how many pushes are kept for inspection, the newest.
	MaxPushes = 200_000
	// maxPushBytes bounds what their messages take.
	maxPushBytes = 256 << 20
)

// Push is a message that was accepted for a device.
type Push struct {
	ID      string          `json:"id"`
	Token   string          `json:"token"`
	At      int64           `json:"at"`
	Message json.RawMessage `json:"message"`
	number  int64
}

// pushes are the accepted messages, oldest first, in a ring that grows to its
// bound.
type pushes struct {
	mu    sync.Mutex
	ring  []Push
	first int
	count int
	bytes int
	next  int64
}

// add keeps an accepted message and names it. It asks for the time itself, so
// that the order of the pushes is that of their times.
func (p *pushes) add(req request, at *clock) string {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.next++
	one := Push{ID: messageID(p.next), Token: req.target, At: at.now().UnixMilli(), Message: req.raw, number: p.next}
	for p.count == MaxPushes || p.count > 0 && p.bytes+len(req.raw) > maxPushBytes {
		old := &p.ring[p.first]
		p.bytes -= len(old.Message)
		*old = Push{}
		p.first, p.count = (p.first+1)%len(p.ring), p.count-1
	}
	if p.count == len(p.ring) {
		grown := make([]Push, min(MaxPushes, max(1024, 2*len(p.ring))))
		copy(grown, p.ring[p.first:])
		copy(grown[len(p.ring)-p.first:], p.ring[:p.first])
		p.ring, p.first = grown, 0
	}
	p.ring[(p.first+p.count)%len(p.ring)] = one
	p.count++
	p.bytes += len(req.raw)
	return one.ID
}

// messageID is "0:" and a number of sixteen digits.
func messageID(number int64) string {
	digits := strconv.FormatInt(number, 10)
	return "0:" + "0000000000000000"[:max(0, 16-len(digits))] + digits
}

func (p *pushes) forget() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.ring, p.first, p.count, p.bytes = nil, 0, 0, 0
}

// after copies the pushes behind one, without looking into them, so that whoever
// sends waits as little as possible for whoever looks.
func (p *pushes) after(number int64) []Push {
	p.mu.Lock()
	defer p.mu.Unlock()
	from := sort.Search(p.count, func(i int) bool { return p.ring[(p.first+i)%len(p.ring)].number > number })
	out := make([]Push, 0, p.count-from)
	for i := from; i < p.count; i++ {
		out = append(out, p.ring[(p.first+i)%len(p.ring)])
	}
	return out
}

// listPushes answers what was accepted, oldest first. since is the id of a push,
// and then what came after it is listed, or a time in Unix milliseconds.
func (s *Server) listPushes(w http.ResponseWriter, r *http.Request) {
	token, since := r.URL.Query().Get("token"), r.URL.Query().Get("since")
	var after, afterNumber int64
	if since != "" {
		var err error
		if number, isID := strings.CutPrefix(since, "0:"); isID {
			afterNumber, err = strconv.ParseInt(number, 10, 64)
		} else {
			after, err = strconv.ParseInt(since, 10, 64)
		}
		if err != nil {
			refuse(w, "since must be a push's id or a time in Unix milliseconds")
			return
		}
	}
	w.Header().Set("Content-Type", "application/json")
	out := bufio.NewWriterSize(w, 64<<10)
	defer func() { _ = out.Flush() }()
	_, _ = out.WriteString(`{"pushes":[`)
	comma := ""
	for _, p := range s.pushes.after(afterNumber) {
		if token != "" && p.Token != token || p.At <= after {
			continue
		}
		// The message is JSON already, and there may be very many.
		quoted, _ := json.Marshal(p.Token)
		_, _ = fmt.Fprintf(out, `%s{"id":"%s","token":%s,"at":%d,"message":`, comma, p.ID, quoted, p.At)
		_, _ = out.Write(p.Message)
		_ = out.WriteByte('}')
		comma = ","
	}
	_, _ = out.WriteString("]}\n")
}

func (s *Server) forgetPushes(w http.ResponseWriter, _ *http.Request) {
	s.pushes.forget()
	s.version.Add(1)
	answer(w, http.StatusOK, struct{}{})
}
