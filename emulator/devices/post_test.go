package devices_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"sync"
	"sync/atomic"
	"time"

	"github.com/throng-im/throng/functions"
	"github.com/throng-im/throng/shared/cloud"
	"github.com/throng-im/throng/shared/event"
	"github.com/throng-im/throng/shared/pubsub"
)

// post carries the events, as badly as Pub/Sub may. What is published may reach
// every subscriber late, and once more much later. What is pushed to functions is
// taken over from Pub/Sub at once and handed to any of the instances in any order,
// twice, or again after an answer that was lost.
type post struct {
	*city
	cloud *cloud.Cloud
	// bad is whether anything goes wrong.
	bad atomic.Bool
	// waiting counts the announcements that are held back.
	waiting atomic.Int64

	mu     sync.Mutex
	queues map[string]*queue
	// said are the newest announcements, to be said again.
	said []announcement
}

type announcement struct {
	topic   string
	payload []byte
}

// queue is what waits for one function.
type queue struct {
	name   string
	letter [][]byte
	// busy counts those on their way; said is the last answer that was no success.
	busy int
	said string
}

const (
	// keptSaid is how many announcements may be said again.
	keptSaid = 50
	// carriers is how many events of one function are on their way at once.
	carriers = 4
	// latest bounds how late an announcement reaches its subscribers.
	latest = 150 * time.Millisecond
)

func newPost(c *city) *post {
	return &post{city: c, queues: map[string]*queue{}}
}

func (p *post) chance(in int) bool { return p.bad.Load() && rand.IntN(in) == 0 }

// begin creates the topics and the subscriptions, and carries.
func (p *post) begin() {
	p.Helper()
	p.cloud = p.open()
	m, err := functions.Load()
	p.ok(err)
	var subs []pubsub.Subscription
	server := httptest.NewServer(http.HandlerFunc(p.take))
	ctx, cancel := context.WithCancel(context.Background())
	var carrying sync.WaitGroup
	for _, f := range m.Functions {
		for _, s := range f.Subscriptions() {
			subs = append(subs, pubsub.Subscription{Name: s.Name, Topic: s.Topic, Endpoint: server.URL + "/" + s.Name, Deadline: time.Minute, AtOnce: carriers})
			q := &queue{name: s.Name}
			p.queues["/"+s.Name] = q
			for range carriers {
				carrying.Go(func() { p.carry(ctx, q) })
			}
		}
	}
	var topics []string
	for t := range m.Topics {
		topics = append(topics, t)
	}
	p.ok(p.cloud.PubSub.Ensure(ctx, topics, subs))
	carrying.Go(func() {
		if err := p.cloud.PubSub.Deliver(ctx, subs); err != nil {
			p.Error(err)
		}
	})
	p.Cleanup(func() {
		cancel()
		carrying.Wait()
		for p.waiting.Load() > 0 {
			time.Sleep(time.Millisecond)
		}
		_ = p.cloud.PubSub.Remove(context.Background(), subs)
		server.Close()
		_ = p.cloud.Close()
	})
}

// take takes an event over from Pub/Sub.
func (p *post) take(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		w.WriteHeader(http.StatusServiceUnavailable)
		return
	}
	p.put(p.queues[r.URL.Path], body, 0)
	w.WriteHeader(http.StatusNoContent)
}

// carry hands what waits in a queue to the function.
func (p *post) carry(ctx context.Context, q *queue) {
	for ctx.Err() == nil {
		letter := p.pick(q)
		if letter == nil {
			select {
			case <-time.After(2 * time.Millisecond):
			case <-ctx.Done():
			}
			continue
		}
		again := p.chance(6) // lost on its way
		if !again {
			again = !p.hand(ctx, q, letter)
			again = again || p.chance(6) // done, and the answer is lost
		}
		if again && q.name == event.TopicWatch {
			// Its time may not have come.
			time.AfterFunc(time.Second, func() { p.put(q, letter, 0) })
			again = false
		}
		if again {
			p.put(q, letter, 1)
		} else {
			p.put(q, nil, 1)
		}
	}
}

// put has a letter wait, if there is one, and counts so many as done.
func (p *post) put(q *queue, letter []byte, done int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	q.busy -= done
	if letter != nil {
		q.letter = append(q.letter, letter)
	}
}

// pick takes any of the letters, and sometimes none for a while.
func (p *post) pick(q *queue) []byte {
	p.mu.Lock()
	defer p.mu.Unlock()
	n := len(q.letter)
	if n == 0 || p.chance(2) {
		return nil
	}
	i := rand.IntN(n)
	letter := q.letter[i]
	q.letter[i] = q.letter[n-1]
	q.letter = q.letter[:n-1]
	q.busy++
	return letter
}

func (p *post) hand(ctx context.Context, q *queue, letter []byte) bool {
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, anyOf(p.doors)+"/events/"+q.name, bytes.NewReader(letter))
	if err != nil {
		return false
	}
	res, err := p.client.Do(r)
	if err != nil {
		return false
	}
	_ = res.Body.Close()
	if res.StatusCode != http.StatusNoContent {
		p.mu.Lock()
		q.said = res.Status
		p.mu.Unlock()
	}
	return res.StatusCode == http.StatusNoContent
}

// announce publishes what an instance announces, now or later. It is durable
// either way, as what Pub/Sub has taken is.
func (p *post) announce(ctx context.Context, from *cloud.Cloud, topic string, payloads [][]byte) error {
	p.mu.Lock()
	for _, one := range payloads {
		p.said = append(p.said, announcement{topic, one})
	}
	p.said = p.said[max(0, len(p.said)-keptSaid):]
	p.mu.Unlock()
	if !p.chance(5) {
		return from.PubSub.Publish(ctx, topic, payloads...)
	}
	p.waiting.Add(1)
	time.AfterFunc(rand.N(latest), func() {
		defer p.waiting.Add(-1)
		if err := p.cloud.PubSub.Publish(context.Background(), topic, payloads...); err != nil {
			p.Errorf("an announcement was lost: %v", err)
		}
	})
	return nil
}

// repeat says one of the last announcements once more.
func (p *post) repeat() {
	p.mu.Lock()
	var a announcement
	if n := len(p.said); n > 0 {
		a = p.said[rand.IntN(n)]
	}
	p.mu.Unlock()
	if a.topic != "" {
		p.ok(p.cloud.PubSub.Publish(context.Background(), a.topic, a.payload))
	}
}

// busy says what is known to be under way. What waits for the watch is for later.
func (p *post) busy() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	for name, q := range p.queues {
		if name != "/"+event.TopicWatch && len(q.letter)+q.busy > 0 {
			return fmt.Sprintf("%d events wait for %s, which said %q", len(q.letter)+q.busy, q.name, q.said)
		}
	}
	if n := p.waiting.Load(); n > 0 {
		return fmt.Sprintf("%d announcements are held back", n)
	}
	return ""
}
