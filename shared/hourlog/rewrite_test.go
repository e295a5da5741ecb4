package hourlog

import (
	"bytes"
	"context"
	"slices"
	"strings"
	"testing"

	"gocloud.dev/blob"
	"gocloud.dev/blob/driver"

	"github.com/throng-im/throng/shared/fault"
)

// watchedBucket calls a test when an object was stored, before whoever stored it hears so.
type watchedBucket struct {
	*mortal
	stored func(key string)
}

type watchedWriter struct {
	driver.Writer
	stored func()
}

func (w watchedWriter) Close() error {
	err := w.Writer.Close()
	if err == nil {
		w.stored()
	}
	return err
}

func (w *watchedBucket) NewTypedWriter(ctx context.Context, key, kind string, o *driver.WriterOptions) (driver.Writer, error) {
	writer, err := w.mortal.NewTypedWriter(ctx, key, kind, o)
	return watchedWriter{writer, func() { w.stored(key) }}, err
}

// watching is the logs as another process has them, of which a test hears what it stored.
func (p *press) watching(stored func(key string)) *Logs {
	return p.through(func(m *mortal) driver.Bucket { return &watchedBucket{m, stored} })
}

// erasing is logs of one hour, 9 o'clock, in which something was said that is to be erased.
func erasing(t *testing.T) *press {
	p := newPress(t, "2026-11-24T09:30:00Z", "UTC")
	p.begins("g")
	p.says("g", "bad")
	p.says("g", "good")
	p.is("2026-11-24T10:06:00Z")
	p.ticks(p.logs)
	return p
}

// notBad leaves out lines with something bad.
func notBad(l Line) []byte {
	if bytes.Contains(l.Text, []byte("bad")) {
		return nil
	}
	return l.Text
}

func (p *press) zips() []string {
	p.Helper()
	return slices.DeleteFunc(p.objects(), func(k string) bool { return !strings.HasSuffix(k, ".zip") })
}

// erased says that the hour has the good line and no other, and no other file.
func (p *press) erased() {
	p.Helper()
	if lines := p.lines("2026112409"); len(lines) != 1 || !strings.Contains(lines[0], "good") {
		p.Errorf("the lines are %q", lines)
	}
	if files := p.zips(); len(files) != 1 {
		p.Errorf("the files are %q", files)
	}
}

// TestAFileThatSomebodyClearsAwayIsNotNamed: two erase at once, and one of them takes
// the file of the other, which has no name yet, for one that a dead process left.
func TestAFileThatSomebodyClearsAwayIsNotNamed(t *testing.T) {
	p := erasing(t)
	b, err := p.logs.bucket(t.Context())
	p.ok(err)
	cleared := false
	slow := p.watching(func(key string) {
		if strings.HasSuffix(key, ".zip") && !cleared {
			cleared = true
			p.ok(removeUnnamed(t.Context(), b))
		}
	})
	if err := slow.Erase(t.Context(), notBad); !cleared || !fault.Is(err, fault.Unavailable) {
		t.Errorf("the fresh file was cleared away, %v: %v", cleared, err)
	}
	if lines := p.lines("2026112409"); len(lines) != 2 {
		t.Errorf("the lines are %q", lines)
	}
	p.ok(slow.Erase(t.Context(), notBad))
	p.erased()
}

// TestAFileThatAnotherPutThereStays: two erase the same hour at once.
func TestAFileThatAnotherPutThereStays(t *testing.T) {
	p := erasing(t)
	erased := false
	slow := p.watching(func(key string) {
		if strings.HasSuffix(key, ".zip") && !erased {
			erased = true
			// Not Erase, which would clear away the fresh file.
			p.ok(p.logs.files(t.Context(), func(b *blob.Bucket, h hour, m mark) error { return p.logs.eraseFrom(t.Context(), b, h, m, notBad) }))
		}
	})
	if err := slow.Erase(t.Context(), notBad); !erased || !fault.Is(err, fault.Unavailable) {
		t.Errorf("another was faster, %v: %v", erased, err)
	}
	p.erased()
}

// TestALogThatIsRemovedWhileItIsErasedStaysAway, as Remove promises.
func TestALogThatIsRemovedWhileItIsErasedStaysAway(t *testing.T) {
	p := erasing(t)
	removed := false
	slow := p.watching(func(key string) {
		if strings.HasSuffix(key, ".zip") && !removed {
			removed = true
			p.ok(p.logs.Remove(t.Context(), "2026112409"))
		}
	})
	if err := slow.Erase(t.Context(), notBad); !removed || !fault.Is(err, fault.Unavailable) {
		t.Errorf("the log was removed, %v: %v", removed, err)
	}
	p.ok(slow.Erase(t.Context(), notBad))
	if lines, files := p.lines("2026112409"), p.zips(); lines != nil || len(files) > 0 {
		t.Errorf("a removed log is back: %q, %q", lines, files)
	}
}
