// Package wire is the server API as RC's published SDKs speak it: signed
// requests, nearly all of them POST with a form body, answered with JSON that
// carries an integer code.
//
// Every route is a row of the table in package contract. The parser, the
// validator and the published description come from that table, so a handler
// only sees parameters that keep their limits.
package wire

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"path"
	"slices"
	"time"

	"golang.org/x/time/rate"

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

// Call handles a request whose parameters keep the limits of its row.
type Call func(ctx context.Context, a *Args) (Reply, error)

// Route is a row of the table of all routes.
type Route struct {
	// Function is the name of the function that serves the route.
	Function string
	// Method is POST when it is empty.
	Method string
	Path   string
	Body   Encoding
	About  string
	Params []Param
	// Reply says what is answered beside the code.
	Reply []Field
	// Errors are the faults that the route may answer beside those that every
	// route has: a broken envelope, bad parameters, rates, an unreachable store.
	Errors []fault.Kind
	// Units names the repeated parameter whose values a rate limit counts; a
	// call counts one when it is empty.
	Units string
	// Handle is bound by the function.
	Handle Call
}

// Field is a part of a reply or of an object in it.
type Field struct {
	Name string
	// Type is string, integer, boolean, object, array (of the Fields) or strings
	// (an array of texts), or map (of objects with the Fields).
	Type  string
	About string
	// Optional fields may be missing.
	Optional bool
	Fields   []Field
}

// Options are what serving routes needs beside the routes.
type Options struct {
	Settings settings.Settings
	// Now is the clock.
	Now func() time.Time
	// Once finds replays of requests with the stronger signature; without it
	// those are refused.
	Once Once
}

type api struct {
	Options
	routes map[string]Route
	rates  map[string]*rate.Limiter
}

// Handler serves routes. Unknown paths and methods are answered before the
// signature is looked at: that they do not exist is no secret, and a mistyped
// path is the commonest mistake of all.
func Handler(o Options, routes []Route) http.Handler {
	a := &api{Options: o, routes: map[string]Route{}, rates: map[string]*rate.Limiter{}}
	for _, r := range routes {
		if _, twice := a.routes[r.Path]; twice {
			panic(fmt.Sprintf("wire: %s has two routes", r.Path))
		}
		r.Method = cmp.Or(r.Method, http.MethodPost)
		a.routes[r.Path] = r
		if limit := o.Settings.Rates.Of(r.Path); limit > 0 {
			a.rates[r.Path] = limiter(limit, r)
		}
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
			return nil, missing(clean)
		}
	}
	if r.Method != route.Method {
		w.Header().Set("Allow", route.Method)
		return nil, fault.New(fault.MethodNotAllowed, "%s takes %s only", route.Path, route.Method)
	}
	body, err := a.authenticate(w, r)
	if err != nil {
		return nil, err
	}
	f, err := route.parse(r, body)
	if err != nil {
		return nil, err
	}
	args, err := check(route.Params, f)
	if err != nil {
		return nil, err
	}
	if err := a.admit(route, args); err != nil {
		return nil, err
	}
	return route.Handle(r.Context(), args)
}

func (route Route) parse(r *http.Request, body string) (form, error) {
	switch {
	case route.Method == http.MethodGet:
		return parseForm(r.URL.RawQuery), nil
	case body == "" && !slices.ContainsFunc(route.Params, func(p Param) bool { return p.Required }):
		// Where nothing is required, the SDKs send nothing.
		return form{}, nil
	case body == "":
		return form{}, errNoBody
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
	if err != nil {
		return "", errBrokenBody
	}
	return b.String(), nil
}

// tooBig refuses a body and ends the connection, so that nobody reads the rest
// of it to get at the next request.
func tooBig(w http.ResponseWriter) error {
	w.Header().Set("Connection", "close")
	return errBigBody
}
