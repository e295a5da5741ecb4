package group_test

import (
	"testing"
	"time"

	"github.com/throng-im/throng/shared/group"
	"github.com/throng-im/throng/shared/id"
)

// TestWhichCopyIsKept stores one copy after another. A device is named by the day on
// which it was seen; today is day 20,000.
func TestWhichCopyIsKept(t *testing.T) {
	today := time.Unix(20_000*24*60*60, 0)
	if group.Day(today.UnixMilli()) != 20_000 || group.Day(today.Add(-time.Second).UnixMilli()) != 19_999 {
		t.Fatalf("today is day %d", group.Day(today.UnixMilli()))
	}
	seen := func(version int64, days ...int64) group.Targets {
		c := group.Targets{Version: version}
		for _, d := range days {
			c.Devices = append(c.Devices, group.Device{ID: "d", Seen: d})
		}
		return c
	}
	for what, c := range map[string]struct {
		old, new       group.Targets
		doubtful, kept bool // what the old one is
	}{
		"a newer one":                       {seen(1, 19_999), seen(2), false, false},
		"an older one":                      {seen(2, 19_999), seen(1), false, true},
		"the same":                          {seen(1, 19_999), seen(1), false, true},
		"269 days old":                      {seen(1, 19_731), seen(1, 20_000), false, true},
		"270 days old":                      {seen(1, 19_730), seen(1, 20_000), true, false},
		"one of two devices":                {seen(1, 20_000, 19_730), seen(1, 20_000), true, false},
		"an older one for a doubtful one":   {seen(2, 19_730), seen(1, 20_000), true, true},
		"from before there were dates":      {seen(1, 0), seen(1), false, true},
		"a doubtful one for a doubtful one": {seen(1, 19_000), seen(1, 19_500), true, false},
	} {
		h := newHouse(t)
		g := h.process(group.Options{Now: func() time.Time { return today }})
		h.ok(g.Join(t.Context(), "g", []id.User{"ann"}, ""))
		for _, copied := range []group.Targets{c.old, c.new} {
			h.ok(g.SetTargets(t.Context(), "g", 1, map[id.User]group.Targets{"ann": copied}))
		}
		want := c.new
		if c.kept {
			want = c.old
		}
		got := h.copy(g, "ann")
		if got == nil || got.Version != want.Version || len(got.Devices) != len(want.Devices) || len(got.Devices) > 0 && got.Devices[0] != want.Devices[0] {
			t.Errorf("%s: there is %+v, want %+v", what, got, want)
		}
		if c.old.Doubtful(today) != c.doubtful {
			t.Errorf("%s: it is doubtful: %v", what, !c.doubtful)
		}
	}
}

// TestWhoComesBackIsLookedUpAnew: copies are not kept up for who is no member.
func TestWhoComesBackIsLookedUpAnew(t *testing.T) {
	h := newHouse(t)
	g := h.process(group.Options{})
	h.ok(g.Join(t.Context(), "g", []id.User{"ann", "bob"}, ""))
	for _, u := range []id.User{"ann", "bob"} {
		h.ok(g.SetTargets(t.Context(), "g", 1, map[id.User]group.Targets{u: {Version: 1, Devices: []group.Device{{ID: "d"}}}}))
	}
	h.ok(g.Quit(t.Context(), "g", []id.User{"ann"}))
	if h.copy(g, "ann") == nil {
		t.Error("what was said before ann left cannot reach her any more")
	}
	h.ok(g.Join(t.Context(), "g", []id.User{"ann", "bob"}, ""))
	if got := h.copy(g, "ann"); got != nil {
		t.Errorf("ann is back with the copy of back then: %+v", got)
	}
	if h.copy(g, "bob") == nil {
		t.Error("bob, who never left, has to be looked up")
	}
}

// copy is what a group's roster has of a user's devices, nil where it must look.
func (h *house) copy(g *group.Groups, who id.User) (found *group.Targets) {
	h.Helper()
	docs, err := h.store.Get(h.Context(), []string{"groups/g"})
	h.ok(err)
	versions, _ := docs[0].Fields["shards"].([]int64)
	roster, err := g.Roster(h.Context(), "g", versions)
	h.ok(err)
	roster.Each(func(u id.User, _ group.Member, targets *group.Targets) {
		if u == who {
			found = targets
		}
	})
	return found
}
