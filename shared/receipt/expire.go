package receipt

import (
	"context"
	"fmt"
	"strings"

	"github.com/throng-im/throng/shared/commit"
	"github.com/throng-im/throng/shared/id"
)

// mostListed bounds the documents of one query of UpTo.
const mostListed = 100

// UpTo lists the documents that hold the receipts of a group's messages up to a seq,
// in order, behind one that it returned before, and says how many it read: one where
// there is none, and at most as many again as it lists.
func (r *Receipts) UpTo(ctx context.Context, g id.Group, seq int64, after commit.Doc) (paths []string, reads int, err error) {
	for limit := 1; ; limit = min(2*limit, mostListed) {
		docs, err := r.store.Query(ctx, commit.Query{
			Collection: "groups/" + id.Document(string(g)) + "/receipts", After: after, Limit: limit, Select: []string{"rev"},
		})
		if err != nil {
			return nil, reads, err
		}
		reads += max(len(docs), 1)
		for _, d := range docs {
			if of := seqOf(d.Path); of > seq {
				return paths, reads, nil
			}
			paths, after = append(paths, d.Path), commit.Doc{Path: d.Path}
		}
		if len(docs) < limit {
			return paths, reads, nil
		}
	}
}

// seqOf is the seq of the message that a document is about.
func seqOf(path string) (seq int64) {
	_, _ = fmt.Sscanf(path[strings.LastIndexByte(path, '/')+1:], "%d", &seq)
	return seq
}
