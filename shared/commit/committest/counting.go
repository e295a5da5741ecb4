package committest

import (
	"context"
	"sync/atomic"

	"github.com/throng-im/throng/shared/commit"
)

// Counting is a store in memory that counts the documents read, as they are billed.
type Counting struct {
	*commit.Memory
	Reads atomic.Int64
}

// Get implements commit.Reader.
func (c *Counting) Get(ctx context.Context, paths []string, fields ...string) ([]commit.Doc, error) {
	c.Reads.Add(int64(len(paths)))
	return c.Memory.Get(ctx, paths, fields...)
}

// Query implements commit.Reader.
func (c *Counting) Query(ctx context.Context, q commit.Query) ([]commit.Doc, error) {
	docs, err := c.Memory.Query(ctx, q)
	c.Reads.Add(int64(max(1, len(docs))))
	return docs, err
}
