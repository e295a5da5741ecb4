package hourlog

import (
	"archive/zip"
	"bytes"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"

	"github.com/throng-im/throng/shared/group"
	"github.com/throng-im/throng/shared/id"
)

// bodies are all objects of the bucket.
func (p *press) bodies() map[string][]byte {
	p.Helper()
	b, err := p.logs.bucket(p.Context())
	p.ok(err)
	all := map[string][]byte{}
	for _, key := range p.objects() {
		all[key], err = b.ReadAll(p.Context(), key)
		p.ok(err)
	}
	return all
}

// becomes has the bucket hold these objects and no others.
func (p *press) becomes(all map[string][]byte) {
	p.Helper()
	p.forgets("")
	for key, body := range all {
		p.put(key, string(body))
	}
}

// plain is an object with what is compressed in it.
func (p *press) plain(body []byte) string {
	p.Helper()
	text := string(body)
	if z, err := zip.NewReader(bytes.NewReader(body), int64(len(body))); err == nil {
		for _, f := range z.File {
			one, err := f.Open()
			p.ok(err)
			raw, err := io.ReadAll(one)
			p.ok(err)
			text += string(raw)
		}
	}
	if z, err := gzip.NewReader(bytes.NewReader(body)); err == nil {
		raw, err := io.ReadAll(z)
		p.ok(err)
		text += string(raw)
	}
	return text
}

// having are the objects that have a text in their name or in what they hold.
func (p *press) having(text string) (found []string) {
	p.Helper()
	for key, body := range p.bodies() {
		if strings.Contains(key+p.plain(body), text) {
			found = append(found, key)
		}
	}
	return found
}

// marksHold says whether every hour that is done names no file, or one that is there.
func (p *press) marksHold() error {
	p.Helper()
	all, marks := p.bodies(), 0
	for key, body := range all {
		if !strings.HasPrefix(key, "hours/") {
			continue
		}
		marks++
		var m mark
		if err := json.Unmarshal(body, &m); err != nil {
			return fmt.Errorf("%s: %w", key, err)
		}
		if _, there := all[m.File]; m.File != "" && !there {
			return fmt.Errorf("%s names %s, which is not there", key, m.File)
		}
	}
	if marks == 0 {
		return fmt.Errorf("no hour is done")
	}
	return nil
}

// TestErasingThatDiesAtAnyWrite kills the erasing of a user in the logs before each of
// its writes to the bucket and after the last. In the bucket are a run and a file that
// those who made an hour left behind, and an hour is still to be made in which nobody
// else said anything. Whenever it dies, every hour names a file that is there. Once it
// was repeated, nothing of her is left, and all that others said.
func TestErasingThatDiesAtAnyWrite(t *testing.T) {
	const zoe = id.User("zoe-7731")
	p := newPress(t, "2026-11-24T10:06:00Z", "UTC")
	hers := func(e *group.Entry) { e.From = zoe }
	p.begins("g")
	p.ticks(p.logs) // the hours before are done
	for n := range 15 {
		p.says("g", fmt.Sprint("of hers ", n), hers)
		p.says("g", fmt.Sprintf(`{"content":"of others %d","mentionedInfo":{"type":2,"userIdList":["%s"]}}`, n, zoe))
	}
	// Whoever made this hour died before it cleared away.
	p.is("2026-11-24T11:06:00Z")
	whole := p.dies(0, false)
	said := slices.Index(whole.did, "stores hours/20261124T1000Z")
	p.forgets("20261124T1000Z")
	if m := p.dies(said+1, true); said < 0 || !m.dead || m.did[said] != whole.did[said] {
		t.Fatalf("the hour is not done after write %d of %q", said+1, m.did)
	}
	if !slices.ContainsFunc(p.having(string(zoe)), func(key string) bool { return strings.HasPrefix(key, "work/") }) {
		t.Fatalf("no run of hers was left behind: %q", p.objects())
	}
	// Another made the file, too, and died before it could say so.
	p.put("files/20261124T1000Z/dead/x.zip", string(p.download("2026112410")))
	p.says("g", "of hers, the hour after", hers)
	p.is("2026-11-24T12:06:00Z")
	before := p.bodies()

	people := id.People{zoe: true}
	erase := func(l *Logs) error {
		return l.Erase(t.Context(), func(l Line) []byte {
			if people[l.From] {
				return nil
			}
			return l.Without(people)
		})
	}
	all := p.diesWhile(0, false, erase)
	want := p.lines("2026112410")
	if len(want) != 15 {
		t.Fatalf("others said 15 things, logged are %q", want)
	}
	for _, kind := range []string{"removes work/", "removes files/20261124T1000Z/dead/", "stores files/20261124T1000Z/", "stores hours/20261124T1000Z", "stores hours/20261124T1100Z"} {
		if !slices.ContainsFunc(all.did, func(s string) bool { return strings.HasPrefix(s, kind) }) {
			t.Fatalf("no write is one of %s: %q", kind, all.did)
		}
	}
	// To die after one write is to die before the next, but for the last.
	for at := 1; at <= all.writes+1; at++ {
		n, after := min(at, all.writes), at > all.writes
		p.becomes(before)
		m := p.diesWhile(n, after, erase)
		if !m.dead {
			t.Fatalf("there is no write %d of %d", n, all.writes)
		}
		about := fmt.Sprintf("dead at write %d (%s), after it: %v", n, m.did[n-1], after)
		if err := p.marksHold(); err != nil {
			t.Fatalf("%s: %v", about, err)
		}
		if err := erase(p.another(p.logs.Bucket)); err != nil {
			t.Fatalf("%s: once more it ends with %v", about, err)
		}
		if left := p.having(string(zoe)); len(left) > 0 {
			t.Fatalf("%s: she is left in %q", about, left)
		}
		if left := p.having("of hers"); len(left) > 0 {
			t.Fatalf("%s: what she said is left in %q", about, left)
		}
		if err := p.marksHold(); err != nil {
			t.Fatalf("%s: once more: %v", about, err)
		}
		if got := p.lines("2026112410"); !slices.Equal(got, want) {
			t.Fatalf("%s: left of others is %q, want %q", about, got, want)
		}
		if p.download("2026112411") != nil {
			t.Fatalf("%s: there is a file of an hour in which only she said anything", about)
		}
	}
}
