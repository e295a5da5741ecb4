package live

import (
	"bytes"
	"context"
	"encoding/json"
	"log/slog"
	"slices"
	"strconv"

	"github.com/throng-im/throng/shared/event"
	"github.com/throng-im/throng/shared/group"
)

// Deliver hands a timeline event to the connections that it concerns, and so an
// event.Memberships. It returns when the event waits for each of them; while the
// process has more to write than it can, that takes as long. An event may come
// twice, late or out of order.
func (h *Hub) Deliver(ctx context.Context, ev *event.Timeline) error {
	if len(ev.Entries) == 0 || !ev.News() {
		return nil
	}
	if err := h.flow.wait(ctx); err != nil {
		return err
	}
	h.sawAt(timeOf(ev.Entries[len(ev.Entries)-1]))
	h.mu.RLock()
	wanted := h.rooms[ev.Group] != nil
	h.mu.RUnlock()
	if !wanted && !slices.ContainsFunc(ev.Entries, mayChangeMembers) {
		return nil
	}
	entries := make([]group.Entry, 0, len(ev.Entries))
	for _, raw := range ev.Entries {
		e, err := group.DecodeEntry(raw)
		if err != nil {
			// Nobody can show it. The seq that is missing tells the devices to ask.
			slog.ErrorContext(ctx, "an entry cannot be read", "group", ev.Group, "error", err)
			continue
		}
		entries = append(entries, e)
	}
	if !wanted && !h.concerns(entries) {
		return nil
	}
	h.inRoom(ev.Group, func(r *room) {
		for _, in := range runs(ev, entries) {
			r.about(ev.Name, ev.Serial, ev.Shards, in.last)
			r.accept(in)
		}
		for _, e := range entries {
			if e.Seq == 0 {
				r.pass(ev, e)
			}
		}
	})
	return nil
}

// runs cuts an event's entries where seqs are missing: an event may repeat old
// entries beside new ones.
func runs(ev *event.Timeline, entries []group.Entry) []*run {
	var out []*run
	bySeq := func(a, b group.Entry) int { return int(a.Seq - b.Seq) }
	if !slices.IsSortedFunc(entries, bySeq) {
		entries = slices.SortedStableFunc(slices.Values(entries), bySeq)
	}
	for i := 0; i < len(entries); {
		if entries[i].Seq == 0 {
			i++
			continue
		}
		n := i + 1
		for n < len(entries) && entries[n].Seq == entries[n-1].Seq+1 {
			n++
		}
		out = append(out, newRun(ev, entries[i:n]))
		for i = n; i < len(entries) && entries[i].Seq == entries[n-1].Seq; i++ {
		}
	}
	return out
}

// mayChangeMembers says whether an entry may be one of a membership, without
// reading it.
func mayChangeMembers(raw json.RawMessage) bool {
	for _, kind := range []group.Kind{group.KindJoined, group.KindLeft, group.KindDismissed} {
		if bytes.Contains(raw, []byte(`"kind":"`+kind+`"`)) {
			return true
		}
	}
	return false
}

// timeOf finds the time of an entry without reading it: seq and time stand first.
func timeOf(raw json.RawMessage) int64 {
	_, rest, _ := bytes.Cut(raw[:min(len(raw), 64)], []byte(`"at":`))
	end := 0
	for end < len(rest) && rest[end] >= '0' && rest[end] <= '9' {
		end++
	}
	at, _ := strconv.ParseInt(string(rest[:end]), 10, 64)
	return at
}

func (h *Hub) sawAt(at int64) {
	for {
		old := h.newest.Load()
		if at <= old || h.newest.CompareAndSwap(old, at) {
			return
		}
	}
}

// horizon is the time up to which everything has surely arrived here.
func (h *Hub) horizon() int64 {
	return min(h.newest.Load(), h.o.Now().UnixMilli()) - overlap.Milliseconds()
}
