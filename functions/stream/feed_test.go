package stream

import (
	"context"
	"encoding/json"
	"testing"
	"time"

	"github.com/throng-im/throng/shared/cloud"
	"github.com/throng-im/throng/shared/commit"
	"github.com/throng-im/throng/shared/event"
	"github.com/throng-im/throng/shared/group"
	"github.com/throng-im/throng/shared/id"
	"github.com/throng-im/throng/shared/live"
	"github.com/throng-im/throng/shared/presence"
)

// TestWhatWasMissedIsAnnouncedForWhoIsGone: a user who is connected elsewhere has
// resumed there, and is not notified of what a connection here may have missed.
func TestWhatWasMissedIsAnnouncedForWhoIsGone(t *testing.T) {
	var missed []event.Timeline
	store := new(commit.Memory)
	groups := group.New(store, func(_ context.Context, payloads ...[]byte) error {
		for _, p := range payloads {
			var ev event.Timeline
			if err := json.Unmarshal(p, &ev); err != nil {
				return err
			}
			if len(ev.Missed) > 0 {
				missed = append(missed, ev)
			}
		}
		return nil
	}, group.Options{})
	ok := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	ok(groups.Join(t.Context(), "g", []id.User{"ann", "bob"}, "G"))
	for range 4 { // 2 to 5
		_, err := groups.Publish(t.Context(), "g", group.Entry{From: "bob", Type: "RC:TxtMsg", Content: "{}"})
		ok(err)
	}
	now := time.Now()
	f := &feed{Cloud: &cloud.Cloud{Groups: groups, Presence: presence.New(store, func() time.Time { return now })}}
	ok(f.Presence.Set(t.Context(), "another", []id.User{"ann"}))
	f.missed(t.Context(), "ann", "g", []live.Span{{After: 1, Last: 5}})
	if len(missed) > 0 {
		t.Errorf("ann is connected elsewhere, and is to be notified of %+v", missed)
	}
	ok(f.Presence.Remove(t.Context(), "another"))
	now = now.Add(2 * presence.Fresh)
	f.missed(t.Context(), "ann", "g", []live.Span{{After: 3, Last: 4}, {After: 1, Last: 2}})
	if len(missed) != 1 || len(missed[0].Missed) != 1 || missed[0].Missed[0] != "ann" || len(missed[0].Entries) != 2 {
		t.Fatalf("ann is to be notified of %+v", missed)
	}
	for i, seq := range []int64{2, 4} {
		if e, err := group.DecodeEntry(missed[0].Entries[i]); err != nil || e.Seq != seq {
			t.Errorf("entry %d is %+v, %v", i, e, err)
		}
	}
}
