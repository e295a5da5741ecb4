package fcm_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"net/http/httptest"

	"github.com/throng-im/throng/emulator/fcm"
)

// findBrowser is a Chromium of this machine's, "" if there is none.
func findBrowser() string {
	if at := os.Getenv("THRONG_CHROMIUM"); at != "" {
		return at
	}
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome", "google-chrome-stable"} {
		if at, err := exec.LookPath(name); err == nil {
			return at
		}
	}
	return ""
}

// TestThePageInABrowser looks at the page as a person does, where there is a
// browser; TestThePageIsToldLive looks at what the page is told everywhere.
func TestThePageInABrowser(t *testing.T) {
	browser := findBrowser()
	if browser == "" {
		t.Skip("THE PAGE WAS NOT LOOKED AT IN A BROWSER: there is no chromium on the PATH; install it, or name one with THRONG_CHROMIUM")
	}
	if _, err := exec.LookPath("npm"); err != nil {
		t.Fatal("node and npm were not found: install Node 18 or later from https://nodejs.org")
	}
	dir := t.TempDir()
	for _, name := range []string{"package.json", "package-lock.json", "look.js"} {
		text, err := os.ReadFile(filepath.Join("browser", name))
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, name), text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	install := exec.CommandContext(t.Context(), "npm", "ci", "--no-audit", "--no-fund", "--ignore-scripts")
	install.Dir = dir
	if out, err := install.CombinedOutput(); err != nil {
		t.Fatalf("npm ci: %v\n%s", err, out)
	}
	s := httptest.NewServer(fcm.New())
	defer s.Close()
	node := exec.CommandContext(t.Context(), "node", "look.js")
	node.Dir = dir
	node.Env = append(os.Environ(), "FCM_URL="+s.URL, "CHROMIUM="+browser)
	out, err := node.CombinedOutput()
	if steps := strings.Count(string(out), "\n"); err != nil || steps != 7 {
		t.Fatalf("the browser took %d of 7 steps: %v\n%s", steps, err, out)
	}
}
