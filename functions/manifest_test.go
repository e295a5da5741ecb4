package functions

import (
	"math"
	"runtime/debug"
	"testing"
)

func TestTheManifestIsWhole(t *testing.T) {
	m, err := Load()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range m.Functions {
		if got, ok := m.Function(f.Name); !ok || got.Name != f.Name {
			t.Errorf("%s is not found by its name", f.Name)
		}
	}
	if _, ok := m.Function("nothing"); ok {
		t.Error("there is a function called nothing")
	}
}

func TestTuneKeepsWithinTheFunctionsMemory(t *testing.T) {
	percent, limit := debug.SetGCPercent(100), debug.SetMemoryLimit(-1)
	defer func() {
		debug.SetGCPercent(percent)
		debug.SetMemoryLimit(limit)
	}()
	if err := (Function{Name: "f", Memory: "512Mi"}).Tune(); err != nil {
		t.Fatal(err)
	}
	if got := debug.SetMemoryLimit(-1); got != 384<<20 && limit == math.MaxInt64 {
		t.Errorf("the limit is %d bytes, want three quarters of 512 MiB", got)
	}
	for _, bad := range []string{"", "512", "muchMi", "1G"} {
		if err := (Function{Name: "f", Memory: bad}).Tune(); err == nil {
			t.Errorf("%q was taken for a size", bad)
		}
	}
}
