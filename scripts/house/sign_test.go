package house_test

import (
	"bufio"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/throng-im/throng/scripts/house"
	"github.com/throng-im/throng/shared/settings"
	"github.com/throng-im/throng/shared/wire"
)

const (
	awkwardKey    = `a "quoted\ key`
	awkwardSecret = `s3cr'et $HOME "\`
)

// echo answers the text that a well signed request carries.
func echo(t *testing.T) *httptest.Server {
	t.Helper()
	s := settings.Settings{AppKey: awkwardKey, AppSecret: awkwardSecret, SignatureWindow: time.Hour}
	server := httptest.NewServer(wire.Handler(wire.Options{Settings: s, Now: time.Now}, []wire.Route{{
		Path:   "/echo.json",
		Params: []wire.Param{{Name: "text"}, {Name: "id", Kind: wire.ID, Repeated: true, Count: 9}},
		Handle: func(_ context.Context, a *wire.Args) (wire.Reply, error) {
			return wire.Reply{"text": a.Text("text"), "ids": a.Users("id")}, nil
		},
	}}))
	t.Cleanup(server.Close)
	return server
}

func paste(t *testing.T, server *httptest.Server, shell, line string, env ...string) string {
	t.Helper()
	cmd := exec.Command(shell, "-c", line)
	cmd.Dir = inTree(t, ".")
	cmd.Env = append(os.Environ(), "THRONG_URL="+server.URL, "THRONG_APP_KEY="+awkwardKey, "THRONG_APP_SECRET="+awkwardSecret)
	cmd.Env = append(cmd.Env, env...)
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Errorf("%s: %s: %v\n%s", shell, line, err, out)
	}
	return string(out)
}

// TestSigningWorksInEveryShell pastes signed calls where developers do.
func TestSigningWorksInEveryShell(t *testing.T) {
	server := echo(t)
	lines := map[string]string{
		`scripts/call /echo.json text='50% & "more" = ü' id=ann id=bob`:                                             `"ids":["ann","bob"],"text":"50% & \"more\" = ü"`,
		`scripts/sign | curl -sS -K - -d text=hello "$THRONG_URL/echo.json"`:                                        `"text":"hello"`,
		`cd scripts && ./call /echo.json text=@nothing`:                                                             `"text":"@nothing"`,
		`THRONG_APP_SECRET=wrong scripts/call /echo.json text=hello; scripts/call; test $? = 2 && echo usage shown`: `usage shown`,
	}
	for _, shell := range []string{"sh", "bash", "zsh"} {
		if _, err := exec.LookPath(shell); err != nil {
			t.Logf("%s is not here", shell)
			continue
		}
		for line, want := range lines {
			if out := paste(t, server, shell, line); !strings.Contains(out, want) {
				t.Errorf("%s: %s answered %s, want %s", shell, line, out, want)
			}
		}
	}
}

// TestSigningUsesWhatIsThere leaves one digest program at a time on the path.
func TestSigningUsesWhatIsThere(t *testing.T) {
	server := echo(t)
	tried := 0
	for _, digest := range []string{"sha1sum", "shasum", "openssl", ""} {
		bin := t.TempDir()
		for _, tool := range []string{"sh", "cat", "curl", "cut", "date", "dirname", "perl", "sed", digest} {
			if found, err := exec.LookPath(tool); err == nil {
				if err := os.Symlink(found, filepath.Join(bin, tool)); err != nil {
					t.Fatal(err)
				}
			}
		}
		if _, err := os.Lstat(filepath.Join(bin, digest)); err != nil {
			t.Logf("%s is not here", digest)
			continue
		}
		tried++
		line, want := "scripts/call /echo.json text=hello", `"text":"hello"`
		if digest == "" {
			line, want = line+" || echo failed", "sha1sum, shasum or openssl is needed\nfailed"
		}
		if out := paste(t, server, "sh", line, "PATH="+bin); !strings.Contains(out, want) {
			t.Errorf("with %q only: %s", digest, out)
		}
	}
	if tried < 2 {
		t.Error("no digest program was tried")
	}
}

func TestSignedWithTheWrongSecretIsRefused(t *testing.T) {
	server := echo(t)
	out := paste(t, server, "sh", "scripts/call /echo.json text=hello", "THRONG_APP_SECRET=other")
	if strings.Contains(out, "hello") || !strings.Contains(out, `"code":`) {
		t.Errorf("answered %s", out)
	}
	res, err := http.Get(server.URL + "/echo.json")
	if err != nil {
		t.Fatal(err)
	}
	if err := res.Body.Close(); err != nil || res.StatusCode == http.StatusOK {
		t.Errorf("unsigned: %s, %v", res.Status, err)
	}
}

// TestTheSignedExampleIsRight signs the request that functions/README.md shows.
func TestTheSignedExampleIsRight(t *testing.T) {
	about := read(t, "functions/README.md")
	requests, texts := house.Blocks(about, "http"), house.Blocks(about, "text")
	if len(requests) != 1 || len(texts) != 1 {
		t.Fatalf("%d requests and %d texts are shown", len(requests), len(texts))
	}
	r, err := http.ReadRequest(bufio.NewReader(strings.NewReader(strings.ReplaceAll(requests[0], "\n", "\r\n"))))
	if err != nil {
		t.Fatal(err)
	}
	_, body, _ := strings.Cut(requests[0], "\n\n")
	timestamp, nonce := r.Header.Get("Timestamp"), r.Header.Get("Nonce")
	signature := wire.StrongSignature("dev-secret", r.Method, r.URL.RequestURI(), timestamp, nonce, body)
	if got := r.Header.Get(wire.StrongHeader); got != signature {
		t.Errorf("the request shows %s, its signature is %s", got, signature)
	}
	digest := sha256.Sum256([]byte(body))
	if want := strings.Join([]string{r.Method, r.URL.RequestURI(), timestamp, nonce, hex.EncodeToString(digest[:])}, "\n"); texts[0] != want {
		t.Errorf("the text shown is %q, want %q", texts[0], want)
	}
}
