// Package inbox is what one user sees of all groups together: what is new since a
// device was last there, what is unread, the list of conversations.
//
// Nothing is written for a user when somebody else says something. A sync asks
// which of the user's groups had news since the time of the device's cursor, and
// reads those. It costs what changed, not how many groups there are:
//
//	users/{user}, users/{user}/state/0    2 reads
//	30 groups without news                1 read
//	each group with news, or new          1 read, and one for each 48 entries that
//	                                      are no longer in the head
//
// Which groups there are, and since when, is a copy in the user's own document.
// Follow keeps it up from the timelines, at least once and in any order. The
// rosters stay the truth: whoever reads a group's head meets what happened to the
// user since the copy was made, and then asks the roster and corrects the copy. So
// do the calls of a member whom the copy does not know yet. When an app's server
// synchronises a user's groups, Repair goes through all of them.
package inbox

import (
	"context"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/throng-im/throng/shared/conversation"
	"github.com/throng-im/throng/shared/fault"
	"github.com/throng-im/throng/shared/group"
	"github.com/throng-im/throng/shared/id"
	"github.com/throng-im/throng/shared/user"
)

// Options are the settings of an app's inboxes.
type Options struct {
	// Offline is for how long a device may be away and still gets every entry.
	Offline time.Duration
	// HistoryMonths is for how long the cloud keeps history, zero when it does not.
	HistoryMonths int
	// Now is the clock.
	Now func() time.Time
}

// Inbox is what the users of the app see, as this process works on it.
type Inbox struct {
	groups        *group.Groups
	users         *user.Users
	conversations *conversation.Conversations
	o             Options
	bounds        bounds
}

// New returns the inboxes on what users set and what happens in groups.
func New(groups *group.Groups, users *user.Users, conversations *conversation.Conversations, o Options) *Inbox {
	return &Inbox{groups: groups, users: users, conversations: conversations, o: o, bounds: defaultBounds}
}

// windowStart is the time in Unix milliseconds from which on devices get what
// they missed.
func (b *Inbox) windowStart() int64 { return b.o.Now().Add(-b.o.Offline).UnixMilli() }

// windowOf is windowStart for one group, which may have a window of its own.
func (b *Inbox) windowOf(h group.Head) int64 { return h.OfflineSince(b.o.Now(), b.o.Offline) }

// own reads what the user set.
func (b *Inbox) own(ctx context.Context, u id.User) (list conversation.List, set user.Settings, err error) {
	work, ctx := errgroup.WithContext(ctx)
	work.Go(func() (err error) { list, err = b.conversations.List(ctx, u); return err })
	work.Go(func() (err error) { set, err = b.users.Settings(ctx, u); return err })
	err = work.Wait()
	return list, set, err
}

// viewOf is what the user may see of a group, from a time on.
func viewOf(u id.User, c conversation.Conversation, since int64) group.View {
	return group.View{
		User: u, Joined: c.Joined, Left: c.Left, Away: c.Away,
		ClearedSeq: c.ClearedSeq, ClearedAt: c.ClearedAt, Deleted: c.Deleted, Since: since,
	}
}

// place is a user's conversation and a reader of its group.
type place struct {
	conversation.Conversation
	*group.Reader
}

// at finds the place of a user in one group. For one group the roster is asked
// whenever the tail does not show all that happened since the copy was made.
// Errors: fault.NotMember.
func (b *Inbox) at(ctx context.Context, u id.User, g id.Group, c conversation.Conversation) (place, error) {
	heads, err := b.groups.Heads(ctx, []id.Group{g})
	if err != nil {
		return place{}, err
	}
	if len(heads) == 0 {
		return place{}, notMember()
	}
	p := place{c, b.groups.Reader(heads[0])}
	if p.doubtful(u, b.o.Now().UnixMilli()) || !p.shown() {
		err = b.settle(ctx, u, &p)
	}
	if err == nil && !p.Present() {
		err = notMember()
	}
	return p, err
}

func notMember() error {
	return fault.New(fault.NotMember, "the user is not a member of the group")
}

// Read moves the user's read position in a group forward, at most to the newest
// entry there is. to is where it moved, zero when it was there or further. It costs
// one read. Errors: fault.NotMember.
func (b *Inbox) Read(ctx context.Context, u id.User, g id.Group, seq int64) (to int64, err error) {
	err = b.asMember(ctx, u, g, func(last int64) error {
		moved, err := b.conversations.Read(ctx, u, g, min(seq, last))
		if moved {
			to = min(seq, last)
		}
		return err
	})
	return to, err
}

// Delete takes a conversation off the user's list until there is a new message,
// and has all of it read. It costs one read. Errors: fault.NotMember.
func (b *Inbox) Delete(ctx context.Context, u id.User, g id.Group) error {
	return b.asMember(ctx, u, g, func(last int64) error {
		return b.conversations.Delete(ctx, u, g, last)
	})
}

// Patch changes one conversation. Errors: fault.NotMember, and those of
// conversation.Patch.
func (b *Inbox) Patch(ctx context.Context, u id.User, g id.Group, p conversation.Patch) error {
	err := b.conversations.Patch(ctx, u, g, p)
	if !fault.Is(err, fault.NotMember) {
		return err
	}
	return b.asMember(ctx, u, g, func(int64) error { return b.conversations.Patch(ctx, u, g, p) })
}

// asMember does something in a group of which last is the newest entry's seq. A
// user whom the copy does not know is looked for in the roster.
func (b *Inbox) asMember(ctx context.Context, u id.User, g id.Group, do func(last int64) error) error {
	heads, err := b.groups.Heads(ctx, []id.Group{g})
	if err != nil {
		return err
	}
	if len(heads) == 0 {
		return notMember()
	}
	err = do(heads[0].LastSeq)
	if !fault.Is(err, fault.NotMember) {
		return err
	}
	p := place{Reader: b.groups.Reader(heads[0])}
	if err := b.settle(ctx, u, &p); err != nil {
		return err
	}
	if !p.Present() {
		return notMember()
	}
	return do(heads[0].LastSeq)
}
