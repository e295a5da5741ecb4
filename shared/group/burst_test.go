package group_test

import (
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/throng-im/throng/shared/fault"
	"github.com/throng-im/throng/shared/group"
	"github.com/throng-im/throng/shared/id"
)

// folds are the counts that the messages of a timeline carry.
func folds(entries []group.Entry) (counts []int64) {
	for _, e := range entries {
		if e.Kind == group.KindMessage {
			counts = append(counts, e.Folded)
		}
	}
	return counts
}

// TestABurstIsCountedByTheMinute goes through minutes of a group whose limit is 3.
func TestABurstIsCountedByTheMinute(t *testing.T) {
	h := newHouse(t)
	g := h.process(group.Options{Burst: 3})
	start := h.clock
	h.ok(g.Join(t.Context(), "g", []id.User{"ann", "bob"}, "G"))
	for i, minute := range []struct {
		at   time.Duration
		says int
		want []int64
	}{
		{0, 2, []int64{0, 0}},
		{59 * time.Second, 2, []int64{0, 1}},
		// The burst goes on, and so does its count.
		{60 * time.Second, 5, []int64{0, 0, 0, 2, 3}},
		{121 * time.Second, 3, []int64{0, 0, 0}},
		// A minute within the limit ends it.
		{181 * time.Second, 4, []int64{0, 0, 0, 1}},
		// So does silence.
		{400 * time.Second, 4, []int64{0, 0, 0, 1}},
		{519 * time.Second, 4, []int64{0, 0, 0, 2}},
		// A clock that falls back is that of the entry before.
		{500 * time.Second, 1, []int64{3}},
	} {
		h.clock = start.Add(minute.at)
		for n := range minute.says {
			_, err := g.Send(t.Context(), "g", group.Entry{From: "ann", Type: "RC:TxtMsg", ClientID: fmt.Sprint(i, "/", n)})
			h.ok(err)
		}
		all := folds(h.timeline(g, "g"))
		if got := all[len(all)-minute.says:]; !slices.Equal(got, minute.want) {
			t.Errorf("at %s the messages are counted %v, want %v", minute.at, got, minute.want)
		}
	}
}

// TestOnlyWhatNotifiesEverybodyCounts: after a burst a message of each kind is
// published, and one that counts between them.
func TestOnlyWhatNotifiesEverybodyCounts(t *testing.T) {
	ext := func(level string) *group.Push {
		return &group.Push{Ext: `{"pushConfigs":[{"HW":{"importance":"NORMAL"}},{"APNs":{"interruption-level":"` + level + `"}}]}`}
	}
	for what, c := range map[string]struct {
		entry  group.Entry
		counts bool
	}{
		"a text":                             {group.Entry{Type: "RC:TxtMsg"}, true},
		"a mention":                          {group.Entry{Type: "RC:TxtMsg", Mention: &group.Mention{Type: group.MentionAll}}, true},
		"a type of the app's":                {group.Entry{Type: "app:x"}, false},
		"one with a text":                    {group.Entry{Type: "app:x", Push: &group.Push{Content: "x"}}, true},
		"one with a text for some":           {group.Entry{Type: "app:x", Mention: &group.Mention{Type: group.MentionUsers, Users: []id.User{"bob"}, Text: "x"}}, false},
		"a signal":                           {group.Entry{Type: "RC:ReadNtf"}, false},
		"a targeted message":                 {group.Entry{Type: "RC:TxtMsg", To: []id.User{"bob"}}, false},
		"one without push":                   {group.Entry{Type: "RC:TxtMsg", Push: &group.Push{Disabled: true}}, false},
		"an urgent one":                      {group.Entry{Type: "RC:TxtMsg", Push: ext("critical")}, false},
		"one as urgent as any":               {group.Entry{Type: "RC:TxtMsg", Push: ext("active")}, true},
		"one with a pushExt that is no JSON": {group.Entry{Type: "RC:TxtMsg", Push: &group.Push{Ext: `interruption-level: critical`}}, true},
		"a count from outside":               {group.Entry{Type: "RC:TxtMsg", Push: &group.Push{Disabled: true}, Folded: 7}, false},
	} {
		h := newHouse(t)
		g := h.process(group.Options{Burst: 1})
		h.ok(g.Join(t.Context(), "g", []id.User{"ann", "bob"}, "G"))
		for _, e := range []group.Entry{text("ann", "one"), c.entry, text("ann", "two")} {
			e.From = "ann"
			_, err := g.Publish(t.Context(), "g", e)
			h.ok(err)
		}
		want := []int64{0, 0, 1}
		if c.counts {
			want = []int64{0, 1, 2}
		}
		if got := folds(h.timeline(g, "g")); !slices.Equal(got, want) {
			t.Errorf("%s: counted are %v, want %v", what, got, want)
		}
	}
}

// TestTwoProcessesCountOneBurst has both send at once, some of it twice: each message
// is counted once, without a gap.
func TestTwoProcessesCountOneBurst(t *testing.T) {
	h := newHouse(t)
	processes := []*group.Groups{h.process(group.Options{Burst: 10}), h.process(group.Options{Burst: 10})}
	h.ok(processes[0].Join(t.Context(), "g", []id.User{"ann"}, "G"))
	var all sync.WaitGroup
	for i := range 120 {
		all.Go(func() {
			for errs := 0; ; errs++ {
				_, err := processes[i%2].Send(t.Context(), "g", group.Entry{From: "ann", Type: "RC:TxtMsg", ClientID: fmt.Sprint(i / 3)})
				if err == nil || !fault.Is(err, fault.Unavailable) || errs > 20 {
					if err != nil {
						t.Error(err)
					}
					return
				}
			}
		})
	}
	all.Wait()
	counts := folds(h.timeline(processes[1], "g"))
	if len(counts) != 40 {
		t.Fatalf("there are %d messages", len(counts))
	}
	for i, n := range counts {
		if n != max(0, int64(i)-9) {
			t.Errorf("message %d is counted %d", i, n)
		}
	}
}

// TestAMessageKeepsItsCount when it is changed and recalled, and without a limit
// there is none.
func TestAMessageKeepsItsCount(t *testing.T) {
	h := newHouse(t)
	g := h.process(group.Options{Burst: 1})
	h.ok(g.Join(t.Context(), "g", []id.User{"ann"}, "G"))
	var last group.Receipt
	for range 3 {
		r, err := g.Publish(t.Context(), "g", text("ann", "x"))
		h.ok(err)
		last = r
	}
	h.ok(g.Edit(t.Context(), "g", last.UID, group.Edit{From: "ann", Content: "y"}))
	h.ok(g.Recall(t.Context(), "g", last.UID, group.Recall{From: "ann"}))
	entries := h.timeline(g, "g")
	recall := entries[len(entries)-1]
	if m := entries[last.Seq-1]; m.Folded != 2 || m.Recalled != recall.Seq || recall.Folded != 2 {
		t.Errorf("the message is %+v, its recall %+v", m, recall)
	}
	unbound := h.process(group.Options{})
	_, err := unbound.Publish(t.Context(), "g", text("ann", "x"))
	h.ok(err)
	if counts := folds(h.timeline(g, "g")); counts[3] != 0 {
		t.Errorf("without a limit the counts are %v", counts)
	}
}

// TestTheNewestCountIsAnnounced, and only that, also when much was said since.
func TestTheNewestCountIsAnnounced(t *testing.T) {
	h := newHouse(t)
	g := h.process(group.Options{Burst: 1})
	h.ok(g.Join(t.Context(), "g", []id.User{"ann"}, "G"))
	h.ok(errors.Join(g.AnnounceFold(t.Context(), "g"), g.AnnounceFold(t.Context(), "nowhere")))
	if len(h.announced) != 1 {
		t.Errorf("without a burst there are %d events", len(h.announced))
	}
	for range 4 {
		_, err := g.Publish(t.Context(), "g", text("ann", "x"))
		h.ok(err)
	}
	for range 200 { // they do not count, and push the burst out of the head
		_, err := g.Publish(t.Context(), "g", group.Entry{From: "ann", Type: "app:x"})
		h.ok(err)
	}
	h.announced = nil
	h.ok(h.process(group.Options{}).AnnounceFold(t.Context(), "g"))
	if len(h.announced) != 1 {
		t.Fatalf("there are %d events", len(h.announced))
	}
	ev := h.announced[0]
	e, err := group.DecodeEntry(ev.Entries[0])
	h.ok(err)
	if !ev.Fold || ev.News() || ev.Name != "G" || len(ev.Entries) != 1 || len(ev.Shards) != 1 || e.Seq != 5 || e.Folded != 3 || e.From != "ann" || e.At != h.clock.UnixMilli() {
		t.Errorf("announced is %+v with %+v", ev, e)
	}
}
