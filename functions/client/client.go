// Package client is the device API but the stream: what phones, browsers and
// desktop clients call with a bearer token.
//
// Trigger: HTTP. Every write may be repeated with the same idempotency key.
package client

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"math"
	"net/http"
	"strconv"
	"strings"

	"github.com/GoogleCloudPlatform/functions-framework-go/functions"

	"github.com/throng-im/throng/shared/cloud"
	"github.com/throng-im/throng/shared/fault"
	"github.com/throng-im/throng/shared/id"
	"github.com/throng-im/throng/shared/user"
)

// Serve is the function's entry point.
var Serve = cloud.Function("client", Handler)

func init() { functions.HTTP("client", Serve) }

// base is where the device API lives.
const base = "/client/v1"

// Handler serves the function on c.
func Handler(c *cloud.Cloud) http.Handler {
	f := calls{c}
	mux := http.NewServeMux()
	for path, methods := range map[string]map[string]call{
		"/devices/{device}":        {http.MethodPut: f.putDevice, http.MethodDelete: f.removeDevice},
		"/groups/{group}/messages": {http.MethodPost: f.send},
		"/sync":                    {http.MethodPost: f.sync},
		"/groups/{group}/read":     {http.MethodPost: f.markRead},
		"/groups/{group}/unread":   {http.MethodGet: f.unread},
		"/conversations":           {http.MethodGet: f.list},
		"/conversations/{group}":   {http.MethodPatch: f.patch, http.MethodDelete: f.remove},
		"/tags":                    {http.MethodGet: f.tags},
		"/tags/{tag}":              {http.MethodGet: f.tag, http.MethodPut: f.putTag, http.MethodDelete: f.removeTag},
		"/settings":                {http.MethodGet: f.settings, http.MethodPut: f.putSettings},
	} {
		mux.Handle(base+path, f.route(methods))
	}
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		writeError(w, r, fault.New(fault.NotFound, "there is no %s here", r.URL.Path))
	})
	return mux
}

type calls struct{ *cloud.Cloud }

// caller is the user whom the token names, and how the user stands.
type caller struct {
	user     id.User
	standing user.Standing
}

// call is one call of the device API.
type call func(ctx context.Context, who caller, r *http.Request) (any, error)

// route picks the call by method, and lets nobody in without a valid token: the
// caller can only ever be itself.
func (f calls) route(methods map[string]call) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		do, ok := methods[r.Method]
		if !ok {
			for m := range methods {
				w.Header().Add("Allow", m)
			}
			writeError(w, r, fault.New(fault.MethodNotAllowed, "%s does not take %s", r.URL.Path, r.Method))
			return
		}
		r.Body = http.MaxBytesReader(w, r.Body, maxBody)
		who, err := f.caller(r)
		if err != nil {
			writeError(w, r, err)
			return
		}
		reply, err := do(r.Context(), who, r)
		if err != nil {
			writeError(w, r, err)
			return
		}
		writeJSON(w, http.StatusOK, reply)
	})
}

// caller says who calls, before anything of the call's body is looked at. It
// costs one read: tokens may be ended, and mutes bind at once.
func (f calls) caller(r *http.Request) (caller, error) {
	scheme, text, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	if !strings.EqualFold(scheme, "Bearer") || text == "" {
		return caller{}, fault.New(fault.Unauthenticated, "the call needs Authorization: Bearer and a token")
	}
	claims, err := f.Tokens.Verify(strings.TrimSpace(text))
	if err != nil {
		return caller{}, err
	}
	standing, err := f.Users.Standing(r.Context(), claims.User)
	if err != nil {
		return caller{}, err
	}
	if !standing.Accepts(claims.Issued) {
		return caller{}, fault.New(fault.TokenExpired, "the token was ended by the app")
	}
	return caller{claims.User, standing}, nil
}

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

func writeError(w http.ResponseWriter, r *http.Request, err error) {
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
	writeJSON(w, a.status, errorBody{errorText{code, f.Message, a.rc}})
}

func writeJSON(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	_ = enc.Encode(body)
}

// maxBody bounds a request body: a content of 128 KiB, six times its size where
// every character is escaped, and room.
const maxBody = 1 << 20

// read decodes a JSON body. Unknown fields are for newer versions and ignored.
func read(r *http.Request, into any) error {
	err := json.NewDecoder(r.Body).Decode(into)
	if tooBig := (*http.MaxBytesError)(nil); errors.As(err, &tooBig) {
		return fault.New(fault.TooLarge, "the request body is larger than %d bytes", tooBig.Limit)
	}
	if err != nil {
		return fault.New(fault.InvalidArgument, "the request body is not the JSON that this call takes")
	}
	return nil
}

// empty is the answer of calls that say nothing but yes.
type empty struct{}
