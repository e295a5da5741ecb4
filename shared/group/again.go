package group

import (
	"bytes"
	"slices"

	"github.com/throng-im/throng/shared/event"
)

// retell has entries announced once more. A command calls it that finds its
// change made already: whoever made it may have got an error because it could
// not be announced, and the answer says that it was. Entries that are no longer
// in the tail are too old.
func (s *state) retell(seqs ...int64) {
	stored := s.lastSeq - int64(len(s.added)) // this draft's own are announced with it
	slices.Sort(seqs)
	for _, seq := range slices.Compact(seqs) {
		i := int(seq - s.tailFirst())
		if i < 0 || seq > stored {
			continue
		}
		line := s.tail.at(i)
		told := slices.ContainsFunc(s.again, func(raw []byte) bool { return bytes.Equal(raw, line) })
		if !told && s.now-timeOf(line) < event.RetellFor.Milliseconds() {
			s.again = append(s.again, slices.Clone(line))
		}
	}
}

// retellName has the entry announced once more that gave the group its name.
func (s *state) retellName() {
	for i := s.tail.len() - 1; i >= 0; i-- {
		if bytes.Contains(s.tail.at(i), []byte(`"kind":"`+KindRenamed+`"`)) {
			s.retell(s.tailFirst() + int64(i))
			return
		}
	}
}
