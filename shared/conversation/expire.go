package conversation

import (
	"context"
	"log/slog"
	"strings"

	"github.com/throng-im/throng/shared/commit"
	"github.com/throng-im/throng/shared/id"
)

// over says whether a conversation is of a group that the user left before a time in
// Unix milliseconds. Of a group that the user never was in there is no such time.
func (c Conversation) over(before int64) bool {
	return !c.Present() && c.LeftAt > 0 && c.LeftAt < before
}

// Stored is what retention looks at of a user's document.
type Stored struct {
	User id.User
	// Over counts the conversations that Expire would take.
	Over int
	// Doc is the document to continue behind.
	Doc commit.Doc
}

// Stored lists users' documents in an order that stays, behind one that it returned
// before, and counts the conversations of groups that were left before a time in
// Unix milliseconds. It costs a read for each.
func (c *Conversations) Stored(ctx context.Context, before int64, after commit.Doc, limit int) ([]Stored, error) {
	docs, err := c.store.Query(ctx, commit.Query{Collection: "state", AllGroups: true, After: after, Limit: limit, Select: []string{"data"}})
	if err != nil {
		return nil, err
	}
	out := make([]Stored, len(docs))
	for i, d := range docs {
		out[i] = Stored{User: id.User(id.FromDocument(strings.Split(d.Path, "/")[1])), Doc: commit.Doc{Path: d.Path}}
		l, err := readList(d)
		if err != nil {
			// It must not hold up everybody else's.
			slog.ErrorContext(ctx, "a user's conversations cannot be read", "user", out[i].User, "error", err)
			continue
		}
		for _, conv := range l.Conversations {
			if conv.over(before) {
				out[i].Over++
			}
		}
	}
	return out, nil
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
