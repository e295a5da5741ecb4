package main

import (
	"os"
	"os/exec"
	"testing"
)

// TestCallsCostWhatIsWritten measures every call of the server API and holds the
// table in functions/README.md against it.
func TestCallsCostWhatIsWritten(t *testing.T) {
	t.Parallel()
	w := startTown(t)
	cmd := exec.Command("go", "run", "./scripts/costs", "-check", "functions/README.md")
	cmd.Dir, cmd.Env = "..", append(os.Environ(), "THRONG_URL="+w.url(portGateway))
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}
