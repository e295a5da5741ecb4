package group

import (
	"context"

	"github.com/throng-im/throng/shared/id"
)

// Place is where a member stands in a group.
type Place struct {
	Member
	// LastSeq and LastAt are the group's newest entry's.
	LastSeq, LastAt int64
	serial          id.Serial
}

// Place reads where a member stands. Errors: fault.NotMember,
// fault.GroupDismissed.
func (g *Groups) Place(ctx context.Context, group id.Group, user id.User) (Place, error) {
	docs, err := g.store.Get(ctx, []string{headPath(group)}, "serial", "shards", "dismissed", "dismissal", "lastSeq", "lastAt")
	if err != nil {
		return Place{}, err
	}
	head := readHead(group, docs[0])
	if head.dismissed && head.dismissal > 0 {
		return Place{}, errDismissed
	}
	m, err := g.member(ctx, head, user)
	if err != nil {
		return Place{}, err
	}
	if !m.Present() {
		return Place{}, errNotMember
	}
	return Place{Member: m, LastSeq: head.lastSeq, LastAt: head.lastAt, serial: head.serial}, nil
}

// UID is the id of the group's message with a seq.
func (p Place) UID(seq int64) id.Message { return id.NewMessage(p.serial, seq) }

// Seqs are the seqs of those messages that are the group's, rising.
func (p Place) Seqs(uids []id.Message) []int64 {
	return (&state{serial: p.serial, lastSeq: p.LastSeq}).seqsOf(uids)
}
