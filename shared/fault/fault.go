// Package fault names every way in which a call can fail that a caller should
// know about. Domain packages return these errors; each API turns them into
// its own answer with one table of its own (wire for app servers, client for
// devices). An error that is not a fault is internal and its text never leaves
// the process.
package fault

import (
	"errors"
	"fmt"
	"time"
)

// Kind is the closed list of failures.
type Kind string

// The kinds. The device API shows most of them by this very name.
const (
	InvalidArgument  Kind = "invalid_argument"
	TooLarge         Kind = "too_large"
	Unauthenticated  Kind = "unauthenticated"
	TokenExpired     Kind = "token_expired"
	PermissionDenied Kind = "permission_denied"
	NotMember        Kind = "not_member"
	Muted            Kind = "muted"
	GroupMuted       Kind = "group_muted"
	GroupDismissed   Kind = "group_dismissed"
	GroupFull        Kind = "group_full"
	NotFound         Kind = "not_found"
	MethodNotAllowed Kind = "method_not_allowed"
	RateLimited      Kind = "rate_limited"
	NotEnabled       Kind = "not_enabled"
	Unavailable      Kind = "unavailable"
	Internal         Kind = "internal"
)

// Error is a failure with a text that the caller may read.
type Error struct {
	Kind    Kind
	Message string
	// RetryAfter is how long the caller should wait before it tries again,
	// zero when there is nothing to wait for.
	RetryAfter time.Duration
	// Extra is what the app's own server has the caller told of its refusal.
	Extra string
}

func (e *Error) Error() string { return string(e.Kind) + ": " + e.Message }

// New builds an Error from a format.
func New(kind Kind, format string, args ...any) *Error {
	return &Error{Kind: kind, Message: fmt.Sprintf(format, args...)}
}

// Of returns the fault inside err. An error that nobody classified answers as
// Internal with a text that says nothing about it.
func Of(err error) *Error {
	if f, ok := errors.AsType[*Error](err); ok {
		return f
	}
	return &Error{Kind: Internal, Message: "internal error, try again later"}
}

// Is says whether err carries a fault of this kind.
func Is(err error, kind Kind) bool {
	f, ok := errors.AsType[*Error](err)
	return ok && f.Kind == kind
}
