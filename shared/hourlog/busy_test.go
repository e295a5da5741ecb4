package hourlog

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"runtime/debug"
	"runtime/metrics"
	"strings"
	"testing"
	"time"

	"gocloud.dev/blob"

	"github.com/throng-im/throng/shared/commit"
	"github.com/throng-im/throng/shared/group"
)

// copies is a store in which one group stands for many: each reads as that group
// under a name and a serial of its own, so that a million messages take the room
// of some thousands.
type copies struct {
	commit.Memory
	n int
}

func (c *copies) Get(ctx context.Context, paths []string, fields ...string) ([]commit.Doc, error) {
	of, heads := make([]string, len(paths)), make([]string, len(paths))
	for i, p := range paths {
		parts := strings.SplitN(p, "/", 3)
		heads[i] = parts[1]
		parts[1] = "one"
		of[i] = strings.Join(parts, "/")
	}
	docs, err := c.Memory.Get(ctx, of, fields...)
	for i := range docs {
		docs[i].Path = paths[i]
		if _, isHead := docs[i].Fields["serial"]; isHead {
			var serial int64
			_, _ = fmt.Sscanf(heads[i], "copy%d", &serial)
			docs[i].Fields["serial"] = serial + 1
		}
	}
	return docs, err
}

func (c *copies) Query(ctx context.Context, q commit.Query) ([]commit.Doc, error) {
	if q.InField == "" {
		parts := strings.SplitN(q.Collection, "/", 3)
		parts[1] = "one"
		q.Collection = strings.Join(parts, "/")
		return c.Memory.Query(ctx, q)
	}
	// The groups are those of the first lanes that are asked for.
	var docs []commit.Doc
	for n := range c.n {
		if q.In[0] == "00" {
			docs = append(docs, commit.Doc{Fields: commit.Fields{"groupId": fmt.Sprint("copy", n)}, Version: time.Unix(1, 0)})
		}
	}
	return docs, nil
}

// peak calls do and returns the most memory that the process had meanwhile.
func peak(do func()) (most uint64) {
	debug.FreeOSMemory()
	stop, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		samples := []metrics.Sample{{Name: "/memory/classes/total:bytes"}, {Name: "/memory/classes/heap/released:bytes"}}
		for {
			metrics.Read(samples)
			most = max(most, samples[0].Value.Uint64()-samples[1].Value.Uint64())
			select {
			case <-stop:
				return
			case <-time.After(time.Millisecond):
			}
		}
	}()
	do()
	close(stop)
	<-done
	return most
}

// TestABusyHourInLittleMemory makes the file of an hour of 50,000 messages, and of
// a million in the long form. What it takes is the bytes of one run and what
// is under way, whatever the number.
func TestABusyHourInLittleMemory(t *testing.T) {
	perGroup, groups := 5_000, 10
	if os.Getenv("THRONG_LONG") != "" {
		perGroup, groups = 10_000, 100
	}
	p := newPress(t, "2026-11-24T10:00:00Z", "UTC")
	store := &copies{n: groups}
	p.groups = group.New(store, func(context.Context, ...[]byte) error { return nil }, group.Options{Linger: -1, Now: p.now})
	p.begins("one")
	for range perGroup {
		// Texts that hardly compress, so that buffers fill.
		text := fmt.Sprintf(`{"content":"%s%s%s%s%s"}`, rand.Text(), rand.Text(), rand.Text(), rand.Text(), rand.Text())
		p.set(p.now().Add(3600 * time.Second / time.Duration(perGroup+1)))
		p.says("one", text)
	}
	p.is("2026-11-24T11:06:00Z")
	l := p.another(p.logs.Bucket)
	l.groups = group.New(store, nil, group.Options{Now: p.now})
	b, err := p.logs.bucket(t.Context())
	p.ok(err)
	h := hourAt(instant(t, "2026-11-24T10:00:00Z"), time.UTC)
	p.sent = nil
	began := time.Now()
	most := peak(func() { p.ok(l.make(t.Context(), b, h)) })
	m, _, err := marked(t.Context(), b, h)
	p.ok(err)
	if want := perGroup * groups; m.Lines != want {
		t.Errorf("the file has %d lines, %d were sent", m.Lines, want)
	}
	a, err := b.Attributes(t.Context(), m.File)
	p.ok(err)
	t.Logf("%d messages: %d MiB of memory at most, %.1f s, a file of %d MiB", m.Lines, most>>20, time.Since(began).Seconds(), a.Size>>20)
	if most > 128<<20 {
		t.Errorf("%d messages took %d MiB of memory, more than 128", m.Lines, most>>20)
	}
}

// TestCloudStorageSignsInItsNewerWay asks for an address in a bucket of Cloud
// Storage, which takes a key and no call.
func TestCloudStorageSignsInItsNewerWay(t *testing.T) {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "key.pem")
	if err := os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(key)}), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("STORAGE_EMULATOR_HOST", "localhost:1") // so that no credentials are looked for
	var b *blob.Bucket
	if b, err = open(t.Context(), "gs://logs?access_id=archive@example.iam.gserviceaccount.com&private_key_path="+file, "secret"); err != nil {
		t.Fatal(err)
	}
	address, err := sign(t.Context(), b, "files/20261124T1000Z/x/2026112410.zip", time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	u, err := url.Parse(address)
	if err != nil || !strings.HasSuffix(u.Path, "/logs/files/20261124T1000Z/x/2026112410.zip") {
		t.Errorf("the address is %s, %v", address, err)
	}
	if q := u.Query(); q.Get("X-Goog-Algorithm") != "GOOG4-RSA-SHA256" || q.Get("X-Goog-Expires") != "3599" && q.Get("X-Goog-Expires") != "3600" || q.Get("X-Goog-Signature") == "" {
		t.Errorf("the address is %s", address)
	}
}
