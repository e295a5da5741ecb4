package house_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestFuzzKnowsWhatBroke runs scripts/fuzz on a Go that says what the real one
// says: when an input breaks a test, when the time of one ends, and when it ends
// in the way of golang/go#75804.
func TestFuzzKnowsWhatBroke(t *testing.T) {
	ended := "--- FAIL: FuzzX (60.02s)\n    context deadline exceeded\nFAIL"
	for name, s := range map[string]struct {
		says, exit string
		want       bool
	}{
		"nothing":               {"PASS", "0", true},
		"the end of its time":   {ended, "1", true},
		"an input":              {"--- FAIL: FuzzX (1s)\n    Failing input written to testdata/fuzz/FuzzX/1", "1", false},
		"an input, at the end":  {"    Failing input written to testdata/fuzz/FuzzX/1\n" + ended, "1", false},
		"what is known already": {"--- FAIL: FuzzX (0s)\n    --- FAIL: FuzzX/1", "1", false},
		"no build":              {"FAIL shared/x [build failed]", "1", false},
	} {
		t.Run(name, func(t *testing.T) {
			bin := t.TempDir()
			stub := "#!/bin/sh\ncase \"$*\" in\nlist*) echo x ;;\n*-list*) echo FuzzX ;;\n*) printf '%s\\n' \"$SAYS\"; exit " + s.exit + " ;;\nesac\n"
			if err := os.WriteFile(filepath.Join(bin, "go"), []byte(stub), 0o755); err != nil {
				t.Fatal(err)
			}
			cmd := exec.CommandContext(t.Context(), "../fuzz")
			cmd.Env = append(os.Environ(), "PATH="+bin+string(os.PathListSeparator)+os.Getenv("PATH"), "SAYS="+s.says)
			out, err := cmd.CombinedOutput()
			if (err == nil) != s.want || s.want != strings.Contains(string(out), "1 fuzz tests ran") {
				t.Errorf("%v:\n%s", err, out)
			}
		})
	}
}
