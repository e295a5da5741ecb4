package functions_test

import (
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
		if what := wire.Outside(r.Path); what != "" {
			t.Errorf("%s is served, and is said to belong to %s", r.Path, what)
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
