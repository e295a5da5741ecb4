// Package firestoretest opens stores on Google's Firestore emulator for tests.
package firestoretest

import (
	"fmt"
	"math/rand/v2"
	"os"
	"testing"

	"github.com/throng-im/throng/shared/commit"
	"github.com/throng-im/throng/shared/cost"
	"github.com/throng-im/throng/shared/firestore"
)

const variable = "FIRESTORE_EMULATOR_HOST"

// Need skips a test where there is no emulator. In CI that is a failure.
func Need(t *testing.T) {
	t.Helper()
	if !there(t) {
		t.Skip("needs the Firestore emulator: run make test")
	}
}

func there(t *testing.T) bool {
	t.Helper()
	found := os.Getenv(variable) != ""
	if !found && os.Getenv("CI") != "" {
		t.Fatal(variable + " is not set: run make test")
	}
	return found
}

// Open gives a test that needs the emulator a store in a project of its own, which
// counts in meter.
func Open(t *testing.T, meter *cost.Meter) *firestore.Store {
	t.Helper()
	Need(t)
	s, err := firestore.Open(t.Context(), fmt.Sprintf("demo-test-%x", rand.Uint64()), meter)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

// Stores are the kinds of store on which a package must work alike, by name: the
// one in memory, and Firestore where there is an emulator.
func Stores(t *testing.T) map[string]commit.Store {
	t.Helper()
	out := map[string]commit.Store{"memory": new(commit.Memory)}
	if there(t) {
		out["firestore"] = Open(t, new(cost.Meter))
	}
	return out
}
