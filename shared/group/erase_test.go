package group_test

import (
	"context"
	"fmt"
	"reflect"
	"testing"

	"github.com/throng-im/throng/shared/commit"
	"github.com/throng-im/throng/shared/fault"
	"github.com/throng-im/throng/shared/group"
	"github.com/throng-im/throng/shared/id"
)

// TestAGroupThatIsCreatedAgainWhileItIsErased lives on with all that there is of it.
// Who asks again erases it.
func TestAGroupThatIsCreatedAgainWhileItIsErased(t *testing.T) {
	h := newHouse(t)
	ctx := t.Context()
	others := h.process(group.Options{})
	h.ok(others.Join(ctx, "g", []id.User{"ann", "bob"}, "G"))
	for n := range 300 {
		_, err := others.Publish(ctx, "g", text("ann", fmt.Sprint(n)))
		h.ok(err)
	}
	said := others
	again := func(ctx context.Context, payloads ...[]byte) error {
		// The dismissal is announced. Others create the group before more happens.
		if said != nil {
			h.ok(said.Join(ctx, "g", []id.User{"ann"}, "anew"))
			for n := range 300 {
				_, err := said.Publish(ctx, "g", text("ann", fmt.Sprint("new ", n)))
				h.ok(err)
			}
			said = nil
		}
		return h.hear(ctx, payloads...)
	}
	eraser := group.New(h.store, again, group.Options{Now: h.now})
	_, _, err := eraser.Erase(ctx, "g")
	h.fails(err, fault.Unavailable)
	entries, messages := h.timeline(others, "g"), 0
	for _, e := range entries {
		if e.Kind == group.KindMessage {
			messages++
		}
	}
	if messages != 600 {
		t.Errorf("%d messages are left", messages)
	}
	if members, err := others.Members(ctx, "g"); err != nil || !reflect.DeepEqual(members, []id.User{"ann"}) {
		t.Errorf("members are %v, %v", members, err)
	}
	seq, _, err := eraser.Erase(ctx, "g")
	h.ok(err)
	if seq != int64(len(entries))+1 {
		t.Errorf("it ended at %d behind %d entries", seq, len(entries))
	}
	if left, err := others.Segments(ctx, "g", commit.Doc{}, 10); err != nil || len(left) > 0 {
		t.Errorf("left: %v, %v", left, err)
	}
}
