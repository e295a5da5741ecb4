package hourlog

import (
	"context"
	"errors"
	"strings"
	"testing"

	"gocloud.dev/blob/driver"
)

var errBlind = errors.New("the mark cannot be read")

// deaf is a bucket whose answers to writes of what must be new are lost: the write is
// made again, and refused.
type deaf struct {
	*mortal
	// blind has the marks unreadable from such a write on.
	blind bool
	again int
}

type deafWriter struct {
	driver.Writer
	b *deaf
}

func (w deafWriter) Close() error {
	if err := w.Writer.Close(); err != nil {
		return err
	}
	w.b.again++
	return w.Writer.Close()
}

func (d *deaf) NewTypedWriter(ctx context.Context, key, kind string, o *driver.WriterOptions) (driver.Writer, error) {
	w, err := d.mortal.NewTypedWriter(ctx, key, kind, o)
	if err == nil && o.IfNotExist {
		return deafWriter{w, d}, nil
	}
	return w, err
}

func (d *deaf) NewRangeReader(ctx context.Context, key string, offset, length int64, o *driver.ReaderOptions) (driver.Reader, error) {
	if d.blind && d.again > 0 && strings.HasPrefix(key, "hours/") {
		return nil, errBlind
	}
	return d.mortal.NewRangeReader(ctx, key, offset, length, o)
}

// TestAMarkWhoseAnswerIsLostKeepsItsFile: who made a file hears that the hour had one
// already, and it is the same.
func TestAMarkWhoseAnswerIsLostKeepsItsFile(t *testing.T) {
	for about, blind := range map[string]bool{"the mark is read": false, "the mark cannot be read": true} {
		p := newPress(t, "2026-11-24T09:06:00Z", "UTC")
		p.ticks(p.logs) // the hours before are done
		p.begins("g")
		p.says("g", "nine")
		p.is("2026-11-24T10:06:00Z")
		d := &deaf{blind: blind}
		l := p.through(func(m *mortal) driver.Bucket { d.mortal = m; return d })
		if _, err := l.Tick(t.Context()); (err != nil) != blind || d.again != 1 {
			t.Errorf("%s: %d writes were made again: %v", about, d.again, err)
		}
		if len(p.lines("2026112409")) != 1 || len(p.zips()) != 1 {
			t.Errorf("%s: the bucket holds %q", about, p.objects())
		}
		p.agrees("2026112409")
	}
}
