package retention

import (
	"context"
	"strings"

	"github.com/throng-im/throng/shared/commit"
)

// At lists the tasks that stand at a document, or below it: their progress names it.
func At(ctx context.Context, store commit.Reader, document string) ([]string, error) {
	all, err := State(ctx, store)
	var at []string
	for _, p := range all {
		if p.at.path == document || strings.HasPrefix(p.at.path, document+"/") {
			at = append(at, path(p.Task))
		}
	}
	return at, err
}

// Forget has the tasks that stand at a document begin anew, which does no harm.
func Forget(ctx context.Context, store commit.Store, document string) error {
	at, err := At(ctx, store, document)
	if err != nil {
		return err
	}
	return commit.Delete(ctx, store, at)
}
