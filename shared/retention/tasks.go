package retention

import (
	"context"
	"maps"
	"math"
	"slices"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/throng-im/throng/shared/commit"
	"github.com/throng-im/throng/shared/group"
	"github.com/throng-im/throng/shared/id"
)

// listAtOnce bounds the groups whose receipts are listed at the same time.
const listAtOnce = 8

// windowsOf reads the windows that groups have of their own, once in a run. With
// history, which is always longer, there is nothing to know.
func (r *run) windowsOf(ctx context.Context) (reads int, err error) {
	if r.own != nil {
		return 0, nil
	}
	if r.own = map[id.Group]int{}; r.Rules.HistoryMonths > 0 {
		return 0, nil
	}
	if r.own, err = r.Groups.OwnOffline(ctx); err != nil {
		r.own = nil
	}
	return max(len(r.own), 1), err
}

// segments are all that are over by the app's settings, but for those that a group's
// own window still protects.
func (r *run) segments(ctx context.Context, from place) (step, error) {
	reads, err := r.windowsOf(ctx)
	if err != nil {
		return step{}, err
	}
	found, err := r.Groups.SegmentsUntil(ctx, r.Rules.Until(r.now, 0), from.doc("day"), r.page)
	if err != nil {
		return step{}, err
	}
	s := step{reads: reads + max(len(found), 1), done: len(found) < r.page, next: from}
	if !s.done {
		s.next = at(found[len(found)-1].Doc, "day")
	}
	return s, r.drop(ctx, &s, slices.DeleteFunc(found, func(g group.Segment) bool { return g.Day > r.Rules.Until(r.now, r.own[g.Group]) }))
}

// windows are the segments of groups with a window of their own that are over by that,
// and not by the app's, for then they are among all others.
func (r *run) windows(ctx context.Context, from place) (step, error) {
	reads, err := r.windowsOf(ctx)
	if err != nil {
		return step{}, err
	}
	s := step{reads: reads}
	names := slices.Sorted(maps.Keys(r.own))
	i := 0
	if from.path != "" {
		var done bool
		if i, done = slices.BinarySearch(names, id.Group(groupOf(from.path))); done && !inside(from.path) {
			i++
		}
	}
	if i == len(names) {
		s.done = true
		return s, nil
	}
	g := names[i]
	after := commit.Doc{}
	if inside(from.path) && groupOf(from.path) == string(g) {
		after.Path = from.path
	}
	found, err := r.Groups.Segments(ctx, g, after, r.page)
	if err != nil {
		return step{}, err
	}
	s.reads += max(len(found), 1)
	// Younger ones follow the first that is kept.
	over := found
	if k := slices.IndexFunc(found, func(x group.Segment) bool { return x.Day > r.Rules.Until(r.now, r.own[g]) }); k >= 0 {
		over = found[:k]
	}
	s.next = place{path: "groups/" + id.Document(string(g))}
	if len(over) == r.page {
		s.next.path = found[r.page-1].Doc.Path
	}
	return s, r.drop(ctx, &s, slices.DeleteFunc(over, func(x group.Segment) bool { return x.Day <= r.Rules.Until(r.now, 0) }))
}

// inside says whether a place is within a group, and not behind it.
func inside(path string) bool { return strings.Contains(path, "/segments/") }

func groupOf(path string) string { return id.FromDocument(strings.Split(path, "/")[1]) }

// drop adds segments to what a step removes, and before them the receipts of their
// messages.
func (r *run) drop(ctx context.Context, s *step, over []group.Segment) error {
	last := map[id.Group]int64{}
	for _, x := range over {
		last[x.Group] = max(last[x.Group], x.Last)
	}
	if err := r.dropReceipts(ctx, s, last); err != nil {
		return err
	}
	for _, x := range over {
		s.remove = append(s.remove, x.Doc.Path)
	}
	return nil
}

// dropReceipts adds the receipts of groups' messages up to some seq of each.
func (r *run) dropReceipts(ctx context.Context, s *step, last map[id.Group]int64) error {
	names := slices.Sorted(maps.Keys(last))
	lists := make([][]string, len(names))
	reads := make([]int, len(names))
	work, ctx := errgroup.WithContext(ctx)
	work.SetLimit(listAtOnce)
	for i, g := range names {
		work.Go(func() (err error) {
			lists[i], reads[i], err = r.Receipts.UpTo(ctx, g, last[g], r.receipts[g])
			return err
		})
	}
	if err := work.Wait(); err != nil {
		return err
	}
	for i, g := range names {
		s.remove, s.reads = append(s.remove, lists[i]...), s.reads+reads[i]
		if n := len(lists[i]); n > 0 {
			r.receipts[g] = commit.Doc{Path: lists[i][n-1]}
		}
	}
	return nil
}

// endedPage is how many dismissed groups one step takes apart.
const endedPage = 20

// ended are groups that were dismissed and silent for so long that none of their
// entries is kept. Their segments are gone or found among all others; here go the
// receipts of their newest messages, and then the group.
func (r *run) ended(ctx context.Context, from place) (step, error) {
	before := r.Rules.EndedBefore(r.now)
	docs, err := r.Groups.Ended(ctx, before, from.doc("endedAt"), min(r.page, endedPage))
	if err != nil {
		return step{}, err
	}
	s := step{reads: max(len(docs), 1), done: len(docs) < min(r.page, endedPage), next: from}
	for _, d := range docs {
		s.next = at(d, "endedAt")
		g := id.Group(groupOf(d.Path))
		if err := r.dropReceipts(ctx, &s, map[id.Group]int64{g: math.MaxInt64}); err != nil {
			return step{}, err
		}
		s.change = append(s.change, func(ctx context.Context) error { return r.Groups.Bare(ctx, g, before) })
	}
	return s, nil
}

// states are what users set of groups that they left long ago.
func (r *run) states(ctx context.Context, from place) (step, error) {
	before := r.Rules.LeftBefore(r.now)
	var after id.User
	if from.path != "" {
		after = id.User(groupOf(from.path))
	}
	found, err := r.Conversations.All(ctx, after, r.page)
	if err != nil {
		return step{}, err
	}
	s := step{reads: max(len(found), 1), done: len(found) < r.page, next: from}
	for _, h := range found {
		s.next = place{path: "users/" + id.Document(string(h.User))}
		if h.Over(before) > 0 {
			s.change = append(s.change, func(ctx context.Context) error { return r.Conversations.Expire(ctx, h.User, before) })
		}
	}
	return s, nil
}

// users are what the rule says of them.
func (r *run) users(ctx context.Context, from place) (step, error) {
	if r.Users == nil {
		return step{done: true}, nil
	}
	docs, err := r.Store.Query(ctx, commit.Query{Collection: "users", After: commit.Doc{Path: from.path}, Limit: r.page})
	if err != nil {
		return step{}, err
	}
	s := step{reads: max(len(docs), 1), done: len(docs) < r.page, next: from}
	for _, d := range docs {
		s.next = place{path: d.Path}
		if r.Users.Due(d, r.now) {
			s.change = append(s.change, func(ctx context.Context) error { return r.Users.Do(ctx, id.User(groupOf(d.Path))) })
		}
	}
	return s, nil
}

// presence and nonces end by themselves where the store sees to that, by expireAt.
func (r *run) presence(ctx context.Context, from place) (step, error) {
	return r.expired(ctx, "presence", from, false)
}

func (r *run) nonces(ctx context.Context, from place) (step, error) {
	return r.expired(ctx, "nonces", from, true)
}

// expired removes documents whose time is over. Those of an ordered collection end in
// the order of their names, so that what follows the first that goes on is not read.
func (r *run) expired(ctx context.Context, collection string, from place, ordered bool) (step, error) {
	docs, err := r.Store.Query(ctx, commit.Query{Collection: collection, After: commit.Doc{Path: from.path}, Limit: r.page, Select: []string{"expireAt"}})
	if err != nil {
		return step{}, err
	}
	s := step{reads: max(len(docs), 1), done: len(docs) < r.page, next: from}
	for _, d := range docs {
		s.next = place{path: d.Path}
		if end, _ := d.Fields["expireAt"].(time.Time); !end.IsZero() && end.Before(r.now) {
			s.remove = append(s.remove, d.Path)
		} else if ordered {
			s.done = true
			break
		}
	}
	return s, nil
}
