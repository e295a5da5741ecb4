package house_test

import (
	"encoding/json"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/throng-im/throng/functions"
	"github.com/throng-im/throng/scripts/house"
)

const module = "github.com/throng-im/throng/"

// root is the top of the checkout.
func root(t *testing.T) string {
	t.Helper()
	dir, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

type pkg struct {
	ImportPath, Doc, Name string
	Imports               []string
	TestImports           []string
	XTestImports          []string
}

// packages asks the go command for every package of the module.
func packages(t *testing.T) []pkg {
	t.Helper()
	cmd := exec.Command("go", "list", "-json=ImportPath,Doc,Name,Imports,TestImports,XTestImports", "./...")
	cmd.Dir = root(t)
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	var all []pkg
	for dec := json.NewDecoder(strings.NewReader(string(out))); dec.More(); {
		var p pkg
		if err := dec.Decode(&p); err != nil {
			t.Fatal(err)
		}
		p.ImportPath = strings.TrimPrefix(p.ImportPath, module)
		all = append(all, p)
	}
	return all
}

func TestImports(t *testing.T) {
	// only lists who may import what nobody else may.
	only := map[string][]string{
		"cloud.google.com/go/firestore":   {"shared/firestore"},
		"cloud.google.com/go/pubsub":      {"shared/pubsub"},
		"firebase.google.com/go/v4":       {"functions/push"},
		"google.golang.org/api/option":    {"shared/firestore", "shared/pubsub", "functions/push"},
		module + "functions/all":          {"functions/cmd/server", "emulator"},
		"github.com/golang-jwt/jwt":       {"shared/token"},
		"github.com/hashicorp/golang-lru": {"shared/group", "functions/fanout", "functions/push"},
		"google.golang.org/grpc":          {"shared/firestore", "shared/pubsub"},
		"google.golang.org/protobuf":      {"shared/firestore", "shared/pubsub"},
		"google.golang.org/genproto":      {},
		"go.opentelemetry.io/otel":        {"shared/telemetry"},
	}
	domain := []string{"shared/group", "shared/user", "shared/commit", "shared/id", "shared/fault", "shared/event", "shared/message"}
	clouds := []string{"cloud.google.com/", "google.golang.org/", "firebase.google.com/", module + "shared/firestore", module + "shared/pubsub", module + "shared/cloud"}
	for _, p := range packages(t) {
		for _, banned := range []string{"util", "utils", "common", "helpers", "manager"} {
			if p.Name == banned {
				t.Errorf("%s: %s is no name for a package", p.ImportPath, banned)
			}
		}
		for _, imp := range p.Imports {
			for what, who := range only {
				if strings.HasPrefix(imp, what) && !slices.Contains(who, p.ImportPath) {
					t.Errorf("%s imports %s, which only %v may", p.ImportPath, imp, who)
				}
			}
			ours, isOurs := strings.CutPrefix(imp, module)
			if isOurs && strings.HasPrefix(p.ImportPath, "shared/") && !strings.HasPrefix(ours, "shared/") {
				t.Errorf("%s imports %s: shared packages import shared packages only", p.ImportPath, ours)
			}
			if isOurs && strings.HasPrefix(ours, "functions/") && strings.HasPrefix(p.ImportPath, "functions/") &&
				p.ImportPath != "functions/all" && p.ImportPath != "functions/cmd/server" {
				t.Errorf("%s imports %s: functions never import each other", p.ImportPath, ours)
			}
			if slices.Contains(domain, p.ImportPath) {
				for _, c := range clouds {
					if strings.HasPrefix(imp, c) {
						t.Errorf("%s imports %s: the rules import no cloud client", p.ImportPath, imp)
					}
				}
			}
		}
	}
}

func TestEveryPackageSaysWhatItIsFor(t *testing.T) {
	for _, p := range packages(t) {
		if p.Doc == "" && len(p.Imports)+len(p.TestImports)+len(p.XTestImports) > 0 {
			t.Errorf("%s has no doc comment", p.ImportPath)
		}
	}
}

// Limits of style: a file and a function that fit a reader's head.
const (
	maxFileLines     = 500
	maxFunctionLines = 100
)

func TestFilesAndFunctionsStayShort(t *testing.T) {
	files := token.NewFileSet()
	for _, path := range goFiles(t) {
		f, err := parser.ParseFile(files, path, nil, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		if n := files.Position(f.End()).Line; n > maxFileLines {
			t.Errorf("%s has %d lines", path, n)
		}
		for _, d := range f.Decls {
			if fn, ok := d.(*ast.FuncDecl); ok {
				if n := files.Position(fn.End()).Line - files.Position(fn.Pos()).Line + 1; n > maxFunctionLines {
					t.Errorf("%s: %s has %d lines", path, fn.Name.Name, n)
				}
			}
		}
	}
}

func goFiles(t *testing.T) []string {
	t.Helper()
	var found []string
	err := filepath.WalkDir(root(t), func(path string, d os.DirEntry, err error) error {
		if err == nil && d.IsDir() && strings.HasPrefix(d.Name(), ".") && len(d.Name()) > 1 {
			return filepath.SkipDir
		}
		if err == nil && strings.HasSuffix(path, ".go") {
			found = append(found, path)
		}
		return err
	})
	if err != nil || len(found) == 0 {
		t.Fatalf("found %d Go files: %v", len(found), err)
	}
	return found
}

func TestTopLevelIsFixed(t *testing.T) {
	entries, err := os.ReadDir(root(t))
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

func TestEveryDependencyIsJustified(t *testing.T) {
	readme, err := os.ReadFile(filepath.Join(root(t), "shared/README.md"))
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("go", "list", "-m", "-f", "{{if not (or .Indirect .Main)}}{{.Path}}{{end}}", "all")
	cmd.Dir = root(t)
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range strings.Fields(string(out)) {
		if !strings.Contains(string(readme), "`"+path+"`") {
			t.Errorf("shared/README.md does not say why %s is there", path)
		}
	}
}

func TestTheManifestMatchesTheTree(t *testing.T) {
	m, err := functions.Load()
	if err != nil {
		t.Fatal(err)
	}
	all, err := os.ReadFile(filepath.Join(root(t), "functions/all/all.go"))
	if err != nil {
		t.Fatal(err)
	}
	svg, err := os.ReadFile(filepath.Join(root(t), "functions/way-of-a-message.svg"))
	if err != nil {
		t.Fatal(err)
	}
	listed := map[string]bool{"all": true, "cmd": true}
	for _, f := range m.Functions {
		listed[f.Name] = true
		if !strings.Contains(string(all), module+"functions/"+f.Name+`"`) {
			t.Errorf("functions/all does not link %s", f.Name)
		}
		onTheWay := f.Name != "users" && f.Name != "groups"
		if onTheWay && !strings.Contains(string(svg), ">"+f.Name+"<") {
			t.Errorf("the picture does not show %s", f.Name)
		}
	}
	for _, topic := range m.TopicNames() {
		if !strings.Contains(string(svg), topic) {
			t.Errorf("the picture does not show the topic %s", topic)
		}
	}
	entries, err := os.ReadDir(filepath.Join(root(t), "functions"))
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if e.IsDir() && !listed[e.Name()] {
			t.Errorf("functions/%s is not in functions.json", e.Name())
		}
	}
}

func TestEveryFolderExplainsItself(t *testing.T) {
	for _, dir := range []string{".", "functions", "shared", "infra", "emulator", "scripts"} {
		text, err := os.ReadFile(filepath.Join(root(t), dir, "README.md"))
		if err != nil || len(text) < 300 {
			t.Errorf("%s/README.md: %d bytes, %v", dir, len(text), err)
		}
	}
}

func TestBlocks(t *testing.T) {
	got := house.Blocks("a\n```sh\none\ntwo\n```\n```json\nno\n```\n  ```sh\nthree\n```\n", "sh")
	if !slices.Equal(got, []string{"one\ntwo", "three"}) {
		t.Errorf("got %q", got)
	}
}
