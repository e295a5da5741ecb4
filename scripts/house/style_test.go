package house_test

import (
	"bytes"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// A file and a function fit a reader's head.
const (
	maxFileLines     = 500
	maxFunctionLines = 100
)

// tooLong says what is too long in the source of a file.
func tooLong(name string, source []byte) ([]string, error) {
	var long []string
	files := token.NewFileSet()
	f, err := parser.ParseFile(files, name, source, parser.SkipObjectResolution)
	if err != nil {
		return nil, err
	}
	if n := bytes.Count(source, []byte("\n")); n > maxFileLines {
		long = append(long, fmt.Sprintf("%s has %d lines, the limit is %d", name, n, maxFileLines))
	}
	ast.Inspect(f, func(n ast.Node) bool {
		switch n.(type) {
		case *ast.FuncDecl, *ast.FuncLit:
			if lines := files.Position(n.End()).Line - files.Position(n.Pos()).Line + 1; lines > maxFunctionLines {
				long = append(long, fmt.Sprintf("%s: a function has %d lines, the limit is %d", files.Position(n.Pos()), lines, maxFunctionLines))
			}
		}
		return true
	})
	return long, nil
}

func TestFilesAndFunctionsStayShort(t *testing.T) {
	seen := 0
	err := filepath.WalkDir(inTree(t, "."), func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && strings.HasPrefix(d.Name(), "."):
			return filepath.SkipDir
		case !strings.HasSuffix(path, ".go"):
			return nil
		}
		source, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		seen++
		long, err := tooLong(path, source)
		for _, l := range long {
			t.Error(l)
		}
		return err
	})
	if err != nil || seen < 50 {
		t.Fatalf("looked at %d files: %v", seen, err)
	}
}

func TestLongOnesAreFound(t *testing.T) {
	for _, c := range []struct {
		what, source string
		long         int
	}{
		{"a file of 500 lines", "package a\n" + strings.Repeat("\n", 499), 0},
		{"a file of 501 lines", "package a\n" + strings.Repeat("// more\n", 500), 1},
		{"a function of 100 lines", "package a\nfunc f() {\n" + strings.Repeat("\n", 98) + "}\n", 0},
		{"a function of 101 lines", "package a\nfunc f() {\n" + strings.Repeat("\n", 99) + "}\n", 1},
		{"a literal of 101 lines", "package a\nvar f = func() {\n" + strings.Repeat("\n", 99) + "}\n", 1},
	} {
		long, err := tooLong("a.go", []byte(c.source))
		if err != nil || len(long) != c.long {
			t.Errorf("%s: %v %v", c.what, long, err)
		}
	}
}

func TestTopLevelIsFixed(t *testing.T) {
	entries, err := os.ReadDir(inTree(t, "."))
	if err != nil {
		t.Fatal(err)
	}
	allowed := []string{"functions", "shared", "infra", "emulator", "scripts", "go.mod", "go.sum", "README.md", "Makefile", "LICENSE"}
	for _, e := range entries {
		if !strings.HasPrefix(e.Name(), ".") && !slices.Contains(allowed, e.Name()) {
			t.Errorf("%s does not belong at the top", e.Name())
		}
	}
}
