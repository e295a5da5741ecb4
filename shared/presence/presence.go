// Package presence is who is connected now. presence/{instance} is one document
// for each instance that devices are connected to: the users, and a lease. Its
// only writer is that instance, and what it writes replaces all it wrote before,
// so nothing is lost by a write that fails: the next one says it again.
//
// An instance that dies without a word is believed until its lease is over. Then
// somebody looks at what it left (Last) and takes it off the board (Bury). One that
// was silent for longer than its lease and lives all the same has to Set again.
package presence

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"sync/atomic"
	"time"

	"golang.org/x/sync/singleflight"

	"github.com/throng-im/throng/shared/commit"
	"github.com/throng-im/throng/shared/id"
)

const (
	// Lease is how long what an instance says counts; it speaks every Heartbeat.
	Lease, Heartbeat = 45 * time.Second, 15 * time.Second
	// Fresh is how long one reading of the board serves everybody who asks. So long
	// after an instance has taken somebody off the board, others may still pass over
	// them, and the instance has to report what was said to them.
	Fresh = time.Second
	// readTimeout bounds one reading: it has no caller's deadline.
	readTimeout = 10 * time.Second
	// swept is how long after its lease a dead instance's document is deleted,
	// by the store itself.
	swept = time.Hour
)

// Board is where the instances write and everybody reads.
type Board struct {
	// Lease is for how long what is written here counts: Lease, unless a test is
	// in a hurry. Whoever reads goes by what is written.
	Lease time.Duration

	store  commit.Store
	now    func() time.Time
	flight singleflight.Group
	latest atomic.Pointer[view]
}

// view is one reading.
type view struct {
	at        time.Time
	instances []connected
}

// connected is who one instance says is connected to it, and until when it is
// believed. The packed form tells whether a later reading must be unpacked.
type connected struct {
	instance string
	until    int64
	packed   []byte
	users    map[id.User]struct{}
}

// New returns the board kept in store. now is the clock.
func New(store commit.Store, now func() time.Time) *Board {
	return &Board{Lease: Lease, store: store, now: now}
}

// Set says who is connected to an instance, for the time of a lease.
func (b *Board) Set(ctx context.Context, instance string, users []id.User) error {
	packed, err := json.Marshal(users)
	if err != nil {
		return err
	}
	fields := b.lease()
	fields["users"] = packed
	_, err = b.store.Commit(ctx, []commit.Write{{Path: path(instance), Fields: fields}})
	return err
}

// Renew begins a new lease of what Set said last.
func (b *Board) Renew(ctx context.Context, instance string) error {
	_, err := b.store.Commit(ctx, []commit.Write{{Path: path(instance), Fields: b.lease(), Merge: true}})
	return err
}

func (b *Board) lease() commit.Fields {
	now := b.now()
	end := now.Add(b.Lease)
	return commit.Fields{"spokeAt": now.UnixMilli(), "until": end.UnixMilli(), "expireAt": end.Add(swept)}
}

// Remove takes an instance that stops off the board.
func (b *Board) Remove(ctx context.Context, instance string) error {
	_, err := b.store.Commit(ctx, []commit.Write{{Path: path(instance), Delete: true}})
	return err
}

// Online returns those of the users who are connected, as of a second ago at
// most. It costs one read for each instance, once a second.
func (b *Board) Online(ctx context.Context, users ...id.User) (map[id.User]bool, error) {
	online, _, err := b.Where(ctx, users...)
	return online, err
}

// Where is Online, and names all instances that any of these users is connected to.
func (b *Board) Where(ctx context.Context, users ...id.User) (online map[id.User]bool, instances []string, err error) {
	v, err := b.view(ctx)
	if err != nil {
		return nil, nil, err
	}
	now := b.now().UnixMilli()
	online = map[id.User]bool{}
	for _, c := range v.instances {
		if now >= c.until {
			continue
		}
		here := false
		for _, u := range users {
			if _, is := c.users[u]; is {
				online[u], here = true, true
			}
		}
		if here {
			instances = append(instances, c.instance)
		}
	}
	return online, instances, nil
}

// OnlineNow is Online as of now, for a reading of its own. What an instance that
// died has said does not count; its name is empty where there is none.
func (b *Board) OnlineNow(ctx context.Context, dead string, users ...id.User) (map[id.User]bool, error) {
	v, err := b.read(ctx)
	if err != nil {
		return nil, err
	}
	now, online := b.now().UnixMilli(), map[id.User]bool{}
	for _, c := range v.instances {
		if now >= c.until || c.instance == dead {
			continue
		}
		for _, u := range users {
			if _, is := c.users[u]; is {
				online[u] = true
			}
		}
	}
	return online, nil
}

func (b *Board) view(ctx context.Context) (*view, error) {
	current := func() *view {
		if v := b.latest.Load(); v != nil && b.now().Sub(v.at) < Fresh {
			return v
		}
		return nil
	}
	if v := current(); v != nil {
		return v, nil
	}
	got, err, _ := b.flight.Do("", func() (any, error) {
		if v := current(); v != nil {
			return v, nil
		}
		// The caller who reads may go away; those who wait have not.
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), readTimeout)
		defer cancel()
		v, err := b.read(ctx)
		if err == nil {
			b.latest.Store(v)
		}
		return v, err
	})
	if err != nil {
		return nil, err
	}
	return got.(*view), nil
}

func (b *Board) read(ctx context.Context) (*view, error) {
	v := &view{at: b.now()}
	docs, err := b.store.Query(ctx, commit.Query{Collection: "presence", Select: []string{"until", "users"}})
	if err != nil {
		return nil, err
	}
	// Most instances say the same as a second ago.
	before := map[string]connected{}
	if last := b.latest.Load(); last != nil {
		for _, c := range last.instances {
			before[c.instance] = c
		}
	}
	for _, d := range docs {
		c := connected{instance: instanceOf(d.Path)}
		c.until, _ = d.Fields["until"].(int64)
		c.packed, _ = d.Fields["users"].([]byte)
		if last, known := before[c.instance]; known && bytes.Equal(last.packed, c.packed) {
			c.users = last.users
		} else {
			users, err := unpack(d)
			if err != nil {
				return nil, err
			}
			c.users = make(map[id.User]struct{}, len(users))
			for _, u := range users {
				c.users[u] = struct{}{}
			}
		}
		v.instances = append(v.instances, c)
	}
	return v, nil
}

func unpack(d commit.Doc) (users []id.User, err error) {
	packed, _ := d.Fields["users"].([]byte)
	if len(packed) == 0 {
		return nil, nil
	}
	if err := json.Unmarshal(packed, &users); err != nil {
		return nil, fmt.Errorf("%s users: %w", d.Path, err)
	}
	return users, nil
}

const collection = "presence/"

func path(instance string) string { return collection + id.Document(instance) }

func instanceOf(path string) string { return id.FromDocument(path[len(collection):]) }
