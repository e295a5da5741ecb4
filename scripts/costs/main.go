// Command costs measures what every call of the server API and of the device API costs in documents
// and prints it as the table of functions/README.md. It works on a local cloud
// that is running: THRONG_URL, THRONG_APP_KEY and THRONG_APP_SECRET say where
// and as whom, the defaults are those of make run.
//
// -write FILE puts the table into a Markdown file, between its two marks;
// -check FILE fails when the file's table says something else.
package main

import (
	"cmp"
	"flag"
	"fmt"
	"os"
	"strings"

	"github.com/throng-im/throng/functions"
	"github.com/throng-im/throng/shared/contract"
	"github.com/throng-im/throng/shared/deviceapi"
)

func main() {
	write := flag.String("write", "", "put the table into this `file`")
	check := flag.String("check", "", "fail if the table in this `file` differs")
	flag.Parse()
	if err := run(*write, *check); err != nil {
		fmt.Fprintln(os.Stderr, "costs:", err)
		os.Exit(1)
	}
}

func run(write, check string) error {
	m, err := functions.Load()
	if err != nil {
		return err
	}
	c := &caller{
		url:      cmp.Or(os.Getenv("THRONG_URL"), "http://127.0.0.1:8080"),
		key:      cmp.Or(os.Getenv("THRONG_APP_KEY"), "dev-app"),
		secret:   cmp.Or(os.Getenv("THRONG_APP_SECRET"), "dev-secret"),
		manifest: m,
	}
	table, err := measure(c)
	if err != nil {
		return err
	}
	file := cmp.Or(write, check)
	if file == "" {
		fmt.Print(table)
		return nil
	}
	text, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	updated, err := replace(string(text), table)
	switch {
	case err != nil:
		return fmt.Errorf("%s: %w", file, err)
	case updated == string(text):
		return nil
	case check != "":
		return fmt.Errorf("the table in %s is not what was measured; `make costs` writes it anew. Measured:\n%s", file, table)
	}
	return os.WriteFile(file, []byte(updated), 0o644)
}

// The table stands between these marks.
const begin, end = "<!-- costs: begin -->\n", "<!-- costs: end -->\n"

func replace(text, table string) (string, error) {
	before, rest, found := strings.Cut(text, begin)
	_, after, closed := strings.Cut(rest, end)
	if !found || !closed {
		return "", fmt.Errorf("the marks %q and %q are not there", strings.TrimSpace(begin), strings.TrimSpace(end))
	}
	return before + begin + table + end + after, nil
}

// measure makes every call and returns the table. A route of the contract that
// no row calls is an error.
func measure(c *caller) (string, error) {
	stage, err := prepare(c)
	if err != nil {
		return "", err
	}
	measured := map[string]bool{}
	c.stirred = true
	var out strings.Builder
	out.WriteString("| call | case | reads | writes | commits | published |\n|---|---|---|---|---|---|\n")
	devices, err := stage.deviceRows()
	if err != nil {
		return "", err
	}
	for _, r := range append(stage.rows(), devices...) {
		if r.before != nil {
			if err := r.before(); err != nil {
				return "", fmt.Errorf("before %s: %w", r.path, err)
			}
			c.stirred = c.stirred || r.stirs
		}
		if err := c.settle(); err != nil {
			return "", err
		}
		spent, err := c.cost(r)
		if err != nil {
			return "", err
		}
		measured[cmp.Or(r.call, r.path)] = true
		fmt.Fprintf(&out, "| `%s` | %s | %d | %d | %d | %d |\n", cmp.Or(r.call, r.path), r.what, spent.Reads, spent.Writes, spent.Commits, spent.Published)
	}
	for _, r := range contract.Routes() {
		if !measured[r.Path] {
			return "", fmt.Errorf("nothing measures %s", r.Path)
		}
	}
	for _, r := range deviceapi.Calls() {
		if call := r.Method + " " + deviceapi.Base + r.Path; !measured[call] {
			return "", fmt.Errorf("nothing measures %s", call)
		}
	}
	return out.String(), nil
}
