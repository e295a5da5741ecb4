package live_test

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/throng-im/throng/shared/group"
	"github.com/throng-im/throng/shared/id"
)

// TestWhatHappensWhileADeviceComesBack has a device resume over and over, and its
// user quit or join, or somebody say something, at any moment of that.
func TestWhatHappensWhileADeviceComesBack(t *testing.T) {
	s := play(t)
	h := s.hub()
	const g = id.Group("g")
	s.ok(s.groups.Join(s.ctx, g, []id.User{"ann", "bob"}, "G"))
	r := s.reader("ann", []id.Group{g})
	s.later.Store(int64(time.Minute)) // what was before is over
	s.byHand = true
	s.ok(s.connect(h, r.device, -1))
	for round := range 300 {
		s.eventually(func() string { return "an id" }, func() bool { r.mu.Lock(); defer r.mu.Unlock(); return r.lastID != "" })
		r.stop()
		<-r.on
		clear(r.line)
		r.frames = nil
		did := ""
		happen := func() {
			switch rand.IntN(4) {
			case 0:
				did += " quit"
				s.ok(s.groups.Quit(s.ctx, g, []id.User{"ann"}))
			case 1:
				did += " join"
				s.ok(s.groups.Join(s.ctx, g, []id.User{"ann"}, ""))
			}
			did += " say"
			s.say(g, group.Entry{From: "bob"})
		}
		if rand.IntN(2) == 0 {
			happen()
			did += " |"
		}
		begin := make(chan struct{})
		done := make(chan struct{})
		go func() {
			<-begin
			time.Sleep(time.Duration(rand.IntN(300)) * time.Microsecond)
			happen()
			for _, come := range rand.Perm(2) {
				if come == 0 {
					s.fanOutAll()
				} else {
					s.deliverAll(h)
				}
			}
			close(done)
		}()
		close(begin)
		s.ok(s.connect(h, r.device, -1))
		<-done
		s.fanOutAll()
		s.deliverAll(h)
		want := s.truth(g, "ann")
		s.eventually(func() string {
			r.mu.Lock()
			defer r.mu.Unlock()
			return fmt.Sprintf("round %d,%s: a member %v, up to %d; it is %+v\n%s\n%s", round, did, r.member[g], r.known[g], want.member, r.told(), h.Dump())
		}, func() bool {
			r.mu.Lock()
			defer r.mu.Unlock()
			return r.member[g] == want.member && (!want.member || r.known[g] >= want.last)
		})
		if len(r.wrong) > 0 {
			t.Fatalf("round %d,%s: %v", round, did, r.wrong)
		}
	}
}
