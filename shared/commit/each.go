package commit

import "context"

// Each visits all that a query finds, a page of q.Limit documents at a time. What the
// visit changes of a document does not disturb the walk, nor does it hold up what
// others change.
func Each(ctx context.Context, r Reader, q Query, visit func(Doc) error) error {
	for {
		docs, err := r.Query(ctx, q)
		if err != nil {
			return err
		}
		for _, d := range docs {
			if err := visit(d); err != nil {
				return err
			}
			q.After = d
		}
		if len(docs) < q.Limit {
			return nil
		}
	}
}
