package inbox

import (
	"context"
	"encoding/json"
	"slices"

	"github.com/throng-im/throng/shared/group"
	"github.com/throng-im/throng/shared/id"
	"github.com/throng-im/throng/shared/view"
)

const (
	// MaxUnread is the largest count: it says "so many or more".
	MaxUnread = 1000
	// countSegments bounds what counting reads: the newest 1,000 entries at the
	// least are in so many segments and the tail.
	countSegments = 21
	// DefaultUnread and MaxUnreadMessages are how many unread messages a page has.
	DefaultUnread     = 50
	MaxUnreadMessages = 100
)

// counts says whether an entry counts as unread for whoever sees it by v.
func counts(v group.View, e group.Entry) bool {
	return e.Kind == group.KindMessage && e.From != v.User && !e.Uncounted && e.Recalled == 0 && v.Sees(e)
}

// mentions says whether a message is for a user in particular.
func mentions(u id.User, e group.Entry) bool {
	return e.Mention != nil && (e.Mention.Type == group.MentionAll || slices.Contains(e.Mention.Users, u))
}

// unread visits the unread messages from the newest on, at most MaxUnread. all
// says that there are no more of them.
func (b *Inbox) unread(ctx context.Context, p place, v group.View, visit func(e group.Entry, mention bool)) (all bool, err error) {
	n := 0
	begin, _ := v.Begin()
	return p.Backward(ctx, max(p.ReadSeq, begin-1), v.Since, countSegments, func(e group.Entry) bool {
		if !counts(v, e) {
			return true
		}
		if n == MaxUnread {
			return false
		}
		n++
		visit(e, mentions(v.User, e))
		return true
	})
}

func (b *Inbox) count(ctx context.Context, p place, v group.View) (unread, mentioned int, err error) {
	_, err = b.unread(ctx, p, v, func(_ group.Entry, mention bool) {
		unread++
		if mention {
			mentioned++
		}
	})
	return unread, mentioned, err
}

// Unread is what a user has not read in one group.
type Unread struct {
	// FirstUnread is the seq of the first unread message, zero for none.
	FirstUnread int64 `json:"firstUnread"`
	// Count and Mentions count at most MaxUnread.
	Count    int `json:"count"`
	Mentions int `json:"mentions"`
	// Messages are the first of them, in order. Those that mention the user, when
	// these were asked for, are the first among the newest MaxUnread.
	Messages []json.RawMessage `json:"messages"`
}

// Unread returns what a user has not read in one group, with at most limit
// messages; with mentioning only those that mention the user. Errors:
// fault.NotMember.
func (b *Inbox) Unread(ctx context.Context, u id.User, g id.Group, mentioning bool, limit int) (Unread, error) {
	list, err := b.conversations.List(ctx, u)
	if err != nil {
		return Unread{}, err
	}
	p, err := b.at(ctx, u, g, list.Conversations[g])
	if err != nil {
		return Unread{}, err
	}
	out := Unread{Messages: []json.RawMessage{}}
	v := viewOf(u, p.Conversation, b.windowOf(p.Head))
	var entries []group.Entry
	all, err := b.unread(ctx, p, v, func(e group.Entry, mention bool) {
		out.Count++
		out.FirstUnread = e.Seq
		if mention {
			out.Mentions++
		}
		if mention || !mentioning {
			entries = append(entries, e)
		}
	})
	if err != nil {
		return Unread{}, err
	}
	slices.Reverse(entries)
	if !all {
		first, err := b.firstUnread(ctx, p, v, limit)
		if err != nil {
			return Unread{}, err
		}
		if len(first) > 0 {
			out.FirstUnread = first[0].Seq
		}
		if !mentioning && len(first) > 0 {
			entries = first
		}
	}
	for _, e := range entries[:min(limit, len(entries))] {
		raw, err := view.Append(nil, p.Serial, e)
		if err != nil {
			return Unread{}, err
		}
		out.Messages = append(out.Messages, raw)
	}
	return out, nil
}

// firstUnread reads the first unread messages from the read position on.
func (b *Inbox) firstUnread(ctx context.Context, p place, v group.View, limit int) (first []group.Entry, err error) {
	begin, _ := v.Begin()
	_, err = p.Forward(ctx, max(p.ReadSeq, begin-1), v.Since, limit, func(e group.Entry) bool {
		if counts(v, e) {
			first = append(first, e)
		}
		return len(first) < max(limit, 1)
	})
	return first, err
}
