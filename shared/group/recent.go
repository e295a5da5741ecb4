package group

import (
	"encoding/binary"
	"slices"
)

// recent remembers which idempotency keys became which entries, newest last.
// It is a small ring in the head; keys that fell out of it are found through
// the segments.
type recent struct {
	items []keyed
	// evictedAt is when the newest key that fell out had been used, in Unix
	// milliseconds; zero when none ever did.
	evictedAt int64
	owned     bool
}

// keyed is a key with its entry. A key that was forgotten is 0, which no entry has.
type keyed struct{ key, seq, at int64 }

const recentKeys = 512

func parseRecent(b []byte) recent {
	if len(b) < 8 {
		return recent{}
	}
	r := recent{evictedAt: int64(binary.LittleEndian.Uint64(b)), items: make([]keyed, 0, len(b)/24)}
	for b = b[8:]; len(b) >= 24; b = b[24:] {
		r.items = append(r.items, keyed{
			key: int64(binary.LittleEndian.Uint64(b)),
			seq: int64(binary.LittleEndian.Uint64(b[8:])),
			at:  int64(binary.LittleEndian.Uint64(b[16:])),
		})
	}
	return r
}

func (r *recent) bytes() []byte {
	if len(r.items) == 0 {
		return []byte{}
	}
	out := make([]byte, 0, 8+24*len(r.items))
	out = binary.LittleEndian.AppendUint64(out, uint64(r.evictedAt))
	for _, k := range r.items {
		out = binary.LittleEndian.AppendUint64(out, uint64(k.key))
		out = binary.LittleEndian.AppendUint64(out, uint64(k.seq))
		out = binary.LittleEndian.AppendUint64(out, uint64(k.at))
	}
	return out
}

func (r *recent) find(key int64) (keyed, bool) {
	for i := len(r.items) - 1; i >= 0; i-- {
		if r.items[i].key == key {
			return r.items[i], true
		}
	}
	return keyed{}, false
}

// add remembers a key. The first add of a draft copies what it shares.
func (r *recent) add(k keyed) {
	if !r.owned {
		r.items = append(make([]keyed, 0, len(r.items)+16), r.items...)
		r.owned = true
	}
	r.items = append(r.items, k)
	if len(r.items) > recentKeys {
		r.evictedAt = r.items[0].at
		r.items = r.items[1:]
	}
}

// drop forgets the keys of entries. That there were keys, and when, stays: what fell
// out of the ring is looked for by that.
func (r *recent) drop(gone map[int64]bool) {
	named := func(k keyed) bool { return k.key != 0 && gone[k.seq] }
	if !slices.ContainsFunc(r.items, named) {
		return
	}
	r.items, r.owned = slices.Clone(r.items), true
	for i, k := range r.items {
		if named(k) {
			r.items[i].key = 0
		}
	}
}

// covers says whether every key used after seq is still in the ring.
func (r *recent) covers(seq int64) bool {
	return r.evictedAt == 0 || len(r.items) > 0 && r.items[0].seq <= seq+1
}
