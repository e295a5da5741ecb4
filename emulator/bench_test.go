package main

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestTheBenchmarkMeasures runs every table of make bench, in small.
func TestTheBenchmarkMeasures(t *testing.T) {
	needEmulators(t)
	dir := t.TempDir()
	out := new(output)
	cmd := exec.Command("make", "bench", "ARGS=-seconds 0.1 -rounds 1 -members 40 -senders 1,8 -groups 1,5 -out "+dir)
	cmd.Dir, cmd.Stdout, cmd.Stderr = "..", out, out
	if err := cmd.Run(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	text, err := os.ReadFile(filepath.Join(dir, "result.json"))
	if err != nil {
		t.Fatal(err)
	}
	var result struct {
		Tables []struct {
			Name string
			Rows []struct{ Variants []struct{ PerSecond float64 } }
		}
	}
	if err := json.Unmarshal(text, &result); err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, table := range result.Tables {
		names = append(names, table.Name)
		if len(table.Rows) == 0 || len(table.Rows[0].Variants) == 0 {
			t.Errorf("%s is empty", table.Name)
		}
		if _, err := os.Stat(filepath.Join(dir, table.Name+".svg")); err != nil {
			t.Error(err)
		}
	}
	if got := strings.Join(names, " "); got != "send group read processes fanout push stream linger retention scale" {
		t.Errorf("the tables are %s", got)
	}
}
