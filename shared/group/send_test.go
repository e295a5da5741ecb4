package group_test

import (
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/throng-im/throng/shared/commit"
	"github.com/throng-im/throng/shared/fault"
	"github.com/throng-im/throng/shared/group"
	"github.com/throng-im/throng/shared/id"
)

func TestAStatusMessageLeavesNoTrace(t *testing.T) {
	c := newChanged(t, text("ann", "before"))
	ctx := t.Context()
	last := c.newest().Seq
	var receipts [2]group.Receipt
	for i := range receipts {
		m := text("ann", fmt.Sprint("typing ", i))
		m.HideFromSender = true
		reads, writes := c.store.costs(func() {
			r, err := c.PublishStatus(ctx, "g", m)
			c.ok(err)
			receipts[i] = r
		})
		if reads > 1 || writes > 0 {
			t.Errorf("a status message cost %d reads and %d writes", reads, writes)
		}
	}
	if receipts[0].UID == receipts[1].UID || len(receipts[0].UID) != 19 || receipts[0].Seq != 0 {
		t.Errorf("the receipts are %+v", receipts)
	}
	heard := c.heard()
	if len(heard) != 2 {
		t.Fatalf("%d entries were announced, want 2", len(heard))
	}
	for i, e := range heard {
		if e.Kind != group.KindStatus || e.Seq != 0 || e.UID != receipts[i].UID || e.At != c.clock.UnixMilli() || e.Content != fmt.Sprint("typing ", i) || !e.HideFromSender {
			t.Errorf("announced was %+v", e)
		}
	}
	if n := c.newest().Seq; n != last {
		t.Errorf("%d entries were stored", n-last)
	}
	if _, _, err := c.Find(ctx, receipts[0].UID); !fault.Is(err, fault.NotFound) {
		t.Errorf("a status message is found: %v", err)
	}
	c.announced = nil
	c.ok(c.Dismiss(ctx, "g", "ann"))
	c.announced = nil
	for _, name := range []id.Group{"g", "nowhere"} {
		if r, err := c.PublishStatus(ctx, name, text("ann", "x")); err != nil || len(r.UID) != 19 || len(c.announced) > 0 {
			t.Errorf("to nobody: %+v, %v, announced %d", r, err, len(c.announced))
		}
	}
}

func (h *house) ok2(_ group.Receipt, err error) { h.Helper(); h.ok(err) }

func once(from id.User, random string) group.Entry {
	m := text(from, "once "+random)
	m.Random = random
	return m
}

// TestAnAppServersKeyCountsForAMinute repeats a message everywhere a repetition
// may end up: in the tail, sealed, out of the ring of keys, at another process.
func TestAnAppServersKeyCountsForAMinute(t *testing.T) {
	for _, others := range []int{0, 100, 600, 1500} {
		h := newHouse(t)
		g := h.process(group.Options{})
		ctx := t.Context()
		h.ok(g.Join(ctx, "g", []id.User{"ann"}, "G"))
		first, err := g.Publish(ctx, "g", once("ann", "1"))
		h.ok(err)
		for i := range others {
			h.ok2(g.Publish(ctx, "g", once("ann", fmt.Sprint("other ", i))))
		}
		for what, again := range map[string]*group.Groups{"the same process": g, "another process": h.process(group.Options{})} {
			before := len(h.announced)
			r, err := again.Publish(ctx, "g", once("ann", "1"))
			want := first
			want.Repeated = true
			if err != nil || r != want || len(h.announced) != before+1 || h.announced[before].Entries == nil {
				t.Errorf("after %d others %s answers %+v, %v, announced %d; want %+v", others, what, r, err, len(h.announced)-before, want)
			}
		}
		for what, m := range map[string]group.Entry{"another number": once("ann", "2"), "another sender": once("bob", "1"), "no number": text("ann", "x")} {
			if r, err := g.Publish(ctx, "g", m); err != nil || r.Repeated || r.Seq == 0 {
				t.Errorf("after %d others %s: %+v, %v", others, what, r, err)
			}
		}
		h.clock = h.clock.Add(time.Minute)
		if r, err := g.Publish(ctx, "g", once("ann", "1")); err != nil || r.Repeated || r.Seq <= first.Seq {
			t.Errorf("after a minute: %+v, %v", r, err)
		}
		if r, err := g.Publish(ctx, "g", once("ann", "1")); err != nil || !r.Repeated || r.Seq <= first.Seq {
			t.Errorf("the second one is not recognised: %+v, %v", r, err)
		}
	}
}

// TestServersAndDevicesDoNotShareKeys gives a device the very text that an app
// server uses.
func TestServersAndDevicesDoNotShareKeys(t *testing.T) {
	h := newHouse(t)
	g := h.process(group.Options{})
	ctx := t.Context()
	h.ok(g.Join(ctx, "g", []id.User{"ann"}, "G"))
	h.ok2(g.Publish(ctx, "g", once("ann", "1")))
	for _, key := range []string{"1", "\x011", "\x001"} {
		m := text("ann", "device")
		m.ClientID = key
		r, err := g.Send(ctx, "g", m)
		h.ok(err)
		if e := h.timeline(g, "g")[r.Seq-1]; e.Content != "device" {
			t.Errorf("key %q got the server's message", key)
		}
	}
	_, err := g.Send(ctx, "g", text("ann", "without a key"))
	h.fails(err, fault.InvalidArgument)
}

// TestALostAnswerIsAnnouncedBeforeItIsRefused publishes with nobody to hear it.
func TestALostAnswerIsAnnouncedBeforeItIsRefused(t *testing.T) {
	h := newHouse(t)
	g := h.process(group.Options{})
	ctx := t.Context()
	h.ok(g.Join(ctx, "g", []id.User{"ann"}, "G"))
	h.announced, h.deaf = nil, true
	for range 2 {
		_, err := g.Publish(ctx, "g", once("ann", "1"))
		h.fails(err, fault.Unavailable)
	}
	h.deaf = false
	r, err := g.Publish(ctx, "g", once("ann", "1"))
	if err != nil || !r.Repeated || len(h.heard()) != 1 || h.heard()[0].Seq != r.Seq || len(h.timeline(g, "g")) != 2 {
		t.Errorf("%+v, %v, heard %+v", r, err, h.heard())
	}
}

// TestAKeyIsUsedOnceWhateverFails publishes the same number from two processes
// at once, while commits fail and answers are lost.
func TestAKeyIsUsedOnceWhateverFails(t *testing.T) {
	h := newHouse(t)
	h.ok(h.process(group.Options{}).Join(t.Context(), "g", []id.User{"ann"}, "G"))
	var n atomic.Int64
	lose := func(every int64, err error) func([]commit.Write) error {
		return func([]commit.Write) error {
			if n.Add(1)%every == 0 {
				return err
			}
			return nil
		}
	}
	h.store.Before, h.store.After = lose(7, commit.ErrAborted), lose(5, commit.ErrUnknown)
	processes := []*group.Groups{h.process(group.Options{}), h.process(group.Options{})}
	const keys = 60
	var fresh atomic.Int64
	many(8, 4*keys, func(i int) {
		r, err := processes[i%2].Publish(t.Context(), "g", once("ann", fmt.Sprint(i%keys)))
		if err != nil {
			t.Error(err)
		}
		if !r.Repeated {
			fresh.Add(1)
		}
	})
	if got := len(h.timeline(processes[0], "g")); got != 1+keys || fresh.Load() != keys {
		t.Errorf("%d entries and %d fresh answers for %d keys", got-1, fresh.Load(), keys)
	}
}

// TestARecallOutlastsARetry repeats a send whose message was taken back since,
// also when its key is in its segment only: what is announced has no content any
// more.
func TestARecallOutlastsARetry(t *testing.T) {
	for _, others := range []int{0, 100, 1500} {
		h := newHouse(t)
		g := h.process(group.Options{})
		ctx := t.Context()
		h.ok(g.Join(ctx, "g", []id.User{"ann"}, "G"))
		m := text("ann", "secret")
		m.ClientID = "k"
		first, err := g.Send(ctx, "g", m)
		h.ok(err)
		for i := range others {
			h.ok2(g.Publish(ctx, "g", once("app", fmt.Sprint(i))))
		}
		h.ok(g.Recall(ctx, "g", first.UID, group.Recall{From: "ann"}))
		h.announced = nil
		again, err := g.Send(ctx, "g", m)
		if err != nil || again != first {
			t.Errorf("the retry got %+v, %v, want %+v", again, err, first)
		}
		if heard := h.heard(); len(heard) != 1 || heard[0].Recalled == 0 || heard[0].Content != "" {
			t.Errorf("heard %+v", heard)
		}
	}
}

// TestPlainSegmentsStayReadable turns a segment into what it was before segments
// were compressed; it is read and changed as the others.
func TestPlainSegmentsStayReadable(t *testing.T) {
	c := newChanged(t, loaded("ann"))
	ctx := t.Context()
	docs, err := c.store.Query(ctx, commit.Query{Collection: "groups/g/segments"})
	c.ok(err)
	for i, d := range docs {
		packed, _ := d.Fields["data"].([]byte)
		if packed[0] == '{' {
			t.Fatalf("%s is not compressed", d.Path)
		}
		if i%2 == 0 {
			_, err := c.store.Commit(ctx, []commit.Write{{Path: d.Path, Merge: true, Fields: commit.Fields{"data": []byte(group.Plain(packed))}}})
			c.ok(err)
		}
	}
	entries := c.timeline(c.Groups, "g")
	c.ok(c.Edit(ctx, "g", c.uids["far"], group.Edit{From: "ann", Content: "new"}))
	after := c.timeline(c.Groups, "g")
	if len(after) != len(entries)+1 || c.at(c.seqs["far"]).Content != "new" {
		t.Errorf("%d entries became %d, the edited one is %+v", len(entries), len(after), c.at(c.seqs["far"]))
	}
}

// TestARemovedSegmentIsNoError recalls a message whose segment went with time.
func TestARemovedSegmentIsNoError(t *testing.T) {
	for _, place := range []string{"far", "near"} {
		c := newChanged(t, loaded("ann"))
		docs, err := c.store.Query(t.Context(), commit.Query{Collection: "groups/g/segments"})
		c.ok(err)
		for _, d := range docs {
			if strings.Contains(group.Plain(d.Fields["data"].([]byte)), "secret") {
				_, err := c.store.Commit(t.Context(), []commit.Write{{Path: d.Path, Delete: true}})
				c.ok(err)
			}
		}
		for range 2 {
			if _, writes := c.store.costs(func() { c.ok(c.Recall(t.Context(), "g", c.uids[place], group.Recall{From: "ann"})) }); writes > 0 {
				t.Errorf("%s: %d writes", place, writes)
			}
		}
	}
}

// TestManyOldMessagesAtOnce recalls a message of every segment of a long group
// at the same time: no commit is too large and no memory without bound.
func TestManyOldMessagesAtOnce(t *testing.T) {
	h := newHouse(t)
	g := h.process(group.Options{})
	ctx := t.Context()
	h.ok(g.Join(ctx, "g", []id.User{"ann"}, "G"))
	var uids []id.Message
	for i := range 3000 {
		r, err := g.Publish(ctx, "g", text("ann", strings.Repeat("x", 1000)))
		h.ok(err)
		if i%48 == 0 && i < 2900 {
			uids = append(uids, r.UID)
		}
	}
	var most atomic.Int64
	h.store.Before = func(ws []commit.Write) error {
		if n := int64(len(ws)); n > most.Load() {
			most.Store(n)
		}
		return nil
	}
	errs := make(chan error, len(uids))
	for _, uid := range uids {
		go func() { errs <- g.Recall(ctx, "g", uid, group.Recall{From: "ann"}) }()
	}
	var failed error
	for range uids {
		failed = errors.Join(failed, <-errs)
	}
	h.ok(failed)
	recalled := 0
	for _, e := range h.timeline(g, "g") {
		if e.Recalled > 0 {
			recalled++
		}
	}
	if recalled != len(uids) {
		t.Errorf("%d of %d messages are recalled", recalled, len(uids))
	}
	// Four changed segments, the head, and some that the head seals meanwhile.
	if most.Load() > 8 {
		t.Errorf("a commit wrote %d documents", most.Load())
	}
}
