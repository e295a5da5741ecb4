package inbox

import (
	"context"
	"encoding/json"
	"slices"

	"github.com/throng-im/throng/shared/conversation"
	"github.com/throng-im/throng/shared/id"
	"github.com/throng-im/throng/shared/user"
)

// Limits of what a device asks for.
const (
	DefaultLimit = 50
	MaxLimit     = 200
)

// maxGroups bounds the groups with entries in one answer.
const maxGroups = 100

// bounds are those of one answer.
type bounds struct {
	// groups bounds the groups with entries, items what else there is to say.
	groups, items int
	// bytes is about what all entries may take, groupBytes those of one group,
	// unless a single one is larger.
	bytes, groupBytes int
	// handful is how many groups are asked about at once to begin with, and most
	// where few of them have news: each may bring a whole tail.
	handful, most int
}

var defaultBounds = bounds{groups: maxGroups, items: 1000, bytes: 1 << 20, groupBytes: 256 << 10, handful: 4 * 30, most: 8 * 30}

// Request is what a device that synchronises has.
type Request struct {
	// Cursor is the last answer's, empty for a device that has nothing.
	Cursor string
	// Groups are the groups that the device knows, with the last seq it has.
	Groups map[id.Group]int64
	// Limit is how many entries of one group an answer holds at most.
	Limit int
}

// Answer is what is new for a device.
type Answer struct {
	Cursor string  `json:"cursor"`
	Groups []Group `json:"groups"`
	Left   []Left  `json:"left"`
	// Conversations are those in which the user changed something, Tags and
	// Settings all there are. Tags are absent, and Settings too, while the device
	// has them as they are. Of two lists of tags, here and on the stream, the one
	// with the higher TagsChanged is newer.
	Conversations []conversation.Item    `json:"conversations"`
	Tags          []conversation.TagItem `json:"tags,omitzero"`
	TagsChanged   int64                  `json:"tagsChanged,omitempty"`
	Settings      *user.Settings         `json:"settings,omitempty"`
	// More says that there is more to be asked for with the cursor now.
	More bool `json:"more"`
}

// Group is what is new in one group.
type Group struct {
	ID   id.Group `json:"groupId"`
	Name string   `json:"name"`
	// The device has everything that the user may see up to LastSeq now. Nothing
	// up to JoinedSeq is theirs.
	LastSeq   int64 `json:"lastSeq"`
	JoinedSeq int64 `json:"joinedSeq"`
	// From is set when the device lacks what is not kept for it any more: the
	// entries before From.
	From int64 `json:"from,omitempty"`
	// Unread and Mentions count at most MaxUnread.
	Unread   int `json:"unread"`
	Mentions int `json:"mentions"`
	// Entries are in order, as view.Append shows them.
	Entries []json.RawMessage `json:"entries"`
	More    bool              `json:"more"`
}

// Left is a group that the user is not in any more. Seq is zero where it is not
// known any more by which entry that was.
type Left struct {
	ID  id.Group `json:"groupId"`
	Seq int64    `json:"seq,omitempty"`
}

// Sync answers a device that comes back. Errors: fault.InvalidArgument for a
// cursor that is none of this user's.
func (b *Inbox) Sync(ctx context.Context, u id.User, r Request) (Answer, error) {
	c, err := parseCursor(u, r.Cursor)
	if err != nil {
		return Answer{}, err
	}
	list, set, err := b.own(ctx, u)
	if err != nil {
		return Answer{}, err
	}
	now := b.o.Now().UnixMilli()
	if c.tooOld(now, b.windowStart(), list.Changed) {
		c = cursor{User: u}
	}
	p := round{Inbox: b, user: u, cursor: c, list: list, set: set, req: r, now: now}
	p.answer = Answer{Groups: []Group{}, Left: []Left{}, Conversations: []conversation.Item{}}
	p.begin()
	if err := p.run(ctx); err != nil {
		return Answer{}, err
	}
	return p.end(), nil
}

// round is one answer in the making.
type round struct {
	*Inbox
	user id.User
	cursor
	list conversation.List
	set  user.Settings
	req  Request
	// first says that the round begins with this answer.
	first bool
	now   int64
	// wants is what is left to look at, in order.
	wants  []want
	bytes  int
	answer Answer
}

// fresh says whether the device has nothing yet.
func (p *round) fresh() bool { return p.Since == 0 }

// begin says what does not belong to any group, and lists what to look at.
func (p *round) begin() {
	p.first = p.Began == 0
	if p.first {
		p.Began, p.Target = p.now, p.list.Changed
	}
	if p.first && (p.fresh() || p.list.TagsChanged > p.State) {
		p.answer.Tags, p.answer.TagsChanged = p.list.TagItems(), p.list.TagsChanged
	}
	if p.first && p.fresh() || p.set.Version != p.cursor.Settings {
		p.answer.Settings, p.cursor.Settings = &p.set, p.set.Version
	}
	p.plan()
}

// full says whether the answer takes no more.
func (p *round) full() bool {
	return len(p.answer.Groups) >= p.bounds.groups || p.bytes >= p.bounds.bytes ||
		len(p.answer.Left)+len(p.answer.Conversations) >= p.bounds.items
}

// run looks at one handful of groups after the other until the answer is full.
func (p *round) run(ctx context.Context) error {
	for handful := p.bounds.handful; len(p.wants) > 0 && !p.full(); {
		found, looked, err := p.look(ctx, handful)
		if err != nil {
			return err
		}
		for i, w := range p.wants[:looked] {
			if p.full() {
				return nil
			}
			p.add(w, found[i])
			p.wants[0], p.wants = want{}, p.wants[1:]
		}
		// Where little is new, more is asked for at once.
		if len(p.answer.Groups)*8 < handful {
			handful = min(2*handful, p.bounds.most)
		}
	}
	return nil
}

// add puts what was found of one group into the answer.
func (p *round) add(w want, f found) {
	if !w.pending {
		p.Done = w.id
		if w.item {
			p.answer.Conversations = append(p.answer.Conversations, p.item(w.id))
		}
	}
	if w.pending {
		p.Pending = slices.DeleteFunc(slices.Clone(p.Pending), func(g id.Group) bool { return g == w.id })
	}
	if f.left != nil {
		p.answer.Left = append(p.answer.Left, *f.left)
		return
	}
	if f.group == nil {
		return
	}
	p.answer.Groups = append(p.answer.Groups, *f.group)
	p.bytes += groupSize
	for _, e := range f.group.Entries {
		p.bytes += len(e)
	}
	if f.group.More {
		p.Pending = append(slices.Clone(p.Pending), w.id)
	}
}

// groupSize is about what a group without entries takes in an answer.
const groupSize = 256

func (p *round) item(g id.Group) conversation.Item {
	item := p.list.Conversations[g].Item(g)
	level := p.set.Levels[g]
	item.Notify = &level
	return item
}

// end closes the round, or says where to go on.
func (p *round) end() Answer {
	c := p.cursor
	switch {
	case len(p.wants) > 0:
		p.answer.More = true
	case len(c.Pending) > 0:
		c.Done, p.answer.More = allDone, true
	default:
		// What happened since a round began that took several calls is another's.
		p.answer.More = !p.first
		c = cursor{User: c.User, Since: c.Began, State: c.Target, Settings: c.Settings}
	}
	p.answer.Cursor = c.String()
	return p.answer
}
