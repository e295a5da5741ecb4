package privacy_test

import (
	"strings"
	"testing"

	"github.com/throng-im/throng/shared/cost"
	"github.com/throng-im/throng/shared/firestore/firestoretest"
	"github.com/throng-im/throng/shared/id"
	"github.com/throng-im/throng/shared/privacy"
)

// TestOnFirestore erases a user and then a group on Firestore's emulator, and counts
// what a search reads: no document twice, but for the user's and those that are found
// by name.
func TestOnFirestore(t *testing.T) {
	meter := new(cost.Meter)
	w := worldOn(t, firestoretest.Open(t, meter))
	w.live()
	documents := 0
	for _, d := range w.all() {
		for _, collection := range []string{"/segments/", "/receipts/", "tokens/", "presence/"} {
			if strings.Contains(d.Path, collection) {
				documents++
			}
		}
	}
	before := meter.Counts()
	w.findZoe()
	// Five groups have a head and a shard each, and one has no receipts; the user has
	// two documents, and retention seven that are not there.
	if spent := meter.Counts().Sub(before); int(spent.Reads) != documents+5*2+1+2+7 || spent.Writes > 0 {
		t.Errorf("a search cost %+v, there are %d documents", spent, documents)
	}
	bob := w.sees("bob", "team")
	before = meter.Counts()
	w.ok(privacy.EraseUsers(w.ctx, w.options(), id.People{zoe: true}))
	t.Logf("to erase %d documents cost %+v", documents, meter.Counts().Sub(before))
	w.forgotten()
	same(t, "what bob sees", w.sees("bob", "team"), bob)
	w.ok(privacy.EraseGroup(w.ctx, w.options(), "team"))
	if left := w.counts(func(o privacy.Options) error { return privacy.FindGroup(w.ctx, o, "team") }); len(left) > 0 {
		t.Errorf("left of the group: %v", left)
	}
}
