package conversation

import (
	"context"
	"encoding/json"
	"slices"

	"github.com/throng-im/throng/shared/fault"
	"github.com/throng-im/throng/shared/id"
)

// MaxDeleted is how many single messages of one conversation a user may have
// deleted, beside all up to where it is cleared.
const MaxDeleted = 1000

// Seqs are seqs of messages, rising. The list is shared and must not be changed.
type Seqs []int64

// MarshalJSON writes each seq as what it adds to the one before it: messages that
// are deleted stand close together.
func (s Seqs) MarshalJSON() ([]byte, error) {
	steps := make([]int64, len(s))
	last := int64(0)
	for i, seq := range s {
		steps[i], last = seq-last, seq
	}
	return json.Marshal(steps)
}

// UnmarshalJSON reads what MarshalJSON wrote.
func (s *Seqs) UnmarshalJSON(raw []byte) error {
	var steps []int64
	if err := json.Unmarshal(raw, &steps); err != nil {
		return err
	}
	last := int64(0)
	for i, step := range steps {
		last += step
		steps[i] = last
	}
	*s = steps
	return nil
}

// DeleteMessages hides single messages from one user. What was sent up to the seq
// floor is none of the user's anyway: messages right behind it, or behind what was
// cleared, are cleared with it. Errors: fault.TooLarge when the user would have
// more than MaxDeleted; then nothing is deleted.
func (c *Conversations) DeleteMessages(ctx context.Context, user id.User, g id.Group, floor int64, seqs []int64) error {
	return c.do(ctx, user, func(s *state) error { return s.deleteMessages(g, floor, seqs) })
}

func (s *state) deleteMessages(g id.Group, floor int64, seqs []int64) error {
	c := s.Conversations[g]
	before := c
	c.Deleted = slices.Concat(c.Deleted, seqs)
	slices.Sort(c.Deleted)
	c.Deleted = slices.Compact(c.Deleted)
	if c.fold(floor); len(c.Deleted) > MaxDeleted {
		return fault.New(fault.TooLarge, "%d messages of the conversation would be deleted one by one, at most %d are kept: delete what is older than a time instead", len(c.Deleted), MaxDeleted)
	}
	if c.ClearedSeq == before.ClearedSeq && slices.Equal(c.Deleted, before.Deleted) {
		s.repeat(g)
		return nil
	}
	s.put(g, c)
	return nil
}

// fold clears what was deleted right behind what is out of sight.
func (c *Conversation) fold(floor int64) {
	end, n := max(c.ClearedSeq, floor), 0
	for n < len(c.Deleted) && c.Deleted[n] <= end+1 {
		if c.Deleted[n] == end+1 {
			end++
			c.ClearedSeq = end
		}
		n++
	}
	c.Deleted = c.Deleted[n:]
}
