package inbox_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/throng-im/throng/shared/conversation"
	"github.com/throng-im/throng/shared/cost"
	"github.com/throng-im/throng/shared/firestore/firestoretest"
	"github.com/throng-im/throng/shared/group"
	"github.com/throng-im/throng/shared/id"
	"github.com/throng-im/throng/shared/inbox"
	"github.com/throng-im/throng/shared/user"
)

// TestAThousandGroupsInAFewReads counts, on Firestore's emulator, what a phone
// costs that comes back to 1,000 groups of which 10 have news. Its clock is ahead,
// for news of the last two minutes are looked at again.
func TestAThousandGroupsInAFewReads(t *testing.T) {
	meter := new(cost.Meter)
	store := firestoretest.Open(t, meter)
	ahead := time.Duration(0)
	now := func() time.Time { return time.Now().Add(ahead) }
	groups := group.New(store, func(context.Context, ...[]byte) error { return nil }, group.Options{Now: now})
	users, conversations := user.New(store, groups, nil, 0, now), conversation.New(store, nil, 0, now)
	box := inbox.New(groups, users, conversations, inbox.Options{Offline: 7 * 24 * time.Hour, Now: now})
	want := map[id.Group]string{}
	for i := range 1000 {
		want[id.Group(fmt.Sprintf("group-%03d", i))] = "G"
	}
	ok := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	ok(groups.Sync(t.Context(), "ann", want))
	request := inbox.Request{Groups: map[id.Group]int64{}, Limit: 50}
	var copying errgroup.Group
	for g := range want {
		request.Groups[g] = 1
		copying.Go(func() error {
			return conversations.SetMembership(context.Background(), "ann", g, conversation.Copied{Membership: conversation.Membership{Joined: 1}, At: 1})
		})
	}
	ok(copying.Wait())
	sync := func() (a inbox.Answer, reads int64) {
		t.Helper()
		before := meter.Counts().Reads
		a, err := box.Sync(t.Context(), "ann", request)
		ok(err)
		request.Cursor = a.Cursor
		return a, meter.Counts().Reads - before
	}
	ahead = time.Hour
	for a, _ := sync(); a.More; a, _ = sync() {
	}
	ahead = 2 * time.Hour
	for i := range 10 {
		_, err := groups.Publish(t.Context(), id.Group(fmt.Sprintf("group-%03d", i*97)), group.Entry{From: "bob", Type: "RC:TxtMsg", Content: "x"})
		ok(err)
	}
	a, reads := sync()
	if len(a.Groups) != 10 || a.More || reads > 48 {
		t.Errorf("%d groups came in %d reads", len(a.Groups), reads)
	}
	t.Logf("1,000 groups of which 10 have news: %d reads", reads)
}
