package firestore

import (
	"context"
	"errors"
	"fmt"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/throng-im/throng/shared/commit"
)

// classifyCommit sorts a failed commit into the outcomes the loop knows.
// NotFound and AlreadyExists are how a precondition on a missing or on an
// existing document fails. Unknown and Internal count as outcome unknown: the
// emulator has answered both to commits that it had applied.
func classifyCommit(err error) error {
	switch status.Code(err) {
	case codes.FailedPrecondition, codes.AlreadyExists, codes.NotFound:
		return fmt.Errorf("%w: %w", commit.ErrConflict, err)
	case codes.Aborted, codes.ResourceExhausted:
		return fmt.Errorf("%w: %w", commit.ErrAborted, err)
	case codes.Unavailable, codes.DeadlineExceeded, codes.Canceled, codes.Unknown, codes.Internal:
		return fmt.Errorf("%w: %w", commit.ErrUnknown, err)
	default:
		return err
	}
}

// classifyRead marks the failures that another attempt may cure.
func classifyRead(err error) error {
	switch status.Code(err) {
	case codes.Unavailable, codes.DeadlineExceeded, codes.Aborted, codes.ResourceExhausted, codes.Unknown, codes.Internal:
		return fmt.Errorf("%w: %w", commit.ErrUnknown, err)
	}
	if errors.Is(err, context.DeadlineExceeded) {
		return fmt.Errorf("%w: %w", commit.ErrUnknown, err)
	}
	return err
}
