package conversation

import (
	"cmp"
	"context"
	"encoding/binary"
	"encoding/json"
	"hash/fnv"
	"maps"
	"slices"

	"github.com/throng-im/throng/shared/commit"
	"github.com/throng-im/throng/shared/event"
	"github.com/throng-im/throng/shared/id"
	"github.com/throng-im/throng/shared/notify"
)

// Item is a conversation as the user's devices see it, in a sync, in the list and
// on the stream. Changed tells which of two is newer.
type Item struct {
	Group   id.Group `json:"groupId"`
	Changed int64    `json:"changed"`
	// Pinned says since when, in Unix milliseconds, in PinnedAt.
	Pinned   bool  `json:"pinned"`
	PinnedAt int64 `json:"pinnedAt,omitempty"`
	// Notify is the level of this group. It is absent where the device knows it
	// already: levels change apart from the rest.
	Notify  *notify.Level `json:"notify,omitempty"`
	Tags    []string      `json:"tags"`
	Draft   string        `json:"draft"`
	ReadSeq int64         `json:"readSeq"`
	// DeletedSeq is set while the conversation was deleted at some time: it shows
	// when it has a newer message.
	DeletedSeq int64 `json:"deletedSeq,omitempty"`
	// What was sent up to ClearedSeq or ClearedAt is not shown any more.
	ClearedSeq int64 `json:"clearedSeq,omitempty"`
	ClearedAt  int64 `json:"clearedAt,omitempty"`
	// DeletedSeqs are the single messages behind those that are not shown either.
	DeletedSeqs []int64 `json:"deletedSeqs,omitempty"`
}

// Item is the conversation as devices see it.
func (c Conversation) Item(g id.Group) Item {
	item := Item{
		Group: g, Changed: c.Changed, Pinned: c.PinnedAt > 0, PinnedAt: c.PinnedAt, Tags: c.Tags, Draft: c.Draft,
		ReadSeq: c.ReadSeq, DeletedSeq: c.DeletedSeq, ClearedSeq: c.ClearedSeq, ClearedAt: c.ClearedAt, DeletedSeqs: c.Deleted,
	}
	if item.Tags == nil {
		item.Tags = []string{}
	}
	return item
}

// TagItem is a tag as devices see it.
type TagItem struct {
	ID        string `json:"tagId"`
	Name      string `json:"name"`
	CreatedAt int64  `json:"createdAt"`
}

// TagItems are the tags as devices see them.
func (l List) TagItems() []TagItem {
	out := make([]TagItem, len(l.Tags))
	for i, t := range l.Tags {
		out[i] = TagItem(t)
	}
	return out
}

// update is what an announcement says, and a sync would have said.
type update struct {
	Conversations []Item    `json:"conversations,omitempty"`
	Tags          []TagItem `json:"tags,omitzero"`
	// TagsChanged tells which of two lists of tags is newer.
	TagsChanged int64 `json:"tagsChanged,omitempty"`
}

// tell has a conversation announced with the commit.
func (s *state) tell(g id.Group) {
	if s.told == nil {
		s.told = map[id.Group]bool{}
	}
	s.told[g] = true
}

// repeat has a conversation announced once more that a command found as it
// should be, when that may be news.
func (s *state) repeat(g id.Group) {
	if s.recent(s.Conversations[g].Changed) {
		s.tell(g)
	}
}

// repeatTags is repeat for the tags.
func (s *state) repeatTags() {
	s.tellTags = s.tellTags || s.recent(s.TagsChanged)
}

// recent says whether a change may not have been announced yet. Its own time is not
// kept; it is no younger than the document's last change, and to announce one too
// often does no harm.
func (s *state) recent(changed int64) bool {
	return changed > 0 && s.now-s.At < event.RetellFor.Milliseconds()
}

// announcement is what the draft has to tell the user's devices; nil for nothing.
// What the user set for a group that they left is nobody's news.
func (m *model) announcement(d *state) (func(context.Context) error, error) {
	if m.announce == nil {
		return nil, nil
	}
	var u update
	for _, g := range slices.SortedFunc(maps.Keys(d.told), cmp.Compare) {
		if c := d.Conversations[g]; c.Left == 0 {
			c.Changed = cmp.Or(c.Changed, d.Changed)
			u.Conversations = append(u.Conversations, c.Item(g))
		}
	}
	if d.tellTags {
		u.Tags, u.TagsChanged = d.TagItems(), d.TagsChanged
	}
	if len(u.Conversations) == 0 && u.Tags == nil {
		return nil, nil
	}
	encoded, err := json.Marshal(u)
	if err != nil {
		return nil, err
	}
	payload, err := json.Marshal(event.Conversation{User: d.user, Changed: d.Changed, Update: encoded})
	if err != nil {
		return nil, err
	}
	return func(ctx context.Context) error { return m.announce(ctx, payload) }, nil
}

var _ commit.Model[state] = (*model)(nil)

func hash(key string) (out [8]byte) {
	h := fnv.New64a()
	_, _ = h.Write([]byte(key))
	binary.LittleEndian.PutUint64(out[:], h.Sum64())
	return out
}
