// Package cloud opens what a function works with: the settings, the clients and
// the services on them, once per process and on first use.
package cloud

import (
	"context"
	"net/http"
	"os"
	"sync"
	"time"

	"github.com/throng-im/throng/shared/commit"
	"github.com/throng-im/throng/shared/contract"
	"github.com/throng-im/throng/shared/conversation"
	"github.com/throng-im/throng/shared/cost"
	"github.com/throng-im/throng/shared/event"
	"github.com/throng-im/throng/shared/firestore"
	"github.com/throng-im/throng/shared/gate"
	"github.com/throng-im/throng/shared/group"
	"github.com/throng-im/throng/shared/inbox"
	"github.com/throng-im/throng/shared/presence"
	"github.com/throng-im/throng/shared/pubsub"
	"github.com/throng-im/throng/shared/receipt"
	"github.com/throng-im/throng/shared/replay"
	"github.com/throng-im/throng/shared/serve"
	"github.com/throng-im/throng/shared/settings"
	"github.com/throng-im/throng/shared/token"
	"github.com/throng-im/throng/shared/user"
	"github.com/throng-im/throng/shared/wire"
)

// Cloud is what a function works with.
type Cloud struct {
	Settings settings.Settings
	Store    *firestore.Store
	PubSub   *pubsub.Client
	Groups   *group.Groups
	Users    *user.Users
	Tokens   *token.Keys
	// Conversations is what users made of their conversations.
	Conversations *conversation.Conversations
	// Inbox is what one user sees of all groups together.
	Inbox    *inbox.Inbox
	Presence *presence.Board
	// Receipts is who has read which message.
	Receipts *receipt.Receipts
	// Nonces are what the stronger signature of the server API has used up.
	Nonces *replay.Nonces
	// Gate is what push passes before it hands anything to FCM.
	Gate *gate.Gate
}

var (
	mu     sync.Mutex
	opened *Cloud
)

// Shared returns the process's Cloud. A failure to open is not remembered, so
// that a process that started before its surroundings heals by itself.
func Shared(ctx context.Context) (*Cloud, error) {
	mu.Lock()
	defer mu.Unlock()
	if opened != nil {
		return opened, nil
	}
	s, err := settings.FromEnv(os.Getenv)
	if err != nil {
		return nil, err
	}
	c, err := Open(ctx, s, cost.Process)
	if err == nil {
		opened = c
	}
	return c, err
}

// Function is the entry point of a function that works with the Shared Cloud.
func Function(name string, handler func(*Cloud) http.Handler) http.HandlerFunc {
	return serve.Function(name, func(ctx context.Context) (http.Handler, error) {
		c, err := Shared(ctx)
		if err != nil {
			return nil, err
		}
		return handler(c), nil
	})
}

// Open opens a Cloud of its own, which tests use to be several instances in one
// process. What it asks for is counted in meter.
func Open(ctx context.Context, s settings.Settings, meter *cost.Meter) (*Cloud, error) {
	if err := contract.CheckRates(s.Rates); err != nil {
		return nil, err
	}
	store, err := firestore.Open(ctx, s.Project, meter)
	if err != nil {
		return nil, err
	}
	ps, err := pubsub.Open(ctx, s.Project, meter)
	if err != nil {
		_ = store.Close()
		return nil, err
	}
	announce := event.Publisher(ps.Publish).On
	linger := s.Linger
	if linger == 0 {
		linger = -1 // the options' zero is their default
	}
	groups := group.New(store, announce(event.TopicTimeline), group.Options{MaxMembers: s.MaxMembers, CacheBytes: s.CacheBytes, Linger: linger, Burst: s.PushBurst})
	// What is read for every device that connects is read for many of them at once.
	gathered := commit.Gather(store)
	users := user.New(gathered, groups, announce(event.TopicConversation), s.CacheBytes/4, time.Now)
	users.Later = announce(event.TopicCopies)
	conversations := conversation.New(gathered, announce(event.TopicConversation), s.CacheBytes/4, time.Now)
	return &Cloud{
		Settings: s, Store: store, PubSub: ps, Groups: groups, Users: users, Conversations: conversations,
		Inbox: inbox.New(groups, users, conversations, inbox.Options{
			Offline: s.OfflineWindow(), HistoryMonths: s.HistoryMonths, Now: time.Now,
		}),
		Tokens:   token.New(s.AppKey, s.AppSecret, time.Now).Accept(s.PreviousSecret, s.PreviousUntil),
		Presence: presence.New(store, time.Now),
		Receipts: receipt.New(store, announce(event.TopicConversation), s.CacheBytes/4, time.Now),
		Nonces:   replay.New(store, s.StrongWindow()),
		Gate:     gate.New(store, s.FCMQuota, time.Now),
	}, nil
}

// API serves a function's rows of the contract with its handlers, by path.
func (c *Cloud) API(function string, handlers map[string]wire.Call) http.Handler {
	o := wire.Options{Settings: c.Settings, Now: time.Now}
	if c.Nonces != nil {
		o.Once = c.Nonces.Once
	}
	return wire.Handler(o, contract.Bind(function, handlers))
}

// Close ends the connections.
func (c *Cloud) Close() error {
	_ = c.PubSub.Close()
	return c.Store.Close()
}
