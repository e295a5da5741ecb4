package retention_test

import (
	"testing"
	"time"

	"github.com/throng-im/throng/shared/id"
	"github.com/throng-im/throng/shared/retention"
)

const day = 24 * time.Hour

// TestTimePasses has groups go on talking while eight days, seven months and three
// years pass, and after each step compares every door with what was said.
func TestTimePasses(t *testing.T) {
	for name, c := range map[string]struct {
		rules        retention.Rules
		step, passes time.Duration
		own          map[id.Group]int
	}{
		"eight days, a window of a day, no history":           {retention.Rules{OfflineDays: 1}, 5 * time.Hour, 8 * day, map[id.Group]int{"busy": 7, "quiet": 3}},
		"eight days, a window of a week, a shorter one too":   {retention.Rules{OfflineDays: 7}, 7 * time.Hour, 8 * day, map[id.Group]int{"busy": 1}},
		"seven months, history of six":                        {retention.Rules{OfflineDays: 7, HistoryMonths: 6}, 6 * day, 215 * day, map[id.Group]int{"quiet": 1}},
		"seven months, no history":                            {retention.Rules{OfflineDays: 3}, 5 * day, 215 * day, map[id.Group]int{"busy": 7}},
		"three years, history of three years and of a window": {retention.Rules{OfflineDays: 7, HistoryMonths: 36}, 40 * day, 1200 * day, nil},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, c.rules)
			for _, g := range []id.Group{"busy", "quiet", "silent"} {
				w.join(g, "ann", "bob")
				w.says(g, 70)
				if c.own[g] > 0 {
					w.ok(w.groups.SetOffline(w.ctx, g, c.own[g]))
					w.own[g] = c.own[g]
				}
			}
			removed := 0
			for n := 0; time.Duration(n)*c.step <= c.passes; n++ {
				w.passes(c.step)
				w.says("busy", 90)
				if n%4 == 0 {
					w.says("quiet", 20)
				}
				if n%3 == 2 {
					w.open(w.rules) // another process has nothing in memory
				}
				all := w.tick()
				more, _, _ := total(all)
				removed += more
				for g := range w.log {
					w.looks(g)
				}
			}
			if removed == 0 {
				t.Error("nothing was ever removed")
			}
		})
	}
}

// TestSettingsChange makes settings longer and shorter between runs: nothing is
// removed that those of the moment protect, and what others removed is an honest gap.
func TestSettingsChange(t *testing.T) {
	w := newWorld(t, retention.Rules{OfflineDays: 7, HistoryMonths: 6})
	w.join("g", "ann", "bob")
	for range 60 {
		w.says("g", 70)
		w.passes(3 * day)
	}
	stored := func() int {
		entries, err := w.groups.Timeline(w.ctx, "g", 0, 1<<20)
		w.ok(err)
		return len(entries)
	}
	all := stored()
	for _, step := range []struct {
		rules   retention.Rules
		removes bool
	}{
		{retention.Rules{OfflineDays: 7, HistoryMonths: 36}, false},
		{retention.Rules{OfflineDays: 7, HistoryMonths: 6}, false},
		{retention.Rules{OfflineDays: 7, HistoryMonths: 3}, true},
		{retention.Rules{OfflineDays: 7, HistoryMonths: 36}, false},
		{retention.Rules{OfflineDays: 7}, true},
		{retention.Rules{OfflineDays: 7, HistoryMonths: 36}, false},
		{retention.Rules{OfflineDays: 1}, true},
	} {
		w.open(step.rules)
		w.tick()
		w.keepsWhatIsLeft(step.rules)
		now := stored()
		if removed := now < all; removed != step.removes {
			t.Errorf("with %s there are %d entries of %d", step.rules, now, all)
		}
		all = now
		w.passes(time.Hour)
	}
	// Whoever comes back under a longer setting is told of the gap.
	w.open(retention.Rules{OfflineDays: 7, HistoryMonths: 36})
	w.says("g", 1)
	seqs, from, _ := w.synced("g", 1)
	if len(seqs) == 0 || from != seqs[0] || from < 3000 {
		t.Errorf("after the settings got longer again a sync shows %s and a gap before %d", span(seqs), from)
	}
	got := w.queried("g")
	if len(got) < 1 || len(got) > 200 || got[len(got)-1] != w.log["g"][len(w.log["g"])-1].seq {
		t.Errorf("and the server's query shows %s", span(got))
	}
}

// keepsWhatIsLeft compares as keeps does, when what settings before removed is gone.
func (w *world) keepsWhatIsLeft(rules retention.Rules) {
	w.Helper()
	stored, err := w.groups.Timeline(w.ctx, "g", 0, 1<<20)
	w.ok(err)
	if len(stored) == 0 {
		return
	}
	// What is left has no hole.
	for i, e := range stored {
		if e.Seq != stored[0].Seq+int64(i) {
			w.Fatalf("with %s there is a hole before %d", rules, e.Seq)
		}
	}
	if newest := w.log["g"][len(w.log["g"])-1].seq; stored[len(stored)-1].Seq != newest {
		w.Fatalf("with %s entry %d is the last, not %d", rules, stored[len(stored)-1].Seq, newest)
	}
}
