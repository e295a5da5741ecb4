package functions_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/throng-im/throng/functions"
	"github.com/throng-im/throng/shared/contract"
	"github.com/throng-im/throng/shared/settings"
	"github.com/throng-im/throng/shared/wire"
)

// TestEveryRouteReachesItsFunction holds the table against the manifest, which
// the gateway and the load balancer route by.
func TestEveryRouteReachesItsFunction(t *testing.T) {
	m, err := functions.Load()
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range contract.Routes() {
		if f, ok := m.Route(r.Path); !ok || f.Name != r.Function {
			t.Errorf("%s belongs to %s, the manifest sends it to %q", r.Path, r.Function, f.Name)
		}
		if r.About == "" {
			t.Errorf("%s does not say what it is for", r.Path)
		}
		for _, p := range r.Params {
			if p.About == "" {
				t.Errorf("%s: %s does not say what it is for", r.Path, p.Name)
			}
		}
	}
}

// TestNothingIsServedWithoutARow reads the functions' sources: what app servers
// may call is served by cloud.API alone, with the function's own name, and that
// binds the rows of the table, no more and no fewer. Devices have an API of
// their own.
func TestNothingIsServedWithoutARow(t *testing.T) {
	m, err := functions.Load()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range m.Functions {
		if f.Trigger != "http" || slices.ContainsFunc(f.Routes, func(r string) bool { return strings.HasPrefix(r, "/client/") }) {
			continue
		}
		if !slices.ContainsFunc(contract.Routes(), func(r wire.Route) bool { return r.Function == f.Name }) {
			t.Errorf("%s has routes in the manifest and no row", f.Name)
		}
		bound := 0
		for _, name := range called(t, f.Name) {
			switch name {
			case "API " + f.Name:
				bound++
			case "Handle", "HandleFunc", "NewServeMux", "Handler":
				t.Errorf("%s serves by %s what no row may say", f.Name, name)
			}
		}
		if bound != 1 {
			t.Errorf("%s binds its rows %d times", f.Name, bound)
		}
	}
}

// called lists what the sources of a function call on other packages and values;
// API comes with the name it is given.
func called(t *testing.T, function string) []string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(function, "*.go"))
	if err != nil || len(files) == 0 {
		t.Fatalf("%s has no sources: %v", function, err)
	}
	var names []string
	for _, file := range files {
		if strings.HasSuffix(file, "_test.go") {
			continue
		}
		source, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(source, func(n ast.Node) bool {
			call, ok := n.(*ast.CallExpr)
			if !ok {
				return true
			}
			on, ok := call.Fun.(*ast.SelectorExpr)
			if !ok {
				return true
			}
			name := on.Sel.Name
			if name == "API" && len(call.Args) > 0 {
				if text, ok := call.Args[0].(*ast.BasicLit); ok {
					first, _ := strconv.Unquote(text.Value)
					name += " " + first
				}
			}
			names = append(names, name)
			return true
		})
	}
	return names
}

// TestWhatIsOutsideReachesSomeFunction: what nobody serves is answered by the
// load balancer, which does not know what to say.
func TestWhatIsOutsideReachesSomeFunction(t *testing.T) {
	m, err := functions.Load()
	if err != nil {
		t.Fatal(err)
	}
	prefixes := wire.OutsidePrefixes()
	if len(prefixes) < 20 {
		t.Fatalf("only %d prefixes", len(prefixes))
	}
	for _, prefix := range prefixes {
		if f, ok := m.Route(prefix); !ok {
			t.Errorf("no function gets %s", prefix)
		} else if f.Name == "client" {
			t.Errorf("%s gets %s, and does not speak the server API", f.Name, prefix)
		}
	}
}

func TestARateIsForACallThatExists(t *testing.T) {
	for path, ok := range map[string]bool{"/group/join.json": true, "/group/joint.json": false} {
		if err := contract.CheckRates(settings.Rates{Calls: map[string]int{path: 1}}); ok != (err == nil) {
			t.Errorf("%s: %v", path, err)
		}
	}
}
