package group

import (
	"bytes"
	"crypto/rand"
	"fmt"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/klauspost/compress/zstd"

	"github.com/throng-im/throng/shared/commit"
)

func run(n int) []byte {
	var b bytes.Buffer
	for i := range n {
		encoded, _ := Entry{Kind: KindMessage, From: "ann", Type: "RC:TxtMsg", Content: fmt.Sprint("hello ", i)}.encode()
		b.Write(append(stamp(nil, encoded, int64(i)+1, 1_800_000_000_000), '\n'))
	}
	return b.Bytes()
}

func TestPackingNeverMakesLarger(t *testing.T) {
	noise := make([]byte, 1000)
	_, _ = rand.Read(noise)
	for what, data := range map[string][]byte{"lines": run(48), "one line": run(1), "noise": append([]byte{'{'}, noise...), "a brace": []byte("{")} {
		packed := packing.Pack(data)
		plain, err := packing.Unpack(packed)
		if err != nil || !bytes.Equal(plain, data) || len(packed) > len(data) {
			t.Errorf("%s: %d bytes became %d and then %d, %v", what, len(data), len(packed), len(plain), err)
		}
	}
	if data := run(48); len(packing.Pack(data)) > len(data)/4 {
		t.Errorf("48 lines of %d bytes became %d", len(data), len(packing.Pack(data)))
	}
}

// TestABombIsDefused reads documents that claim or hold more than a segment can.
func TestABombIsDefused(t *testing.T) {
	enc, err := zstd.NewWriter(nil)
	if err != nil {
		t.Fatal(err)
	}
	bomb := enc.EncodeAll(make([]byte, 64<<20), nil)
	many := bytes.Repeat(enc.EncodeAll(make([]byte, maxUnpacked/2), nil), 20)
	var stream bytes.Buffer // one that does not say its size
	w, _ := zstd.NewWriter(&stream)
	_, _ = w.Write(make([]byte, 16<<20))
	_ = w.Close()
	for what, data := range map[string][]byte{"one frame": bomb, "many frames": many, "a stream": stream.Bytes(), "half a frame": packing.Pack(run(48))[:100]} {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		_, err := readSegment(commit.Doc{Path: "groups/g/segments/1", Fields: commit.Fields{"first": int64(1), "data": data}, Version: time.Now()})
		runtime.ReadMemStats(&after)
		if err == nil || !strings.Contains(err.Error(), "groups/g/segments/1") {
			t.Errorf("%s: %v", what, err)
		}
		if n := after.TotalAlloc - before.TotalAlloc; n > 8*maxUnpacked {
			t.Errorf("%s took %d bytes of memory", what, n)
		}
	}
	if plain, err := packing.Unpack(enc.EncodeAll(make([]byte, maxUnpacked), nil)); err != nil || len(plain) != maxUnpacked {
		t.Errorf("the largest there may be is %d bytes, %v", len(plain), err)
	}
}

// FuzzSegment reads any bytes as a segment and as a tail, and changes what can
// be read.
func FuzzSegment(f *testing.F) {
	f.Add(run(3), int64(1))
	f.Add(packing.Pack(run(48)), int64(5))
	f.Add([]byte(`{"seq":1,"expansion":{"a":"b","c":{"v":"d","ts":7}}}`+"\n\n{}\n"), int64(0))
	f.Add([]byte("\x28\xb5\x2f\xfd"), int64(-1))
	f.Fuzz(func(t *testing.T, data []byte, first int64) {
		s, err := readSegment(commit.Doc{Fields: commit.Fields{"first": first, "data": data}, Version: time.Now()})
		if err != nil {
			return
		}
		if s.last-s.first+1 != int64(s.lines.len()) || s.lines.bytes() > maxUnpacked && len(data) <= maxUnpacked {
			t.Fatalf("%d to %d in %d lines of %d bytes", s.first, s.last, s.lines.len(), s.lines.bytes())
		}
		for i := range s.lines.len() {
			e, err := DecodeEntry(s.lines.at(i))
			if err != nil {
				continue
			}
			again, err := e.encode()
			if err != nil {
				t.Fatalf("%q can be read and not written: %v", s.lines.at(i), err)
			}
			line := stamp(nil, again, e.Seq, e.At)
			if bytes.IndexByte(line, '\n') >= 0 {
				t.Fatalf("a line has a line break: %q", line)
			}
			s.lines.replace(i, line)
		}
		flat := s.lines.flat()
		if n := parseLines(flat.data).len(); n != s.lines.len() || flat.bytes() != s.lines.bytes() && len(s.lines.changed) > 0 {
			t.Fatalf("%d lines became %d, %d bytes %d", s.lines.len(), n, s.lines.bytes(), flat.bytes())
		}
	})
}

// TestABatchOfChangesEnds fills a batch as the commit loop does, with the largest
// changes there are to messages in the tail, and bounds what it comes to.
func TestABatchOfChangesEnds(t *testing.T) {
	const batchBytes, commitBytes = 3 << 19, 3 << 20
	s := (&state{id: "g", version: time.Now(), serial: 1}).draft(1_800_000_000_000)
	encoded, err := encodeEntry(Entry{Kind: KindMessage, From: "ann", Type: "t", Content: "x", Expandable: true})
	if err != nil {
		t.Fatal(err)
	}
	for range tailEntries {
		s.append(encoded)
	}
	keys := map[string]Value{"k": {V: strings.Repeat("v", maxChangeBytes-1000)}}
	made := 0
	for seq := int64(1); seq <= tailEntries && (model{}).Weight(s) <= batchBytes; seq++ {
		changed, err := s.amend(seq, KindExpansion, func(old Entry, _, _ int64) (*amended, error) {
			old.Expansion = keys
			return &amended{message: old, news: Entry{From: "ann", Expansion: keys}}, nil
		})
		if !changed || err != nil {
			t.Fatalf("change %d: %v", seq, err)
		}
		made++
	}
	if n := s.tail.bytes(); made < 2 || n > commitBytes {
		t.Errorf("%d changes come to %d bytes, the bound is %d", made, n, commitBytes)
	}
}
