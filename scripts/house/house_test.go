package house_test

import (
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/throng-im/throng/scripts/house"
)

const module = "github.com/throng-im/throng/"

// inTree is a path inside the checkout.
func inTree(t *testing.T, path string) string {
	t.Helper()
	abs, err := filepath.Abs(filepath.Join("../..", path))
	if err != nil {
		t.Fatal(err)
	}
	return abs
}

func read(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(inTree(t, path))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func TestBlocks(t *testing.T) {
	got := house.Blocks("a\n```sh\none\ntwo\n```\n```json\nno\n```\n  ```sh\nthree\n```\n```sh\nnever closed\n", "sh")
	if !slices.Equal(got, []string{"one\ntwo", "three"}) {
		t.Errorf("got %q", got)
	}
}
