package house_test

import (
	"encoding/json"
	"fmt"
	"os/exec"
	"path"
	"slices"
	"strings"
	"testing"
)

// pkg is what the go command says of a package.
type pkg struct {
	ImportPath, Doc, Name              string
	GoFiles                            []string
	Imports, TestImports, XTestImports []string
}

// packages asks the go command for every package of the module.
func packages(t *testing.T) []pkg {
	t.Helper()
	cmd := exec.Command("go", "list", "-json=ImportPath,Doc,Name,GoFiles,Imports,TestImports,XTestImports", "./...")
	cmd.Dir = inTree(t, ".")
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

var (
	// only says who may import what nobody else may, and what is below it.
	only = map[string][]string{
		"cloud.google.com/go/firestore":   {"shared/firestore", "scripts/bench"},
		"cloud.google.com/go/pubsub":      {"shared/pubsub"},
		"firebase.google.com/go/v4":       {"functions/push"},
		"github.com/golang-jwt/jwt":       {"shared/token"},
		"github.com/klauspost/compress":   {"shared/pack"},
		"github.com/hashicorp/golang-lru": {"shared/group", "functions/client", "functions/fanout", "functions/push", "functions/webhook"},
		"go.opentelemetry.io/otel":        {"shared/telemetry"},
		"golang.org/x/text":               {"shared/settings", "functions/push"},
		"golang.org/x/time":               {"shared/wire", "functions/client", "functions/copies"},
		"google.golang.org/api":           {"shared/firestore", "shared/pubsub", "functions/push"},
		"google.golang.org/genproto":      {},
		"cloud.google.com/go/storage":     {"shared/hourlog"},
		"gocloud.dev":                     {"shared/hourlog"},
		// What compares with published descriptions is for tests.
		"github.com/getkin/kin-openapi":         {},
		"github.com/santhosh-tekuri/jsonschema": {"shared/deviceapi/checker"},
		module + "shared/deviceapi/checker":     {},
		"google.golang.org/grpc":                {"shared/firestore", "shared/pubsub", "shared/chaos"},
		"google.golang.org/protobuf":            {"shared/firestore", "shared/pubsub"},
		module + "functions/all":                {"functions/cmd/server", "emulator"},
		module + "shared/debug":                 {"emulator", "scripts/bench"},
		module + "emulator":                     {"emulator"},
	}
	// testsToo are the clients that tests, too, leave to their owners.
	testsToo = map[string][]string{
		"cloud.google.com/go/firestore": {"shared/firestore"},
		"cloud.google.com/go/pubsub":    {"shared/pubsub"},
		"firebase.google.com/go/v4":     {"functions/push", "emulator/fcm"},
	}
	// domain is the rules of groups and messages. They know no cloud.
	domain = []string{"shared/group", "shared/user", "shared/conversation", "shared/inbox", "shared/view", "shared/notify", "shared/pack", "shared/message", "shared/commit", "shared/id", "shared/fault", "shared/event", "shared/presence", "shared/receipt", "shared/replay", "shared/gate", "shared/retention"}
	clouds = []string{"cloud.google.com", "google.golang.org", "firebase.google.com", "github.com/GoogleCloudPlatform",
		module + "shared/firestore", module + "shared/pubsub", module + "shared/cloud"}
	// linkers put functions together; every other function stands alone.
	linkers = []string{"functions/all", "functions/cmd/server"}
	// noNames say nothing of what is inside.
	noNames = []string{"util", "utils", "common", "helper", "helpers", "manager", "misc", "base"}
)

// within says whether an import path is what or below it.
func within(imp, what string) bool { return imp == what || strings.HasPrefix(imp, what+"/") }

func reserved(p pkg, imp string, owners map[string][]string) []string {
	var broken []string
	for what, who := range owners {
		if within(imp, what) && !slices.Contains(who, p.ImportPath) && !slices.ContainsFunc(who, func(w string) bool { return within(imp, module+w) && within(p.ImportPath, w) }) {
			broken = append(broken, fmt.Sprintf("%s imports %s, which only %v may", p.ImportPath, imp, who))
		}
	}
	return broken
}

// brokenRules says what is wrong with a package's name and imports.
func brokenRules(p pkg) []string {
	var broken []string
	for _, name := range append(strings.Split(p.ImportPath, "/"), p.Name) {
		if slices.Contains(noNames, name) {
			broken = append(broken, fmt.Sprintf("%s: %s is no name for a package", p.ImportPath, name))
		}
	}
	for _, imp := range p.Imports {
		broken = append(broken, reserved(p, imp, only)...)
		for _, c := range clouds {
			if slices.Contains(domain, p.ImportPath) && within(imp, c) {
				broken = append(broken, fmt.Sprintf("%s imports %s: the rules import no cloud client", p.ImportPath, imp))
			}
		}
	}
	for _, imp := range slices.Concat(p.TestImports, p.XTestImports) {
		broken = append(broken, reserved(p, imp, testsToo)...)
	}
	for _, imp := range slices.Concat(p.Imports, p.TestImports, p.XTestImports) {
		ours, isOurs := strings.CutPrefix(imp, module)
		switch {
		case !isOurs || ours == p.ImportPath:
		case within(p.ImportPath, "shared") && !within(ours, "shared"):
			broken = append(broken, fmt.Sprintf("%s imports %s: shared packages import shared packages only", p.ImportPath, ours))
		case within(p.ImportPath, "functions") && within(ours, "functions") && ours != "functions" && !slices.Contains(linkers, p.ImportPath):
			broken = append(broken, fmt.Sprintf("%s imports %s: functions never import each other", p.ImportPath, ours))
		}
	}
	return broken
}

func TestImports(t *testing.T) {
	for _, p := range packages(t) {
		for _, b := range brokenRules(p) {
			t.Error(b)
		}
	}
}

// TestImportRulesBite gives each rule a package that breaks it.
func TestImportRulesBite(t *testing.T) {
	for _, bad := range []pkg{
		{ImportPath: "functions/groups", Imports: []string{module + "functions/push"}},
		{ImportPath: "functions/groups", XTestImports: []string{module + "functions/messages"}},
		{ImportPath: "functions/cmd/tool", Imports: []string{module + "functions/all"}},
		{ImportPath: "functions/push", Imports: []string{module + "emulator/fcm"}},
		{ImportPath: "scripts/bench", Imports: []string{module + "emulator"}},
		{ImportPath: "shared/group", Imports: []string{module + "functions"}},
		{ImportPath: "shared/group", TestImports: []string{module + "emulator/fcm"}},
		{ImportPath: "shared/group", Imports: []string{module + "shared/firestore"}},
		{ImportPath: "shared/user", Imports: []string{"google.golang.org/grpc/codes"}},
		{ImportPath: "functions/groups", Imports: []string{"cloud.google.com/go/firestore/apiv1"}},
		{ImportPath: "emulator", Imports: []string{"cloud.google.com/go/pubsub/v2"}},
		{ImportPath: "functions/fanout", Imports: []string{"firebase.google.com/go/v4/messaging"}},
		{ImportPath: "emulator", TestImports: []string{"firebase.google.com/go/v4"}},
		{ImportPath: "functions/client", Imports: []string{module + "shared/deviceapi/checker"}},
		{ImportPath: "shared/util/text"},
		{ImportPath: "shared/text", Name: "helpers"},
	} {
		if len(brokenRules(bad)) == 0 {
			t.Errorf("no rule minds %+v", bad)
		}
	}
	for _, good := range []pkg{
		{ImportPath: "functions/push", Imports: []string{"firebase.google.com/go/v4", module + "shared/event"}, XTestImports: []string{module + "emulator/fcm", module + "functions/push"}},
		{ImportPath: "functions/all", Imports: []string{module + "functions/push"}},
		{ImportPath: "emulator", Imports: []string{module + "emulator/fcm", module + "functions", module + "functions/all"}},
	} {
		if b := brokenRules(good); len(b) > 0 {
			t.Error(b)
		}
	}
}

func TestEveryPackageSaysWhatItIsFor(t *testing.T) {
	for _, p := range packages(t) {
		if len(p.GoFiles) == 0 {
			continue
		}
		want := "Package " + p.Name + " "
		if p.Name == "main" {
			want = "Command " + path.Base(p.ImportPath) + " "
		}
		if !strings.HasPrefix(p.Doc, want) {
			t.Errorf("the doc comment of %s does not begin with %q: %q", p.ImportPath, want, p.Doc)
		}
	}
}
