package group

import (
	"slices"

	"github.com/throng-im/throng/shared/id"
)

// View is what one member may see of a group's timeline. Every way of reading
// goes by it; what a way leaves out besides, such as unpersisted messages in
// history, is its own affair.
type View struct {
	User id.User
	// Joined is the seq of the entry that let the member in; nobody is a member
	// without one. Left is the seq of the entry that took them out, zero while
	// they are in.
	Joined, Left int64
	// Away has the seqs between which the member was out because the group was
	// dismissed; see Member.
	Away []int64
	// BeforeJoin shows what came before the member joined.
	BeforeJoin bool
	// ClearedSeq and ClearedAt are how far the member has cleared the
	// conversation, by seq and by time in Unix milliseconds.
	ClearedSeq, ClearedAt int64
	// Deleted are the seqs of single messages that the member deleted for
	// themselves, rising.
	Deleted []int64
	// Since is the time in Unix milliseconds from which on entries are kept.
	Since int64
}

// Of takes a member's record into the view.
func (v View) Of(m Member) View {
	v.Joined, v.Left, v.Away = m.Joined, m.Left, m.Away
	return v
}

// Member is the membership that the view is of.
func (v View) Member() Member { return Member{Joined: v.Joined, Left: v.Left, Away: v.Away} }

// Sees says whether the member may see an entry. Who may not see a message does
// not see what became of it; what became, while the member was away, of a message
// that the member knows is not kept back.
func (v View) Sees(e Entry) bool {
	switch {
	case v.Joined == 0, !v.spans(e.Seq), e.At < v.firstAt(), e.Kind == KindErased:
		return false
	case e.Target == 0 && !v.knows(e.Seq):
		return false
	case e.Target > 0 && (!v.spans(e.Target) || e.TargetAt <= v.ClearedAt || !v.knows(e.Target)):
		// What is too old to be kept here may well be kept by a device.
		return false
	}
	return e.ShownTo(v.User)
}

// ShownTo says whether a member may see an entry that is within the membership:
// targeted messages are for those listed and their sender, and some are hidden
// from their sender.
func (e Entry) ShownTo(user id.User) bool {
	switch {
	case e.From == user:
		return !e.HideFromSender
	case len(e.To) == 0 || slices.Contains(e.To, user):
		return true
	default:
		// Whose targeted message somebody else recalled is not among those it was for.
		return e.Kind == KindRecall && slices.Contains(e.Users, user)
	}
}

// spans says whether a seq is between the first and the last that are the
// member's to see.
func (v View) spans(seq int64) bool { return seq >= v.firstSeq() && (v.Left == 0 || seq < v.Left) }

// knows says whether the member was there when a message was said, and has not
// deleted it.
func (v View) knows(seq int64) bool {
	if !v.BeforeJoin && !v.Member().At(seq) {
		return false
	}
	_, deleted := slices.BinarySearch(v.Deleted, seq)
	return !deleted
}

// firstSeq and firstAt are where what the member may see begins.
func (v View) firstSeq() int64 {
	if v.BeforeJoin {
		return v.ClearedSeq + 1
	}
	return max(v.ClearedSeq, v.Joined) + 1
}

func (v View) firstAt() int64 { return max(v.ClearedAt+1, v.Since) }

// Begin returns where what the member may see begins: a seq and a time in Unix
// milliseconds, before which there is nothing.
func (v View) Begin() (seq, at int64) { return v.firstSeq(), v.firstAt() }
