package cost_test

import (
	"encoding/json"
	"sync"
	"testing"

	"github.com/throng-im/throng/shared/cost"
)

func TestEveryCounterCountsItsOwn(t *testing.T) {
	for name, c := range map[string]struct {
		count func(*cost.Meter)
		want  cost.Counts
	}{
		"reads":    {func(m *cost.Meter) { m.Read(3) }, cost.Counts{Reads: 3}},
		"a commit": {func(m *cost.Meter) { m.Commit(2, 1) }, cost.Counts{Writes: 2, Deletes: 1, Commits: 1}},
		"messages": {func(m *cost.Meter) { m.Publish(4) }, cost.Counts{Published: 4}},
	} {
		var m cost.Meter
		if c.count(&m); m.Counts() != c.want {
			t.Errorf("%s: %+v, want %+v", name, m.Counts(), c.want)
		}
	}
}

func TestAMeterCountsWhateverTheGoroutine(t *testing.T) {
	var m cost.Meter
	var all sync.WaitGroup
	const goroutines, times = 8, 1000
	for range goroutines {
		all.Go(func() {
			for range times {
				m.Read(1)
				m.Commit(3, 2)
				m.Publish(1)
			}
		})
	}
	all.Wait()
	const n = goroutines * times
	if got, want := m.Counts(), (cost.Counts{Reads: n, Writes: 3 * n, Deletes: 2 * n, Commits: n, Published: n}); got != want {
		t.Errorf("%+v, want %+v", got, want)
	}
	if m.Reset(); m.Counts() != (cost.Counts{}) {
		t.Errorf("after a reset: %+v", m.Counts())
	}
}

func TestReadingsAddAndSubtract(t *testing.T) {
	a, b := cost.Counts{Reads: 1, Writes: 20, Deletes: 300, Commits: 4000, Published: 50000}, cost.Counts{Reads: 10, Writes: 200, Deletes: 3000, Commits: 40000, Published: 500000}
	if sum := a.Add(b); sum != (cost.Counts{Reads: 11, Writes: 220, Deletes: 3300, Commits: 44000, Published: 550000}) || sum.Sub(b) != a || sum.Sub(a) != b {
		t.Errorf("the sum is %+v", sum)
	}
}

// TestReadingsAreSpeltAsTheLocalCloudShowsThem holds the names that tools read.
func TestReadingsAreSpeltAsTheLocalCloudShowsThem(t *testing.T) {
	got, err := json.Marshal(cost.Counts{Reads: 1, Writes: 2, Deletes: 3, Commits: 4, Published: 5})
	if want := `{"reads":1,"writes":2,"deletes":3,"commits":4,"published":5}`; err != nil || string(got) != want {
		t.Errorf("%s, %v", got, err)
	}
}
