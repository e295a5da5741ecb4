package retention_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/throng-im/throng/shared/cloud"
	"github.com/throng-im/throng/shared/commit"
	"github.com/throng-im/throng/shared/group"
	"github.com/throng-im/throng/shared/id"
	"github.com/throng-im/throng/shared/presence"
	"github.com/throng-im/throng/shared/receipt"
	"github.com/throng-im/throng/shared/replay"
	"github.com/throng-im/throng/shared/retention"
	"github.com/throng-im/throng/shared/settings"
	"github.com/throng-im/throng/shared/user"
)

// old is an app in which something of every kind has become old: messages with
// receipts, a dismissed group, a group that was left, an instance, a nonce.
func old(t *testing.T) *world {
	w := newWorld(t, retention.Rules{OfflineDays: 7, HistoryMonths: 6})
	for i := range 30 {
		g := id.Group(fmt.Sprint("g", i))
		w.join(g, "ann", "bob")
		w.says(g, 200)
		w.ok(w.receipts.Read(w.ctx, "ann", receipt.Message{Group: g, Seq: 5, From: "bob"}, receipt.Message{Group: g, Seq: 190, From: "bob"}))
	}
	w.ok(w.conversations.Pin(w.ctx, "ann", "g1", true))
	w.ok(w.groups.Quit(w.ctx, "g1", []id.User{"ann"}))
	w.ok(w.groups.Dismiss(w.ctx, "g2", "bob"))
	w.ok(presence.New(w.store, w.now).Set(w.ctx, "dead", []id.User{"ann"}))
	_, err := replay.New(w.store, time.Minute).Once(w.ctx, w.now(), "12345678")
	w.ok(err)
	w.passes(200 * day)
	w.ok(presence.New(w.store, w.now).Set(w.ctx, "alive", []id.User{"ann"}))
	_, err = replay.New(w.store, time.Minute).Once(w.ctx, w.now(), "12345678")
	w.ok(err)
	w.says("g0", 150)
	w.ok(w.receipts.Read(w.ctx, "ann", receipt.Message{Group: "g0", Seq: 300, From: "bob"}))
	return w
}

// after says in what an app that was old is not as it should be when time has done
// its work.
func (w *world) after() error {
	left := w.documents()
	for path, there := range map[string]bool{
		"presence/dead": false, "presence/alive": true,
		"groups/g0/receipts/000000000005": false, "groups/g0/receipts/000000000190": false, "groups/g0/receipts/000000000300": true,
		"groups/g2": true, "groups/g2/receipts/000000000190": false,
		fmt.Sprint("nonces/", w.now().UnixMilli()/10_000): true, fmt.Sprint("nonces/", w.now().Add(-200*day).UnixMilli()/10_000): false,
	} {
		if left[path] != there {
			return fmt.Errorf("%s: %t", path, left[path])
		}
	}
	for i := range 30 {
		g := id.Group(fmt.Sprint("g", i))
		segments, err := w.groups.Segments(w.ctx, g, commit.Doc{}, 0)
		if err != nil || len(segments) > 0 && (i > 0 || segments[0].Last < 201) {
			return fmt.Errorf("%s has %d segments: %v", g, len(segments), err)
		}
	}
	c, err := w.conversations.Of(w.ctx, "ann", "g1")
	if err != nil || c.PinnedAt != 0 {
		return fmt.Errorf("of a group that was left long ago there is %+v: %v", c, err)
	}
	if entries, err := w.groups.Newest(w.ctx, "g2", 10); err != nil || len(entries) > 0 {
		return fmt.Errorf("a group that was dismissed long ago has %d entries: %v", len(entries), err)
	}
	return nil
}

func TestARunRemovesWhatADryRunSays(t *testing.T) {
	w := old(t)
	o := w.options()
	o.Dry = true
	var said []string
	o.Removing = func(path string) { said = append(said, path) }
	before := w.documents()
	planned, err := retention.Run(w.ctx, o, retention.Budget{})
	w.ok(err)
	if gone := w.gone(w.documents()); len(gone) > 0 || len(before) != len(w.documents()) {
		t.Fatalf("a dry run removed %v", gone)
	}
	if all, err := retention.State(w.ctx, w.store); err != nil || len(all) > 0 {
		t.Errorf("a dry run has left %+v, %v", all, err)
	}
	reads := w.store.Reads.Load()
	done := w.tick()
	reads = w.store.Reads.Load() - reads
	slices.Sort(said)
	if gone := w.gone(before); !slices.Equal(said, gone) {
		t.Errorf("a dry run said %d documents, a run removed %d", len(said), len(gone))
	}
	for i, p := range planned {
		if d := done[i]; p.Task != d.Task || p.Removed != d.Removed || p.Changed != d.Changed || p.Reads != d.Reads || !d.Done {
			t.Errorf("planned %+v, done %+v", p, d)
		}
	}
	if _, changed, counted := total(done); counted > int(reads) || int(reads) > counted+2*len(done)+3*changed {
		t.Errorf("%d documents were read, %d are said", reads, counted)
	}
	w.ok(w.after())
	if removed, changed, _ := total(w.tick()); removed+changed > 0 {
		t.Errorf("a second run removed %d and changed %d", removed, changed)
	}
	if all, err := retention.State(w.ctx, w.store); err != nil || len(all) != len(done) || all[0].Task != "presence" {
		t.Errorf("the state is %+v, %v", all, err)
	}
}

// TestARunThatIsKilled has a run die at its n-th commit, before or after it landed, and
// the next run go on, for every third n that there is.
func TestARunThatIsKilled(t *testing.T) {
	built := old(t)
	for _, landed := range []bool{false, true} {
		for n := 1; ; n += 3 {
			w := built.again(t)
			died := w.store.Die(n, landed)
			_, err := retention.Run(w.ctx, w.options(), retention.Budget{})
			w.store.Calm()
			if !died() {
				w.ok(err)
				break
			}
			w.open(w.rules)
			w.tick()
			if err := w.after(); err != nil {
				t.Fatalf("killed at commit %d, landed %t: %v", n, landed, err)
			}
		}
	}
}

// TestABudgetBoundsARun has small runs go on where the last one ended.
func TestABudgetBoundsARun(t *testing.T) {
	w := old(t)
	runs, most := 0, 0
	for ; w.after() != nil; runs++ {
		if runs == 100 {
			t.Fatalf("it does not end: %v", w.after())
		}
		before := w.store.Reads.Load()
		_, err := retention.Run(w.ctx, w.options(), retention.Budget{Documents: 50})
		w.ok(err)
		most = max(most, int(w.store.Reads.Load()-before))
	}
	if runs < 5 || most > 200 {
		t.Errorf("%d runs, one of which read %d documents", runs, most)
	}
	all, err := retention.Run(w.ctx, w.options(), retention.Budget{Time: 1})
	if err != nil || len(all) > 0 {
		t.Errorf("without time %+v was done, %v", all, err)
	}
}

// TestRunsAtOnce has several runs at once leave what one would.
func TestRunsAtOnce(t *testing.T) {
	w := old(t)
	var runs sync.WaitGroup
	for range 4 {
		runs.Go(func() {
			if _, err := retention.Run(w.ctx, w.options(), retention.Budget{}); err != nil {
				t.Error(err)
			}
		})
	}
	runs.Wait()
	w.tick()
	w.ok(w.after())
}

// TestADismissedGroupComesBack has a group begin again where it was, however little
// is left of it, and nobody see what is not theirs.
func TestADismissedGroupComesBack(t *testing.T) {
	w := newWorld(t, retention.Rules{OfflineDays: 7})
	var many []id.User
	for i := range 2000 {
		many = append(many, id.User(fmt.Sprintf("a-member-with-a-rather-long-name-%04d", i)))
	}
	w.join("g", append(many, "ann", "bob")...)
	w.says("g", 100)
	w.ok(w.conversations.Clear(w.ctx, "ann", "g", 50, 0))
	w.ok(w.groups.Dismiss(w.ctx, "g", "bob"))
	w.passes(170 * day)
	w.tick()
	if docs, err := w.groups.Newest(w.ctx, "g", 1); err != nil || len(docs) != 1 || docs[0].Kind != group.KindDismissed {
		t.Errorf("before its time the group has %+v, %v", docs, err)
	}
	if roster := w.rosters(); roster < 3 {
		t.Fatalf("the roster has %d shards only", roster)
	}
	w.passes(20 * day)
	w.tick()
	if roster := w.rosters(); roster != 1 {
		t.Errorf("the roster has %d shards", roster)
	}
	// A gag may be put on what is left, and stays.
	w.ok(w.groups.Allow(w.ctx, "g", []id.User{"ann"}))
	w.passes(40 * day)
	w.tick()
	if allowed, err := w.groups.Allowed(w.ctx, "g"); err != nil || len(allowed) != 1 {
		t.Errorf("%v are allowed, %v", allowed, err)
	}
	for _, fresh := range []bool{false, true} {
		if fresh {
			w.open(w.rules)
		}
		w.join("g", append(many, "ann", "bob")...)
		seq := int64(104)
		if fresh {
			seq++
		}
		r, err := w.groups.Publish(w.ctx, "g", group.Entry{From: "bob", Type: "RC:TxtMsg", Content: "again"})
		w.ok(err)
		if r.Seq != seq {
			t.Errorf("the group goes on with %d, not %d", r.Seq, seq)
		}
		members, err := w.groups.Members(w.ctx, "g")
		if err != nil || len(members) != 2002 {
			t.Errorf("%d members, %v", len(members), err)
		}
	}
	if seqs, _, unread := w.synced("g", 0); !slices.Equal(seqs, []int64{104, 105}) || unread != 2 {
		t.Errorf("ann gets %v, %d unread", seqs, unread)
	}
}

func (w *world) rosters() (n int) {
	docs, err := w.store.Query(w.ctx, commit.Query{Collection: "roster", AllGroups: true})
	w.ok(err)
	return len(docs)
}

// TestUsersAreAskedOnceAMonth has a rule for users' documents.
func TestUsersAreAskedOnceAMonth(t *testing.T) {
	w := newWorld(t, retention.Rules{OfflineDays: 7})
	for i := range 500 {
		_, err := w.store.Commit(w.ctx, []commit.Write{{Path: fmt.Sprintf("users/u%d", i), Fields: commit.Fields{"revision": int64(i)}}})
		w.ok(err)
	}
	var mu sync.Mutex
	done := map[id.User]int{}
	o := w.options()
	o.Users = &retention.UserRule{
		Due: func(d commit.Doc, _ time.Time) bool { return d.Fields["revision"].(int64)%2 == 1 },
		Do: func(_ context.Context, u id.User) error {
			mu.Lock()
			defer mu.Unlock()
			done[u]++
			if u == "u1" {
				return errors.New("broken for good")
			}
			return nil
		},
	}
	for range 62 {
		_, err := retention.Run(w.ctx, o, retention.Budget{})
		w.ok(err)
		w.passes(day)
	}
	if len(done) != 250 || done["u3"] < 2 || done["u3"] > 4 || done["u1"] != done["u3"] {
		t.Errorf("%d users were seen to, one of them %d times", len(done), done["u3"])
	}
}

// TestChangesOfWhatIsGone has processes that know of segments change messages that
// were removed meanwhile.
func TestChangesOfWhatIsGone(t *testing.T) {
	w := newWorld(t, retention.Rules{OfflineDays: 1})
	w.join("g", "ann", "bob")
	first, err := w.groups.Publish(w.ctx, "g", group.Entry{From: "bob", Type: "RC:TxtMsg", Content: "first"})
	w.ok(err)
	w.says("g", 200)
	// This process has the segment in memory from here on.
	w.ok(w.groups.Edit(w.ctx, "g", first.UID, group.Edit{From: "bob", Content: "second"}))
	w.passes(4 * day)
	w.tick()
	before := w.documents()
	w.ok(w.groups.Recall(w.ctx, "g", first.UID, group.Recall{From: "bob"}))
	w.ok(w.groups.Edit(w.ctx, "g", first.UID, group.Edit{From: "bob", Content: "third"}))
	w.ok(w.receipts.Read(w.ctx, "ann"))
	if now := w.documents(); len(now) != len(before) {
		t.Errorf("a change of a message that is gone made %d documents of %d", len(now), len(before))
	}
	if _, _, err := w.groups.Find(w.ctx, first.UID); err == nil {
		t.Error("a message that is gone was found")
	}
	w.says("g", 100)
	w.doors("g")
}

// TestADeviceThatFellSilentIsForgotten by what every app's retention works with, and
// one that was seen is kept.
func TestADeviceThatFellSilentIsForgotten(t *testing.T) {
	w := newWorld(t, retention.Rules{OfflineDays: 7})
	users := user.New(w.store, w.groups, nil, 0, w.now)
	for _, device := range []string{"lost", "used"} {
		w.ok(users.PutDevice(w.ctx, "ann", user.Device{ID: id.Device(device), Platform: "ios", Token: device}))
	}
	for _, days := range []int{200, 40, 61} {
		w.passes(time.Duration(days) * 24 * time.Hour)
		if days == 200 {
			w.ok(users.PutDevice(w.ctx, "ann", user.Device{ID: "used", Platform: "ios", Token: "used"}))
		}
		o := (&cloud.Cloud{
			Settings: settings.Settings{OfflineDays: 7}, Groups: w.groups, Receipts: w.receipts, Conversations: w.conversations, Users: users,
		}).Retention()
		o.Store, o.Now = w.store, w.now
		_, err := retention.Run(w.ctx, o, retention.Budget{})
		w.ok(err)
		want := 2
		if days == 61 {
			want = 1 // 301 days after it was seen; users are asked once a month
		}
		h, _, err := users.Holding(w.ctx, "ann")
		if err != nil || len(h.Devices) != want || h.Devices[len(h.Devices)-1].Token != "used" {
			t.Errorf("after %d days more: %+v, %v", days, h.Devices, err)
		}
	}
}
