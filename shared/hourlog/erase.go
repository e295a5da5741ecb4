package hourlog

import (
	"archive/zip"
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"os"
	"strings"

	"gocloud.dev/blob"

	"github.com/throng-im/throng/shared/group"
	"github.com/throng-im/throng/shared/id"
)

// Line is a line of an hour's file.
type Line struct {
	Hour string
	From id.User
	To   id.Group
	UID  id.Message
	// Text is the whole line without its line feed.
	Text []byte

	record json.RawMessage
}

// dateBytes is what stands before a line's record.
const dateBytes = len("2006/01/02 15:04:05")

func parseLine(hour string, text []byte) (Line, error) {
	var r struct {
		From id.User    `json:"fromUserId"`
		To   id.Group   `json:"targetId"`
		UID  id.Message `json:"msgUID"`
	}
	if len(text) < dateBytes {
		return Line{}, fmt.Errorf("a line of %s is too short", hour)
	}
	l := Line{Hour: hour, Text: text, record: text[dateBytes:]}
	err := json.Unmarshal(l.record, &r)
	l.From, l.To, l.UID = r.From, r.To, r.UID
	return l, err
}

// Without is the line's text without people among those whom its message mentions.
func (l Line) Without(people id.People) []byte {
	var r struct {
		Content json.RawMessage `json:"content"`
	}
	if json.Unmarshal(l.record, &r) != nil || len(r.Content) == 0 || r.Content[0] != '{' {
		return l.Text
	}
	content := group.Unmention(string(r.Content), people)
	// The content stands in the line as it is.
	return bytes.Replace(l.Text, r.Content, []byte(content), 1)
}

// ended is an error for which not even the other hours are visited.
type ended struct{ error }

func (e ended) Unwrap() error { return e.error }

// Lines visits the lines of all files there are, hour by hour. Without a bucket there
// are none. A file that cannot be read does not stand in the way of the others, and is
// told of at the end; an error of visit ends it at once.
func (l *Logs) Lines(ctx context.Context, visit func(Line) error) error {
	return l.files(ctx, func(b *blob.Bucket, h hour, m mark) error {
		return l.readFile(ctx, b, h, m, func(line Line, _ *zip.File) error {
			if err := visit(line); err != nil {
				return ended{err}
			}
			return nil
		})
	})
}

// Erase makes the files anew of which change says that a line is another, or with nil
// that it is left out. It first makes all that can be made by now, and has whoever
// makes an hour at the same time begin anew: what was erased from the timelines is
// then in no later file. It may be stopped at any point and repeated.
//
// What fails for one hour does not stand in the way of the others. An hour that cannot be
// made by now may still come to have a file with what was erased, by who makes it at the
// same time: as long as there is an error, it has to be repeated.
func (l *Logs) Erase(ctx context.Context, change func(Line) []byte) error {
	if l.Bucket == "" {
		return nil
	}
	b, err := l.bucket(ctx)
	if err != nil {
		return err
	}
	var failed []error
	for _, step := range []struct {
		what string
		do   func() error
	}{
		{"what is due", func() error { _, err := l.Tick(ctx); return err }},
		{"hours in the making", func() error { return removeAll(ctx, b, "work/") }},
		{"files without a name", func() error { return removeUnnamed(ctx, b) }},
		{"files", func() error { return l.eraseFiles(ctx, change) }},
	} {
		if err := step.do(); err != nil {
			failed = append(failed, fmt.Errorf("erasing from the logs, %s: %w", step.what, err))
		}
		if ctx.Err() != nil {
			return errors.Join(append(failed, ctx.Err())...)
		}
	}
	return errors.Join(failed...)
}

// eraseFiles makes the files anew that change concerns.
func (l *Logs) eraseFiles(ctx context.Context, change func(Line) []byte) error {
	return l.files(ctx, func(b *blob.Bucket, h hour, m mark) error {
		concerned := errors.New("concerned")
		err := l.readFile(ctx, b, h, m, func(line Line, _ *zip.File) error {
			if out := change(line); !bytes.Equal(out, line.Text) {
				return concerned
			}
			return nil
		})
		if errors.Is(err, concerned) {
			err = l.eraseFrom(ctx, b, h, m, change)
		}
		return err
	})
}

// removeUnnamed removes files that were made of hours which have another: whoever made
// them did not live to do so. A file that it cannot tell of stays, and the others go.
func removeUnnamed(ctx context.Context, b *blob.Bucket) error {
	var failed []error
	err := each(ctx, b, "files/", func(object string) error {
		key, _, _ := strings.Cut(strings.TrimPrefix(object, "files/"), "/")
		if h, ours := hourKeyed(key); ours {
			if err := removeIfUnnamed(ctx, b, h, object); err != nil {
				failed = append(failed, fmt.Errorf("whether %s is named: %w", object, err))
			}
		}
		return ctx.Err()
	})
	return errors.Join(append(failed, err)...)
}

func removeIfUnnamed(ctx context.Context, b *blob.Bucket, h hour, file string) error {
	// The mark is read anew for each: it may have come to name the file meanwhile.
	m, done, err := marked(ctx, b, h)
	if err != nil || !done || file == m.File {
		return err
	}
	if m.generation != 0 {
		// Whoever made the file may live after all, and be about to name it.
		// That is refused once the mark is another, though it says the same.
		if err := changeMark(ctx, b, h, m, m); err != nil {
			return err
		}
	}
	if err := b.Delete(ctx, file); err != nil && !gone(err) {
		return unreachable(err)
	}
	return nil
}

// eraseFrom puts another file in the place of an hour's. Errors: fault.Unavailable
// where somebody else has put another there meanwhile, or has removed the log.
func (l *Logs) eraseFrom(ctx context.Context, b *blob.Bucket, h hour, old mark, change func(Line) []byte) (err error) {
	fresh := mark{File: fmt.Sprintf("files/%s/%016x/%s.zip", h.key(), rand.Uint64(), h.name)}
	// A writer whose context ends stores nothing.
	writing, cancel := context.WithCancel(ctx)
	defer cancel()
	out, err := b.NewWriter(writing, fresh.File, &blob.WriterOptions{ContentType: zipType, BufferSize: uploadBytes})
	if err != nil {
		return err
	}
	z, text := newZip(out), io.Writer(nil)
	err = l.readFile(ctx, b, h, old, func(line Line, f *zip.File) (err error) {
		if text == nil {
			if text, err = z.CreateHeader(&zip.FileHeader{Name: f.Name, Method: zip.Deflate, Modified: f.Modified}); err != nil {
				return err
			}
		}
		kept := change(line)
		if kept == nil {
			return nil
		}
		fresh.Lines++
		_, err = text.Write(append(bytes.Clone(kept), '\n'))
		return err
	})
	if err == nil {
		err = z.Close()
	}
	if err != nil || fresh.Lines == 0 {
		cancel()
		_ = out.Close() // it was given up
		if err != nil {
			return err
		}
		fresh.File = ""
	} else if err := out.Close(); err != nil {
		return err
	}
	if err := rename(ctx, b, h, old, fresh); err != nil {
		return err
	}
	if err := b.Delete(ctx, old.File); err != nil && !gone(err) {
		return err
	}
	slog.InfoContext(ctx, "lines were erased from the log of an hour", "hour", h.name, "lines", old.Lines-fresh.Lines)
	return nil
}

// rename has the mark name a fresh file, which is there for nothing where it cannot.
//
// Where the bucket knows generations, nothing can come in between. In a folder, a fresh
// file that removeUnnamed removes just after the look at it is lost.
func rename(ctx context.Context, b *blob.Bucket, h hour, old, fresh mark) error {
	if fresh.File != "" {
		// Another who erases may have held the file for one that nobody will name.
		there, err := b.NewRangeReader(ctx, fresh.File, 0, 0, nil)
		if gone(err) {
			return overtaken(h)
		}
		if err != nil {
			return unreachable(err)
		}
		_ = there.Close()
	}
	err := changeMark(ctx, b, h, old, fresh)
	if errors.Is(err, errOvertaken) && fresh.File != "" {
		if err := b.Delete(ctx, fresh.File); err != nil && !gone(err) {
			return unreachable(err)
		}
	}
	// After any other error it is not certain that the mark does not name the file.
	return err
}

// files visits the hours that have a file: all of them, whatever comes of one, unless that
// is that all has ended.
func (l *Logs) files(ctx context.Context, visit func(b *blob.Bucket, h hour, m mark) error) error {
	if l.Bucket == "" {
		return nil
	}
	b, err := l.bucket(ctx)
	if err != nil {
		return err
	}
	var done []hour
	err = each(ctx, b, "hours/", func(object string) error {
		if h, ours := hourKeyed(strings.TrimPrefix(object, "hours/")); ours {
			done = append(done, h)
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("the list of hours: %w", err)
	}
	var failed []error
	for _, h := range done {
		if ctx.Err() != nil {
			break
		}
		err := l.visitHour(ctx, b, h, visit)
		failed = append(failed, err)
		if all := (ended{}); errors.As(err, &all) {
			break
		}
	}
	return errors.Join(append(failed, ctx.Err())...)
}

// errMissing says that the file that was to be read is not there.
var errMissing = errors.New("the file is not there")

// looks is how often the mark is read of an hour whose file goes before it is opened,
// and a list that trips over an object that is gone.
const looks = 5

// visitHour visits an hour if it has a file. The mark is read only now, and anew where the
// file is gone: since the hours were listed, a log may have been removed, or have got
// another file.
func (l *Logs) visitHour(ctx context.Context, b *blob.Bucket, h hour, visit func(b *blob.Bucket, h hour, m mark) error) (err error) {
	defer func() {
		if err != nil {
			err = fmt.Errorf("the log of %s: %w", h.name, err)
		}
	}()
	m, _, err := marked(ctx, b, h)
	for look := 1; err == nil && m.File != ""; look++ {
		h.name = m.named()
		failed := visit(b, h, m)
		if !errors.Is(failed, errMissing) || look == looks {
			return failed
		}
		old := m
		if m, _, err = marked(ctx, b, h); err != nil || m.File != old.File {
			continue
		}
		if l.Now().Sub(h.from) > removedAfter {
			return nil // of what is too old the file goes before the mark
		}
		return failed
	}
	return err
}

// readFile visits the lines of an hour's file. What reads a ZIP wants to look at its
// end first, so that it is copied to the machine's own disk.
func (l *Logs) readFile(ctx context.Context, b *blob.Bucket, h hour, m mark, visit func(Line, *zip.File) error) (err error) {
	disk, err := os.CreateTemp("", "hour-*.zip")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, disk.Close(), os.Remove(disk.Name())) }()
	err = b.Download(ctx, m.File, disk, nil)
	if gone(err) {
		return errors.Join(errMissing, unreachable(err))
	}
	if err != nil {
		return unreachable(err)
	}
	size, err := disk.Seek(0, io.SeekEnd)
	if err != nil {
		return err
	}
	z, err := zip.NewReader(disk, size)
	if err != nil {
		return err
	}
	for _, f := range z.File {
		text, err := f.Open()
		if err != nil {
			return err
		}
		lines := bufio.NewScanner(text)
		lines.Buffer(make([]byte, 0, 16<<10), longestLine)
		for lines.Scan() {
			line, err := parseLine(h.name, lines.Bytes())
			if err == nil {
				err = visit(line, f)
			}
			if err != nil {
				return errors.Join(err, text.Close())
			}
		}
		if err := errors.Join(lines.Err(), text.Close()); err != nil {
			return err
		}
	}
	return nil
}
