package commit

import (
	"context"
	"errors"
	"math/rand/v2"
	"time"
)

// Optimism alone is not fair. Whoever needs longer between reading a document
// and committing it than the others leave between two commits, loses every time:
// a join of a thousand, or the recall of an old message, in a group where people
// talk through other instances. So who has lost often claims the right of way: a
// commit that changes nothing but the journal, as quick as anybody's. It makes
// the others' commits fail, and when they read again they see it as the newest
// and leave it the time that it names. Nobody depends on it: it is over with the
// next commit, whoever's, and preconditions alone decide what is stored.

const (
	// maxClaim bounds how long others are asked to wait; jitter adds half of it at
	// most. A claim asks for claimRounds times the longest attempt that was lost.
	maxClaim    = 2 * time.Second
	claimRounds = 2
	// minWork is the part of an attempt, one in so many, that must be neither
	// reading nor committing. Who is as quick as a claim had better try again.
	minWork = 4

	// A claim's nonce: a mark that no other nonce has, 32 random bits, and the
	// milliseconds.
	claimMark = 0xc1a1 << 48
	claimMask = 0xffff << 48
	claimTime = 0xffff
)

func (j *Journal) claim(wait time.Duration) uint64 {
	ms := max(min(wait, maxClaim).Milliseconds(), 1)
	return j.push(claimMark | uint64(rand.Uint32())<<16 | uint64(ms))
}

// claimed says how long the newest commit asks others to wait; zero if it is
// no claim.
func (j *Journal) claimed() (nonce uint64, wait time.Duration) {
	if nonce = j.last(); nonce&claimMask != claimMark {
		return 0, 0
	}
	return nonce, min(time.Duration(nonce&claimTime)*time.Millisecond, maxClaim)
}

// contest is what a process knows of its chances on a document.
type contest struct {
	// lost counts the commits in a row that somebody else was ahead of. round is
	// the longest of these attempts, from reading to the answer, and work the most of
	// one that was neither reading nor committing, which a claim does without.
	lost        int
	round, work time.Duration
	// heeded is the claim that this process made or has waited for.
	heeded uint64
}

func (c *contest) met(round, work time.Duration) {
	c.lost, c.round, c.work = c.lost+1, max(c.round, round), max(c.work, work)
}

// over forgets a contest that was won, or was none.
func (c *contest) over() { c.lost, c.round, c.work = 0, 0, 0 }

// unfair says whether to claim.
func (c *contest) unfair(after int) bool { return c.lost >= after && c.work > c.round/minWork }

// yields is how long to leave the document to who claims it, with jitter so
// that those who waited do not meet again. version is the time of the claim.
func (c *contest) yields(j *Journal, version time.Time) time.Duration {
	nonce, wait := j.claimed()
	if nonce == c.heeded {
		return 0
	}
	c.heeded = nonce
	// However the clocks differ, nobody waits longer than is asked for and the jitter.
	left := wait - max(time.Since(version), 0)
	if left <= 0 {
		return 0
	}
	return left + rand.N(wait/2+1)
}

// claim claims the right of way for the next attempt where this process has
// lost often enough. After an error the state must be loaded again.
func (l *Loop[S]) claim(d *document[S]) (outcome, error) {
	if !d.contest.unfair(l.opts.ClaimAfter) {
		return settled, nil
	}
	path, version := l.model.Root(d.state)
	if version.IsZero() {
		return settled, nil // whoever creates the document settles it
	}
	draft := l.model.Draft(d.state)
	journal := l.model.Journal(draft)
	// Heeded even where its outcome stays unknown: nobody waits for themselves.
	d.contest.heeded = journal.claim(claimRounds * d.contest.round)
	write := Write{Path: path, Fields: Fields{}, Merge: true, If: Condition{Version: version}}
	journal.write(write.Fields)
	started := time.Now()
	ctx, cancel := context.WithTimeout(context.Background(), l.opts.CommitTimeout)
	defer cancel()
	now, err := l.store.Commit(ctx, []Write{write})
	if err != nil {
		d.forget()
		if errors.Is(err, ErrConflict) {
			return retryNow, err
		}
		// The store is in trouble, which no right of way helps.
		d.contest.over()
		return retryLater, err
	}
	// The next claim is due at the next loss.
	d.contest.lost = l.opts.ClaimAfter - 1
	d.state, d.asOf = l.model.Settle(draft, now), started
	return settled, nil
}
