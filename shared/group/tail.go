package group

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"time"

	"github.com/throng-im/throng/shared/commit"
)

const (
	// The tail is sealed past either bound; what stays keeps within a quarter of
	// each, so that a sync after a seal still finds the newest entries in the
	// head, and a thousand messages of history are in 21 segments at most.
	tailEntries = 64
	tailBytes   = 64 << 10
	keepEntries = tailEntries / 4
	keepBytes   = tailBytes / 4
	// segmentsAtOnce bounds what one query brings into memory.
	segmentsAtOnce = 16
	// segmentBytes bounds a segment unless a single entry is larger. A recall
	// or an edit rewrites one segment, and a page of history reads one or two.
	segmentBytes = 256 << 10
	// MaxEntryBytes bounds one encoded entry, so that it always fits into a
	// document of 1 MiB with room for what is stored beside it.
	MaxEntryBytes = 900 << 10
)

// lines is a run of encoded entries, one JSON object a line, as stored in the
// head's tail and in segments.
type lines struct {
	data []byte
	// ends are the offsets just behind each line's newline.
	ends []int
	// changed are lines that stand for those in data until flat puts them
	// there, grown what they add to its length.
	changed map[int][]byte
	grown   int
}

func parseLines(data []byte) lines {
	l := lines{data: data}
	for at := 0; at < len(data); {
		n := bytes.IndexByte(data[at:], '\n')
		if n < 0 {
			break
		}
		at += n + 1
		l.ends = append(l.ends, at)
	}
	return l
}

func (l lines) len() int { return len(l.ends) }

// bytes is the length of the data when it is flat.
func (l lines) bytes() int { return len(l.data) + l.grown }

// at returns line i without its newline.
func (l lines) at(i int) []byte {
	if line, ok := l.changed[i]; ok {
		return line
	}
	return l.data[l.start(i) : l.ends[i]-1]
}

// replace puts another line in the place of line i. The data stays as it is:
// others may share it.
func (l *lines) replace(i int, line []byte) {
	if l.changed == nil {
		l.changed = map[int][]byte{}
	}
	l.grown += len(line) - len(l.at(i))
	l.changed[i] = line
}

// flat returns the lines with those that were replaced in their places.
func (l lines) flat() lines {
	if len(l.changed) == 0 {
		return l
	}
	out := lines{data: make([]byte, 0, l.bytes()), ends: make([]int, l.len())}
	for i := range l.len() {
		out.data = append(append(out.data, l.at(i)...), '\n')
		out.ends[i] = len(out.data)
	}
	return out
}

func (l lines) start(i int) int {
	if i == 0 {
		return 0
	}
	return l.ends[i-1]
}

func (l lines) clone() lines {
	room := len(l.data) + len(l.data)/4 + 1024
	return lines{data: append(make([]byte, 0, room), l.data...), ends: append(make([]int, 0, len(l.ends)+16), l.ends...)}
}

// from returns lines i and later. It shares the data.
func (l lines) from(i int) lines {
	base := l.start(i)
	out := lines{data: l.data[base:], ends: make([]int, len(l.ends)-i)}
	for k, end := range l.ends[i:] {
		out.ends[k] = end - base
	}
	return out
}

// segment is a sealed run of the timeline, compressed in its document. It is
// immutable but for recall, edit and extension. Its document is named by its last seq: Firestore scans
// keys upwards only, so the segment of a seq is the first at or after it, and
// the one before it ends at first-1.
type segment struct {
	first, last int64
	lines       lines
	// changed is the seq of the newest change made to it.
	changed int64
	// version is its document's, when it was read to be changed; owned says
	// that a draft changed it.
	version time.Time
	owned   bool
	// rekey says that a draft took entries out.
	rekey bool
}

func segmentID(last int64) string { return fmt.Sprintf("%012d", last) }

// sealed splits off what no longer belongs in the tail, as whole segments, and
// returns what stays. first is the seq of the first line.
func (l lines) sealed(first int64) (segments []segment, rest lines) {
	if l.len() <= tailEntries && len(l.data) <= tailBytes {
		return nil, l
	}
	keep := l.len()
	for keep > 0 && l.len()-keep < keepEntries && len(l.data)-l.start(keep-1) <= keepBytes {
		keep--
	}
	for from := 0; from < keep; {
		to := from + 1
		for to < keep && l.ends[to]-l.start(from) <= segmentBytes {
			to++
		}
		run := lines{data: l.data[l.start(from):l.ends[to-1]]}
		segments = append(segments, segment{first: first + int64(from), last: first + int64(to) - 1, lines: run})
		from = to
	}
	if keep == l.len() {
		return segments, lines{}
	}
	return segments, l.from(keep)
}

// sealed names the newest segments, so that a reader gets them by name and at
// once, without a query.
type sealed []int64

// sealedKept is how many segments a head names: 1,500 messages at the least.
const sealedKept = 32

func parseSealed(b []byte) sealed {
	s := make(sealed, 0, len(b)/8)
	for ; len(b) >= 8; b = b[8:] {
		s = append(s, int64(binary.LittleEndian.Uint64(b)))
	}
	return s
}

func (s sealed) bytes() []byte {
	out := make([]byte, 0, 8*len(s))
	for _, last := range s {
		out = binary.LittleEndian.AppendUint64(out, uint64(last))
	}
	return out
}

// with returns the list with a number of each of more segments at its end.
func (s sealed) with(segments []segment, number func(segment) int64) sealed {
	if len(segments) == 0 {
		return s
	}
	out := append(make(sealed, 0, len(s)+len(segments)), s...)
	for _, g := range segments {
		out = append(out, number(g))
	}
	return out[max(0, len(out)-sealedKept):]
}

// after lists the segments that hold the entries after a seq, at most enough of
// them. ok is false when some may be older than the list.
func (s sealed) after(seq int64, enough int) (names []int64, ok bool) {
	if len(s) == 0 || seq < s[0] {
		return nil, false
	}
	for i, last := range s {
		if last > seq {
			names = append(names, last)
			if last-max(seq, s[max(i-1, 0)]) >= int64(enough) || len(names) == segmentsAtOnce {
				break
			}
			enough -= int(last - max(seq, s[max(i-1, 0)]))
		}
	}
	return names, true
}

// lastSeq, firstAt and lastAt are of the entries at a segment's ends.
func (s segment) lastSeq() int64 { return s.last }
func (s segment) firstAt() int64 { return timeOf(s.lines.data) }
func (s segment) lastAt() int64 {
	data := s.lines.data
	return timeOf(data[bytes.LastIndexByte(data[:len(data)-1], '\n')+1:])
}

// write is the segment's document. firstAt and lastAt are what a reader of old
// history finds it by.
func (s segment) write(group string) (commit.Write, error) {
	keys, err := keysIn(s.lines.data)
	return commit.Write{Path: s.path(group), Fields: commit.Fields{
		"first": s.first, "data": packing.Pack(s.lines.data), "keys": keys, "firstAt": s.firstAt(), "lastAt": s.lastAt(), "day": Day(s.lastAt()),
	}}, err
}

func (s segment) path(group string) string { return group + "/segments/" + segmentID(s.last) }

// keysIn lists the idempotency keys of the entries in data, so that a very late
// retry still finds its message by one query.
func keysIn(data []byte) ([]int64, error) {
	keys := []int64{}
	for line := range bytes.Lines(data) {
		if !bytes.Contains(line, []byte(`"clientId":`)) && !bytes.Contains(line, []byte(`"random":`)) {
			continue
		}
		e, err := DecodeEntry(line)
		if err != nil {
			return nil, fmt.Errorf("an entry to seal: %w", err)
		}
		if key, ok := e.key(); ok {
			keys = append(keys, key)
		}
	}
	return keys, nil
}

func readSegment(d commit.Doc) (segment, error) {
	stored, _ := d.Fields["data"].([]byte)
	data, err := packing.Unpack(stored)
	s := segment{lines: parseLines(data), version: d.Version}
	s.first, _ = d.Fields["first"].(int64)
	s.changed, _ = d.Fields["changed"].(int64)
	s.last = s.first + int64(s.lines.len()) - 1
	if n := s.lines.len(); err == nil && (n == 0 || s.lines.ends[n-1] < len(data)) {
		err = errors.New("it ends within an entry")
	}
	if err != nil {
		return segment{}, fmt.Errorf("%s is broken: %w", d.Path, err)
	}
	return s, nil
}

// entries decodes the lines numbered from the seq first, keeping those after
// the seq after, at most limit of them.
func (l lines) entries(first, after int64, limit int) ([]Entry, error) {
	var out []Entry
	for i := range l.len() {
		if first+int64(i) <= after {
			continue
		}
		if len(out) == limit {
			break
		}
		e, err := DecodeEntry(l.at(i))
		if err != nil {
			return nil, fmt.Errorf("entry %d: %w", first+int64(i), err)
		}
		out = append(out, e)
	}
	return out, nil
}
