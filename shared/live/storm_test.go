package live_test

import (
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/throng-im/throng/shared/group"
	"github.com/throng-im/throng/shared/id"
	"github.com/throng-im/throng/shared/live"
)

// TestAStorm has everything at the same time: people come and go in groups, talk,
// and their devices break off and come back to two processes, while events and
// copies arrive. In the end everybody has what is theirs.
func TestAStorm(t *testing.T) {
	s := play(t)
	p := &stage{street: s, names: []id.Group{"g", "h", "i"}, users: []id.User{"ann", "bob", "cem"}}
	p.hubs = []*live.Hub{s.hub(), s.hub()}
	for _, g := range p.names {
		s.ok(s.groups.Join(s.ctx, g, p.users, "Name"))
	}
	s.later.Add(int64(time.Minute)) // what was before is over
	s.byHand = true
	for i := range 12 {
		r := s.reader(p.users[i%3], p.names)
		p.readers = append(p.readers, r)
		p.reconnect(r, -1)
		s.eventually(func() string { return "an id" }, func() bool { r.mu.Lock(); defer r.mu.Unlock(); return r.lastID != "" })
	}
	over := make(chan struct{})
	var storm, weather sync.WaitGroup
	for _, h := range p.hubs {
		for range 2 {
			weather.Go(func() {
				for {
					select {
					case <-over:
						return
					default:
						if s.waiting(h) == 0 {
							time.Sleep(100 * time.Microsecond)
						}
						s.deliver(h, 0, rand.IntN(5) == 0)
					}
				}
			})
		}
	}
	weather.Go(func() {
		for {
			select {
			case <-over:
				return
			case <-time.After(time.Millisecond):
				s.fanOut(0)
			}
		}
	})
	for _, g := range p.names {
		storm.Go(func() { p.carryOn(g) })
	}
	for _, r := range p.readers {
		storm.Go(func() {
			for range 20 {
				time.Sleep(rand.N(8 * time.Millisecond))
				r.stop()
				<-r.on
				p.reconnect(r, []int{-1, 300, 2000}[rand.IntN(3)])
			}
		})
	}
	storm.Wait()
	close(over)
	weather.Wait()
	p.finish()
}

// carryOn does random things in one group.
func (p *stage) carryOn(g id.Group) {
	for range 150 {
		u := p.users[rand.IntN(3)]
		switch rand.IntN(10) {
		case 0:
			p.ok(p.groups.Quit(p.ctx, g, []id.User{u}))
		case 1, 2:
			p.ok(p.groups.Join(p.ctx, g, []id.User{u}, ""))
		case 3:
			if rand.IntN(4) == 0 {
				p.ok(p.groups.Dismiss(p.ctx, g, u))
			}
		default:
			p.street.say(g, group.Entry{From: u})
		}
		time.Sleep(rand.N(2 * time.Millisecond))
	}
}

// reconnect connects a device to either process.
func (p *stage) reconnect(r *reader, budget int) {
	h := p.hubs[rand.IntN(2)]
	r.mu.Lock()
	clear(r.line)
	r.mu.Unlock()
	p.ok(p.street.connect(h, r.device, budget))
}
