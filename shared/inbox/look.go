package inbox

import (
	"cmp"
	"context"
	"encoding/json"
	"maps"
	"slices"

	"golang.org/x/sync/errgroup"

	"github.com/throng-im/throng/shared/group"
	"github.com/throng-im/throng/shared/id"
	"github.com/throng-im/throng/shared/view"
)

// readAtOnce bounds the groups that one call reads segments of at a time.
const readAtOnce = 8

// want is a group to look at.
type want struct {
	id id.Group
	// named groups are read by name, the others asked whether they have news.
	named bool
	// gone groups are those that the user left; nothing is read of them.
	gone bool
	// item says that the user changed something in the conversation; pending that
	// the answer before had not all of the entries.
	item, pending bool
}

// found is what there is to say of a wanted group; nothing where both are nil.
type found struct {
	group *Group
	left  *Left
}

// plan lists what to look at: groups of which something is left, then the others
// in the order of their ids, from where the round is on.
func (p *round) plan() {
	for _, g := range slices.Sorted(slices.Values(p.Pending)) {
		p.wants = append(p.wants, want{id: g, named: true, pending: true, gone: p.gone(g)})
	}
	all := make(map[id.Group]bool, len(p.list.Conversations))
	for _, names := range []func(func(id.Group) bool){maps.Keys(p.list.Conversations), maps.Keys(p.req.Groups)} {
		for g := range names {
			if g > p.Done {
				all[g] = true
			}
		}
	}
	for _, g := range slices.Sorted(maps.Keys(all)) {
		if w, ok := p.want(g); ok {
			p.wants = append(p.wants, w)
		}
	}
}

// gone says whether the user is known to have left a group.
func (p *round) gone(g id.Group) bool { return p.list.Conversations[g].Left > 0 }

// want says whether and how a group is to be looked at.
func (p *round) want(g id.Group) (want, bool) {
	c := p.list.Conversations[g]
	_, named := p.req.Groups[g]
	moved := p.fresh() || c.Moved > p.State
	switch {
	case c.Present():
		item := moved && (named || c.Changed > 0) || c.Changed > p.State
		return want{id: g, named: moved || item || !named, item: item}, true
	case c.Left > 0 && !named:
		return want{id: g, gone: true}, moved && !p.fresh()
	default:
		// The device knows a group that the copy does not, or not any more: either
		// may be behind, for the stream may have told the device first.
		return want{id: g, named: true}, named
	}
}

// look finds out what there is to say of the next groups, at most of a handful. It
// says how many it looked at.
func (p *round) look(ctx context.Context, handful int) (all []found, looked int, err error) {
	wants := p.wants[:min(handful, len(p.wants))]
	room := p.bounds.groups - len(p.answer.Groups)
	var named, asked []id.Group
	for i, w := range wants {
		if w.named && !w.gone && len(named) == room {
			wants = wants[:i]
			break
		}
		switch {
		case w.gone:
		case w.named:
			named = append(named, w.id)
		default:
			asked = append(asked, w.id)
		}
	}
	heads, err := p.heads(ctx, named, asked)
	if err != nil {
		return nil, 0, err
	}
	all = make([]found, len(wants))
	looked = len(wants)
	work, ctx := errgroup.WithContext(ctx)
	work.SetLimit(readAtOnce)
	for i, w := range wants {
		if looked < len(wants) {
			break
		}
		h, there := heads[w.id]
		switch {
		case w.gone:
			all[i].left = &Left{w.id, p.list.Conversations[w.id].Left}
			continue
		case !there:
			if w.named && !w.pending {
				all[i].left = &Left{ID: w.id} // there is no such group
			}
			continue
		case !w.named && h.LastSeq <= p.req.Groups[w.id]:
			continue
		case room == 0:
			looked = i
			continue
		}
		room--
		work.Go(func() (err error) { all[i], err = p.read(ctx, h, w); return err })
	}
	return all, looked, work.Wait()
}

// heads reads the heads of groups: of all those named, and of those asked about
// that had news since the cursor.
func (p *round) heads(ctx context.Context, named, asked []id.Group) (map[id.Group]group.Head, error) {
	var read, changed []group.Head
	work, ctx := errgroup.WithContext(ctx)
	work.Go(func() (err error) { read, err = p.groups.Heads(ctx, named); return err })
	work.Go(func() (err error) { changed, err = p.groups.Changed(ctx, asked, p.Since-overlap); return err })
	err := work.Wait()
	heads := make(map[id.Group]group.Head, len(read)+len(changed))
	for _, h := range slices.Concat(read, changed) {
		heads[h.ID] = h
	}
	return heads, err
}

// read says what is new in a group.
func (p *round) read(ctx context.Context, h group.Head, w want) (found, error) {
	at := place{p.list.Conversations[w.id], p.groups.Reader(h)}
	asked := at.doubtful(p.user, p.now)
	for {
		if asked {
			if err := p.settle(ctx, p.user, &at); err != nil {
				return found{}, err
			}
		}
		if !at.Present() {
			return found{left: &Left{w.id, at.Left}}, nil
		}
		part, behind, err := p.part(ctx, at)
		if err != nil || !behind || asked {
			return found{group: part}, err
		}
		asked = true
	}
}

// part reads a group's entries and counts. behind says that an entry was met that
// the copy of the membership should know of and does not.
func (p *round) part(ctx context.Context, at place) (part *Group, behind bool, err error) {
	since := p.windowOf(at.Head)
	v := viewOf(p.user, at.Conversation, since)
	begin, _ := v.Begin()
	after := max(min(p.req.Groups[at.ID], at.LastSeq), begin-1)
	part = &Group{ID: at.ID, Name: at.Name, JoinedSeq: at.Joined, Entries: []json.RawMessage{}}
	size, first := 0, int64(0)
	var encoding error
	covered, err := at.Forward(ctx, after, since, p.req.Limit, func(e group.Entry) bool {
		if first == 0 {
			first = e.Seq
		}
		if behind = e.Seq > at.AsOf() && e.Moves(p.user); behind {
			return false
		}
		if !v.Sees(e) {
			return true
		}
		if len(part.Entries) == p.req.Limit || size >= p.bounds.groupBytes {
			return false
		}
		var raw []byte
		if raw, encoding = view.Append(nil, at.Serial, e); encoding != nil {
			return false
		}
		part.Entries, size = append(part.Entries, raw), size+len(raw)
		return true
	})
	if err = cmp.Or(err, encoding); err != nil || behind {
		return part, behind, err
	}
	if first == 0 {
		first = covered + 1
	}
	if first > after+1 {
		part.From = first
	}
	part.LastSeq, part.More = covered, covered < at.LastSeq
	part.Unread, part.Mentions, err = p.count(ctx, at, v)
	return part, false, err
}
