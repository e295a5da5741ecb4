// Package conversation is the conversations that a user sees: the groups the user
// is in, and what the user made of them, such as pins, tags and read positions.
//
// All of a user's conversations are one document on the commit loop, beside the
// user's own:
//
//	users/{user}/state/0  every conversation that is not in its default state,
//	                      and the user's tags, packed and compressed
//
// So the list of a thousand conversations is one read. What the user changes is
// announced to the user's devices before the call is answered. Memberships are a
// copy for the user's own reading: the rosters are the truth, and who follows the
// timelines keeps the copy up.
package conversation

import (
	"context"
	"maps"
	"slices"
	"time"

	"github.com/throng-im/throng/shared/commit"
	"github.com/throng-im/throng/shared/event"
	"github.com/throng-im/throng/shared/id"
)

const (
	// MaxTags is how many tags a user may have.
	MaxTags = 20
	// MaxDraft is the longest draft in bytes.
	MaxDraft = 8 << 10
)

// Conversation is what a user set for one conversation, and the user's place in
// it. The zero value is one that nobody touched.
type Conversation struct {
	Membership
	// PinnedAt is since when it is pinned, in Unix milliseconds; zero while it is
	// not.
	PinnedAt int64 `json:"p,omitempty"`
	// Tags are ids of the user's tags, in the order in which they were given. The
	// list is shared and must not be changed.
	Tags []string `json:"t,omitempty"`
	// What was sent up to ClearedSeq, or up to ClearedAt in Unix milliseconds, the
	// user does not see any more. Both only rise.
	ClearedSeq int64 `json:"s,omitempty"`
	ClearedAt  int64 `json:"a,omitempty"`
	// Deleted are single messages that the user does not see any more.
	Deleted Seqs `json:"h,omitempty"`
	// ReadSeq is up to where the user has read. It only rises.
	ReadSeq int64 `json:"r,omitempty"`
	// Draft is what the user has begun to write.
	Draft string `json:"d,omitempty"`
	// DeletedSeq is the newest entry there was when the user deleted the
	// conversation: it is out of the list until a newer message comes.
	DeletedSeq int64 `json:"x,omitempty"`
	// Changed is the List's Changed as of the last change to what the user set,
	// Moved as of the last change to the membership.
	Changed int64 `json:"c,omitempty"`
	Moved   int64 `json:"m,omitempty"`
}

// untouched says whether the conversation is in its default state.
func (c Conversation) untouched() bool {
	return c.Joined == 0 && c.Left == 0 && c.PinnedAt == 0 && len(c.Tags) == 0 && c.ClearedSeq == 0 && c.ClearedAt == 0 &&
		c.ReadSeq == 0 && c.Draft == "" && c.DeletedSeq == 0 && len(c.Deleted) == 0
}

// Tag is a label that a user made.
type Tag struct {
	ID   string `json:"i"`
	Name string `json:"n"`
	// CreatedAt is in Unix milliseconds.
	CreatedAt int64 `json:"c"`
}

// List is all that a user set.
type List struct {
	// Changed counts the commits that changed anything: whoever knows the list
	// as of some number needs what has a higher one.
	Changed int64 `json:"-"`
	// At is when the last of them was, in Unix milliseconds.
	At int64 `json:"at,omitempty"`
	// ErasedAt is when all that there was before was erased, in Unix milliseconds.
	ErasedAt int64 `json:"erased,omitempty"`
	// TagsChanged is Changed as of the last change to Tags.
	TagsChanged int64 `json:"tagsChanged,omitempty"`
	// Tags are in the order in which they were made.
	Tags []Tag `json:"tags,omitempty"`
	// Conversations are those that are not in their default state.
	Conversations map[id.Group]Conversation `json:"conversations,omitempty"`
}

// Conversations is the conversations of all users, as this process works on them.
type Conversations struct {
	store commit.Store
	loop  *commit.Loop[state]
}

// New returns the conversations kept in store. What a user changes is announced
// as event.Conversation, unless announce is nil. cacheBytes bounds those kept in
// memory while nobody changes them; now is the clock.
func New(store commit.Store, announce event.Announcer, cacheBytes int, now func() time.Time) *Conversations {
	return &Conversations{store: store, loop: commit.New[state](store, &model{now: now, announce: announce}, commit.Options{CacheBytes: cacheBytes})}
}

func (c *Conversations) do(ctx context.Context, user id.User, apply func(*state) error) error {
	_, err := c.loop.Do(ctx, string(user), commit.Command[state]{Apply: func(s *state) (any, error) { return nil, apply(s) }})
	return err
}

// Pin pins a conversation to the top of a user's list, or unpins it. One that is
// pinned keeps the time at which it was. Errors of this and every other change:
// fault.TooLarge when the user's document cannot take more.
func (c *Conversations) Pin(ctx context.Context, user id.User, g id.Group, pinned bool) error {
	return c.do(ctx, user, func(s *state) error { s.pin(g, pinned); return nil })
}

// Clear hides what was sent up to seq or up to at (Unix milliseconds) from one
// user. Each moves forward only.
func (c *Conversations) Clear(ctx context.Context, user id.User, g id.Group, seq, at int64) error {
	return c.do(ctx, user, func(s *state) error { s.clear(g, seq, at); return nil })
}

// Read moves a user's read position forward to seq. moved is false when it was
// there or further. Errors: fault.NotMember when the copy of the membership says
// so, as of Delete and of Patch.
func (c *Conversations) Read(ctx context.Context, user id.User, g id.Group, seq int64) (moved bool, err error) {
	v, err := c.loop.Do(ctx, string(user), commit.Command[state]{Apply: func(s *state) (any, error) { return s.read(g, seq) }})
	moved, _ = v.(bool)
	return moved, err
}

// Delete takes a conversation off a user's list until there is a message after
// seq, and moves the read position there.
func (c *Conversations) Delete(ctx context.Context, user id.User, g id.Group, seq int64) error {
	return c.do(ctx, user, func(s *state) error { return s.remove(g, seq) })
}

// Patch is a change of one conversation; what is nil stays as it is.
type Patch struct {
	// Key makes the change idempotent: a key that this user used a short while ago
	// changes nothing. Empty for none.
	Key    string
	Pinned *bool
	Tags   *[]string
	Draft  *string
}

// Patch changes one conversation. Errors: fault.InvalidArgument when the user has
// not one of the tags, fault.TooLarge for a draft of more than MaxDraft bytes; then
// nothing is changed.
func (c *Conversations) Patch(ctx context.Context, user id.User, g id.Group, p Patch) error {
	return c.do(ctx, user, func(s *state) error { return s.patch(g, p) })
}

// Copied is a membership as of a time in Unix milliseconds.
type Copied struct {
	Membership
	At int64
}

// SetMembership brings the copy of a membership up to date. One that is no newer
// than what is there, or than all that was erased, changes nothing.
func (c *Conversations) SetMembership(ctx context.Context, user id.User, g id.Group, m Copied) error {
	return c.SetMemberships(ctx, user, map[id.Group]Copied{g: m})
}

// SetMemberships does so for several groups, all at once.
func (c *Conversations) SetMemberships(ctx context.Context, user id.User, all map[id.Group]Copied) error {
	return c.do(ctx, user, func(s *state) error {
		for g, m := range all {
			s.member(g, m)
		}
		return nil
	})
}

// SetTags makes tags, or renames those whose ids are there already. Errors:
// fault.InvalidArgument when the user would have more than MaxTags; then nothing
// is made or renamed.
func (c *Conversations) SetTags(ctx context.Context, user id.User, tags []Tag) error {
	return c.do(ctx, user, func(s *state) error { return s.setTags(tags) })
}

// DeleteTags deletes tags and takes them off all conversations. Unknown ids are
// passed over.
func (c *Conversations) DeleteTags(ctx context.Context, user id.User, tags []string) error {
	return c.do(ctx, user, func(s *state) error { s.deleteTags(tags); return nil })
}

// TagConversations puts a tag on conversations. Errors: fault.InvalidArgument
// when the user has no such tag.
func (c *Conversations) TagConversations(ctx context.Context, user id.User, tag string, groups []id.Group) error {
	return c.do(ctx, user, func(s *state) error { return s.tag(tag, groups) })
}

// UntagConversations takes a tag off conversations. What does not have it is
// passed over.
func (c *Conversations) UntagConversations(ctx context.Context, user id.User, tag string, groups []id.Group) error {
	return c.do(ctx, user, func(s *state) error { s.untag(tag, groups); return nil })
}

// List returns all that a user set, with one read.
func (c *Conversations) List(ctx context.Context, user id.User) (List, error) {
	docs, err := c.store.Get(ctx, []string{path(user)}, "changed", "data")
	if err != nil {
		return List{}, err
	}
	return readList(docs[0])
}

// Of returns one conversation.
func (c *Conversations) Of(ctx context.Context, user id.User, g id.Group) (Conversation, error) {
	l, err := c.List(ctx, user)
	return l.Conversations[g], err
}

// Tags returns a user's tags in the order in which they were made.
func (c *Conversations) Tags(ctx context.Context, user id.User) ([]Tag, error) {
	l, err := c.List(ctx, user)
	return l.Tags, err
}

// Tagged returns the conversations with a tag, ordered by group; an unknown tag
// has none.
func (c *Conversations) Tagged(ctx context.Context, user id.User, tag string) ([]id.Group, error) {
	l, err := c.List(ctx, user)
	if err != nil {
		return nil, err
	}
	var found []id.Group
	for _, g := range slices.Sorted(maps.Keys(l.Conversations)) {
		if slices.Contains(l.Conversations[g].Tags, tag) {
			found = append(found, g)
		}
	}
	return found, nil
}
