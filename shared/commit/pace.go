package commit

import (
	"math"
	"math/rand/v2"
	"time"
)

// pace decides how long the commits of one document wait for company. A
// document takes few writes a second for long, so under sustained load it is
// better to make the batches larger than to make more of them. It goes by the
// store's own speed, costs an idle document nothing, and gives up where waiting
// brings nobody: a single caller that waits for each answer before it sends
// again is never held up.
type pace struct {
	// commit is how long a commit takes of late.
	commit time.Duration
	// spare commits may start at once; they come back with time.
	spare  float64
	spared time.Time
	// company is the largest batch of late: once so many wait, nobody else is
	// likely to come. next is what will replace it. A batch now and then waits
	// for the whole pause, to learn whether more come by then: probe counts down
	// to it, between is how many are left out.
	company, next, batches int
	probe, between         int
	// alone counts the waits in vain in a row, skip the commits that do not wait
	// because of them.
	alone, skip int
	// rivals is until when other processes are known to change the document.
	rivals time.Time
}

const (
	// spareCommits may follow each other without a wait.
	spareCommits = 8
	// restCommits is the sustained pace: a commit in so many times its duration.
	restCommits = 6
	// companyBatches is how long a large batch is remembered.
	companyBatches = 32
	// Probes come after so many pauses, more and more seldom while they find
	// that company is right.
	firstProbe, lastProbe = 8, 256
	// maxSkip bounds the commits between two attempts to find company.
	maxSkip = 512
	// rivalry is how long a conflict makes a process leave room for others.
	rivalry = time.Second
)

// relaxed says whether a commit may start at once, and counts it if so.
func (p *pace) relaxed(now time.Time, limit time.Duration) bool {
	if limit < 0 {
		return true
	}
	if p.skip > 0 {
		p.skip--
		return true
	}
	p.refill(now)
	if p.spare < 1 || now.Before(p.rivals) {
		return false
	}
	p.spare--
	return true
}

func (p *pace) refill(now time.Time) {
	if p.commit == 0 || p.spared.IsZero() {
		p.spare, p.spared = spareCommits, now
		return
	}
	p.spare = min(spareCommits, p.spare+float64(now.Sub(p.spared))/float64(restCommits*p.commit))
	p.spared = now
}

// pause says how long the next commit should wait, at most, and for how many
// commands; zero means that it may start at once.
func (p *pace) pause(now time.Time, limit time.Duration) (pause time.Duration, company int) {
	if p.relaxed(now, limit) {
		return 0, 0
	}
	pause = time.Duration((1 - p.spare) * float64(restCommits*p.commit))
	if now.Before(p.rivals) {
		// Whoever has just committed knows the newest state and would win again;
		// the others need the time of a read and a commit.
		pause = max(pause, rand.N(2*p.commit+1))
	}
	company = max(p.company, 2)
	if p.probe--; p.probe < 0 {
		company = math.MaxInt
	}
	return max(min(pause, limit), 1), company
}

// waited notes that a pause is over, how many wait now, and whether the pause
// brought anybody.
func (p *pace) waited(now time.Time, waiting int, gained bool) {
	p.refill(now)
	p.spare = max(p.spare-1, 0)
	if p.probe < 0 {
		p.between = min(2*max(p.between, firstProbe/2), lastProbe)
		if waiting > p.company+p.company/8 {
			p.between = firstProbe
		}
		p.probe = p.between
	}
	if gained {
		p.alone = 0
		return
	}
	if p.alone++; p.alone > 1 {
		p.skip = min(1<<p.alone, maxSkip)
	}
}

// took notes the size of a batch.
func (p *pace) took(n int) {
	p.next = max(p.next, n)
	if p.batches++; p.batches%companyBatches == 0 {
		p.company, p.next = p.next, 0
	}
	p.company = max(p.company, n)
}

// committed notes how long a commit took.
func (p *pace) committed(started, done time.Time) {
	took := done.Sub(started)
	if p.commit == 0 {
		p.commit = took
	}
	p.commit += (took - p.commit) / 8
}

// met notes that another process changed the document.
func (p *pace) met(now time.Time) { p.rivals = now.Add(rivalry) }
