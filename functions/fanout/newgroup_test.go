package fanout

import (
	"context"
	"fmt"
	"maps"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/throng-im/throng/shared/commit"
	"github.com/throng-im/throng/shared/group"
	"github.com/throng-im/throng/shared/id"
	"github.com/throng-im/throng/shared/user"
)

// slowUsers is a store that counts how often each document is read, and whose first
// read takes its time.
type slowUsers struct {
	commit.Store
	mu     sync.Mutex
	reads  map[string]int
	waited atomic.Bool
}

func (u *slowUsers) Get(ctx context.Context, paths []string, fields ...string) ([]commit.Doc, error) {
	if !u.waited.Swap(true) {
		for range 10_000 {
			runtime.Gosched() // to let the other events come
		}
	}
	u.mu.Lock()
	for _, p := range paths {
		u.reads[p]++
	}
	u.mu.Unlock()
	return u.Store.Get(ctx, paths, fields...)
}

// TestANewGroupsMembersAreReadOnce has the first messages of a group of 3,000 come
// while those who joined are being looked up. Each user's document is read once, but
// for the sender's, of which the name is asked for apart.
func TestANewGroupsMembersAreReadOnce(t *testing.T) {
	s := newScene(t)
	store := &slowUsers{Store: s.store, reads: map[string]int{}}
	s.Users = user.New(store, s.Groups, nil, 0, s.now)
	const calls, perCall = 3, 1000
	s.events = nil
	for call := range calls {
		users := make([]id.User, perCall)
		for i := range users {
			users[i] = id.User(fmt.Sprint("user", call*perCall+i))
		}
		s.ok(s.Groups.Join(t.Context(), "new", users, "New"))
	}
	for range 2 {
		_, err := s.Groups.Publish(t.Context(), "new", group.Entry{From: "user0", Type: "RC:TxtMsg", Content: `{"content":"hi"}`})
		s.ok(err)
	}
	var work sync.WaitGroup
	for _, ev := range s.events {
		work.Go(func() {
			if err := s.deliver(ev); err != nil {
				t.Error(err)
			}
		})
	}
	work.Wait()
	sender := "users/" + id.Document("user0")
	if store.reads[sender]--; store.reads[sender] > 2 {
		t.Errorf("the sender is read %d times", store.reads[sender])
	}
	delete(store.reads, sender)
	if len(store.reads) != calls*perCall-1 {
		t.Errorf("%d users are read besides the sender", len(store.reads))
	}
	twice := maps.Clone(store.reads)
	maps.DeleteFunc(twice, func(_ string, n int) bool { return n == 1 })
	if len(twice) > 0 {
		t.Errorf("%d users are read more than once", len(twice))
	}
}
