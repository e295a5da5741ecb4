package hourlog

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"container/heap"
	"context"
	"errors"
	"io"
	"slices"

	"gocloud.dev/blob"

	"github.com/throng-im/throng/shared/group"
)

// pile is lines with their keys, in memory.
type pile struct {
	lines [][]byte
	bytes int
}

func (p *pile) add(line []byte) {
	p.lines, p.bytes = append(p.lines, line), p.bytes+len(line)
}

func (p *pile) sorted() [][]byte {
	slices.SortFunc(p.lines, compareKeys)
	return p.lines
}

func compareKeys(a, b []byte) int { return bytes.Compare(a[:keyBytes], b[:keyBytes]) }

// storeRun stores sorted lines as a run.
func storeRun(ctx context.Context, b *blob.Bucket, key string, lines [][]byte) error {
	// A writer whose context ends stores nothing.
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	out, err := b.NewWriter(ctx, key, &blob.WriterOptions{ContentType: "application/gzip", BufferSize: uploadBytes})
	if err != nil {
		return err
	}
	packed, _ := gzip.NewWriterLevel(out, gzip.BestSpeed) // fails for a level that there is not
	for _, line := range lines {
		if _, err = packed.Write(line); err != nil {
			break
		}
	}
	if err = errors.Join(err, packed.Close()); err != nil {
		cancel()
	}
	return errors.Join(err, out.Close())
}

// source is lines in order. next returns io.EOF behind the last; what it returns
// holds until it is called again.
type source interface {
	next() ([]byte, error)
	close()
}

// memory is a source in memory.
type memory struct{ lines [][]byte }

func (m *memory) next() ([]byte, error) {
	if len(m.lines) == 0 {
		return nil, io.EOF
	}
	line := m.lines[0]
	m.lines = m.lines[1:]
	return line, nil
}

func (*memory) close() {}

// run is a source in the bucket.
type run struct {
	object *blob.Reader
	lines  *bufio.Scanner
}

// longestLine bounds a line: an entry with a key and names, and its payload escaped at
// the worst.
const longestLine = 8 * group.MaxEntryBytes

func openRun(ctx context.Context, b *blob.Bucket, key string) (*run, error) {
	object, err := b.NewReader(ctx, key, nil)
	if err != nil {
		return nil, err
	}
	packed, err := gzip.NewReader(object)
	if err != nil {
		return nil, errors.Join(err, object.Close())
	}
	lines := bufio.NewScanner(packed)
	lines.Buffer(make([]byte, 0, 16<<10), longestLine)
	lines.Split(wholeLines)
	return &run{object: object, lines: lines}, nil
}

// wholeLines splits behind line feeds and leaves them where they are.
func wholeLines(data []byte, atEnd bool) (int, []byte, error) {
	if n := bytes.IndexByte(data, '\n') + 1; n > 0 {
		return n, data[:n], nil
	}
	if atEnd && len(data) > 0 {
		return 0, nil, io.ErrUnexpectedEOF
	}
	return 0, nil, nil
}

func (r *run) next() ([]byte, error) {
	if r.lines.Scan() {
		return r.lines.Bytes(), nil
	}
	if err := r.lines.Err(); err != nil {
		return nil, err
	}
	return nil, io.EOF
}

func (r *run) close() { _ = r.object.Close() }

// merge is the lines of several sources in order, those of one key once.
type merge struct {
	all []source
	// heads are the sources that have more, ordered by their next lines.
	heads  heads
	opened bool
	last   []byte
}

type head struct {
	line []byte
	from source
}

type heads []head

func (h heads) Len() int           { return len(h) }
func (h heads) Less(i, j int) bool { return compareKeys(h[i].line, h[j].line) < 0 }
func (h heads) Swap(i, j int)      { h[i], h[j] = h[j], h[i] }
func (h *heads) Push(x any)        { *h = append(*h, x.(head)) }
func (h *heads) Pop() any {
	last := (*h)[len(*h)-1]
	*h = (*h)[:len(*h)-1]
	return last
}

func (m *merge) push(s source) { m.all = append(m.all, s) }

func (m *merge) close() {
	for _, s := range m.all {
		s.close()
	}
}

// next returns the next line, io.EOF behind the last. It holds until next is
// called again.
func (m *merge) next() ([]byte, error) {
	for {
		if err := m.advance(); err != nil {
			return nil, err
		}
		if len(m.heads) == 0 {
			return nil, io.EOF
		}
		line := m.heads[0].line
		if m.last != nil && bytes.Equal(m.last, line[:keyBytes]) {
			continue
		}
		m.last = append(m.last[:0], line[:keyBytes]...)
		return line, nil
	}
}

// advance goes on in the source that the last line came from, or in all at first.
func (m *merge) advance() error {
	if m.opened && len(m.heads) == 0 {
		return nil
	}
	if m.opened {
		line, err := m.heads[0].from.next()
		switch {
		case errors.Is(err, io.EOF):
			heap.Pop(&m.heads)
		case err != nil:
			return err
		default:
			m.heads[0].line = line
			heap.Fix(&m.heads, 0)
		}
		return nil
	}
	m.opened = true
	for _, s := range m.all {
		line, err := s.next()
		if errors.Is(err, io.EOF) {
			continue
		}
		if err != nil {
			return err
		}
		heap.Push(&m.heads, head{line, s})
	}
	return nil
}
