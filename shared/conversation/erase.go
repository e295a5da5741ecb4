package conversation

import (
	"context"
	"log/slog"
	"strings"

	"github.com/throng-im/throng/shared/commit"
	"github.com/throng-im/throng/shared/id"
)

// Erase takes all that a user has set and every copy of a membership. What is left
// says when that was, so that what happened up to then, in Unix milliseconds, is not
// copied again by an event that comes late. Nobody is told.
func (c *Conversations) Erase(ctx context.Context, user id.User, at int64) error {
	return c.do(ctx, user, func(s *state) error { s.erase(at); return nil })
}

func (s *state) erase(at int64) {
	if !s.begun() || s.List.None() && s.ErasedAt >= at {
		return
	}
	s.touch()
	s.List = List{Changed: s.Changed, ErasedAt: max(at, s.ErasedAt), Conversations: map[id.Group]Conversation{}}
	s.keys = nil
}

// begun says whether there is a document of the user, or will be with this commit.
func (s *state) begun() bool { return !s.version.IsZero() || s.touched }

// Entomb leaves of a user of whom there is nothing what Erase leaves: the first thing
// that is to be copied may be in an event that is still to come. It changes nothing
// where there is something.
func (c *Conversations) Entomb(ctx context.Context, user id.User, at int64) error {
	return c.do(ctx, user, func(s *state) error {
		if !s.begun() {
			s.touch()
			s.ErasedAt = at
		}
		return nil
	})
}

// None says that there is nothing of a user, or only when it was erased.
func (l List) None() bool { return len(l.Tags) == 0 && len(l.Conversations) == 0 }

// Bury takes what a user has set of a group that was erased. What is left says that
// the user was taken out of it by its last entry, so that devices learn of that and
// late events change nothing; it goes with the memberships that ended long ago. Who has
// come in behind that entry is in a group of the same name that was created since.
func (c *Conversations) Bury(ctx context.Context, user id.User, g id.Group, last, at int64) error {
	return c.do(ctx, user, func(s *state) error { s.bury(g, last, at); return nil })
}

func (s *state) bury(g id.Group, last, at int64) {
	old, known := s.Conversations[g]
	if !known || old.buried() || old.Present() && old.AsOf() > last {
		return
	}
	s.touch()
	s.keep(g, Conversation{Membership: Membership{Left: max(last, old.AsOf()), LeftAt: at}, Moved: s.Changed})
}

// buried says whether there is nothing to the conversation but that the user is out.
func (c Conversation) buried() bool {
	c.Left, c.LeftAt, c.Moved = 0, 0, 0
	return c.untouched()
}

// Holding is what one user's document holds.
type Holding struct {
	User id.User
	List List
}

// Of is what the user made of a group, unless nothing is known of it or it was buried.
func (h Holding) Of(g id.Group) (Conversation, bool) {
	c, known := h.List.Conversations[g]
	return c, known && !c.buried()
}

// All lists users' documents in an order that stays, behind one that it listed before
// and at most limit. It costs a read for each. One that cannot be read says so in the
// log and holds nothing: it must not hold up everybody else's.
func (c *Conversations) All(ctx context.Context, after id.User, limit int) ([]Holding, error) {
	q := commit.Query{Collection: "state", AllGroups: true, Limit: limit, Select: []string{"data", "changed"}}
	if after != "" {
		q.After = commit.Doc{Path: path(after)}
	}
	docs, err := c.store.Query(ctx, q)
	if err != nil {
		return nil, err
	}
	all := make([]Holding, len(docs))
	for i, d := range docs {
		all[i].User = id.User(id.FromDocument(strings.Split(d.Path, "/")[1]))
		if all[i].List, err = readList(d); err != nil {
			slog.ErrorContext(ctx, "a user's conversations cannot be read", "user", all[i].User, "error", err)
		}
	}
	return all, nil
}
