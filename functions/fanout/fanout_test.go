package fanout

import (
	"testing"

	"github.com/throng-im/throng/shared/event"
	"github.com/throng-im/throng/shared/group"
)

// TestOnlyTheSameEventIsTheSame: events with entries that are announced once
// more may begin and end alike and have others between. One that was taken for
// the other would be acknowledged undone.
func TestOnlyTheSameEventIsTheSame(t *testing.T) {
	key := func(name string, seqs ...int64) string {
		ev := &event.Timeline{Group: "g"}
		if name != "" {
			ev.Group = "other"
		}
		var entries []group.Entry
		for _, seq := range seqs {
			entries = append(entries, group.Entry{Seq: seq})
		}
		return keyOf(ev, entries)
	}
	seen := map[string]bool{}
	for _, k := range []string{key("", 5, 9), key("", 5, 7, 9), key("", 5, 8, 9), key("", 59), key("other", 5, 9)} {
		if seen[k] {
			t.Errorf("two events are %q", k)
		}
		seen[k] = true
	}
	if again := key("", 5, 7, 9); !seen[again] {
		t.Errorf("the same event twice is not the same: %q", again)
	}
}
