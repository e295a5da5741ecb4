package main

import (
	"os"
	"slices"
	"strings"
	"testing"
)

// TestTheReadmeNamesEveryScene holds the table of promises against the programme.
func TestTheReadmeNamesEveryScene(t *testing.T) {
	raw, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	_, table, _ := strings.Cut(string(raw), "<!-- scenes: begin -->\n| promise | scenes |\n|---|---|\n")
	table, _, ended := strings.Cut(table, "<!-- scenes: end -->")
	if !ended {
		t.Fatal("the README has no table of scenes")
	}
	var names, listed []string
	for _, a := range programme() {
		if slices.Contains(names, a.name) {
			t.Errorf("two scenes are called %q", a.name)
		}
		names = append(names, a.name)
	}
	for _, row := range strings.Split(strings.TrimSpace(table), "\n") {
		cells := strings.Split(strings.Trim(row, "| "), " | ")
		if len(cells) != 2 {
			t.Fatalf("the row %q has %d cells", row, len(cells))
		}
		for _, name := range strings.Split(cells[1], "; ") {
			listed = append(listed, name)
			if !slices.Contains(names, name) {
				t.Errorf("the README names a scene %q, which is not played", name)
			}
		}
	}
	for _, name := range names {
		if !slices.Contains(listed, name) {
			t.Errorf("the README does not say what %q is there for", name)
		}
	}
}
