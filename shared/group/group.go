// Package group is what a group is: a timeline, a roster, and the rules.
//
// A group is one head document with what hangs on it. Everything that changes
// it is a command on the commit loop, conditioned on the head's version:
//
//	groups/{group}                  name, state, counters, roster versions, and
//	                                the tail: the newest entries of the timeline
//	groups/{group}/segments/{last}  a sealed run of older entries
//	groups/{group}/roster/{shard}   many members: joined seq, push targets
//	serials/{serial}                which group a message id belongs to
//
// Nothing is written per member when a message is sent.
package group

import (
	"context"
	"errors"
	"maps"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/throng-im/throng/shared/commit"
	"github.com/throng-im/throng/shared/fault"
	"github.com/throng-im/throng/shared/id"
)

// Announcer publishes timeline events. It returns when they are durable.
type Announcer func(ctx context.Context, payloads ...[]byte) error

// Options are the settings of the groups of an app.
type Options struct {
	// MaxMembers bounds a group: 3000 when zero.
	MaxMembers int
	// CacheBytes bounds the groups kept in memory while nobody changes them.
	CacheBytes int
	// Now is the clock: time.Now when nil.
	Now func() time.Time
}

// DefaultMaxMembers is the contract's limit of a group.
const DefaultMaxMembers = 3000

// Groups is all groups of the app, as this process works on them.
type Groups struct {
	store    commit.Store
	announce Announcer
	loop     *commit.Loop[state]
	rosters  *rosterCache
	limit    int
}

// New returns the groups kept in store.
func New(store commit.Store, announce Announcer, o Options) *Groups {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.MaxMembers == 0 {
		o.MaxMembers = DefaultMaxMembers
	}
	loop := commit.New[state](store, model{now: o.Now, announce: announce}, commit.Options{CacheBytes: o.CacheBytes})
	return &Groups{store: store, announce: announce, loop: loop, rosters: newRosterCache(o.CacheBytes), limit: o.MaxMembers}
}

func encodeEntry(e Entry) ([]byte, error) { return e.encode() }

// Join makes users members, creating or reviving the group where needed. A
// name that is not empty becomes the group's. Errors: fault.GroupFull when the
// new members do not all fit, and then nobody joins.
func (g *Groups) Join(ctx context.Context, group id.Group, users []id.User, name string) error {
	_, err := g.loop.Do(ctx, string(group), commit.Command[state]{
		Need:  needForChange(users, false),
		Apply: func(s *state) (any, error) { return nil, s.join(users, name, g.limit, encodeEntry) },
	})
	return err
}

// Quit ends the memberships of users. Who is not a member is passed over.
func (g *Groups) Quit(ctx context.Context, group id.Group, users []id.User) error {
	_, err := g.loop.Do(ctx, string(group), commit.Command[state]{
		Need:  needForChange(users, false),
		Apply: func(s *state) (any, error) { return nil, s.quit(users, encodeEntry) },
	})
	return err
}

// Dismiss ends the group and all memberships. Its timeline is kept.
func (g *Groups) Dismiss(ctx context.Context, group id.Group, by id.User) error {
	_, err := g.loop.Do(ctx, string(group), commit.Command[state]{
		Need:  needForChange(nil, true),
		Apply: func(s *state) (any, error) { return nil, s.dismiss(by, encodeEntry) },
	})
	return err
}

// Rename changes the name that pushes show. An unknown or dismissed group
// stays as it is.
func (g *Groups) Rename(ctx context.Context, group id.Group, name string) error {
	_, err := g.loop.Do(ctx, string(group), commit.Command[state]{
		Apply: func(s *state) (any, error) {
			if !s.live() {
				return nil, nil
			}
			return nil, s.rename(name, encodeEntry)
		},
	})
	return err
}

// Publish adds a message from the app's server. An unknown or dismissed group
// takes it to nobody: the receipt then has an id but no seq.
func (g *Groups) Publish(ctx context.Context, group id.Group, message Entry) (Receipt, error) {
	encoded, err := encodeMessage(message)
	if err != nil {
		return Receipt{}, err
	}
	v, err := g.loop.Do(ctx, string(group), commit.Command[state]{
		Apply: func(s *state) (any, error) { return s.publish(encoded), nil },
	})
	if err != nil {
		return Receipt{}, err
	}
	if r := v.(*Receipt); r != nil {
		return *r, nil
	}
	return Receipt{UID: id.NewMessage(id.NewSerial(), 0)}, nil
}

// keyWindow is for how long a repeated idempotency key is surely recognised.
const keyWindow = 24 * time.Hour

var errRecheck = errors.New("idempotency keys have left the ring since they were looked up")

// Send adds a message from a member's device. The same ClientID of the same
// sender gives the same receipt and adds nothing. Errors: fault.NotMember,
// fault.GroupDismissed, fault.TooLarge.
func (g *Groups) Send(ctx context.Context, group id.Group, message Entry) (Receipt, error) {
	encoded, err := encodeMessage(message)
	if err != nil {
		return Receipt{}, err
	}
	key, checked := keyOf(message.From, message.ClientID), int64(0)
	for {
		v, err := g.loop.Do(ctx, string(group), commit.Command[state]{
			Need: func(ctx context.Context, r commit.Reader, s *state) error {
				return s.need(ctx, r, []id.User{message.From}, false)
			},
			Apply: func(s *state) (any, error) { return s.send(message.From, key, checked, encoded) },
		})
		if errors.Is(err, errRecheck) {
			found, asOf, err := g.findKeyed(ctx, group, key, message)
			if err != nil || found != nil {
				return receiptOr(found), err
			}
			checked = asOf
			continue
		}
		if err != nil {
			return Receipt{}, err
		}
		answer := v.(sent)
		if answer.repeated && !answer.announced {
			return answer.Receipt, g.announceAgain(ctx, group, answer.Seq)
		}
		return answer.Receipt, nil
	}
}

func receiptOr(r *Receipt) Receipt {
	if r == nil {
		return Receipt{}
	}
	return *r
}

func encodeMessage(message Entry) ([]byte, error) {
	message.Kind = KindMessage
	encoded, err := message.encode()
	if err != nil {
		return nil, err
	}
	if len(encoded) > MaxEntryBytes {
		return nil, fault.New(fault.TooLarge, "the message takes %d bytes with everything it carries, more than %d", len(encoded), MaxEntryBytes)
	}
	return encoded, nil
}

// SetTargets stores copies of users' devices in a group's roster. Older copies
// than those there, and users who are not members, are passed over. shards is
// how many roster shards the caller knows of: the work is cut along them, so
// that no commit carries a whole large roster.
func (g *Groups) SetTargets(ctx context.Context, group id.Group, shards int, targets map[id.User]Targets) error {
	parts := map[int]map[id.User]Targets{}
	for u, t := range targets {
		i := shardOf(u, shards)
		if parts[i] == nil {
			parts[i] = map[id.User]Targets{}
		}
		parts[i][u] = t
	}
	work, ctx := errgroup.WithContext(ctx)
	for _, part := range parts {
		users := slices.Collect(maps.Keys(part))
		work.Go(func() error {
			_, err := g.loop.Do(ctx, string(group), commit.Command[state]{
				Need:  needForChange(users, false),
				Apply: func(s *state) (any, error) { s.setTargets(part); return nil, nil },
			})
			return err
		})
	}
	return work.Wait()
}

// needForChange loads the shards a roster command reads and the one that a
// split would divide.
func needForChange(users []id.User, all bool) func(context.Context, commit.Reader, *state) error {
	return func(ctx context.Context, r commit.Reader, s *state) error {
		if err := s.need(ctx, r, users, all); err != nil {
			return err
		}
		return s.needSplit(ctx, r)
	}
}

// syncAtOnce bounds the groups one Sync works on at the same time.
const syncAtOnce = 16

// Sync makes want the whole membership of a user: groups in it are joined, and
// renamed where their name is not empty, all others are left. It may be
// repeated; after an error some groups may be done and others not.
func (g *Groups) Sync(ctx context.Context, user id.User, want map[id.Group]string) error {
	current, err := g.Of(ctx, user, 0, 0)
	if err != nil {
		return err
	}
	work, ctx := errgroup.WithContext(ctx)
	work.SetLimit(syncAtOnce)
	names := make(map[id.Group]string, len(current))
	for _, s := range current {
		names[s.ID] = s.Name
		if _, stays := want[s.ID]; !stays {
			work.Go(func() error { return g.Quit(ctx, s.ID, []id.User{user}) })
		}
	}
	for group, name := range want {
		if known, member := names[group]; member && (name == "" || name == known) {
			continue
		}
		work.Go(func() error { return g.Join(ctx, group, []id.User{user}, name) })
	}
	return work.Wait()
}
