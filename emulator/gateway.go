package main

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httputil"
	"net/url"
	"path"
	"strings"
	"sync"
	"time"

	"github.com/throng-im/throng/functions"
	"github.com/throng-im/throng/shared/cost"
	"github.com/throng-im/throng/shared/deviceapi"
	"github.com/throng-im/throng/shared/fault"
)

// gateway routes like the production load balancer, by path prefix, and serves
// what only a developer's machine has: health and counters.
type gateway struct {
	manifest *functions.Manifest
	// at are the functions' addresses by name.
	at map[string]*url.URL
	// parts are what must answer before the cloud is healthy.
	parts []part
	// publish hands a message to a topic, for the scheduler's hook.
	publish func(ctx context.Context, topic string, payload []byte) error
	// download serves the files of the hourly logs, in the place of object storage.
	download http.Handler
	proxy    *httputil.ReverseProxy
	client   *http.Client
}

// part is something that healthz asks.
type part struct {
	name  string
	check func(ctx context.Context) error
}

func newGateway(m *functions.Manifest, at map[string]*url.URL) *gateway {
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.MaxIdleConns, transport.MaxIdleConnsPerHost = 0, 1024
	g := &gateway{manifest: m, at: at, client: &http.Client{Timeout: 5 * time.Second}}
	g.proxy = &httputil.ReverseProxy{
		Transport: transport,
		// The stream's events must not wait for a buffer to fill.
		FlushInterval: -1,
		Rewrite: func(r *httputil.ProxyRequest) {
			f, _ := m.Route(r.In.URL.Path)
			r.SetURL(at[f.Name])
			r.SetXForwarded()
		},
		ErrorHandler: func(w http.ResponseWriter, r *http.Request, err error) {
			slog.Warn("function does not answer", "path", r.URL.Path, "error", err)
			const text = "the function does not answer, try again"
			if strings.HasPrefix(r.URL.Path, deviceapi.Base) {
				deviceapi.WriteError(w, r, fault.New(fault.Unavailable, text))
				return
			}
			reply(w, http.StatusServiceUnavailable, map[string]any{"code": 1000, "errorMessage": text})
		},
	}
	return g
}

func (g *gateway) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	// A redirect would turn a POST into a GET, so the path is cleaned in place.
	if strings.Contains(r.URL.Path, "//") {
		r.URL.Path, r.URL.RawPath = path.Clean(r.URL.Path), ""
	}
	if _, ok := g.manifest.Route(r.URL.Path); ok {
		g.proxy.ServeHTTP(w, r)
		return
	}
	switch r.Method + " " + r.URL.Path {
	case "GET /healthz":
		g.health(w, r)
	case "GET /debug/cost":
		g.cost(w, r)
	case "GET /logs":
		g.download.ServeHTTP(w, r)
	case "POST /debug/cost/reset":
		g.resetCost(w, r)
	default:
		if topic, ok := strings.CutPrefix(r.URL.Path, "/debug/schedule/"); ok && r.Method == http.MethodPost {
			g.schedule(w, r, topic)
			return
		}
		reply(w, http.StatusNotFound, map[string]any{"code": 404, "errorMessage": "there is no " + r.URL.Path + " here"})
	}
}

// missing asks every part at once and names those that do not answer.
func (g *gateway) missing(ctx context.Context) []string {
	ctx, cancel := context.WithTimeout(ctx, 3*time.Second)
	defer cancel()
	failed := make([]bool, len(g.parts))
	var wg sync.WaitGroup
	for i, p := range g.parts {
		wg.Go(func() { failed[i] = p.check(ctx) != nil })
	}
	wg.Wait()
	names := []string{}
	for i, p := range g.parts {
		if failed[i] {
			names = append(names, p.name)
		}
	}
	return names
}

func (g *gateway) health(w http.ResponseWriter, r *http.Request) {
	missing := g.missing(r.Context())
	status := http.StatusOK
	if len(missing) > 0 {
		status = http.StatusServiceUnavailable
	}
	reply(w, status, map[string]any{"ok": len(missing) == 0, "missing": missing})
}

func (g *gateway) cost(w http.ResponseWriter, r *http.Request) {
	perFunction, total := map[string]cost.Counts{}, cost.Counts{}
	for name, at := range g.at {
		var c cost.Counts
		if err := g.call(r.Context(), http.MethodGet, at.JoinPath("/debug/cost"), &c); err != nil {
			reply(w, http.StatusServiceUnavailable, map[string]any{"error": name + " does not answer"})
			return
		}
		perFunction[name], total = c, total.Add(c)
	}
	reply(w, http.StatusOK, map[string]any{"functions": perFunction, "total": total})
}

func (g *gateway) resetCost(w http.ResponseWriter, r *http.Request) {
	for name, at := range g.at {
		if err := g.call(r.Context(), http.MethodPost, at.JoinPath("/debug/cost/reset"), nil); err != nil {
			reply(w, http.StatusServiceUnavailable, map[string]any{"error": name + " does not answer"})
			return
		}
	}
	reply(w, http.StatusOK, map[string]any{})
}

// schedule stands in for the scheduler's clock: one call, one tick.
func (g *gateway) schedule(w http.ResponseWriter, r *http.Request, topic string) {
	if _, known := g.manifest.Topics[topic]; !known {
		reply(w, http.StatusNotFound, map[string]any{"error": fmt.Sprintf("there is no topic %q", topic)})
		return
	}
	tick, _ := json.Marshal(map[string]int64{"at": time.Now().UnixMilli()})
	if err := g.publish(r.Context(), topic, tick); err != nil {
		reply(w, http.StatusServiceUnavailable, map[string]any{"error": "Pub/Sub does not answer"})
		return
	}
	reply(w, http.StatusOK, map[string]any{})
}

func (g *gateway) call(ctx context.Context, method string, at *url.URL, into any) error {
	req, err := http.NewRequestWithContext(ctx, method, at.String(), nil)
	if err != nil {
		return err
	}
	res, err := g.client.Do(req)
	if err != nil {
		return err
	}
	defer func() { _ = res.Body.Close() }()
	if res.StatusCode >= 300 {
		return fmt.Errorf("%s answered %s", at, res.Status)
	}
	if into == nil {
		return nil
	}
	return json.NewDecoder(res.Body).Decode(into)
}

func reply(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(body)
}

// answers is a check that something speaks HTTP and is ready to.
func (g *gateway) answers(at *url.URL) func(context.Context) error {
	return func(ctx context.Context) error {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, at.String(), nil)
		if err != nil {
			return err
		}
		res, err := g.client.Do(req)
		if err != nil {
			return err
		}
		_ = res.Body.Close()
		// Unknown paths and methods are answers, too; 503 says that a function
		// cannot reach what it needs.
		if res.StatusCode == http.StatusServiceUnavailable {
			return fmt.Errorf("%s is not ready", at)
		}
		return nil
	}
}
