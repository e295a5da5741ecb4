// Package wire is the server API as RC's published SDKs speak it: signed POST
// requests with form bodies, answered with JSON that carries an integer code.
//
// A function lists its routes in a table. The parser, the validator and the
// published description come from that table, so a handler only sees parameters
// that keep their limits.
package wire

import (
	"context"
	"errors"
	"io"
	"net/http"
	"path"
	"strings"
	"time"

	"github.com/throng-im/throng/shared/fault"
	"github.com/throng-im/throng/shared/settings"
)

// MaxBody bounds a request body: a content of 128 KiB or a thousand ids, thrice
// their size where every byte is escaped, and room.
const MaxBody = 4 << 20

// Reply is what a handler answers beside the code; a nil Reply is {"code":200}.
type Reply map[string]any

// Route is a row of a function's table. All routes are POST with a form body.
type Route struct {
	Path   string
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
	writeJSON(w, http.StatusOK, reply)
}

func (a *api) answer(w http.ResponseWriter, r *http.Request) (Reply, error) {
	// One SDK doubles the first slash; a redirect would turn its POST into a GET.
	clean := path.Clean("/" + r.URL.Path)
	route, ok := a.routes[clean]
	if !ok {
		return nil, fault.New(fault.NotFound, "there is no %s here", clean)
	}
	if r.Method != http.MethodPost {
		w.Header().Set("Allow", http.MethodPost)
		return nil, fault.New(fault.MethodNotAllowed, "%s takes POST only", clean)
	}
	if err := a.authenticate(r.Header); err != nil {
		return nil, err
	}
	body, err := readBody(w, r)
	if err != nil {
		return nil, err
	}
	args, err := check(route.Params, parseForm(body))
	if err != nil {
		return nil, err
	}
	return route.Handle(r.Context(), args)
}

func readBody(w http.ResponseWriter, r *http.Request) (string, error) {
	if r.ContentLength > MaxBody {
		w.Header().Set("Connection", "close")
		return "", errBigBody
	}
	var b strings.Builder
	if r.ContentLength > 0 {
		b.Grow(int(r.ContentLength))
	}
	_, err := io.Copy(&b, http.MaxBytesReader(w, r.Body, MaxBody))
	switch tooBig := (*http.MaxBytesError)(nil); {
	case errors.As(err, &tooBig):
		return "", errBigBody
	case err != nil:
		return "", errBrokenBody
	case b.Len() == 0:
		return "", errNoBody
	}
	return b.String(), nil
}
