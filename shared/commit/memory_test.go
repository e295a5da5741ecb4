package commit_test

import (
	"testing"

	"github.com/throng-im/throng/shared/commit"
	"github.com/throng-im/throng/shared/commit/committest"
)

func TestMemoryKeepsTheStoreContract(t *testing.T) {
	committest.Store(t, func(*testing.T) commit.Store { return new(commit.Memory) })
}
