package group

import (
	"context"
	"fmt"
	"math"
	"slices"

	"github.com/throng-im/throng/shared/commit"
	"github.com/throng-im/throng/shared/fault"
	"github.com/throng-im/throng/shared/id"
)

// historySegments is after how many segments a call of History reads no more,
// 4,800 entries at the least. Only where so many in a row are nothing for the reader
// does a page end early; what it has until then is returned.
const historySegments = 100

// HistoryQuery asks for a page of history.
type HistoryQuery struct {
	// View is who reads, without Joined and Left, which the roster says.
	View View
	// From and To bound the time in Unix milliseconds. The page begins at From,
	// with the entries of that very millisecond where IncludeFrom says so, and
	// reaches To at most. Backward goes from newer to older.
	From, To    int64
	IncludeFrom bool
	Backward    bool
	// Before and After, when not zero, are seqs between which the page is.
	Before, After int64
	// Limit is how many entries the page holds at most.
	Limit int
	// Bytes, when not zero, has the page end with the entry that makes it as large.
	Bytes int
	// Keeps says which entries belong into the page, of those that the reader
	// may see: Entry.InHistory when nil.
	Keeps func(Entry) bool
	// Targeted says that targeted messages are kept in history.
	Targeted bool
}

// Page is a part of a group's history.
type Page struct {
	Serial  id.Serial
	Entries []Entry
	// Next, when not zero, is the seq behind which the next page begins, in the
	// direction of this one.
	Next int64
}

// UID is the id of the message with this seq in the page's group.
func (p Page) UID(seq int64) id.Message { return id.NewMessage(p.Serial, seq) }

// InHistory says whether history has an entry: messages that are kept and were
// not recalled, as they are now, and recalls. What else happened to a message
// shows in the message.
func (e Entry) InHistory() bool {
	switch e.Kind {
	case KindMessage:
		return !e.Unpersisted && e.Recalled == 0
	case KindRecall:
		return !e.Unpersisted
	default:
		return false
	}
}

// History reads a page of what a member may see, in the order asked for. Who is
// no member of a group that takes messages sees nothing.
func (g *Groups) History(ctx context.Context, group id.Group, q HistoryQuery) (Page, error) {
	p, err := g.page(ctx, group, q)
	if fault.Is(err, fault.NotMember) || fault.Is(err, fault.GroupDismissed) {
		return Page{}, nil
	}
	return p, err
}

// Messages is History for a member's device: it says why somebody sees nothing,
// and whether there is more. Errors: fault.NotMember, fault.GroupDismissed.
func (g *Groups) Messages(ctx context.Context, group id.Group, q HistoryQuery) (Page, error) {
	limit := q.Limit
	q.Limit++
	p, err := g.page(ctx, group, q)
	if len(p.Entries) > limit {
		p.Entries = p.Entries[:limit]
		p.Next = p.Entries[limit-1].Seq
	}
	return p, err
}

// Message reads one message as Messages would show it. Errors: those of Messages,
// and fault.NotFound for all that Messages would not show.
func (g *Groups) Message(ctx context.Context, group id.Group, uid id.Message, q HistoryQuery) (Entry, error) {
	serial, seq, ok := uid.Parse()
	if !ok || seq == 0 {
		// Nobody but members learns even that.
		seq = math.MaxInt64 - 1
	}
	q.From, q.To, q.After, q.Before, q.Limit, q.Backward = 0, math.MaxInt64, seq-1, seq+1, 1, false
	p, err := g.page(ctx, group, q)
	if err == nil && (len(p.Entries) == 0 || p.Serial != serial) {
		err = missing(uid)
	}
	if err != nil {
		return Entry{}, err
	}
	return p.Entries[0], nil
}

func (g *Groups) page(ctx context.Context, group id.Group, q HistoryQuery) (Page, error) {
	head, err := g.readHead(ctx, group)
	if err != nil {
		return Page{}, err
	}
	if head.dismissed && head.dismissal > 0 {
		return Page{}, errDismissed
	}
	m, err := g.member(ctx, head, q.View.User)
	if err != nil {
		return Page{}, err
	}
	if !m.Present() {
		return Page{}, errNotMember
	}
	w := walk{HistoryQuery: q, left: historySegments}
	w.View = w.View.Of(m)
	if w.bound(); w.low > w.high || w.floor >= w.ceil || q.Limit <= 0 {
		return Page{Serial: head.serial}, nil
	}
	if q.Backward {
		err = g.walkBack(ctx, head, &w)
	} else {
		err = g.walk(ctx, head, &w)
	}
	p := Page{Serial: head.serial, Entries: w.out}
	if !w.done && (w.left <= 0 || w.full()) {
		p.Next = w.reached
	}
	return p, err
}

// End returns the seq and the time of a group's newest entry, both zero for a
// user that the group's roster does not know.
func (g *Groups) End(ctx context.Context, group id.Group, user id.User) (seq, at int64, err error) {
	docs, err := g.store.Get(ctx, []string{headPath(group)}, "shards", "lastSeq", "lastAt")
	if err != nil {
		return 0, 0, err
	}
	head := readHead(group, docs[0])
	m, err := g.member(ctx, head, user)
	if err != nil || m.Joined == 0 {
		return 0, 0, err
	}
	return head.lastSeq, head.lastAt, nil
}

// member reads a user's record from the one shard that has it.
func (g *Groups) member(ctx context.Context, head *state, user id.User) (Member, error) {
	for n, read := len(head.versions), -1; ; {
		i := shardOf(user, n)
		if n == 0 || i == read {
			return Member{}, nil
		}
		docs, err := g.store.Get(ctx, []string{shardPath(head.path(), i)}, "of", "data")
		if err != nil {
			return Member{}, err
		}
		s, err := readShard(docs[0])
		if err != nil {
			return Member{}, err
		}
		// The shard may have been split since the head was read.
		if s.of <= n || shardOf(user, s.of) == i {
			return s.members[user], nil
		}
		n, read = s.of, i
	}
}

// walk is a page in the making.
type walk struct {
	HistoryQuery
	// low and high are the times of the oldest and of the newest entry that the
	// page may have, floor the seq behind which the oldest is, ceil that of the
	// newest.
	low, high, floor, ceil int64
	// left is how many segments may still be read; done says that the entries
	// that follow are none of the page's. reached is the last seq looked at.
	left    int
	done    bool
	reached int64
	out     []Entry
	bytes   int
}

// bound turns what was asked for into bounds that include their ends.
func (w *walk) bound() {
	from := min(max(w.From, 0), math.MaxInt64-1)
	switch w.low, w.high = from, w.To; {
	case w.Backward:
		w.low, w.high = w.To, from
		if !w.IncludeFrom {
			w.high--
		}
	case !w.IncludeFrom:
		w.low++
	}
	w.low, w.floor = max(w.low, w.View.firstAt()), max(w.View.firstSeq()-1, w.After)
	if w.ceil = math.MaxInt64; w.Before > 0 {
		w.ceil = w.Before - 1
	}
}

// end says that nothing more is to be read.
func (w *walk) end() bool { return w.done || w.missing() == 0 || w.left <= 0 }

func (w *walk) missing() int {
	if w.full() {
		return 0
	}
	return w.Limit - len(w.out)
}

func (w *walk) full() bool { return w.Bytes > 0 && w.bytes >= w.Bytes }

func (w *walk) keeps(e Entry) bool {
	if w.Keeps != nil {
		return w.Keeps(e)
	}
	return e.InHistory()
}

// take adds those entries of a run that belong to the page.
func (w *walk) take(run lines, first int64) error {
	for k := range run.len() {
		i := k
		if w.Backward {
			i = run.len() - 1 - k
		}
		if w.done || w.missing() == 0 {
			return nil // a page that is full says nothing of the runs behind it
		}
		at, seq := timeOf(run.at(i)), first+int64(i)
		if w.Backward && (at < w.low || seq <= w.floor) || !w.Backward && (at > w.high || seq > w.ceil) {
			w.done = true
			return nil
		}
		w.reached = seq
		if at < w.low || at > w.high || seq <= w.floor || seq > w.ceil {
			continue
		}
		e, err := DecodeEntry(run.at(i))
		if err != nil {
			return fmt.Errorf("entry %d: %w", seq, err)
		}
		if w.keeps(e) && (w.Targeted || len(e.To) == 0) && w.View.Sees(e) {
			w.out, w.bytes = append(w.out, e), w.bytes+len(run.at(i))
		}
	}
	return nil
}

// walk reads from older to newer.
func (g *Groups) walk(ctx context.Context, head *state, w *walk) error {
	after, listed := head.before(w.low)
	// From a seq on the segments are found without their times.
	listed = listed || w.After > 0 || len(head.sealed) > 0 && w.floor >= head.sealed[0]
	after = max(after, w.floor)
	for n := 1; !w.end() && after < head.tailFirst()-1; listed = true {
		var docs []commit.Doc
		var err error
		if listed {
			docs, err = g.segments(ctx, head, after, w.missing(), n)
		} else {
			docs, err = g.store.Query(ctx, commit.Query{Collection: head.path() + "/segments", Field: "lastAt", AtLeast: w.low, Limit: n})
		}
		if err != nil {
			return err
		}
		if len(docs) == 0 {
			after = head.tailFirst() - 1 // what came before was removed with time
		}
		for _, d := range docs {
			s, err := readSegment(d)
			if err != nil {
				return err
			}
			if err := w.take(s.lines, s.first); err != nil {
				return err
			}
			after, w.left = max(after, s.last), w.left-1
			n = min(max(w.missing()/max(s.lines.len(), 1), 1), segmentsAtOnce)
		}
	}
	if after < head.tailFirst()-1 {
		return nil
	}
	return w.take(head.tail, head.tailFirst())
}

// walkBack reads from newer to older. The segment before one that begins at
// first is named first-1, so that only the first, when it is too old for the
// head to name it, takes a query.
func (g *Groups) walkBack(ctx context.Context, head *state, w *walk) error {
	last, listed := head.upTo(w.high)
	older := commit.Query{Collection: head.path() + "/segments", Field: "firstAt", AtMost: w.high, Limit: 1}
	if w.ceil < last {
		last, listed = head.upToSeq(w.ceil)
		older = commit.Query{Collection: head.path() + "/segments", IDAtLeast: segmentID(w.ceil), Limit: 1}
	}
	if last >= head.tailFirst() {
		if err := w.take(head.tail, head.tailFirst()); err != nil {
			return err
		}
		last = head.tailFirst() - 1
	}
	for ; !w.end() && last > w.floor; listed = true {
		var docs []commit.Doc
		var err error
		if listed {
			docs, err = g.store.Get(ctx, head.segmentPaths(last, w.missing()))
		} else {
			docs, err = g.store.Query(ctx, older)
		}
		if err != nil {
			return err
		}
		if docs = slices.DeleteFunc(docs, func(d commit.Doc) bool { return !d.Exists() }); len(docs) == 0 {
			return nil // the rest was removed with time
		}
		for _, d := range docs {
			s, err := readSegment(d)
			if err != nil {
				return err
			}
			if err := w.take(s.lines, s.first); err != nil {
				return err
			}
			last, w.left = s.first-1, w.left-1
		}
	}
	return nil
}

// before returns a seq before which all entries are older than a time. known is
// false when the segments that the head names do not say.
func (s *state) before(at int64) (seq int64, known bool) {
	i, _ := slices.BinarySearch(s.sealedAt, at)
	if i == 0 {
		return 0, len(s.sealed) < sealedKept
	}
	return s.sealed[i-1], true
}

// upTo returns the last seq of the newest segment, or of the tail, that may have
// entries as old as a time. known is false when the segments that the head
// names do not say.
func (s *state) upTo(at int64) (seq int64, known bool) {
	i, _ := slices.BinarySearch(s.sealedAt, at+1)
	switch {
	case i == len(s.sealed):
		return s.lastSeq, true
	case i == 0 && len(s.sealed) == sealedKept:
		return s.sealed[0], false
	default:
		return s.sealed[i], true
	}
}

// upToSeq is upTo for a seq.
func (s *state) upToSeq(seq int64) (last int64, known bool) {
	i, _ := slices.BinarySearch(s.sealed, seq)
	switch {
	case i == len(s.sealed):
		return s.lastSeq, true
	case i == 0 && len(s.sealed) == sealedKept:
		return s.sealed[0], false
	default:
		return s.sealed[i], true
	}
}

// segmentPaths names the segment that ends at last and those before it that the
// head names, as far as they are needed for so many entries.
func (s *state) segmentPaths(last int64, entries int) []string {
	names := s.namesBack(last, entries, segmentsAtOnce)
	paths := make([]string, len(names))
	for i, name := range names {
		paths[i] = segment{last: name}.path(s.path())
	}
	return paths
}
