package hourlog

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"gocloud.dev/blob"
	"gocloud.dev/blob/driver"
	"gocloud.dev/gcerrors"
)

var errDead = errors.New("the process is dead")

// mortal is a bucket as a process has it that dies at one of its writes: before it or
// after it. From then on nothing that the process does has any effect, which is more
// than the end of a context does: no clearing up, no last note.
type mortal struct {
	of *blob.Bucket

	mu     sync.Mutex
	writes int
	// diesAt is the number of the write, counted from one; zero is never.
	diesAt int
	after  bool
	dead   bool
	did    []string
}

// change counts a write, and makes it unless the process dies before it.
func (m *mortal) change(what string, do func() error) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.writes++
	m.did = append(m.did, what)
	dies := m.writes == m.diesAt
	if m.dead = m.dead || dies && !m.after; m.dead {
		return errDead
	}
	if err := do(); err != nil || !dies {
		return err
	}
	m.dead = true
	return errDead
}

func (m *mortal) alive() error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.dead {
		return errDead
	}
	return nil
}

func (m *mortal) ErrorCode(err error) gcerrors.ErrorCode { return gcerrors.Code(err) }
func (m *mortal) As(any) bool                            { return false }
func (m *mortal) ErrorAs(error, any) bool                { return false }
func (m *mortal) Close() error                           { return nil }

func (m *mortal) Attributes(context.Context, string) (*driver.Attributes, error) {
	return nil, errDead // nobody asks
}

func (m *mortal) Copy(context.Context, string, string, *driver.CopyOptions) error { return errDead }

func (m *mortal) SignedURL(context.Context, string, *driver.SignedURLOptions) (string, error) {
	return "", errDead
}

func (m *mortal) ListPaged(ctx context.Context, o *driver.ListOptions) (*driver.ListPage, error) {
	page := new(driver.ListPage)
	for all := m.of.List(&blob.ListOptions{Prefix: o.Prefix}); ; {
		if err := m.alive(); err != nil {
			return nil, err
		}
		next, err := all.Next(ctx)
		if isEnd(err) {
			return page, nil
		}
		if err != nil {
			return nil, err
		}
		page.Objects = append(page.Objects, &driver.ListObject{Key: next.Key, Size: next.Size})
	}
}

func (m *mortal) Delete(ctx context.Context, key string, _ *driver.DeleteOptions) error {
	return m.change("removes "+key, func() error { return m.of.Delete(ctx, key) })
}

// mortalReader reads while the process lives.
type mortalReader struct {
	*blob.Reader
	m *mortal
}

func (r mortalReader) Read(p []byte) (int, error) {
	if err := r.m.alive(); err != nil {
		return 0, err
	}
	return r.Reader.Read(p)
}

func (r mortalReader) Attributes() *driver.ReaderAttributes {
	return &driver.ReaderAttributes{ContentType: r.ContentType(), Size: r.Size(), ModTime: r.ModTime()}
}

func (r mortalReader) As(any) bool { return false }

func (m *mortal) NewRangeReader(ctx context.Context, key string, offset, length int64, _ *driver.ReaderOptions) (driver.Reader, error) {
	if err := m.alive(); err != nil {
		return nil, err
	}
	r, err := m.of.NewRangeReader(ctx, key, offset, length, nil)
	return mortalReader{r, m}, err
}

// mortalWriter is an object that is stored when it is closed, by a process that lives.
type mortalWriter struct {
	bytes.Buffer
	m     *mortal
	store func(body []byte) error
	key   string
	ctx   context.Context
}

func (w *mortalWriter) Close() error {
	if err := w.ctx.Err(); err != nil {
		return err
	}
	return w.m.change("stores "+w.key, func() error { return w.store(w.Bytes()) })
}

func (m *mortal) NewTypedWriter(ctx context.Context, key, kind string, o *driver.WriterOptions) (driver.Writer, error) {
	if err := m.alive(); err != nil {
		return nil, err
	}
	return &mortalWriter{m: m, key: key, ctx: ctx, store: func(body []byte) error {
		return m.of.WriteAll(ctx, key, body, &blob.WriterOptions{ContentType: kind, IfNotExist: o.IfNotExist})
	}}, nil
}

var _ io.WriteCloser = (*mortalWriter)(nil)

// dies has a process make what is due and die at a write, and returns its bucket.
func (p *press) dies(at int, after bool) *mortal {
	p.Helper()
	return p.diesWhile(at, after, func(l *Logs) error { _, err := l.Tick(p.Context()); return err })
}

// diesWhile has a process do something and die at a write, and returns its bucket.
func (p *press) diesWhile(at int, after bool, do func(*Logs) error) *mortal {
	p.Helper()
	b, err := p.logs.bucket(p.Context())
	p.ok(err)
	m := &mortal{of: b, diesAt: at, after: after}
	l := p.another(p.logs.Bucket)
	l.opened, l.spill, l.every = blob.NewBucket(m), 16<<10, 0
	if err := do(l); err == nil && m.dead && m.writes <= at {
		p.Errorf("a process that died at write %d says that all is well", at)
	}
	return m
}

// TestAnArchiveThatDiesAtAnyWrite kills the making of a file before each of its writes
// to the bucket and after the last, while eight go on sending. The next process makes the
// file that one made that lived, and clears away what was kept for that. Of a process that
// died once the hour was done nobody clears it away: that goes when the hour does.
func TestAnArchiveThatDiesAtAnyWrite(t *testing.T) {
	p := newPress(t, "2026-11-24T10:06:00Z", "UTC")
	groups := names(90) // more than are read at once
	p.begins(groups...)
	p.ticks(p.logs) // the hours before are done
	for n := range 400 {
		p.set(p.now().Add(7 * time.Second))
		p.says(groups[n*n%len(groups)], fmt.Sprint("message ", n))
	}
	p.is("2026-11-24T11:06:00Z")
	all := p.dies(0, false)
	want := p.download("2026112410")
	if p.agrees("2026112410"); len(want) == 0 {
		t.Fatal("there is no file")
	}
	for _, kind := range []string{"-0000", "/progress", ".zip", "stores hours/20261124T1000Z", "removes "} {
		if !slices.ContainsFunc(all.did, func(s string) bool { return strings.HasSuffix(s, kind) || strings.HasPrefix(s, kind) }) {
			t.Fatalf("no write is one of %s: %q", kind, all.did)
		}
	}
	stop := make(chan struct{})
	var sending sync.WaitGroup
	for sender := range 8 {
		sending.Go(func() {
			for n := 0; ; n++ {
				select {
				case <-stop:
					return
				case <-time.After(5 * time.Millisecond):
				}
				p.set(p.now().Add(time.Millisecond))
				if _, err := p.trySay(groups[(sender*7+n)%len(groups)], "of the next hour"); err != nil {
					t.Error(err)
				}
			}
		})
	}
	// To die after one write is to die before the next, but for the last.
	for at := 1; at <= all.writes+1; at++ {
		n, after := min(at, all.writes), at > all.writes
		p.forgets("20261124T1000Z")
		m := p.dies(n, after)
		if !m.dead {
			t.Fatalf("there is no write %d of %d", n, all.writes)
		}
		about := fmt.Sprintf("dead at write %d (%s), after it: %v", n, m.did[n-1], after)
		early := p.download("2026112410")
		if early != nil && !bytes.Equal(early, want) {
			t.Fatalf("%s: there is a file already, and it is another", about)
		}
		p.ticks(p.another(p.logs.Bucket))
		if got := p.download("2026112410"); !bytes.Equal(got, want) {
			t.Fatalf("%s: the file is another", about)
		}
		if left := p.holding("work/"); early == nil && len(left) > 0 {
			t.Fatalf("%s: of the making there is left %q", about, left)
		}
	}
	p.forgets("20261124T1000Z")
	p.dies(slices.Index(all.did, "stores hours/20261124T1000Z")+1, true)
	if p.ticks(p.logs); len(p.holding("work/")) == 0 {
		t.Errorf("of a process that died once the hour was done, left is %q", p.holding("20261124T1000Z"))
	}
	close(stop)
	sending.Wait()
	p.is("2026-11-24T12:06:00Z")
	p.ticks(p.logs)
	p.agrees("2026112410", "2026112411")
	p.is("2026-11-27T12:06:00Z")
	if p.ticks(p.logs); len(p.holding("20261124T1000Z")) > 0 {
		t.Errorf("the hour is over for long, left is %q", p.holding("20261124T1000Z"))
	}
}

// holding are the objects that have a text in their name.
func (p *press) holding(text string) []string {
	p.Helper()
	return slices.DeleteFunc(p.objects(), func(key string) bool { return !strings.Contains(key, text) })
}
