package user_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/throng-im/throng/shared/commit"
	"github.com/throng-im/throng/shared/id"
	"github.com/throng-im/throng/shared/notify"
)

// TestALevelThatIsErasedLeavesNoCopyBehind: nobody would bring up to date the copy of
// a group that is gone. Copies that were behind before still are, and follow with the
// next call.
func TestALevelThatIsErasedLeavesNoCopyBehind(t *testing.T) {
	for _, behind := range []bool{false, true} {
		store := new(commit.Memory)
		users, groups := open(store)
		ok := func(err error) {
			t.Helper()
			if err != nil {
				t.Fatal(err)
			}
		}
		for _, g := range []id.Group{"gone", "stays"} {
			ok(groups.Join(t.Context(), g, []id.User{"ann"}, ""))
		}
		ok(users.SetLevel(t.Context(), "ann", "gone", notify.Nothing))
		if behind {
			store.Fail(func(writes []commit.Write) error {
				if strings.HasPrefix(writes[0].Path, "groups/") {
					return errors.New("no Firestore")
				}
				return nil
			}, nil)
			if err := users.SetTypeLevel(t.Context(), "ann", notify.Mentions); err == nil {
				t.Fatal("the copies were written")
			}
			store.Calm()
		}
		ok(users.EraseLevel(t.Context(), "ann", "gone"))
		if level, err := users.Level(t.Context(), "ann", "gone"); err != nil || level != notify.Unset {
			t.Errorf("the level is %d, %v", level, err)
		}
		followed := func() bool {
			docs, err := store.Get(t.Context(), []string{"users/ann"})
			ok(err)
			return docs[0].Fields["copied"] == docs[0].Fields["revision"]
		}
		if followed() == behind {
			t.Errorf("copies behind before %t, and behind afterwards %t", behind, !followed())
		}
		ok(users.SetTypeLevel(t.Context(), "ann", notify.Mentions))
		if got := copies(t, groups, store, "stays", "ann"); got.Level != notify.Mentions || !followed() {
			t.Errorf("copies behind before %t: in the end the copy is %+v", behind, got)
		}
	}
}
