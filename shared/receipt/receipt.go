// Package receipt keeps who has read a message, for messages whose sender asked.
//
// The readers of a message are one document on the commit loop, so that of
// thousands who read a message at once many share a write:
//
//	groups/{group}/receipts/{seq}       readers and when, packed and compressed
//	groups/{group}/receipts/{seq}-{i}   a part of them, by hash, where they are
//	                                    too many for one document
//
// Who may answer and who may ask is the group's to say; see group.Awaiting and
// group.Audience.
package receipt

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/throng-im/throng/shared/commit"
	"github.com/throng-im/throng/shared/event"
	"github.com/throng-im/throng/shared/id"
)

// Message is a message whose sender asked for receipts.
type Message struct {
	Group id.Group
	Seq   int64
	UID   id.Message
	// From is the sender, who is told.
	From id.User
}

// Reader is who has read a message.
type Reader struct {
	User id.User
	// At is when, in Unix milliseconds.
	At int64
}

// Receipts is the receipts of all messages, as this process works on them.
type Receipts struct {
	store commit.Store
	loop  *commit.Loop[state]
}

// New returns the receipts kept in store. announce tells senders, on the topic
// conversation; cacheBytes
// bounds the receipts kept in memory while nobody changes them; now is the clock.
func New(store commit.Store, announce event.Announcer, cacheBytes int, now func() time.Time) *Receipts {
	return &Receipts{store: store, loop: commit.New[state](store, model{now, announce}, commit.Options{CacheBytes: cacheBytes})}
}

// readAtOnce bounds the messages that one call of Read works on at the same time.
const readAtOnce = 16

// Read notes that a user has read messages, and tells their senders how many have
// by now. Who has read one already changes nothing. Errors: fault.TooLarge when
// the message has MaxReaders already.
func (r *Receipts) Read(ctx context.Context, user id.User, messages ...Message) error {
	work, ctx := errgroup.WithContext(ctx)
	work.SetLimit(readAtOnce)
	for _, m := range messages {
		work.Go(func() error {
			_, err := r.loop.Do(ctx, path(m.Group, m.Seq), commit.Command[state]{
				Apply: func(s *state) (any, error) { return nil, s.read(m, user) },
			})
			return err
		})
	}
	return work.Wait()
}

// Of lists who has read a message, in the order in which they did. It costs a
// read for every splitReaders of them.
func (r *Receipts) Of(ctx context.Context, g id.Group, seq int64) ([]Reader, error) {
	root, err := r.store.Get(ctx, []string{path(g, seq)}, "revs", "data")
	if err != nil {
		return nil, err
	}
	parts, err := readParts(ctx, r.store, root[0], nil)
	if err != nil {
		return nil, err
	}
	// A part that was split off between the reads is there twice; it says the same.
	all := map[id.User]int64{}
	for _, p := range parts {
		maps.Copy(all, p.readers)
	}
	out := make([]Reader, 0, len(all))
	for u, at := range all {
		out = append(out, Reader{u, at})
	}
	slices.SortFunc(out, Reader.compare)
	return out, nil
}

func (r Reader) compare(o Reader) int {
	return cmp.Or(cmp.Compare(r.At, o.At), cmp.Compare(r.User, o.User))
}

// After returns the readers behind one, who need not be among them.
func After(readers []Reader, last Reader) []Reader {
	i, found := slices.BinarySearchFunc(readers, last, Reader.compare)
	if found {
		i++
	}
	return readers[i:]
}

func path(g id.Group, seq int64) string {
	return fmt.Sprintf("groups/%s/receipts/%012d", id.Document(string(g)), seq)
}
