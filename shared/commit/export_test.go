package commit

import "time"

// Claim makes the newest commit of a journal a claim.
func (j *Journal) Claim(wait time.Duration) { j.claim(wait) }

// Claimed says how long the newest commit asks others to wait.
func (j *Journal) Claimed() time.Duration { _, wait := j.claimed(); return wait }

// JournalField is where a root document keeps its journal.
const JournalField = journalField

// Stored is a root document that has nothing but the journal.
func (j *Journal) Stored() Fields {
	f := Fields{}
	j.write(f)
	return f
}

// Append notes a commit.
func (j *Journal) Append() { j.append() }
