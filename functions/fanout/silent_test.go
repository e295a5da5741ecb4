package fanout

import (
	"context"
	"sync/atomic"
	"testing"
	"time"

	"github.com/throng-im/throng/shared/commit"
	"github.com/throng-im/throng/shared/group"
	"github.com/throng-im/throng/shared/user"
)

// TestSilentPhonesAreNotPushedTo lets 270 days pass, in which bob's phone registered
// now and then and cem's did not. That is in no roster: whose copy is that old is
// looked up, once.
func TestSilentPhonesAreNotPushedTo(t *testing.T) {
	s := newScene(t)
	reads := &userReads{Store: s.store}
	now := func() time.Time { return s.clock }
	s.Groups = group.New(s.store, s.hear, group.Options{Now: now})
	s.Users = user.New(reads, s.Groups, nil, 0, now)
	s.ok(s.deliver(s.newest())) // all four are copied
	for day := range 270 {
		s.clock = s.clock.AddDate(0, 0, 1)
		if day%40 == 0 || day == 268 {
			s.ok(s.Users.PutDevice(t.Context(), "bob", user.Device{ID: "phone", Platform: "android", Token: "token-bob"}))
		}
	}
	for i, want := range []int64{4, 0} {
		reads.n.Store(0)
		s.publishes(group.Entry{From: "ann"})
		s.ok(s.deliver(s.newest()))
		s.expect("270 days later", "bob")
		if got := reads.n.Load() - int64(1-i); got != want { // the sender's name, once
			t.Errorf("message %d reads %d users, want %d", i, got, want)
		}
	}
	s.ok(s.Users.PutDevice(t.Context(), "cem", user.Device{ID: "phone", Platform: "android", Token: "token-cem"}))
	s.publishes(group.Entry{From: "ann"})
	s.ok(s.deliver(s.newest()))
	s.expect("cem's phone was switched on again", "bob", "cem")
}

// userReads counts the users' documents that are read.
type userReads struct {
	commit.Store
	n atomic.Int64
}

func (r *userReads) Get(ctx context.Context, paths []string, fields ...string) ([]commit.Doc, error) {
	r.n.Add(int64(len(paths)))
	return r.Store.Get(ctx, paths, fields...)
}
