package commit

import (
	"context"
	"slices"
)

// deletesAtOnce bounds the deletes in one commit.
const deletesAtOnce = 250

// Delete deletes documents, whatever they have become, so many in a commit. It may be
// stopped between two and repeated. What is not there is no error.
func Delete(ctx context.Context, s Store, paths []string) error {
	for some := range slices.Chunk(paths, deletesAtOnce) {
		writes := make([]Write, len(some))
		for i, path := range some {
			writes[i] = Write{Path: path, Delete: true}
		}
		if _, err := s.Commit(ctx, writes); err != nil {
			return err
		}
	}
	return nil
}
