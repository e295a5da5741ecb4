package chaos_test

import (
	"flag"
	"testing"

	"pgregory.net/rapid"

	"github.com/throng-im/throng/shared/firestore/firestoretest"
)

// TestHistoriesUnderFire does the same over real connections to Google's
// emulator, with the faults at the edge: refused, lost on the way there or
// back, slow, and done after the caller was told that it failed.
func TestHistoriesUnderFire(t *testing.T) {
	firestoretest.Need(t)
	checks := flag.Lookup("rapid.checks")
	all := checks.Value.String()
	if all == checks.DefValue { // make chaos asks for many
		if err := checks.Value.Set("15"); err != nil {
			t.Fatal(err)
		}
		defer func() { _ = checks.Value.Set(all) }()
	}
	rapid.Check(t, histories(t, fireStage))
}
