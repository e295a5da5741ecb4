// Package wire is the server API as RC's published SDKs speak it: signed
// requests, nearly all of them POST with a form body, answered with JSON that
// carries an integer code.
//
// A function lists its routes in a table. The parser, the validator and the
// published description come from that table, so a handler only sees parameters
// that keep their limits.
package wire

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"path"
	"time"

	"github.com/throng-im/throng/shared/fault"
	"github.com/throng-im/throng/shared/settings"
)

// MaxBody bounds a request body: a content of 128 KiB or a thousand ids, thrice
// their size where every byte is escaped, and room.
const MaxBody = 4 << 20

// Reply is what a handler answers beside the code; a nil Reply is {"code":200}.
type Reply map[string]any

// Encoding is how a request carries its parameters.
type Encoding int

// The encodings. A route of method GET takes its parameters from the query
// string whatever its Encoding.
const (
	Form Encoding = iota
	// JSONBody is an object whose fields are the parameters.
	JSONBody
)

// Route is a row of a function's table.
type Route struct {
	// Method is POST when it is empty.
	Method string
	Path   string
	Body   Encoding
	About  string
	Params []Param
	Handle func(ctx context.Context, a *Args) (Reply, error)
}

type api struct {
	settings settings.Settings
	routes   map[string]Route
	now      func() time.Time
}

// Handler serves routes. Unknown paths and methods are answered before the
// signature is looked at: that they do not exist is no secret, and a mistyped
// path is the commonest mistake of all.
func Handler(s settings.Settings, now func() time.Time, routes []Route) http.Handler {
	a := &api{settings: s, routes: map[string]Route{}, now: now}
	for _, r := range routes {
		if _, twice := a.routes[r.Path]; twice {
			panic(fmt.Sprintf("wire: %s has two routes", r.Path))
		}
		r.Method = cmp.Or(r.Method, http.MethodPost)
		a.routes[r.Path] = r
	}
	return a
}

func (a *api) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	reply, err := a.answer(w, r)
	if err != nil {
		writeError(w, r, err)
		return
	}
	if reply == nil {
		reply = Reply{}
	}
	reply["code"] = CodeOK
	writeJSON(w, r, http.StatusOK, reply)
}

func (a *api) answer(w http.ResponseWriter, r *http.Request) (Reply, error) {
	route, ok := a.routes[r.URL.Path]
	if !ok {
		// One SDK doubles the first slash; a redirect would turn its POST into a GET.
		clean := path.Clean("/" + r.URL.Path)
		if route, ok = a.routes[clean]; !ok {
			return nil, fault.New(fault.NotFound, "there is no %s here", clean)
		}
	}
	if r.Method != route.Method {
		w.Header().Set("Allow", route.Method)
		return nil, fault.New(fault.MethodNotAllowed, "%s takes %s only", route.Path, route.Method)
	}
	if err := a.authenticate(r.Header); err != nil {
		return nil, err
	}
	f, err := route.parse(w, r)
	if err != nil {
		return nil, err
	}
	args, err := check(route.Params, f)
	if err != nil {
		return nil, err
	}
	return route.Handle(r.Context(), args)
}

func (route Route) parse(w http.ResponseWriter, r *http.Request) (form, error) {
	if route.Method == http.MethodGet {
		return parseForm(r.URL.RawQuery), nil
	}
	body, err := readBody(w, r)
	switch {
	case err != nil:
		return form{}, err
	case route.Body == JSONBody:
		return parseJSON(body, route.Params)
	default:
		return parseForm(body), nil
	}
}

func readBody(w http.ResponseWriter, r *http.Request) (string, error) {
	if r.ContentLength > MaxBody {
		return "", tooBig(w)
	}
	var b bytes.Buffer
	if r.ContentLength > 0 {
		// ReadFrom wants room to find the end in.
		b.Grow(int(r.ContentLength) + bytes.MinRead)
	}
	_, err := b.ReadFrom(http.MaxBytesReader(w, r.Body, MaxBody))
	if limit := (*http.MaxBytesError)(nil); errors.As(err, &limit) {
		return "", tooBig(w)
	}
	switch {
	case err != nil:
		return "", errBrokenBody
	case b.Len() == 0:
		return "", errNoBody
	}
	return b.String(), nil
}

// tooBig refuses a body and ends the connection, so that nobody reads the rest
// of it to get at the next request.
func tooBig(w http.ResponseWriter) error {
	w.Header().Set("Connection", "close")
	return errBigBody
}
