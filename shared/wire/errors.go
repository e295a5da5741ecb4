package wire

import (
	"bytes"
	"encoding/json"
	"log/slog"
	"math"
	"net/http"
	"strconv"

	"github.com/throng-im/throng/shared/fault"
)

// Codes of the contract that are not one fault's alone.
const (
	CodeOK         = 200
	codeInternal   = 1000
	codeAppKey     = 1001
	codeParameter  = 1002
	codeNoPost     = 1003
	codeSignature  = 1004
	codeTooLong    = 1005
	codeRate       = 1008
	codeNotEnabled = 1009
	codeTimeout    = 1050
	codeBody       = 1508
	codeNotMember  = 22406
	codeMuted      = 22408
	codeNoRight    = 25405
	codeNoGroup    = 25410
	codeFull       = 25411
)

type answer struct{ code, status int }

// answers is the one table that turns faults into the contract's codes and
// HTTP statuses. A kind that is missing is internal. App servers stand above
// groups' rules and are not told of members and mutes today; those kinds are
// here because a caller's mistake must never answer 5xx, which has an SDK
// change to another domain.
var answers = map[fault.Kind]answer{
	fault.InvalidArgument:  {codeParameter, http.StatusBadRequest},
	fault.TooLarge:         {codeTooLong, http.StatusBadRequest},
	fault.Unauthenticated:  {codeSignature, http.StatusUnauthorized},
	fault.TokenExpired:     {codeSignature, http.StatusUnauthorized},
	fault.PermissionDenied: {codeNoRight, http.StatusForbidden},
	fault.NotMember:        {codeNotMember, http.StatusForbidden},
	fault.Muted:            {codeMuted, http.StatusForbidden},
	fault.GroupMuted:       {codeMuted, http.StatusForbidden},
	fault.GroupDismissed:   {codeNoGroup, http.StatusForbidden},
	fault.NotFound:         {http.StatusNotFound, http.StatusNotFound},
	fault.MethodNotAllowed: {http.StatusMethodNotAllowed, http.StatusMethodNotAllowed},
	fault.GroupFull:        {codeFull, http.StatusMethodNotAllowed},
	fault.RateLimited:      {codeRate, http.StatusTooManyRequests},
	fault.NotEnabled:       {codeNotEnabled, 430},
	fault.Unavailable:      {codeTimeout, http.StatusGatewayTimeout},
	fault.Internal:         {codeInternal, http.StatusInternalServerError},
}

// coded is a failure with a code of its own.
type coded struct {
	answer
	message string
}

func (c *coded) Error() string { return c.message }

var (
	errNoBody     = &coded{answer{codeNoPost, http.StatusBadRequest}, "the request has no POST data"}
	errBigBody    = &coded{answer{codeBody, http.StatusBadRequest}, "the request body is larger than 4 MiB"}
	errAppKey     = &coded{answer{codeAppKey, http.StatusUnauthorized}, "the app key is unknown"}
	errSignature  = &coded{answer{codeSignature, http.StatusUnauthorized}, "the signature does not match"}
	errStale      = &coded{answer{codeSignature, http.StatusUnauthorized}, "the timestamp is outside the accepted window"}
	errWeak       = &coded{answer{codeSignature, http.StatusUnauthorized}, "this app takes requests with a " + StrongHeader + " header only"}
	errNonce      = &coded{answer{codeSignature, http.StatusUnauthorized}, "the nonce must have 8 to 64 characters"}
	errReplay     = &coded{answer{codeSignature, http.StatusUnauthorized}, "the nonce was used before: every request, a retry too, needs its own"}
	errBrokenBody = &coded{answer{codeParameter, http.StatusBadRequest}, "the request body could not be read"}
)

// writeError answers with an error in the contract's form. What nobody
// classified is logged and shown as internal.
func writeError(w http.ResponseWriter, r *http.Request, err error) {
	if c, ok := err.(*coded); ok {
		writeJSON(w, r, c.status, errorBody{c.code, c.message, r.URL.Path})
		return
	}
	f := fault.Of(err)
	a, known := answers[f.Kind]
	if !known || f.Kind == fault.Internal {
		a, f = answers[fault.Internal], fault.Of(nil)
	}
	switch f.Kind {
	case fault.Internal:
		slog.ErrorContext(r.Context(), "request failed", "path", r.URL.Path, "error", err)
	case fault.Unavailable:
		slog.WarnContext(r.Context(), "request could not be completed", "path", r.URL.Path, "error", err)
	}
	if f.RetryAfter > 0 {
		w.Header().Set("Retry-After", strconv.Itoa(int(math.Ceil(f.RetryAfter.Seconds()))))
	}
	writeJSON(w, r, a.status, errorBody{a.code, f.Message, r.URL.Path})
}

type errorBody struct {
	Code    int    `json:"code"`
	Message string `json:"errorMessage"`
	URL     string `json:"url"`
}

func writeJSON(w http.ResponseWriter, r *http.Request, status int, body any) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(body); err != nil {
		slog.ErrorContext(r.Context(), "a reply cannot be encoded", "path", r.URL.Path, "error", err)
		b.Reset()
		status, body = http.StatusInternalServerError, errorBody{codeInternal, fault.Of(nil).Message, r.URL.Path}
		_ = enc.Encode(body)
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Content-Length", strconv.Itoa(b.Len()))
	w.WriteHeader(status)
	_, _ = w.Write(b.Bytes())
}
