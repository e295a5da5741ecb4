// Package deviceapi is how the device API answers: its JSON, and the one table of
// its errors.
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
	code := f.Kind
	if code == fault.MethodNotAllowed {
		code = fault.InvalidArgument
	}
	if f.RetryAfter > 0 {
		w.Header().Set("Retry-After", strconv.Itoa(int(math.Ceil(f.RetryAfter.Seconds()))))
	}
	WriteJSON(w, a.status, errorBody{errorText{code, f.Message, a.rc}})
}

// WriteJSON answers with a JSON body.
func WriteJSON(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	_ = enc.Encode(body)
}
