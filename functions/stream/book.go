package stream

import (
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"sync"
	"time"

	"github.com/throng-im/throng/shared/cloud"
	"github.com/throng-im/throng/shared/deviceapi"
	"github.com/throng-im/throng/shared/event"
	"github.com/throng-im/throng/shared/id"
	"github.com/throng-im/throng/shared/presence"
)

// watchedFor is for how long an event of the topic watch stands. What an instance
// says later than 30 s after one shows that it lives: so it asks for another before
// it says anything that much later, and whenever it dies somebody finds out.
const watchedFor = 20 * time.Second

// book keeps who is connected to this instance on the board, and, where the app's
// server is to be told, publishes who came and who went since. The board is written
// first: whoever hears that a user has gone, and asks the board whether the user is
// connected elsewhere, must not find this instance there.
type book struct {
	board    *presence.Board
	instance string
	tells    bool
	publish  event.Publisher
	now      func() time.Time

	mu sync.Mutex
	// newest is each user's newest connection; told are those that were published.
	newest, told map[id.User]session
	// watched is when the instance last asked to be watched.
	watched time.Time
}

// session is what the app's server is told of a connection.
type session struct{ source, ip, id string }

func newBook(c *cloud.Cloud, instance string) *book {
	b := &book{board: c.Presence, instance: instance, tells: c.Settings.Callbacks.Status != "", now: time.Now, newest: map[id.User]session{}, told: map[id.User]session{}}
	if b.tells {
		b.publish = c.PubSub.Publish
	}
	return b
}

// enter notes a connection of a user until what it returns is called.
func (b *book) enter(user id.User, r *http.Request) (leave func()) {
	if !b.tells {
		return func() {}
	}
	s := session{deviceapi.Source(r), deviceapi.ClientIP(r), fmt.Sprintf("%s-%08x", b.instance, rand.Uint32())}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.newest[user] = s
	return func() {
		b.mu.Lock()
		defer b.mu.Unlock()
		if b.newest[user] == s {
			delete(b.newest, user)
		}
	}
}

func (b *book) set(ctx context.Context, users []id.User) error {
	b.watch(ctx)
	if err := b.board.Set(ctx, b.instance, users); err != nil || !b.tells {
		return err
	}
	return b.tell(ctx, users)
}

func (b *book) renew(ctx context.Context) error {
	b.watch(ctx)
	return b.board.Renew(ctx, b.instance)
}

func (b *book) remove(ctx context.Context) error {
	if err := b.board.Remove(ctx, b.instance); err != nil || !b.tells {
		return err
	}
	return b.tell(ctx, nil)
}

// watch has somebody find out should this instance die without a word: who was
// connected must then be said to have gone. Fan-out asks, too, but only of instances
// with users for whom there is news.
func (b *book) watch(ctx context.Context) {
	now := b.now()
	if !b.tells || now.Sub(b.watched) < watchedFor {
		return
	}
	if err := event.Publish(ctx, b.publish, event.TopicWatch, event.Watch{Instance: b.instance, At: now.UnixMilli()}); err != nil {
		slog.WarnContext(ctx, "nobody watches this instance", "instance", b.instance, "error", err)
		return
	}
	b.watched = now
}

// tell publishes who came and who went since it last succeeded.
func (b *book) tell(ctx context.Context, users []id.User) error {
	b.mu.Lock()
	now, told := b.now().UnixMilli(), make(map[id.User]session, len(users))
	var changes []event.Change
	for _, u := range users {
		s, known := b.told[u]
		if !known {
			s = b.newest[u]
			changes = append(changes, event.Change{User: u, Status: event.Online, At: now, Source: s.source, IP: s.ip, Session: s.id})
		}
		told[u] = s
	}
	for u, s := range b.told {
		if _, here := told[u]; !here {
			changes = append(changes, event.Change{User: u, Status: event.Offline, At: now, Source: s.source, IP: s.ip, Session: s.id})
		}
	}
	b.mu.Unlock()
	for len(changes) > 0 {
		n := min(len(changes), event.MaxPresence)
		if err := event.Publish(ctx, b.publish, event.TopicPresence, event.Presence{Changes: changes[:n]}); err != nil {
			return err
		}
		changes = changes[n:]
	}
	b.mu.Lock()
	b.told = told
	b.mu.Unlock()
	return nil
}
