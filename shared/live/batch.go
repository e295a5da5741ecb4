package live

import (
	"encoding/json"
	"strconv"
	"sync"

	"github.com/throng-im/throng/shared/event"
	"github.com/throng-im/throng/shared/group"
	"github.com/throng-im/throng/shared/id"
	"github.com/throng-im/throng/shared/view"
)

// batch is one event for a connection, without its id. It is shared and never
// changed.
type batch struct {
	// wire is the event as written, up to the id.
	wire []byte
	// group, serial and last say up to where it brings the device in which group,
	// and at when that was. All are empty where it does not.
	group    id.Group
	serial   id.Serial
	last, at int64
	// out says that the user is no member any more.
	out bool
	// run is what an event of entries was made from, after the seq before the
	// first of those.
	run   *run
	after int64
	// notifies says that it shows something that people are notified of.
	notifies bool
}

// done says that the batch left a queue, written or not.
func (b *batch) done() {
	if b.run != nil {
		b.run.wave.done()
	}
}

// run is entries of one group without a gap, as one timeline event brought them
// or as they were read.
type run struct {
	group   id.Group
	name    string
	serial  id.Serial
	entries []group.Entry
	// after and last are the seqs before the first entry and of the last one.
	after, last int64
	wave        wave

	mu sync.Mutex
	// parts are the entries as JSON, made when somebody here may see them.
	parts [][]byte
	// whole is what those get who may see everything, some what others get, by
	// what that is.
	whole *batch
	some  map[string]*batch
	// special says that some entry is not for everybody, changes that some may
	// change memberships.
	special, changes bool
}

func newRun(ev *event.Timeline, entries []group.Entry) *run {
	r := &run{group: ev.Group, name: ev.Name, serial: ev.Serial, entries: entries, after: entries[0].Seq - 1, last: entries[len(entries)-1].Seq}
	for i := range entries {
		e := &entries[i]
		r.special = r.special || len(e.To) > 0 || e.HideFromSender || e.Target > 0
		r.changes = r.changes || changesMembers(*e)
	}
	return r
}

// at is the time of the newest entry.
func (r *run) at() int64 { return r.entries[len(r.entries)-1].At }

// cut returns the entries from index i up to j as a run of their own.
func (r *run) cut(i, j int) *run {
	if i == 0 && j == len(r.entries) {
		return r
	}
	return newRun(&event.Timeline{Group: r.group, Name: r.name, Serial: r.serial}, r.entries[i:j])
}

// batchFor returns the event for a member, with what its seat still needs. Members
// with the same view share it.
func (r *run) batchFor(s *seat) *batch {
	r.mu.Lock()
	defer r.mu.Unlock()
	after := max(s.from, r.after)
	hides := false
	var key []byte
	if r.special {
		for i, e := range r.entries {
			hidden := !s.sees(e)
			hides = hides || hidden
			if hidden {
				key = strconv.AppendInt(append(key, ' '), int64(i), 10)
			}
		}
	}
	if !hides && after == r.after {
		if r.whole == nil {
			r.whole = r.encode(after, nil)
		}
		return r.whole
	}
	key = strconv.AppendInt(append(key, '>'), after, 10)
	b, known := r.some[string(key)]
	if !known {
		b = r.encode(after, s.sees)
		if r.some == nil {
			r.some = map[string]*batch{}
		}
		r.some[string(key)] = b
	}
	return b
}

// encode makes the event of the entries after a seq. An event that shows none
// still says how far it goes, so that a device can tell a hidden entry from a gap.
func (r *run) encode(after int64, shows func(group.Entry) bool) *batch {
	if r.parts == nil {
		r.parts = make([][]byte, len(r.entries))
		for i, e := range r.entries {
			// An entry that cannot be encoded could not have been decoded either.
			r.parts[i], _ = view.Append(nil, r.serial, e)
		}
	}
	b := &batch{group: r.group, serial: r.serial, last: r.last, at: r.at(), run: r, after: after}
	w := append([]byte("event: entries\ndata: {\"groupId\":\""), r.group...)
	w = strconv.AppendInt(append(w, `","after":`...), after, 10)
	w = strconv.AppendInt(append(w, `,"lastSeq":`...), r.last, 10)
	w = append(w, `,"entries":[`...)
	first := true
	for i, e := range r.entries {
		if e.Seq <= after || shows != nil && !shows(e) {
			continue
		}
		if !first {
			w = append(w, ',')
		}
		first = false
		w = append(w, r.parts[i]...)
		b.notifies = b.notifies || e.Kind == group.KindMessage || e.Kind == group.KindRecall
	}
	b.wire = append(w, "]}\n"...)
	return b
}

// block is an event without its id.
func block(name string, data []byte) []byte {
	w := append(append([]byte("event: "), name...), "\ndata: "...)
	return append(append(w, data...), '\n')
}

// membership is the event that a user joined or left a group.
func membership(r *run, e group.Entry) *batch {
	data, _ := json.Marshal(struct {
		Group id.Group   `json:"groupId"`
		Kind  group.Kind `json:"kind"`
		Seq   int64      `json:"seq"`
		At    int64      `json:"at"`
		Name  string     `json:"name,omitempty"`
	}{r.group, e.Kind, e.Seq, e.At, r.name})
	return &batch{wire: block("membership", data), group: r.group, serial: r.serial, last: e.Seq, at: e.At, out: e.Kind != group.KindJoined}
}

// status is the event of a message that is stored nowhere.
func status(g id.Group, serial id.Serial, e group.Entry) *batch {
	data := append([]byte(`{"groupId":"`), g...)
	data, _ = view.Append(append(data, `","entries":[`...), serial, e)
	return &batch{wire: block("status", append(data, "]}"...))}
}
