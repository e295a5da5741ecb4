package client

import (
	"context"
	"net/http"
	"time"

	lru "github.com/hashicorp/golang-lru/v2"
	"golang.org/x/time/rate"

	"github.com/throng-im/throng/shared/fault"
	"github.com/throng-im/throng/shared/id"
)

// pacedUsers is how many users' counts a process keeps. Who is forgotten called
// long before so many others did, and has a full second's worth again anyway.
const pacedUsers = 1 << 16

// pace bounds how fast the devices of one user send through this process. Other
// instances count for themselves.
type pace struct {
	limit int
	users *lru.Cache[id.User, *rate.Limiter]
}

// newPace lets through so many calls a second of each user; any number for zero.
func newPace(limit int) *pace {
	users, _ := lru.New[id.User, *rate.Limiter](pacedUsers) // fails for a size of zero only
	return &pace{limit, users}
}

// paced is a call that counts. A repeated one counts, too: it costs as much.
func (f calls) paced(do call) call {
	return func(ctx context.Context, who caller, r *http.Request) (any, error) {
		if err := f.pace.admit(who.user); err != nil {
			return nil, err
		}
		return do(ctx, who, r)
	}
}

func (p *pace) admit(user id.User) error {
	if p.limit == 0 {
		return nil
	}
	bucket, known := p.users.Get(user)
	if !known {
		bucket = rate.NewLimiter(rate.Limit(p.limit), p.limit)
		if first, known, _ := p.users.PeekOrAdd(user, bucket); known {
			bucket = first
		}
	}
	if bucket.Allow() {
		return nil
	}
	return &fault.Error{Kind: fault.RateLimited, Message: "the user's devices send too fast", RetryAfter: time.Second}
}
