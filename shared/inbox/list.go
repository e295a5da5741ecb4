package inbox

import (
	"cmp"
	"context"
	"encoding/json"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/throng-im/throng/shared/conversation"
	"github.com/throng-im/throng/shared/fault"
	"github.com/throng-im/throng/shared/group"
	"github.com/throng-im/throng/shared/id"
	"github.com/throng-im/throng/shared/notify"
	"github.com/throng-im/throng/shared/view"
)

const (
	// DefaultListed and MaxListed are how many conversations a page of the list has.
	DefaultListed = 50
	MaxListed     = 100
	// lastSegments is how many segments are looked through for the last message of
	// a group whose newest entries are none.
	lastSegments = 2
)

// Listed is a conversation in the list.
type Listed struct {
	conversation.Item
	Name      string `json:"name"`
	JoinedSeq int64  `json:"joinedSeq"`
	Unread    int    `json:"unread"`
	Mentions  int    `json:"mentions"`
	// LastAt is the time of the last message in Unix milliseconds, and LastMessage
	// the message as view.Append shows it; absent where there is none.
	LastAt      int64           `json:"lastAt,omitempty"`
	LastMessage json.RawMessage `json:"lastMessage,omitempty"`
}

// List is a page of the list.
type List struct {
	Conversations []Listed `json:"conversations"`
	Cursor        string   `json:"cursor"`
	More          bool     `json:"more"`
}

// spot is where a conversation stands in the list: pinned ones first, by when they
// were pinned, then by their last messages, the newest first.
type spot struct {
	PinnedAt int64    `json:"p,omitempty"`
	LastAt   int64    `json:"l,omitempty"`
	ID       id.Group `json:"g,omitempty"`
}

func (s spot) compare(t spot) int {
	if s.PinnedAt != 0 || t.PinnedAt != 0 {
		return cmp.Or(cmp.Compare(t.PinnedAt, s.PinnedAt), cmp.Compare(s.ID, t.ID))
	}
	return cmp.Or(cmp.Compare(t.LastAt, s.LastAt), cmp.Compare(s.ID, t.ID))
}

// listed is a conversation that may come into the page.
type listed struct {
	spot
	place
	last *group.Entry
}

// List returns a page of a user's conversations behind a cursor, with a tag where
// that is not empty. It costs a read for each pinned conversation and for each
// that had news lately; those without news are asked about in thirties, and read
// when the page is not full without them. Errors: fault.InvalidArgument.
func (b *Inbox) List(ctx context.Context, u id.User, text, tag string, limit int) (List, error) {
	from, err := parseSpot(u, text)
	if err != nil {
		return List{}, err
	}
	list, set, err := b.own(ctx, u)
	if err != nil {
		return List{}, err
	}
	p := page{Inbox: b, user: u, from: from, now: b.o.Now(), limit: limit, list: list}
	var pinned, others []id.Group
	for g, c := range list.Conversations {
		switch {
		case !c.Present() || tag != "" && !slices.Contains(c.Tags, tag):
		case c.PinnedAt > 0:
			pinned = append(pinned, g)
		default:
			others = append(others, g)
		}
	}
	if err := p.pinned(ctx, pinned); err != nil {
		return List{}, err
	}
	if err := p.others(ctx, others); err != nil {
		return List{}, err
	}
	return p.render(ctx, set.Levels)
}

// page is a page of the list in the making: the best so far, in order, one more
// than there is room for.
type page struct {
	*Inbox
	user  id.User
	from  spot
	now   time.Time
	limit int
	list  conversation.List
	best  []listed
}

// pinned adds the pinned conversations that the page may have.
func (p *page) pinned(ctx context.Context, groups []id.Group) error {
	at := func(g id.Group) spot { return spot{PinnedAt: p.list.Conversations[g].PinnedAt, ID: g} }
	groups = slices.DeleteFunc(groups, func(g id.Group) bool { return p.from.ID != "" && at(g).compare(p.from) <= 0 })
	slices.SortFunc(groups, func(a, b id.Group) int { return at(a).compare(at(b)) })
	for chunk := range slices.Chunk(groups, p.limit+1) {
		if len(p.best) > p.limit {
			return nil
		}
		heads, err := p.groups.Heads(ctx, chunk)
		if err != nil {
			return err
		}
		if err := p.consider(ctx, heads, 0); err != nil {
			return err
		}
	}
	return nil
}

// others adds the others that the page may have. It asks for those with news of
// late first, and for older ones while the page is not full.
func (p *page) others(ctx context.Context, groups []id.Group) error {
	slices.Sort(groups)
	known := len(p.best)
	for _, age := range []time.Duration{24 * time.Hour, 7 * 24 * time.Hour, 0} {
		since := p.now.Add(-age).UnixMilli()
		if age == 0 {
			since = 0
		}
		if len(p.best) > p.limit {
			return nil
		}
		if since > 0 && p.from.ID != "" && p.from.PinnedAt == 0 && p.from.LastAt <= since {
			continue // all of these were on earlier pages
		}
		p.best = p.best[:known]
		for chunk := range slices.Chunk(groups, p.bounds.handful) {
			heads, err := p.recent(ctx, chunk, since)
			if err != nil {
				return err
			}
			if err := p.consider(ctx, heads, since); err != nil {
				return err
			}
		}
	}
	return nil
}

func (p *page) recent(ctx context.Context, groups []id.Group, since int64) ([]group.Head, error) {
	if since == 0 {
		return p.groups.Heads(ctx, groups)
	}
	return p.groups.Changed(ctx, groups, since)
}

// consider puts groups into the page whose last messages are newer than since, as
// far as there is room. Where that is zero, all are.
func (p *page) consider(ctx context.Context, heads []group.Head, since int64) error {
	all := make([]*listed, len(heads))
	work, ctx := errgroup.WithContext(ctx)
	work.SetLimit(readAtOnce)
	for i, h := range heads {
		work.Go(func() (err error) { all[i], err = p.one(ctx, h); return err })
	}
	if err := work.Wait(); err != nil {
		return err
	}
	for _, l := range all {
		if l != nil && (l.PinnedAt != 0 || since == 0 || l.LastAt > since) && (p.from.ID == "" || l.compare(p.from) > 0) {
			p.best = append(p.best, *l)
		}
	}
	slices.SortStableFunc(p.best, func(a, b listed) int { return a.compare(b.spot) })
	p.best = p.best[:min(len(p.best), p.limit+1)]
	return nil
}

// one finds the last message of a group; nothing for a conversation that is not
// in the list.
func (p *page) one(ctx context.Context, h group.Head) (*listed, error) {
	l := listed{place: place{p.list.Conversations[h.ID], p.groups.Reader(h)}}
	if l.doubtful(p.user, p.now.UnixMilli()) {
		if err := p.settle(ctx, p.user, &l.place); err != nil || !l.Present() {
			return nil, err
		}
	}
	var err error
	if l.last, err = p.last(ctx, l.place); err != nil {
		return nil, err
	}
	if l.DeletedSeq > 0 && (l.last == nil || l.last.Seq <= l.DeletedSeq) {
		return nil, nil
	}
	l.spot = spot{PinnedAt: l.Conversation.PinnedAt, ID: h.ID}
	if l.last != nil {
		l.spot.LastAt = l.last.At
	}
	return &l, nil
}

// last finds the message that the list shows of a group: the newest that the user
// may see and whose sender did not say otherwise. What only devices keep is shown
// for as long as they may fetch it.
func (p *page) last(ctx context.Context, at place) (last *group.Entry, err error) {
	offline := p.windowOf(at.Head)
	since := offline
	if p.o.HistoryMonths > 0 {
		since = min(since, p.now.AddDate(0, -p.o.HistoryMonths, 0).UnixMilli())
	}
	v := viewOf(p.user, at.Conversation, since)
	begin, _ := v.Begin()
	gone := map[int64]bool{}
	_, err = at.Backward(ctx, begin-1, since, lastSegments, func(e group.Entry) bool {
		if e.Kind == group.KindRecall && e.Delete {
			gone[e.Target] = true
		}
		if e.Kind != group.KindMessage || e.KeepLast || gone[e.Seq] || !v.Sees(e) || e.At < offline && !e.InHistory() {
			return true
		}
		last = &e
		return false
	})
	return last, err
}

// render counts what is unread in the conversations of the page, and shows them.
func (p *page) render(ctx context.Context, levels map[id.Group]notify.Level) (List, error) {
	out := List{More: len(p.best) > p.limit}
	best := p.best[:min(p.limit, len(p.best))]
	out.Conversations = make([]Listed, len(best))
	work, ctx := errgroup.WithContext(ctx)
	work.SetLimit(readAtOnce)
	for i, l := range best {
		work.Go(func() (err error) {
			c := Listed{Item: l.Item(l.place.ID), Name: l.Name, JoinedSeq: l.Joined, LastAt: l.spot.LastAt}
			level := levels[l.place.ID]
			c.Notify = &level
			c.Unread, c.Mentions, err = p.count(ctx, l.place, viewOf(p.user, l.Conversation, p.windowOf(l.Head)))
			if err == nil && l.last != nil {
				c.LastMessage, err = view.Append(nil, l.Serial, *l.last)
			}
			out.Conversations[i] = c
			return err
		})
	}
	if out.More {
		out.Cursor = best[len(best)-1].of(p.user)
	}
	return out, work.Wait()
}

// spotCursor is a spot in a user's list, in the user's devices' keeping.
type spotCursor struct {
	User id.User `json:"u"`
	spot
}

func (s spot) of(u id.User) string { return seal(spotCursor{u, s}) }

func parseSpot(u id.User, text string) (spot, error) {
	if text == "" {
		return spot{}, nil
	}
	var c spotCursor
	if !unseal(text, &c) || c.User != u || c.ID == "" {
		return spot{}, fault.New(fault.InvalidArgument, "cursor is none that a page of the list has given this user")
	}
	return c.spot, nil
}
