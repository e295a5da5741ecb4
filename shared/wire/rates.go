package wire

import (
	"time"

	"golang.org/x/time/rate"

	"github.com/throng-im/throng/shared/fault"
)

// limiter lets so many units of a route through in a second. It saves up the
// units of one second, or of the largest call where that is more: a message to
// three groups must be possible at a limit of one, if not every second.
func limiter(limit int, r Route) *rate.Limiter {
	largest := 1
	for _, p := range r.Params {
		if p.Name == r.Units {
			largest = max(largest, p.Count)
		}
	}
	return rate.NewLimiter(rate.Limit(limit), max(limit, largest))
}

// units is what a call counts: the distinct values of the parameter that the
// route names, since a group named twice gets one message.
func (route Route) units(a *Args) int {
	if route.Units == "" {
		return 1
	}
	return max(1, len(distinct[string](a.form.all(route.Units))))
}

// admit takes a call's units from its route's limit. A call that is refused
// takes nothing.
func (a *api) admit(route Route, args *Args) error {
	limit, limited := a.rates[route.Path]
	if !limited {
		return nil
	}
	now, units := a.Now(), route.units(args)
	if limit.AllowN(now, units) {
		return nil
	}
	lacking := float64(units) - limit.TokensAt(now)
	return &fault.Error{
		Kind:       fault.RateLimited,
		Message:    "more calls a second than " + route.Path + " takes",
		RetryAfter: max(time.Second, time.Duration(lacking/float64(limit.Limit())*float64(time.Second))),
	}
}
