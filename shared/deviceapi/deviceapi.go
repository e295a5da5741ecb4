// Package deviceapi is the one table of the device API: every call with its
// parameters and their limits, its reply and its errors. The functions bind their
// handlers to it, and the published OpenAPI document is made from it. How the API
// answers, its JSON and its errors, is here, too.
package deviceapi

import (
	"encoding/json"
	"log/slog"
	"math"
	"net/http"
	"strconv"

	"github.com/throng-im/throng/shared/fault"
)

// answers is the one table that turns faults into HTTP statuses and RC's
// numbers; 0 where it has none. What is missing is internal.
var answers = map[fault.Kind]struct{ status, rc int }{
	fault.InvalidArgument:  {http.StatusBadRequest, 0},
	fault.TooLarge:         {http.StatusRequestEntityTooLarge, 20115},
	fault.Unauthenticated:  {http.StatusUnauthorized, 0},
	fault.TokenExpired:     {http.StatusUnauthorized, 0},
	fault.PermissionDenied: {http.StatusForbidden, 0},
	fault.NotMember:        {http.StatusForbidden, 22406},
	fault.Muted:            {http.StatusForbidden, 22408},
	fault.GroupMuted:       {http.StatusForbidden, 22408},
	fault.GroupDismissed:   {http.StatusForbidden, 0},
	fault.NotFound:         {http.StatusNotFound, 0},
	fault.RateLimited:      {http.StatusTooManyRequests, 20604},
	fault.Unavailable:      {http.StatusServiceUnavailable, 0},
	fault.MethodNotAllowed: {http.StatusMethodNotAllowed, 0},
}

type errorBody struct {
	Error errorText `json:"error"`
}

type errorText struct {
	Code    fault.Kind `json:"code"`
	Message string     `json:"message"`
	RC      int        `json:"rc,omitempty"`
	Extra   string     `json:"extra,omitempty"`
}

// WriteError answers with an error that a device can tell from others by its
// code.
func WriteError(w http.ResponseWriter, r *http.Request, err error) {
	f := fault.Of(err)
	a, known := answers[f.Kind]
	if !known {
		// The codes of the API are a closed list; what failed inside is no
		// business of the device, but worth another try.
		slog.ErrorContext(r.Context(), "request failed", "path", r.URL.Path, "error", err)
		f = fault.New(fault.Unavailable, "internal error, try again later")
		a.status = http.StatusInternalServerError
	}
	if f.RetryAfter > 0 {
		w.Header().Set("Retry-After", strconv.Itoa(int(math.Ceil(f.RetryAfter.Seconds()))))
	}
	WriteJSON(w, a.status, errorBody{errorText{code(f.Kind), f.Message, a.rc, f.Extra}})
}

// code is how the API shows a failure of a kind.
func code(kind fault.Kind) fault.Kind {
	if kind == fault.MethodNotAllowed {
		return fault.InvalidArgument
	}
	return kind
}

// WriteJSON answers with a JSON body.
func WriteJSON(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	_ = enc.Encode(body)
}
