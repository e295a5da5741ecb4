// Package hourlog is the hourly logs: for each hour one file with a line for every
// message that was sent in any group, in a bucket of object storage, kept for three
// days.
//
// The stored timelines are what a file is made from. What the bucket holds:
//
//	hours/{hour}                    says that the hour is done, and which file it has
//	files/{hour}/{attempt}/{name}   the file, a ZIP
//	work/{hour}/...                 what is done of an hour in the making
//
// An hour is done when it is said to be, and that is said once: whoever comes
// second, or after the file was removed, changes nothing.
package hourlog

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"path"
	"slices"
	"strings"
	"sync"
	"time"

	"cloud.google.com/go/storage"
	"gocloud.dev/blob"

	"github.com/throng-im/throng/shared/fault"
	"github.com/throng-im/throng/shared/group"
)

const (
	// Settled is how long after its end an hour is made, when nothing can be added
	// to it any more: an entry has the time of the process that committed it, and is
	// stored later. Two clocks that differ from the right time by a minute each, and
	// three minutes for a commit, which gives up after five seconds.
	Settled = 5 * time.Minute
	// Kept is how long files are kept, and how far back an hour that was missed is
	// made up for.
	Kept = 3 * 24 * time.Hour
	// removedAfter is when what belongs to an hour goes, counted from the hour's
	// begin, however long the hour was.
	removedAfter = Kept + 2*time.Hour
	// addressFor is how long a download address is good.
	addressFor = time.Hour
	zipType    = "application/zip"
)

// Options are what the logs are made with.
type Options struct {
	// Bucket is the address of the bucket; see open. Empty, there are no logs.
	Bucket string
	// Secret signs the download addresses of a folder.
	Secret string
	// App is the app key, which every line names.
	App string
	// Zone is the time zone of hours and lines: UTC when nil.
	Zone *time.Location
	// Now is the clock: time.Now when nil.
	Now func() time.Time
}

// Logs are the hourly logs of the app.
type Logs struct {
	Options
	groups *group.Groups
	// spill is how many bytes of lines are kept in memory, every how often what is
	// done is noted down.
	spill int
	every time.Duration

	mu     sync.Mutex
	opened *blob.Bucket
}

// New returns the logs of groups. The bucket is opened when it is needed.
func New(groups *group.Groups, o Options) *Logs {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Zone == nil {
		o.Zone = time.UTC
	}
	return &Logs{Options: o, groups: groups, spill: 8 << 20, every: 30 * time.Second}
}

// bucket opens the bucket. A failure is not remembered.
func (l *Logs) bucket(ctx context.Context) (*blob.Bucket, error) {
	if l.Bucket == "" {
		return nil, fault.New(fault.NotEnabled, "the log service is not enabled")
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.opened != nil {
		return l.opened, nil
	}
	b, err := open(context.WithoutCancel(ctx), l.Bucket, l.Secret)
	if err != nil {
		return nil, unreachable(err)
	}
	l.opened = b
	return b, nil
}

// unreachable is an error of the bucket as callers may see it.
func unreachable(err error) error {
	return errors.Join(fault.New(fault.Unavailable, "the logs cannot be reached, try again"), err)
}

// mark is what is said of an hour that is done. File is empty where nothing was
// sent, and after the file was removed.
type mark struct {
	File  string `json:"file,omitempty"`
	Lines int    `json:"lines"`
	// generation is of the object that says it, and zero where the bucket knows none.
	generation int64
}

// named is the hour's name on the clock of the zone that its file was made in.
func (m mark) named() string { return strings.TrimSuffix(path.Base(m.File), ".zip") }

func (h hour) mark() string { return "hours/" + h.key() }

// marked reads what is said of an hour. ok is false when it is not done.
func marked(ctx context.Context, b *blob.Bucket, h hour) (m mark, ok bool, err error) {
	object, err := b.NewReader(ctx, h.mark(), nil)
	if gone(err) {
		return m, false, nil
	}
	if err != nil {
		return m, false, unreachable(err)
	}
	defer func() { _ = object.Close() }()
	raw, err := io.ReadAll(object)
	if err != nil {
		return m, false, unreachable(err)
	}
	if at := (*storage.Reader)(nil); object.As(&at) {
		m.generation = at.Attrs.Generation
	}
	return m, true, json.Unmarshal(raw, &m)
}

func setMark(ctx context.Context, b *blob.Bucket, h hour, m mark, first bool) error {
	raw, err := json.Marshal(m)
	if err != nil {
		return err
	}
	return b.WriteAll(ctx, h.mark(), raw, &blob.WriterOptions{ContentType: "application/json", IfNotExist: first})
}

// changeMark says something else of an hour of which old was said. Errors:
// fault.Unavailable where somebody else has said something meanwhile.
//
// Cloud Storage itself refuses to put a mark in the place of one that is not old. In a
// folder nothing does: what is said between the look at the mark and the write, which
// takes no longer than a small file does, is lost.
func changeMark(ctx context.Context, b *blob.Bucket, h hour, old, m mark) error {
	now, _, err := marked(ctx, b, h)
	if err != nil {
		return err
	}
	if now != old {
		return overtaken(h)
	}
	err = writeMark(ctx, b, h, old, m)
	if !taken(err) {
		return err
	}
	// A write whose answer is lost is made again and refused then, though it counts.
	if now, _, err = marked(ctx, b, h); err != nil {
		return err
	}
	if now.File != m.File || now.Lines != m.Lines {
		return overtaken(h)
	}
	return nil
}

// writeMark writes a mark, where the bucket knows generations only in the place of old.
func writeMark(ctx context.Context, b *blob.Bucket, h hour, old, m mark) error {
	raw, err := json.Marshal(m)
	if err != nil {
		return err
	}
	return b.WriteAll(ctx, h.mark(), raw, &blob.WriterOptions{ContentType: "application/json", BeforeWrite: func(as func(any) bool) error {
		if o := (**storage.ObjectHandle)(nil); as(&o) {
			*o = (*o).If(storage.Conditions{GenerationMatch: old.generation})
		}
		return nil
	}})
}

// errOvertaken says that the mark is somebody else's for certain.
var errOvertaken = errors.New("the mark was changed meanwhile")

func overtaken(h hour) error {
	return errors.Join(fault.New(fault.Unavailable, "the log of %s was changed by somebody else, try again", h.name), errOvertaken)
}

// asked is the hour that a caller names, of the form YYYYMMDDHH. ok is false for one
// that no clock of the zone has shown.
func (l *Logs) asked(date string) (h hour, ok bool, err error) {
	if _, err := time.Parse(nameLayout, date); err != nil {
		return h, false, fault.New(fault.InvalidArgument, "date must be an hour as YYYYMMDDHH")
	}
	h, ok = hourNamed(date, l.Zone)
	return h, ok, nil
}

// Address returns where the log of an hour can be downloaded for an hour from now,
// and nothing where there is none. Errors: fault.NotEnabled, fault.InvalidArgument.
func (l *Logs) Address(ctx context.Context, date string) (string, error) {
	h, ok, err := l.asked(date)
	if err != nil {
		return "", err
	}
	b, err := l.bucket(ctx)
	if err != nil || !ok {
		return "", err
	}
	m, _, err := marked(ctx, b, h)
	if err != nil || m.File == "" {
		return "", err
	}
	address, err := sign(ctx, b, m.File, addressFor)
	if err != nil {
		return "", unreachable(err)
	}
	return address, nil
}

// Remove removes the log of an hour. It is not made again. Errors: those of Address.
func (l *Logs) Remove(ctx context.Context, date string) error {
	h, ok, err := l.asked(date)
	if err != nil {
		return err
	}
	b, err := l.bucket(ctx)
	if err != nil || !ok {
		return err
	}
	m, done, err := marked(ctx, b, h)
	if err != nil || !done || m.File == "" {
		return err
	}
	if err := setMark(ctx, b, h, mark{}, false); err != nil {
		return unreachable(err)
	}
	if err := b.Delete(ctx, m.File); err != nil && !gone(err) {
		return unreachable(err)
	}
	return nil
}

// Tick makes the logs of all hours that are over and have none, and removes what
// is older than Kept. It may be stopped at any point and run by several at a time.
// later says that an hour is over that is not settled yet.
func (l *Logs) Tick(ctx context.Context) (later bool, err error) {
	b, err := l.bucket(ctx)
	if err != nil {
		return false, err
	}
	now := l.Now()
	done, err := sweep(ctx, b, now)
	if err != nil {
		return false, err
	}
	var failed []error
	settled := now.Add(-Settled)
	// The newest hour is the one that is waited for; older ones were missed.
	for _, h := range slices.Backward(overBy(now.Add(-Kept), settled, l.Zone)) {
		if done[h.key()] || ctx.Err() != nil {
			continue
		}
		// An hour that cannot be made does not stand in the way of the others.
		if err := l.make(ctx, b, h); err != nil {
			failed = append(failed, fmt.Errorf("the log of %s: %w", h.name, err))
		}
	}
	return !hourAt(settled, l.Zone).to.After(now), errors.Join(append(failed, ctx.Err())...)
}

// sweep removes what is too old, and returns the keys of the hours that are done.
func sweep(ctx context.Context, b *blob.Bucket, now time.Time) (done map[string]bool, err error) {
	done = map[string]bool{}
	err = each(ctx, b, "", func(object string) error {
		kind, rest, _ := strings.Cut(object, "/")
		key, _, _ := strings.Cut(rest, "/")
		from, err := time.Parse(keyLayout, key)
		switch {
		case err != nil:
			// Not ours: the bucket may hold other things, too.
		case now.Sub(from) > removedAfter:
			if err := b.Delete(ctx, object); err != nil && !gone(err) {
				return err
			}
		case kind == "hours":
			done[key] = true
		}
		return nil
	})
	return done, err
}

// make makes the log of one hour and says that it is done.
func (l *Logs) make(ctx context.Context, b *blob.Bucket, h hour) error {
	if _, done, err := marked(ctx, b, h); done || err != nil {
		return err // another was faster
	}
	began := l.Now()
	j, m, err := l.print(ctx, b, h)
	if gone(err) {
		// A run is missing: another has finished the hour and cleared away. Where
		// that is not so, the hour begins anew.
		if _, done, merr := marked(ctx, b, h); done || merr != nil {
			return merr
		}
		return errors.Join(err, j.clear(ctx))
	}
	if err != nil {
		return err
	}
	first, err := claim(ctx, b, h, m)
	if err != nil {
		return err
	}
	if first && m.File != "" {
		slog.InfoContext(ctx, "the log of an hour is there", "hour", h.name, "lines", m.Lines, "groups", j.groupsRead, "took", l.Now().Sub(began).String())
	}
	return j.clear(ctx)
}

// claim says that an hour is done, which counts for who is first: the file of anybody
// else goes. After an error it is not certain whether the mark names the file, so that
// the file stays.
func claim(ctx context.Context, b *blob.Bucket, h hour, m mark) (first bool, err error) {
	err = setMark(ctx, b, h, m, true)
	if !taken(err) {
		return err == nil, err
	}
	// A write whose answer is lost is made again and refused then, though it counts.
	now, _, err := marked(ctx, b, h)
	if err != nil {
		return false, fmt.Errorf("whose the mark is: %w", err)
	}
	if now.File == m.File || m.File == "" {
		return now.File == m.File, nil
	}
	if err := b.Delete(ctx, m.File); err != nil && !gone(err) {
		return false, fmt.Errorf("removing a file that nothing names: %w", err)
	}
	return false, nil
}

// print makes the file of an hour, which nothing names yet.
func (l *Logs) print(ctx context.Context, b *blob.Bucket, h hour) (*job, mark, error) {
	j, err := l.begin(ctx, b, h)
	if err == nil {
		err = j.collect(ctx)
	}
	if err != nil {
		return j, mark{}, err
	}
	m, err := j.write(ctx)
	return j, m, err
}
