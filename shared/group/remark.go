package group

import (
	"context"

	"github.com/throng-im/throng/shared/commit"
	"github.com/throng-im/throng/shared/id"
)

// SetRemark gives a user a name that notifications of this group show instead
// of their own; an empty one takes it away. The user need not be a member, and
// the remark outlives membership. A group that was never created stays so.
func (g *Groups) SetRemark(ctx context.Context, group id.Group, user id.User, remark string) error {
	return g.mark(ctx, group, []id.User{user}, false, func(m Member, _ int64) Member { m.Remark = remark; return m })
}

// Remark returns a user's remark, or "".
func (g *Groups) Remark(ctx context.Context, group id.Group, user id.User) (string, error) {
	v, err := g.loop.Do(ctx, string(group), commit.Command[state]{
		Need: func(ctx context.Context, r commit.Reader, s *state) error {
			return s.fetch(ctx, r, s.shardsOf(user))
		},
		Apply: func(s *state) (any, error) { return s.member(user).Remark, nil },
	})
	if err != nil {
		return "", err
	}
	return v.(string), nil
}
