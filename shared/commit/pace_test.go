package commit

import (
	"testing"
	"time"
)

// commits plays so much time of one document's commits. company says how many
// commands wait after a pause; gap is the time between an answer and the next
// command. It returns the commits made and the time spent in pauses.
func (p *pace) play(total, commit, gap, limit time.Duration, company int) (n int, paused time.Duration) {
	began := time.Unix(1_800_000_000, 0)
	now := began
	for now.Sub(began) < total {
		if pause, _ := p.pause(now, limit); pause > 0 {
			now = now.Add(pause)
			paused += pause
			p.waited(now, company, company > 1)
		}
		p.took(company)
		started := now
		now = now.Add(commit)
		p.committed(started, now)
		now = now.Add(gap)
		n++
	}
	return n, paused
}

func TestPace(t *testing.T) {
	const commit, limit = 10 * time.Millisecond, 100 * time.Millisecond
	for name, c := range map[string]struct {
		gap, limit  time.Duration
		company     int
		least, most int           // commits in a minute
		paused      time.Duration // at most
	}{
		"a quiet document never waits":             {time.Second, limit, 1, 59, 60, 0},
		"nor does one without linger":              {0, -1, 50, 6000, 6000, 0},
		"a lone caller is hardly ever held up":     {10 * time.Millisecond, limit, 1, 2850, 3000, 3 * time.Second},
		"a busy document commits one time in six":  {0, limit, 50, 60_000 / 70, 60_000/60 + 20, time.Minute},
		"and waits no longer than the limit":       {0, 20 * time.Millisecond, 50, 1990, 2020, time.Minute},
		"what comes slower than that is no burden": {70 * time.Millisecond, limit, 3, 740, 751, 0},
	} {
		var p pace
		n, paused := p.play(time.Minute, commit, c.gap, c.limit, c.company)
		if n < c.least || n > c.most || paused > c.paused {
			t.Errorf("%s: %d commits, %s in pauses; want %d to %d, and at most %s", name, n, paused, c.least, c.most, c.paused)
		}
	}
}

func TestRivalsLeaveEachOtherRoom(t *testing.T) {
	var p pace
	now := time.Unix(1_800_000_000, 0)
	p.committed(now, now.Add(10*time.Millisecond))
	p.refill(now)
	p.met(now)
	waits := 0
	for range 100 {
		if pause, _ := p.pause(now, time.Second); pause > 0 {
			waits++
		}
	}
	if waits < 100 {
		t.Errorf("%d of 100 commits waited right after a conflict", waits)
	}
	p.spare = spareCommits
	if pause, _ := p.pause(now.Add(2*rivalry), time.Second); pause > 0 {
		t.Errorf("the conflict is forgotten, and still a commit waits %s", pause)
	}
}
