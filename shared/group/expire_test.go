package group

import (
	"slices"
	"testing"
	"time"

	"github.com/throng-im/throng/shared/id"
)

// TestABaredRosterIsNewToEverybody holds that no version of a roster shard comes
// again when a group is taken apart and grows again: whoever has a copy of before
// would take it for what is there.
func TestABaredRosterIsNewToEverybody(t *testing.T) {
	s := &state{
		id: "g", version: time.Now(), name: "G", dismissed: true, dismissal: 5, members: 0, lastSeq: 5, lastAt: 1,
		versions: []int64{3, 9, 4}, sizes: []int64{1, 1, 1}, shards: make([]*shard, 3),
	}
	for name, kept := range map[string]*state{"lives": {id: "g", versions: s.versions, shards: s.shards, lastAt: 1}, "was active since": {id: "g", versions: s.versions, shards: s.shards, dismissed: true, dismissal: 5, lastAt: 7}} {
		if kept.bare(1); kept.changed {
			t.Errorf("a group that %s was bared", name)
		}
	}
	d := s.draft(2)
	d.bare(1)
	plan, err := (model{}).Plan(d)
	if err != nil {
		t.Fatal(err)
	}
	var deleted []string
	for _, w := range plan.Writes {
		if w.Delete {
			deleted = append(deleted, w.Path)
		}
	}
	if !slices.Equal(deleted, []string{"groups/g/roster/1", "groups/g/roster/2"}) || !slices.Equal(d.versions, []int64{10}) || d.lastSeq != 5 || d.ended() {
		t.Errorf("%v were deleted, the versions are %v", deleted, d.versions)
	}
	d = (model{}).Settle(d, time.Now()).draft(3)
	var many []id.User
	for i := range 3000 {
		many = append(many, id.User("a-member-with-quite-a-long-name-"+time.UnixMilli(int64(i)).UTC().Format("05.000")))
	}
	if err := d.join(many, "", 5000); err != nil {
		t.Fatal(err)
	}
	if _, err := (model{}).Plan(d); err != nil || len(d.versions) < 2 || slices.Min(d.versions) < 10 {
		t.Errorf("after growing the versions are %v, %v", d.versions, err)
	}
}
