package house_test

import (
	"encoding/json"
	"encoding/xml"
	"errors"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/throng-im/throng/functions"
	"github.com/throng-im/throng/scripts/house"
)

// readmes are the paths of all READMEs in the tree.
func readmes(t *testing.T) []string {
	t.Helper()
	var found []string
	err := fs.WalkDir(os.DirFS(inTree(t, ".")), ".", func(path string, d fs.DirEntry, err error) error {
		if err == nil && d.IsDir() && strings.HasPrefix(d.Name(), ".") && path != "." {
			return fs.SkipDir
		}
		if err == nil && d.Name() == "README.md" {
			found = append(found, path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

func TestEveryFolderExplainsItself(t *testing.T) {
	all := readmes(t)
	for _, dir := range []string{".", "functions", "shared", "infra", "emulator", "scripts"} {
		path := filepath.ToSlash(filepath.Join(dir, "README.md"))
		if !slices.Contains(all, path) || len(read(t, path)) < 300 {
			t.Errorf("%s says nothing of its folder", path)
		}
	}
}

var (
	link = regexp.MustCompile(`\]\(([^)#:]+)(?:#[^)]*)?\)`)
	// command finds what a README tells its reader to run, in a block of
	// commands or between backquotes.
	command = regexp.MustCompile("(?m)(?:^|`|\\| |; |\\()(make|scripts/|go run \\./)([a-z][a-z/-]*| [a-z-]+)")
	target  = regexp.MustCompile(`(?m)^([a-z-]+):`)
)

func TestReadmesNameWhatIsThere(t *testing.T) {
	var targets []string
	for _, m := range target.FindAllStringSubmatch(read(t, "Makefile"), -1) {
		targets = append(targets, m[1])
	}
	seen := 0
	for _, path := range readmes(t) {
		text := read(t, path)
		for _, m := range link.FindAllStringSubmatch(text, -1) {
			if _, err := os.Stat(inTree(t, filepath.Join(filepath.Dir(path), m[1]))); err != nil {
				t.Errorf("%s links to %s, which is not there", path, m[1])
			}
		}
		for _, m := range command.FindAllStringSubmatch(text, -1) {
			seen++
			name := strings.TrimSpace(m[2])
			switch m[1] {
			case "make":
				if !slices.Contains(targets, name) {
					t.Errorf("%s says make %s, which is no target", path, name)
				}
			case "scripts/":
				if info, err := os.Stat(inTree(t, "scripts/"+name)); err != nil || !info.IsDir() && info.Mode()&0o111 == 0 {
					t.Errorf("%s names scripts/%s, which is not there or does not run", path, name)
				}
			default:
				if _, err := os.Stat(inTree(t, name)); err != nil {
					t.Errorf("%s says go run ./%s, which is not there", path, name)
				}
			}
		}
	}
	if seen < 10 {
		t.Errorf("the READMEs name %d commands", seen)
	}
	for _, want := range []string{"make run", "make test"} {
		if !slices.Contains(house.Blocks(read(t, "README.md"), "sh"), want) {
			t.Errorf("the README does not show %q", want)
		}
	}
}

func TestEveryDependencyIsJustified(t *testing.T) {
	cmd := exec.Command("go", "mod", "edit", "-json")
	cmd.Dir = inTree(t, ".")
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	var mod struct {
		Require []struct {
			Path     string
			Indirect bool
		}
	}
	if err := json.Unmarshal(out, &mod); err != nil {
		t.Fatal(err)
	}
	_, section, _ := strings.Cut(read(t, "shared/README.md"), "\n## Dependencies\n")
	section, _, _ = strings.Cut(section, "\n## ")
	var said []string
	for _, m := range regexp.MustCompile("(?m)^- `([^`]+)`: .").FindAllStringSubmatch(section, -1) {
		said = append(said, m[1])
	}
	var direct []string
	for _, r := range mod.Require {
		if r.Indirect {
			continue
		}
		direct = append(direct, r.Path)
		if !slices.Contains(said, r.Path) {
			t.Errorf("shared/README.md does not say why %s is there", r.Path)
		}
	}
	for _, path := range said {
		if !slices.Contains(direct, path) {
			t.Errorf("shared/README.md speaks of %s, which go.mod does not require", path)
		}
	}
	for _, p := range packages(t) {
		name, isShared := strings.CutPrefix(p.ImportPath, "shared/")
		if isShared && !strings.Contains(name, "/") && !strings.Contains(read(t, "shared/README.md"), "`"+name+"`") {
			t.Errorf("shared/README.md does not list %s", name)
		}
	}
}

func TestTheManifestMatchesTheTree(t *testing.T) {
	m, err := functions.Load()
	if err != nil {
		t.Fatal(err)
	}
	all, about := read(t, "functions/all/all.go"), read(t, "functions/README.md")
	listed := []string{"all", "cmd"}
	for _, f := range m.Functions {
		listed = append(listed, f.Name)
		if !strings.Contains(all, module+"functions/"+f.Name+`"`) {
			t.Errorf("functions/all does not link %s", f.Name)
		}
		if !strings.Contains(about, "\n| `"+f.Name+"` | ") {
			t.Errorf("functions/README.md has no row for %s", f.Name)
		}
	}
	entries, err := os.ReadDir(inTree(t, "functions"))
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if e.IsDir() && !slices.Contains(listed, e.Name()) {
			t.Errorf("functions/%s is not in functions.json", e.Name())
		}
	}
}

// drawn are the texts of a picture by the classes of their elements.
func drawn(t *testing.T, svg string) map[string][]string {
	t.Helper()
	texts := map[string][]string{}
	type open struct {
		classes []string
		text    strings.Builder
	}
	var path []*open
	for dec := xml.NewDecoder(strings.NewReader(svg)); ; {
		token, err := dec.Token()
		if errors.Is(err, io.EOF) {
			return texts
		}
		if err != nil {
			t.Fatal(err)
		}
		switch token := token.(type) {
		case xml.StartElement:
			e := &open{}
			for _, a := range token.Attr {
				if a.Name.Local == "class" {
					e.classes = strings.Fields(a.Value)
				}
			}
			path = append(path, e)
		case xml.CharData:
			for _, e := range path {
				e.text.Write(token)
			}
		case xml.EndElement:
			e := path[len(path)-1]
			path = path[:len(path)-1]
			for _, c := range e.classes {
				texts[c] = append(texts[c], e.text.String())
			}
		}
	}
}

// offTheWay are the functions that no message passes on its way to a phone.
var offTheWay = []string{"archive", "conversations", "copies", "groups", "history", "mutes", "retention", "users", "watch", "webhook"}

// noMessages are the topics that no message passes.
var noMessages = []string{"callback", "conversation", "copies", "hourly", "presence", "watch"}

func TestThePictureIsTrue(t *testing.T) {
	m, err := functions.Load()
	if err != nil {
		t.Fatal(err)
	}
	picture := drawn(t, read(t, "functions/way-of-a-message.svg"))
	var names []string
	for _, f := range m.Functions {
		if !slices.Contains(offTheWay, f.Name) {
			names = append(names, f.Name)
		}
	}
	same := func(what string, got, want []string) {
		t.Helper()
		slices.Sort(got)
		slices.Sort(want)
		if !slices.Equal(slices.Compact(got), want) {
			t.Errorf("the picture shows the %s %q, the tree has %q", what, got, want)
		}
	}
	same("functions", picture["function"], names)
	same("topics", picture["topic"], slices.DeleteFunc(m.TopicNames(), func(name string) bool { return slices.Contains(noMessages, name) }))
	same("steps", picture["n"], []string{"1", "2", "3", "4", "5", "6", "7"})
	var reached []string
	for _, route := range picture["route"] {
		f, _ := m.Route(strings.TrimPrefix(route, "POST "))
		reached = append(reached, f.Name)
	}
	same("routes of", reached, []string{"client", "messages"})
	for _, d := range picture["document"] {
		if d = strings.TrimPrefix(d, "…"); !strings.Contains(read(t, "shared/README.md"), d+" ") {
			t.Errorf("the picture shows %s, which shared/README.md does not explain", d)
		}
	}
}
