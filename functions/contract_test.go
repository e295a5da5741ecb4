package functions_test

import (
	"testing"

	"github.com/throng-im/throng/functions"
	"github.com/throng-im/throng/shared/contract"
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
