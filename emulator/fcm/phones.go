package fcm

import (
	"container/list"
	"hash/maphash"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

const (
	// shards let senders to different phones not wait for one another.
	shards = 64
	// maxPhones and maxPhoneBytes bound what is remembered of phones; those that
	// got nothing for the longest time go first.
	maxPhones     = 100_000
	maxPhoneBytes = 512 << 20
)

// phones are all devices that something was sent to.
type phones struct {
	seed   maphash.Seed
	shards [shards]shard
}

type shard struct {
	mu    sync.Mutex
	all   map[string]*list.Element
	order list.List // of *phone, the one touched last in front
	bytes int
}

func (p *phones) init() {
	p.seed = maphash.MakeSeed()
	p.forget()
}

func (p *phones) forget() {
	for i := range p.shards {
		s := &p.shards[i]
		s.mu.Lock()
		s.all, s.bytes = map[string]*list.Element{}, 0
		s.order.Init()
		s.mu.Unlock()
	}
}

func (p *phones) of(token string) *shard { return &p.shards[maphash.String(p.seed, token)%shards] }

// emptySize is what a phone takes that shows nothing.
const emptySize = 600

// with calls use with a phone, which is made if make says so, and with its lock
// held.
func (s *Server) with(token string, now time.Time, create bool, use func(*phone)) bool {
	sh := s.phones.of(token)
	sh.mu.Lock()
	defer sh.mu.Unlock()
	at := sh.all[token]
	if at == nil {
		if !create {
			return false
		}
		at = sh.order.PushFront(&phone{token: token, counts: &s.counts, app: s.app, size: emptySize})
		sh.all[token] = at
		sh.bytes += emptySize
	} else if create {
		sh.order.MoveToFront(at)
	}
	p := at.Value.(*phone)
	if create {
		p.touched = now
	}
	before := p.size
	use(p)
	sh.bytes += p.size - before
	for create && sh.order.Len() > 1 && (sh.order.Len() > maxPhones/shards || sh.bytes > maxPhoneBytes/shards) {
		last := sh.order.Back()
		old := sh.order.Remove(last).(*phone)
		delete(sh.all, old.token)
		sh.bytes -= old.size
	}
	return true
}

// attempt counts how often a token was sent to.
func (s *Server) attempt(req request, now time.Time) uint64 {
	if !req.toDevice {
		return 0
	}
	var n uint64
	s.with(req.target, now, true, func(p *phone) {
		p.attempts++
		n = uint64(p.attempts)
	})
	return n
}

// admit asks the device's quota.
func (s *Server) admit(req request, now time.Time) (f *refusal) {
	limits := s.quotas.limits.Load()
	if !req.toDevice || limits.DevicePerMinute == 0 && limits.DevicePerHour == 0 {
		return nil
	}
	s.with(req.target, now, true, func(p *phone) {
		if p.learn(req); p.platform == android {
			f = p.admit(limits, now)
		}
		if f != nil {
			p.record(Record{At: now.UnixMilli(), Fate: Refused, Why: f.message})
		}
	})
	return f
}

// learn guesses the platform from what is sent.
func (p *phone) learn(req request) {
	if p.told {
		return
	}
	if guess := platformOf(req.message); guess != "" {
		p.platform = guess
	} else if p.platform == "" {
		p.platform = android
	}
}

// receive gives an accepted message to its phone.
func (s *Server) receive(req request, id string, now time.Time) {
	if !req.toDevice {
		return
	}
	s.with(req.target, now, true, func(p *phone) {
		p.learn(req)
		p.receive(arrive(req.message, p.platform, id, now), s.quotas.limits.Load(), now)
		p.weigh()
	})
}

// weigh estimates what a phone takes in memory.
func (p *phone) weigh() {
	p.size = emptySize + 48*len(p.screen.marks)
	for i := range p.stored {
		p.size += p.stored[i].size
	}
	for i := range p.screen.shown {
		p.size += 200 + len(p.screen.shown[i].Title) + len(p.screen.shown[i].Body)
	}
	p.size += 200 * len(p.log)
}

// noteRefusal puts an error that the stand-in was told to answer into the log.
func (s *Server) noteRefusal(req request, code string, now time.Time) {
	s.version.Add(1)
	if !req.toDevice {
		return
	}
	s.with(req.target, now, true, func(p *phone) {
		p.learn(req)
		p.record(Record{At: now.UnixMilli(), Fate: Refused, Why: code})
		p.weigh()
	})
}

// catchUp lets time pass on every phone.
func (p *phones) catchUp(s *Server) {
	limits, now := s.quotas.limits.Load(), s.clock.now()
	for i := range p.shards {
		sh := &p.shards[i]
		sh.mu.Lock()
		for at := sh.order.Front(); at != nil; at = at.Next() {
			if one := at.Value.(*phone); len(one.stored) > 0 {
				before := one.size
				one.catchUp(limits, now)
				one.weigh()
				sh.bytes += one.size - before
			}
		}
		sh.mu.Unlock()
	}
}

// newest are the phones that were touched last, at most limit, of those whose
// token contains match; total is how many there are.
func (s *Server) newest(match string, limit, lines int) (views []View, total int) {
	limits, now := s.quotas.limits.Load(), s.clock.now()
	for i := range s.phones.shards {
		sh := &s.phones.shards[i]
		sh.mu.Lock()
		total += sh.order.Len()
		taken := 0
		for at := sh.order.Front(); at != nil && taken < limit; at = at.Next() {
			p := at.Value.(*phone)
			if !strings.Contains(p.token, match) {
				continue
			}
			if len(p.stored) > 0 {
				before := p.size
				p.catchUp(limits, now)
				p.weigh()
				sh.bytes += p.size - before
			}
			views = append(views, p.view(lines))
			taken++
		}
		sh.mu.Unlock()
	}
	slices.SortFunc(views, func(a, b View) int {
		if c := b.touched.Compare(a.touched); c != 0 {
			return c
		}
		return strings.Compare(a.Token, b.Token)
	})
	return views[:min(len(views), limit)], total
}

// defaultPhones is how many are listed when nobody says how many.
const defaultPhones = 1000

func (s *Server) listPhones(w http.ResponseWriter, r *http.Request) {
	limit := defaultPhones
	if text := r.URL.Query().Get("limit"); text != "" {
		n, err := strconv.Atoi(text)
		if err != nil || n < 1 || n > maxPhones {
			refuse(w, "limit is from 1 to "+strconv.Itoa(maxPhones))
			return
		}
		limit = n
	}
	views, total := s.newest(r.URL.Query().Get("match"), limit, 0)
	if views == nil {
		views = []View{}
	}
	answer(w, http.StatusOK, map[string]any{"phones": views, "total": total})
}

func (s *Server) showPhone(w http.ResponseWriter, r *http.Request) {
	var v View
	limits, now := s.quotas.limits.Load(), s.clock.now()
	if !s.with(r.PathValue("token"), now, false, func(p *phone) {
		p.catchUp(limits, now)
		p.weigh()
		v = p.view(maxLog)
	}) {
		answer(w, http.StatusNotFound, map[string]string{"error": "nothing was ever sent to this token, and nothing was set for it"})
		return
	}
	answer(w, http.StatusOK, v)
}

// setPhone switches a phone on or off, or says what it is.
func (s *Server) setPhone(w http.ResponseWriter, r *http.Request) {
	var set struct {
		Online   *bool   `json:"online"`
		Platform *string `json:"platform"`
	}
	if !decode(w, r, &set, `online, platform; such as {"online":false}`) {
		return
	}
	if set.Online == nil && set.Platform == nil {
		refuse(w, "there is neither online nor platform")
		return
	}
	if set.Platform != nil && !validPlatform(*set.Platform) {
		refuse(w, "platform is android, ios or web")
		return
	}
	var v View
	limits, now := s.quotas.limits.Load(), s.clock.now()
	s.with(r.PathValue("token"), now, true, func(p *phone) {
		if set.Platform != nil {
			p.platform, p.told = *set.Platform, true
		}
		if set.Online != nil {
			p.off = !*set.Online
		}
		p.catchUp(limits, now)
		p.weigh()
		v = p.view(maxLog)
	})
	s.version.Add(1)
	answer(w, http.StatusOK, v)
}

func (s *Server) forgetPhones(w http.ResponseWriter, _ *http.Request) {
	s.phones.forget()
	s.version.Add(1)
	answer(w, http.StatusOK, struct{}{})
}
