package presence

import (
	"context"

	"github.com/throng-im/throng/shared/id"
)

// Has visits the instances that say, or said last, that one of the people is connected
// to them. It costs a read for each instance there is.
func (b *Board) Has(ctx context.Context, people id.People, visit func(instance string, user id.User) error) error {
	v, err := b.read(ctx)
	if err != nil {
		return err
	}
	for _, c := range v.instances {
		for u := range people {
			if _, here := c.users[u]; here {
				if err := visit(c.instance, u); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

// Erase visits what Has does, and takes people off the board, wherever they are on it.
// An instance that they are still connected to says so again. Errors: commit.ErrConflict
// when an instance has spoken meanwhile; then it may be repeated.
func (b *Board) Erase(ctx context.Context, people id.People, visit func(instance string, user id.User) error) error {
	instances := map[string]bool{}
	err := b.Has(ctx, people, func(instance string, u id.User) error {
		instances[instance] = true
		return visit(instance, u)
	})
	if err != nil {
		return err
	}
	for instance := range instances {
		last, said, err := b.Last(ctx, instance)
		if err != nil {
			return err
		}
		if !said {
			continue // it has stopped since
		}
		if err := b.Bury(ctx, &last, people.Without(last.Users)); err != nil {
			return err
		}
	}
	return nil
}
