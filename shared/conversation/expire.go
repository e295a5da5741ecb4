package conversation

import (
	"context"

	"github.com/throng-im/throng/shared/id"
)

// over says whether a conversation is of a group that the user left before a time in
// Unix milliseconds. Of a group that the user never was in there is no such time.
func (c Conversation) over(before int64) bool {
	return !c.Present() && c.LeftAt > 0 && c.LeftAt < before
}

// Over counts the conversations that Expire would take.
func (h Holding) Over(before int64) (n int) {
	for _, c := range h.List.Conversations {
		if c.over(before) {
			n++
		}
	}
	return n
}

// Expire forgets what a user set of groups that were left before a time in Unix
// milliseconds. No device is told: what it has of such a group is its own.
func (c *Conversations) Expire(ctx context.Context, user id.User, before int64) error {
	return c.do(ctx, user, func(s *state) error { s.expire(before); return nil })
}

func (s *state) expire(before int64) {
	for g, c := range s.Conversations {
		if c.over(before) {
			s.touch()
			delete(s.Conversations, g)
		}
	}
}
