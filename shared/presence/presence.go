// Package presence is who is connected now. presence/{instance} is one document
// for each instance that devices are connected to: the users, and a lease. Its
// only writer is that instance, and what it writes replaces all it wrote before,
// so nothing is lost by a write that fails: the next one says it again.
//
// An instance that dies without a word is believed until its lease is over.
package presence

import (
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
	// fresh is how long one reading of the board serves everybody who asks.
	fresh = time.Second
	// readTimeout bounds one reading: it has no caller's deadline.
	readTimeout = 10 * time.Second
	// swept is how long after its lease a dead instance's document is deleted,
	// by the store itself.
	swept = time.Hour
)

// Board is where the instances write and everybody reads.
type Board struct {
	store  commit.Store
	now    func() time.Time
	flight singleflight.Group
	latest atomic.Pointer[view]
}

// view is one reading: until when each connected user is believed to be so.
type view struct {
	at    time.Time
	until map[id.User]int64
}

// New returns the board kept in store. now is the clock.
func New(store commit.Store, now func() time.Time) *Board { return &Board{store: store, now: now} }

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
	end := b.now().Add(Lease)
	return commit.Fields{"until": end.UnixMilli(), "expireAt": end.Add(swept)}
}

// Remove takes an instance that stops off the board.
func (b *Board) Remove(ctx context.Context, instance string) error {
	_, err := b.store.Commit(ctx, []commit.Write{{Path: path(instance), Delete: true}})
	return err
}

// Online returns those of the users who are connected, as of a second ago at
// most. It costs one read for each instance, once a second.
func (b *Board) Online(ctx context.Context, users ...id.User) (map[id.User]bool, error) {
	v, err := b.view(ctx)
	if err != nil {
		return nil, err
	}
	now, online := b.now().UnixMilli(), map[id.User]bool{}
	for _, u := range users {
		if now < v.until[u] {
			online[u] = true
		}
	}
	return online, nil
}

func (b *Board) view(ctx context.Context) (*view, error) {
	current := func() *view {
		if v := b.latest.Load(); v != nil && b.now().Sub(v.at) < fresh {
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
	v := &view{at: b.now(), until: map[id.User]int64{}}
	docs, err := b.store.Query(ctx, commit.Query{Collection: "presence", Select: []string{"until", "users"}})
	if err != nil {
		return nil, err
	}
	for _, d := range docs {
		until, _ := d.Fields["until"].(int64)
		packed, _ := d.Fields["users"].([]byte)
		if len(packed) == 0 {
			continue
		}
		var users []id.User
		if err := json.Unmarshal(packed, &users); err != nil {
			return nil, fmt.Errorf("%s users: %w", d.Path, err)
		}
		for _, u := range users {
			v.until[u] = max(v.until[u], until)
		}
	}
	return v, nil
}

func path(instance string) string { return "presence/" + id.Document(instance) }
