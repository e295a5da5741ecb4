package hourlog

import (
	"archive/zip"
	"compress/flate"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"gocloud.dev/blob"
	"golang.org/x/sync/errgroup"

	"github.com/throng-im/throng/shared/group"
	"github.com/throng-im/throng/shared/id"
)

const (
	// lanesAtOnce is how many lanes of groups are looked through with one query.
	lanesAtOnce = 8
	// headsAtOnce is how many groups are read at once, spansAtOnce of how many the
	// segments are read at the same time.
	headsAtOnce, spansAtOnce = 64, 8
	// uploadBytes is what of the file is kept in memory until it is sent.
	uploadBytes = 4 << 20
)

// progress is what is done of an hour, as the bucket holds it: all lines of the
// lanes before Lane and, in those from there on, of the groups up to After are in
// Runs. A run may hold more than that, for a line that comes twice counts once.
type progress struct {
	Lane  int      `json:"lane"`
	After id.Group `json:"after,omitempty"`
	Runs  []string `json:"runs"`
}

// job is the making of one hour's file: the lines of all groups are collected into
// sorted runs, and the runs are merged into the file.
type job struct {
	*Logs
	b *blob.Bucket
	hour
	writer
	// attempt tells this job's objects from those of others for the same hour.
	attempt    string
	progress   progress
	noted      time.Time
	groupsRead int

	// mu guards what several groups fill at a time.
	mu   sync.Mutex
	pile pile
}

func (h hour) work() string { return "work/" + h.key() + "/" }

// begin goes on where the last one who made this hour noted down to be.
func (l *Logs) begin(ctx context.Context, b *blob.Bucket, h hour) (*job, error) {
	j := &job{Logs: l, b: b, hour: h, writer: writer{app: l.App, zone: l.Zone}, attempt: fmt.Sprintf("%016x", rand.Uint64()), noted: l.Now()}
	raw, err := b.ReadAll(ctx, h.work()+"progress")
	if gone(err) {
		return j, nil
	}
	if err != nil {
		return j, err
	}
	return j, json.Unmarshal(raw, &j.progress)
}

// collect reads the groups that were active since the hour began, lane by lane and
// in the order of their ids.
//
// A group that an earlier job has read may have been active again since. That
// changes nothing: the hour is settled, so whatever is new is later.
func (j *job) collect(ctx context.Context) error {
	p := &j.progress
	for ; p.Lane < group.Lanes; p.Lane, p.After = p.Lane+lanesAtOnce, "" {
		names, err := j.groups.Active(ctx, p.Lane, p.Lane+lanesAtOnce, j.from.UnixMilli())
		if err != nil {
			return err
		}
		first, found := slices.BinarySearch(names, p.After)
		if found {
			first++
		}
		for batch := range slices.Chunk(names[first:], headsAtOnce) {
			if err := j.read(ctx, batch); err != nil {
				return err
			}
			p.After = batch[len(batch)-1]
			if err := j.note(ctx); err != nil {
				return err
			}
		}
	}
	return nil
}

// read adds the lines of some groups.
func (j *job) read(ctx context.Context, names []id.Group) error {
	heads, err := j.groups.Heads(ctx, names)
	if err != nil {
		return err
	}
	j.groupsRead += len(heads)
	work, ctx := errgroup.WithContext(ctx)
	work.SetLimit(spansAtOnce)
	for _, h := range heads {
		work.Go(func() error {
			return j.groups.Span(ctx, h, j.from.UnixMilli(), j.to.UnixMilli(), func(e group.Entry) error {
				if !logged(e) {
					return nil
				}
				line, err := j.line(h.ID, h.Serial, e)
				if err != nil {
					return err
				}
				return j.add(ctx, line)
			})
		})
	}
	return work.Wait()
}

func (j *job) add(ctx context.Context, line []byte) error {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.pile.add(line); j.pile.bytes < j.spill {
		return nil
	}
	return j.putDown(ctx)
}

// putDown stores the lines in memory as a run.
func (j *job) putDown(ctx context.Context) error {
	if j.pile.bytes == 0 {
		return nil
	}
	key := fmt.Sprintf("%s%s-%04d", j.work(), j.attempt, len(j.progress.Runs))
	if err := storeRun(ctx, j.b, key, j.pile.sorted()); err != nil {
		return err
	}
	j.progress.Runs = append(j.progress.Runs, key)
	j.pile = pile{}
	return nil
}

// note notes down what is done, now and then: whoever takes over loses little, and
// an hour in which little was said is done without.
func (j *job) note(ctx context.Context) error {
	if j.Now().Sub(j.noted) < j.every {
		return nil
	}
	if err := j.putDown(ctx); err != nil {
		return err
	}
	raw, err := json.Marshal(j.progress)
	if err != nil {
		return err
	}
	j.noted = j.Now()
	return j.b.WriteAll(ctx, j.work()+"progress", raw, &blob.WriterOptions{ContentType: "application/json"})
}

// write merges all runs into the file. An hour without lines has none.
func (j *job) write(ctx context.Context) (m mark, err error) {
	var all merge
	defer all.close()
	all.push(&memory{lines: j.pile.sorted()})
	for _, key := range j.progress.Runs {
		s, err := openRun(ctx, j.b, key)
		if err != nil {
			return m, err
		}
		all.push(s)
	}
	line, err := all.next()
	if isEnd(err) {
		return m, nil
	}
	if err != nil {
		return m, err
	}
	m.File = "files/" + j.key() + "/" + j.attempt + "/" + j.name + ".zip"
	// A writer whose context ends stores nothing.
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	out, err := j.b.NewWriter(ctx, m.File, &blob.WriterOptions{ContentType: zipType, BufferSize: uploadBytes})
	if err != nil {
		return m, err
	}
	if m.Lines, err = j.zip(out, line, &all); err != nil {
		cancel()
	}
	return m, errors.Join(err, out.Close())
}

// zip writes the lines, beginning with one that was taken off already.
func (j *job) zip(out io.Writer, line []byte, all *merge) (lines int, err error) {
	z := newZip(out)
	text, err := z.CreateHeader(&zip.FileHeader{Name: j.file(), Method: zip.Deflate, Modified: j.to.UTC()})
	if err != nil {
		return 0, err
	}
	for ; err == nil; line, err = all.next() {
		if _, err := text.Write(line[keyBytes:]); err != nil {
			return lines, err
		}
		lines++
	}
	if !isEnd(err) {
		return lines, err
	}
	return lines, z.Close()
}

// newZip writes a file for whom speed is worth more than a few percent.
func newZip(out io.Writer) *zip.Writer {
	z := zip.NewWriter(out)
	z.RegisterCompressor(zip.Deflate, func(w io.Writer) (io.WriteCloser, error) { return flate.NewWriter(w, flate.BestSpeed) })
	return z
}

// clear removes what was kept while the hour was made, that of others, too. What
// it misses goes when the hour does.
func (j *job) clear(ctx context.Context) error { return removeAll(ctx, j.b, j.work()) }

// removeAll removes the objects whose names begin so.
func removeAll(ctx context.Context, b *blob.Bucket, prefix string) error {
	return each(ctx, b, prefix, func(object string) error {
		if err := b.Delete(ctx, object); err != nil && !gone(err) {
			return err
		}
		return nil
	})
}

// each visits the objects whose names begin so, in the order of their names. In a
// folder, the list itself trips over what others remove, so that it is read anew.
func each(ctx context.Context, b *blob.Bucket, prefix string, visit func(object string) error) error {
	last, objects := "", b.List(&blob.ListOptions{Prefix: prefix})
	for look := 1; ; {
		switch o, err := objects.Next(ctx); {
		case isEnd(err):
			return nil
		case gone(err) && look < looks:
			look++
			objects = b.List(&blob.ListOptions{Prefix: prefix})
		case err != nil:
			return err
		case o.Key > last:
			last = o.Key
			if err := visit(last); err != nil {
				return err
			}
		}
	}
}

// isEnd says that a list is at its end.
func isEnd(err error) bool { return errors.Is(err, io.EOF) }
