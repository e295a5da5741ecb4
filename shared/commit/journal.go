package commit

import (
	"encoding/binary"
	"math/rand/v2"
)

// Journal is the root document's own record of its latest commits: one random
// number each. It answers the one question that an idempotency key cannot: did
// my commit land, when the connection broke before the answer? The numbers of
// the last journalLength commits are stored with the document, so the answer
// is exact as long as no more than that many others committed in between.
type Journal struct{ nonces []uint64 }

const journalLength = 128

// journalField is where a root document keeps its journal.
const journalField = "commits"

// ReadJournal reads the journal of a root document. A document that has none, or
// anything else in its place, reads as an empty one.
func ReadJournal(d Doc) Journal {
	b, _ := d.Fields[journalField].([]byte)
	j := Journal{nonces: make([]uint64, 0, len(b)/8)}
	for ; len(b) >= 8; b = b[8:] {
		j.nonces = append(j.nonces, binary.LittleEndian.Uint64(b))
	}
	return j
}

// write puts the journal among the fields of its root document.
func (j *Journal) write(to Fields) {
	out := make([]byte, 0, 8*len(j.nonces))
	for _, n := range j.nonces {
		out = binary.LittleEndian.AppendUint64(out, n)
	}
	to[journalField] = out
}

// Clone copies the journal for a draft.
func (j *Journal) Clone() Journal {
	return Journal{nonces: append(make([]uint64, 0, journalLength+1), j.nonces...)}
}

func (j *Journal) append() uint64 {
	return j.push(rand.Uint64()>>1 | 1) // never zero: zero is last's word for no commit yet
}

func (j *Journal) push(n uint64) uint64 {
	j.nonces = append(j.nonces, n)
	if len(j.nonces) > journalLength {
		j.nonces = j.nonces[1:]
	}
	return n
}

// last is the newest commit, zero for a document that does not exist yet.
func (j *Journal) last() uint64 {
	if len(j.nonces) == 0 {
		return 0
	}
	return j.nonces[len(j.nonces)-1]
}

func (j *Journal) has(nonce uint64) bool {
	for _, n := range j.nonces {
		if n == nonce {
			return true
		}
	}
	return false
}

// reachesBack says whether the journal names every commit since base.
func (j *Journal) reachesBack(base uint64) bool {
	if base == 0 {
		return len(j.nonces) < journalLength
	}
	return j.has(base)
}
