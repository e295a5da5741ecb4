package hourlog

import (
	"archive/zip"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"gocloud.dev/blob"
	"gocloud.dev/blob/driver"

	"github.com/throng-im/throng/shared/commit"
	"github.com/throng-im/throng/shared/group"
	"github.com/throng-im/throng/shared/id"
)

// press is the logs of an app on a store in memory and a folder, with a clock that
// a test moves.
type press struct {
	*testing.T
	store  *watched
	groups *group.Groups
	logs   *Logs

	mu    sync.Mutex
	clock time.Time
	// sent are the contents of what was sent, by message.
	sent map[id.Message]sent
}

type sent struct {
	group   id.Group
	seq     int64
	at      time.Time
	content string
}

// watched is a store that counts reads and calls a test at each.
type watched struct {
	commit.Memory
	mu     sync.Mutex
	reads  int
	onRead func(n int)
}

func (w *watched) count(n int) {
	w.mu.Lock()
	w.reads += max(n, 1)
	reads, hook := w.reads, w.onRead
	w.mu.Unlock()
	if hook != nil {
		hook(reads)
	}
}

func (w *watched) since() (reads int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	reads, w.reads = w.reads, 0
	return reads
}

func (w *watched) Get(ctx context.Context, paths []string, fields ...string) ([]commit.Doc, error) {
	w.count(len(paths))
	return w.Memory.Get(ctx, paths, fields...)
}

func (w *watched) Query(ctx context.Context, q commit.Query) ([]commit.Doc, error) {
	docs, err := w.Memory.Query(ctx, q)
	w.count(len(docs))
	return docs, err
}

// newPress begins at a time in a zone.
func newPress(t *testing.T, begin, zoneName string) *press {
	p := &press{T: t, store: new(watched), clock: instant(t, begin), sent: map[id.Message]sent{}}
	p.groups = group.New(p.store, func(context.Context, ...[]byte) error { return nil }, group.Options{Linger: -1, Now: p.now})
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		Download(p.logs.Bucket, "secret").ServeHTTP(w, r)
	}))
	t.Cleanup(server.Close)
	p.logs = p.another("file://" + t.TempDir() + "?base_url=" + server.URL + "/logs")
	p.logs.Zone = zone(t, zoneName)
	return p
}

// another is the logs as another process has them.
func (p *press) another(bucket string) *Logs {
	return New(p.groups, Options{Bucket: bucket, Secret: "secret", App: "app", Now: p.now})
}

// through is the logs as another process has them, which sees the bucket as it is
// wrapped.
func (p *press) through(wrap func(*mortal) driver.Bucket) *Logs {
	p.Helper()
	b, err := p.logs.bucket(p.Context())
	p.ok(err)
	l := p.another(p.logs.Bucket)
	l.opened = blob.NewBucket(wrap(&mortal{of: b}))
	return l
}

func (p *press) now() time.Time { p.mu.Lock(); defer p.mu.Unlock(); return p.clock }

// is sets the clock.
func (p *press) is(at string) {
	p.Helper()
	p.set(instant(p.T, at))
}

func (p *press) set(at time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.clock = at
}

func (p *press) ok(err error) {
	p.Helper()
	if err != nil {
		p.Fatal(err)
	}
}

// says has somebody send a message to a group, which is made where it is not.
func (p *press) says(g id.Group, content string, change ...func(*group.Entry)) group.Receipt {
	p.Helper()
	r, err := p.trySay(g, content, change...)
	p.ok(err)
	return r
}

func (p *press) trySay(g id.Group, content string, change ...func(*group.Entry)) (group.Receipt, error) {
	e := group.Entry{From: "ann", Type: "RC:TxtMsg", Content: content}
	for _, c := range change {
		c(&e)
	}
	r, err := p.groups.Publish(context.Background(), g, e)
	if err == nil {
		p.mu.Lock()
		defer p.mu.Unlock()
		p.sent[r.UID] = sent{g, r.Seq, time.UnixMilli(r.At), content}
	}
	return r, err
}

func (p *press) begins(groups ...id.Group) {
	p.Helper()
	for _, g := range groups {
		p.ok(p.groups.Join(p.Context(), g, []id.User{"ann", "bob"}, "Name"))
	}
}

func (p *press) ticks(logs *Logs) (later bool) {
	p.Helper()
	later, err := logs.Tick(p.Context())
	p.ok(err)
	return later
}

// download returns the file of an hour, nil where there is none.
func (p *press) download(date string) []byte {
	p.Helper()
	address, err := p.logs.Address(p.Context(), date)
	p.ok(err)
	if address == "" {
		return nil
	}
	res, err := http.Get(address)
	p.ok(err)
	defer func() { _ = res.Body.Close() }()
	body, err := io.ReadAll(res.Body)
	p.ok(err)
	if res.StatusCode != http.StatusOK || res.Header.Get("Content-Type") != "application/zip" {
		p.Fatalf("%s answered %s %s: %s", address, res.Status, res.Header.Get("Content-Type"), body)
	}
	return body
}

// lines unzips the file of an hour and returns its lines, nil where there is none.
func (p *press) lines(date string) []string {
	p.Helper()
	raw := p.download(date)
	if raw == nil {
		return nil
	}
	z, err := zip.NewReader(bytes.NewReader(raw), int64(len(raw)))
	p.ok(err)
	if want := date[:4] + "-" + date[4:6] + "-" + date[6:8] + "-" + date[8:]; len(z.File) != 1 || z.File[0].Name != want {
		p.Fatalf("the file of %s holds %d files, the first is %q", date, len(z.File), z.File[0].Name)
	}
	text, err := z.File[0].Open()
	p.ok(err)
	all, err := io.ReadAll(text)
	p.ok(err)
	if len(all) == 0 || all[len(all)-1] != '\n' {
		p.Fatalf("the file of %s ends with %q", date, all[max(0, len(all)-20):])
	}
	return strings.Split(strings.TrimSuffix(string(all), "\n"), "\n")
}

// logged is a line as somebody else would read it.
type loggedLine struct {
	Time     string `json:"-"`
	Group    string `json:"GroupId"`
	Target   string `json:"targetId"`
	Content  any    `json:"content"`
	DateTime string `json:"dateTime"`
	UID      string `json:"msgUID"`
}

func (p *press) read(line string) loggedLine {
	p.Helper()
	var l loggedLine
	at := strings.IndexByte(line, '{')
	if at != len("2016/04/19 21:10:48") {
		p.Fatalf("not a line: %q", line)
	}
	p.ok(json.Unmarshal([]byte(line[at:]), &l))
	l.Time = line[:at]
	return l
}

// agrees compares the files of hours with what was sent in each: that much and no
// more, by time, and in the order of each group.
func (p *press) agrees(dates ...string) {
	p.Helper()
	z, missing := p.logs.Zone, maps.Clone(p.sent)
	for _, date := range dates {
		seqs, last := map[string]int64{}, ""
		for _, line := range p.lines(date) {
			l := p.read(line)
			s, known := missing[id.Message(l.UID)]
			if !known {
				p.Errorf("%s has what was not sent, or twice: %s", date, line)
				continue
			}
			delete(missing, id.Message(l.UID))
			at := s.at.In(z)
			if at.Format("2006010215") != date || at.Format("2006/01/02 15:04:05") != l.Time || at.Format("2006-01-02 15:04:05.000") != l.DateTime {
				p.Errorf("%s has a message of %s: %s", date, at, line)
			}
			if l.Group != string(s.group) || l.Target != l.Group || l.Content != s.content {
				p.Errorf("sent %+v, logged %s", s, line)
			}
			if l.DateTime < last || s.seq <= seqs[l.Group] {
				p.Errorf("%s is out of order at %s", date, line)
			}
			last, seqs[l.Group] = l.DateTime, s.seq
		}
	}
	for uid, s := range missing {
		if slices.Contains(dates, s.at.In(z).Format("2006010215")) {
			p.Errorf("%s of %s is in no file", uid, s.at.In(z))
		}
	}
}

// objects lists what the bucket holds.
func (p *press) objects() []string {
	p.Helper()
	b, err := p.logs.bucket(p.Context())
	p.ok(err)
	keys := []string{}
	for all := b.List(nil); ; {
		o, err := all.Next(p.Context())
		if isEnd(err) {
			return keys
		}
		p.ok(err)
		keys = append(keys, o.Key)
	}
}

// put stores something in the bucket.
func (p *press) put(key, text string) {
	p.Helper()
	b, err := p.logs.bucket(p.Context())
	p.ok(err)
	p.ok(b.WriteAll(p.Context(), key, []byte(text), &blob.WriterOptions{ContentType: "text/plain"}))
}

// expired is an address whose time was over a minute ago.
func (p *press) expired(key string) string {
	p.Helper()
	at, err := url.Parse(p.logs.Bucket)
	p.ok(err)
	signer, err := signerOf(at, "secret")
	p.ok(err)
	address, err := signer.URLFromKey(p.Context(), key, &driver.SignedURLOptions{Method: http.MethodGet, Expiry: -time.Minute})
	p.ok(err)
	return address.String()
}

// forgets removes what the bucket has of an hour.
func (p *press) forgets(key string) {
	p.Helper()
	b, err := p.logs.bucket(p.Context())
	p.ok(err)
	for _, k := range p.objects() {
		if strings.Contains(k, key) {
			p.ok(b.Delete(p.Context(), k))
		}
	}
}

// steps has another process do something, whose context ends at a step, unless that
// is zero. It returns how many steps were taken: reads, and looks at the clock.
func (p *press) steps(stop int, do func(*Logs, context.Context)) int {
	p.Helper()
	ctx, kill := context.WithCancel(p.Context())
	defer kill()
	var n atomic.Int64
	step := func() {
		if n.Add(1) == int64(stop) {
			kill()
		}
	}
	l := p.another(p.logs.Bucket)
	l.Now = func() time.Time { step(); return p.now() }
	p.store.onRead = func(int) { step() }
	do(l, ctx)
	p.store.onRead = nil
	return int(n.Load())
}

// names are n groups.
func names(n int) []id.Group {
	all := make([]id.Group, n)
	for i := range all {
		all[i] = id.Group(fmt.Sprint("g", i))
	}
	return all
}

// with changes a parameter of an address.
func (p *press) with(address, name, value string) string {
	p.Helper()
	u, err := url.Parse(address)
	p.ok(err)
	q := u.Query()
	q.Set(name, value)
	u.RawQuery = q.Encode()
	return u.String()
}
