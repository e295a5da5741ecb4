package group_test

import (
	"context"
	"encoding/json"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/throng-im/throng/shared/commit"
	"github.com/throng-im/throng/shared/event"
	"github.com/throng-im/throng/shared/group"
	"github.com/throng-im/throng/shared/id"
)

// TestWhatWasMissedIsAnnouncedAsItWas: the events differ from those of the commits
// in nothing but whom they are for, and are cut where these would be.
func TestWhatWasMissedIsAnnouncedAsItWas(t *testing.T) {
	var events []event.Timeline
	largest := 0
	groups := group.New(new(commit.Memory), func(_ context.Context, payloads ...[]byte) error {
		for _, p := range payloads {
			var ev event.Timeline
			if err := json.Unmarshal(p, &ev); err != nil {
				return err
			}
			events, largest = append(events, ev), max(largest, len(p))
		}
		return nil
	}, group.Options{})
	if err := groups.Join(t.Context(), "g", []id.User{"ann", "bob", "cem"}, "Team"); err != nil {
		t.Fatal(err)
	}
	const messages = 20
	for range messages {
		// "<" is a letter that JSON may write in more than one way.
		_, err := groups.Publish(t.Context(), "g", group.Entry{From: "ann", Type: "RC:TxtMsg", Content: "<" + strings.Repeat("x", 100_000), Expandable: true, Expansion: group.Values(map[string]string{"k": "v"})})
		if err != nil {
			t.Fatal(err)
		}
	}
	decoded := func(events []event.Timeline) (all []group.Entry) {
		t.Helper()
		for _, ev := range events {
			entries, err := group.DecodeEntries(ev.Entries)
			if err != nil {
				t.Fatal(err)
			}
			all = append(all, entries...)
		}
		return all
	}
	original, said := events[len(events)-1], decoded(events[1:])
	events, largest = nil, 0
	heads, err := groups.Heads(t.Context(), []id.Group{"g"})
	if err != nil {
		t.Fatal(err)
	}
	if err := groups.Reader(heads[0]).AnnounceMissed(t.Context(), said, []id.User{"bob", "cem"}); err != nil {
		t.Fatal(err)
	}
	if len(events) != 2 || largest > 1<<20+1000 {
		t.Errorf("%d events of up to %d bytes", len(events), largest)
	}
	for _, ev := range events {
		if ev.Group != "g" || ev.Name != "Team" || ev.Serial != original.Serial || !slices.Equal(ev.Shards, original.Shards) || !slices.Equal(ev.Missed, []id.User{"bob", "cem"}) {
			ev.Entries = nil
			t.Errorf("an event is %+v", ev)
		}
	}
	if got := decoded(events); len(said) != messages || !reflect.DeepEqual(got, said) {
		t.Errorf("%d entries were announced again, of %d", len(got), len(said))
	}
}
