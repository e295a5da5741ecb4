package hourlog

import (
	"encoding/json"
	"fmt"
	"io"
	"mime"
	"mime/multipart"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/throng-im/throng/shared/fault"
)

// cloud is as much of Cloud Storage as the change of a mark needs: objects with
// generations, and writes that are for one generation only.
type cloud struct {
	mu      sync.Mutex
	objects map[string]string
	at      map[string]int64
	writes  int64
	// loses, if set, has the answer to the next write lost.
	loses bool
}

func (c *cloud) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if r.Method == http.MethodPost {
		c.store(w, r)
		return
	}
	key := strings.TrimPrefix(r.URL.Path, "/logs/")
	body, there := c.objects[key]
	if !there {
		http.NotFound(w, r)
		return
	}
	w.Header().Set("X-Goog-Generation", fmt.Sprint(c.at[key]))
	w.Header().Set("Content-Length", fmt.Sprint(len(body)))
	_, _ = io.WriteString(w, body)
}

func (c *cloud) store(w http.ResponseWriter, r *http.Request) {
	_, parameters, _ := mime.ParseMediaType(r.Header.Get("Content-Type"))
	parts := multipart.NewReader(r.Body, parameters["boundary"])
	about, err := parts.NextPart()
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	var o struct{ Name string }
	_ = json.NewDecoder(about).Decode(&o)
	content, err := parts.NextPart()
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	body, _ := io.ReadAll(content)
	if only := r.URL.Query().Get("ifGenerationMatch"); only != "" && only != strconv.FormatInt(c.at[o.Name], 10) {
		http.Error(w, `{"error":{"code":412}}`, http.StatusPreconditionFailed)
		return
	}
	c.writes++
	c.objects[o.Name], c.at[o.Name] = string(body), c.writes
	if c.loses {
		c.loses = false
		http.Error(w, `{"error":{"code":503}}`, http.StatusServiceUnavailable)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	_, _ = fmt.Fprintf(w, `{"name":%q,"bucket":"logs","generation":"%d"}`, o.Name, c.writes)
}

// TestCloudStorageKeepsAMarkThatIsAnother: whoever made a file while the mark was one
// may not name it once the mark is another, even if that says the same.
func TestCloudStorageKeepsAMarkThatIsAnother(t *testing.T) {
	c := &cloud{objects: map[string]string{}, at: map[string]int64{}}
	server := httptest.NewServer(c)
	t.Cleanup(server.Close)
	t.Setenv("STORAGE_EMULATOR_HOST", strings.TrimPrefix(server.URL, "http://"))
	ctx := t.Context()
	b, err := open(ctx, "gs://logs", "secret")
	if err != nil {
		t.Fatal(err)
	}
	h, _ := hourNamed("2026112409", zone(t, "UTC"))
	if err := setMark(ctx, b, h, mark{File: "old", Lines: 2}, true); err != nil {
		t.Fatal(err)
	}
	first, ok, err := marked(ctx, b, h)
	if err != nil || !ok || first.generation == 0 {
		t.Fatalf("the mark is %+v, %v, %v", first, ok, err)
	}
	if err := changeMark(ctx, b, h, first, first); err != nil {
		t.Fatal(err)
	}
	if err := changeMark(ctx, b, h, first, mark{File: "fresh", Lines: 1}); !fault.Is(err, fault.Unavailable) {
		t.Errorf("a mark of another generation was changed: %v", err)
	}
	second, _, err := marked(ctx, b, h)
	if err != nil || second.File != "old" {
		t.Errorf("the mark is %+v, %v", second, err)
	}
	// A file is there, or it is not.
	if err := rename(ctx, b, h, second, mark{File: "fresh", Lines: 1}); !fault.Is(err, fault.Unavailable) {
		t.Errorf("a file that is not there was named: %v", err)
	}
	if err := b.WriteAll(ctx, "fresh", []byte("zip"), nil); err != nil {
		t.Fatal(err)
	}
	// The answer is lost: the write is made again, and refused.
	c.loses = true
	if err := rename(ctx, b, h, second, mark{File: "fresh", Lines: 1}); err != nil {
		t.Errorf("a write whose answer was lost: %v", err)
	}
	if third, _, err := marked(ctx, b, h); err != nil || third.File != "fresh" || c.loses {
		t.Errorf("the mark is %+v, %v", third, err)
	}
	// The look at the mark does not see what is written right behind it.
	raced := mark{File: "fresh", Lines: 1, generation: c.at[h.mark()]}
	c.objects[h.mark()] = `{"lines":0}`
	c.at[h.mark()]++
	if err := writeMark(ctx, b, h, raced, mark{File: "other"}); !taken(err) {
		t.Errorf("a mark that was changed behind the look was overwritten: %v", err)
	}
}
