package firestore

import (
	"context"
	"errors"
	"fmt"
	"time"

	"google.golang.org/grpc"
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

// slowUnary and slowStream add a region's latency to every call, so that a
// developer feels it on the emulator.
func slowUnary(delay time.Duration) grpc.UnaryClientInterceptor {
	return func(ctx context.Context, method string, req, reply any, cc *grpc.ClientConn, invoke grpc.UnaryInvoker, opts ...grpc.CallOption) error {
		if err := sleep(ctx, delay); err != nil {
			return err
		}
		return invoke(ctx, method, req, reply, cc, opts...)
	}
}

func slowStream(delay time.Duration) grpc.StreamClientInterceptor {
	return func(ctx context.Context, desc *grpc.StreamDesc, cc *grpc.ClientConn, method string, open grpc.Streamer, opts ...grpc.CallOption) (grpc.ClientStream, error) {
		if err := sleep(ctx, delay); err != nil {
			return nil, err
		}
		return open(ctx, desc, cc, method, opts...)
	}
}

func sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return status.FromContextError(ctx.Err()).Err()
	}
}
