package retention_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/throng-im/throng/shared/commit"
	"github.com/throng-im/throng/shared/conversation"
	"github.com/throng-im/throng/shared/cost"
	"github.com/throng-im/throng/shared/firestore/firestoretest"
	"github.com/throng-im/throng/shared/group"
	"github.com/throng-im/throng/shared/id"
	"github.com/throng-im/throng/shared/receipt"
	"github.com/throng-im/throng/shared/retention"
)

// TestOnFirestore has groups expire on Firestore's emulator in small runs: the plan
// is what is done, and deletes and reads go by packed segments.
func TestOnFirestore(t *testing.T) {
	meter := new(cost.Meter)
	store := firestoretest.Open(t, meter)
	ahead := time.Duration(0)
	now := func() time.Time { return time.Now().Add(ahead) }
	quiet := func(context.Context, ...[]byte) error { return nil }
	groups := group.New(store, quiet, group.Options{Now: now, Linger: -1})
	o := retention.Options{
		Store: store, Groups: groups, Receipts: receipt.New(store, quiet, 0, now), Conversations: conversation.New(store, nil, 0, now),
		Rules: retention.Rules{OfflineDays: 7}, Now: now,
	}
	ok := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	const many, said = 12, 400
	var all errgroup.Group
	for i := range many {
		g := id.Group(fmt.Sprintf("__group-%d__", i)) // a name that is no document's
		all.Go(func() error {
			if err := groups.Join(context.Background(), g, []id.User{"ann", "bob"}, ""); err != nil {
				return err
			}
			for range said {
				if _, err := groups.Publish(context.Background(), g, group.Entry{From: "bob", Type: "RC:TxtMsg", Content: "x"}); err != nil {
					return err
				}
			}
			return o.Receipts.Read(context.Background(), "ann", receipt.Message{Group: g, Seq: 3, From: "bob"}, receipt.Message{Group: g, Seq: said, From: "bob"})
		})
	}
	ok(all.Wait())
	ok(groups.SetOffline(t.Context(), "__group-1__", 1))
	ok(groups.Dismiss(t.Context(), "__group-2__", "bob"))
	ok(conversation.New(store, nil, 0, now).SetMembership(t.Context(), "ann", "__group-3__", conversation.Copied{Membership: conversation.Membership{Joined: 1, Left: 2, LeftAt: now().UnixMilli()}, At: 1}))
	ahead = 220 * 24 * time.Hour
	dry := o
	dry.Dry = true
	planned, err := retention.Run(t.Context(), dry, retention.Budget{})
	ok(err)
	before := meter.Counts()
	for runs := 1; ; runs++ {
		all, err := retention.Run(t.Context(), o, retention.Budget{Documents: 60})
		ok(err)
		if len(all) == 0 {
			break
		}
		if runs == 100 {
			t.Fatal("it does not end")
		}
	}
	spent := meter.Counts().Sub(before)
	done, err := retention.State(t.Context(), store)
	ok(err)
	want, _, _ := total(planned)
	got, changed, _ := total(done)
	// Of 401 entries 343 are in segments of 49; a dismissed group has two receipts.
	if got != want || got != many*7+many+1 || int(spent.Deletes) != got || changed != 2 {
		t.Errorf("%d documents were planned, %d removed, %d deleted, %d changed: %+v", want, got, spent.Deletes, changed, done)
	}
	for i := range many {
		g := id.Group(fmt.Sprintf("__group-%d__", i))
		segments, err := groups.Segments(t.Context(), g, commit.Doc{}, 0)
		if err != nil || len(segments) > 0 {
			t.Errorf("%s has %d segments, %v", g, len(segments), err)
		}
	}
	t.Logf("%d messages: %+v", many*said, spent)
}
