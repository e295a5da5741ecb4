package hourlog

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"gocloud.dev/blob"
	"gocloud.dev/blob/driver"

	"github.com/throng-im/throng/shared/fault"
)

// seen is a bucket that calls a test before an object is read.
type seen struct {
	*mortal
	reads func(key string)
}

func (s *seen) NewRangeReader(ctx context.Context, key string, offset, length int64, o *driver.ReaderOptions) (driver.Reader, error) {
	s.reads(key)
	return s.mortal.NewRangeReader(ctx, key, offset, length, o)
}

// seeing is the logs as another process has them, of which a test hears what it reads.
func (p *press) seeing(reads func(key string)) *Logs {
	return p.through(func(m *mortal) driver.Bucket { return &seen{m, reads} })
}

// hours is logs of two hours, 9 and 10 o'clock, in each of which something was said that
// is to be erased, and something else.
func hours(t *testing.T) *press {
	p := newPress(t, "2026-11-24T09:30:00Z", "UTC")
	p.begins("g")
	p.says("g", "bad at nine")
	p.says("g", "good at nine")
	p.is("2026-11-24T10:30:00Z")
	p.says("g", "bad at ten")
	p.says("g", "good at ten")
	p.is("2026-11-24T11:06:00Z")
	p.ticks(p.logs)
	return p
}

// searched are the lines that a search visits, each by what was said and its hour.
func (p *press) searched(l *Logs, visited func(text string)) (all string, err error) {
	p.Helper()
	err = l.Lines(p.Context(), func(line Line) error {
		text, _ := p.read(string(line.Text)).Content.(string)
		all += text + ", "
		visited(text)
		return nil
	})
	return all, err
}

// goings are ways in which the log of 10 o'clock may go, and what is then left in all.
var goings = map[string]struct {
	goes      func(p *press)
	ten       string
	nineStays bool
}{
	"removed":      {func(p *press) { p.ok(p.logs.Remove(p.Context(), "2026112410")) }, "", true},
	"swept":        {func(p *press) { p.is("2026-11-27T13:00:00Z"); p.ticks(p.logs) }, "", false},
	"nearly swept": {func(p *press) { p.is("2026-11-27T13:00:00Z"); p.forgets("files/") }, "", false},
	"erased from": {func(p *press) {
		p.ok(p.logs.files(p.Context(), func(b *blob.Bucket, h hour, m mark) error {
			if h.name != "2026112410" {
				return nil
			}
			return p.logs.eraseFrom(p.Context(), b, h, m, notBad)
		}))
	}, "good at ten, ", true},
}

// TestALogThatGoesBeforeItsTurnDoesNotEndASearch: it goes while another hour is read, or
// just before its own file is.
func TestALogThatGoesBeforeItsTurnDoesNotEndASearch(t *testing.T) {
	for about, c := range goings {
		want := "bad at nine, good at nine, " + c.ten
		p := hours(t)
		all, err := p.searched(p.logs, func(text string) {
			if text == "good at nine" {
				c.goes(p)
			}
		})
		if err != nil || all != want {
			t.Errorf("%s while another is read: %q, %v", about, all, err)
		}
		p = hours(t)
		gone := false
		l := p.seeing(func(key string) {
			if !gone && strings.HasPrefix(key, "files/20261124T1000Z/") {
				gone = true
				c.goes(p)
			}
		})
		if all, err = p.searched(l, func(string) {}); err != nil || all != want || !gone {
			t.Errorf("%s before it is read: %q, %v", about, all, err)
		}
	}
}

// TestALogThatGoesBeforeItsTurnDoesNotEndAnErasing, whichever time its file is read.
func TestALogThatGoesBeforeItsTurnDoesNotEndAnErasing(t *testing.T) {
	for about, c := range goings {
		for at := range 3 {
			p := hours(t)
			reads := 0
			goes := func() {
				if reads++; reads == max(at, 1) {
					c.goes(p)
				}
			}
			l := p.seeing(func(key string) {
				if at > 0 && strings.HasPrefix(key, "files/20261124T1000Z/") {
					goes()
				}
			})
			err := l.Erase(t.Context(), func(l Line) []byte {
				if at == 0 && l.Hour == "2026112409" {
					goes()
				}
				return notBad(l)
			})
			if err != nil || reads == 0 {
				t.Fatalf("%s at %d of %d reads: %v", about, at, reads, err)
			}
			p.ticks(p.logs) // what was nearly swept is
			if left := p.having("bad"); len(left) > 0 {
				t.Errorf("%s at read %d: left is %q", about, at, left)
			}
			if c.nineStays && len(p.lines("2026112409")) != 1 || len(p.lines("2026112410")) != strings.Count(c.ten, ",") {
				t.Errorf("%s at read %d: the lines are %q and %q", about, at, p.lines("2026112409"), p.lines("2026112410"))
			}
		}
	}
}

// TestAFileThatIsMissingIsAnError where nothing says that it may be.
func TestAFileThatIsMissingIsAnError(t *testing.T) {
	p := hours(t)
	p.forgets("files/20261124T1000Z/")
	if all, err := p.searched(p.logs, func(string) {}); err == nil {
		t.Errorf("a search without the file of an hour finds %q", all)
	}
	if err := p.logs.Erase(t.Context(), notBad); err == nil {
		t.Error("all was erased from a file that is not there")
	}
}

// TestAFileThatIsAlwaysAnother: whenever the file of an hour is opened, the hour has got
// another in its place. That is given up some time, and said.
func TestAFileThatIsAlwaysAnother(t *testing.T) {
	p := hours(t)
	b, err := p.logs.bucket(t.Context())
	p.ok(err)
	h, _ := hourKeyed("20261124T1000Z")
	moved := 0
	l := p.seeing(func(key string) {
		if !strings.HasPrefix(key, "files/20261124T1000Z/") || moved == 10*looks {
			return
		}
		moved++
		next := fmt.Sprintf("files/20261124T1000Z/%d/2026112410.zip", moved)
		p.ok(b.Copy(t.Context(), next, key, nil))
		p.ok(setMark(t.Context(), b, h, mark{File: next, Lines: 2}, false))
		p.ok(b.Delete(t.Context(), key))
	})
	if all, err := p.searched(l, func(string) {}); !fault.Is(err, fault.Unavailable) || moved != looks {
		t.Errorf("after %d others: %q, %v", moved, all, err)
	}
}
