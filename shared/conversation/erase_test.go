package conversation

import (
	"testing"
	"time"
)

// TestErasingAndMoreInOneCommit: what others do in the same commit, before or after it.
func TestErasingAndMoreInOneCommit(t *testing.T) {
	for _, known := range []bool{true, false} {
		m := &model{now: func() time.Time { return time.UnixMilli(1000) }}
		s := &state{}
		if known {
			s.version = time.UnixMilli(1)
		}
		d := m.Draft(s)
		d.pin("before", true)
		d.erase(500)
		d.pin("after", true)
		if len(d.Conversations) != 1 || d.Conversations["after"].PinnedAt != 1000 || d.ErasedAt != 500 {
			t.Errorf("known before %t: %+v", known, d.List)
		}
	}
}

// TestWhoIsInAGroupOfThatNameIsNotBuried, for it was created again behind the end of
// the one that was erased.
func TestWhoIsInAGroupOfThatNameIsNotBuried(t *testing.T) {
	for _, c := range []struct {
		name   string
		is     Membership
		buried bool
	}{
		{"in it to the end", Membership{Joined: 3}, true},
		{"out before", Membership{Joined: 3, Left: 5, LeftAt: 1}, true},
		{"in the new one", Membership{Joined: 22}, false},
		{"in both", Membership{Joined: 3, Away: []int64{20, 22}}, false},
		{"out of the new one, too", Membership{Joined: 22, Left: 23, LeftAt: 1}, true},
	} {
		m := &model{now: func() time.Time { return time.UnixMilli(1000) }}
		d := m.Draft(&state{version: time.UnixMilli(1)})
		d.member("g", Copied{Membership: c.is, At: 900})
		d.pin("g", true)
		d.bury("g", 20, 950)
		if got := d.Conversations["g"]; got.buried() != c.buried || got.AsOf() < c.is.AsOf() {
			t.Errorf("%s: %+v", c.name, got)
		}
	}
}
