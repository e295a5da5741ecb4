// Package debug serves what only a developer's machine shows of a process: what
// it has asked of Firestore and Pub/Sub, what it uses, and profiles. No
// production program links it.
package debug

import (
	"encoding/json"
	"net/http"
	"net/http/pprof"
	"strings"

	"github.com/throng-im/throng/shared/cost"
)

// Handler serves /debug/ itself and leaves everything else to next.
func Handler(next http.Handler) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /debug/cost", func(w http.ResponseWriter, _ *http.Request) { reply(w, cost.Process.Counts()) })
	mux.HandleFunc("POST /debug/cost/reset", func(w http.ResponseWriter, _ *http.Request) {
		cost.Process.Reset()
		w.WriteHeader(http.StatusNoContent)
	})
	mux.HandleFunc("GET /debug/process", func(w http.ResponseWriter, _ *http.Request) { reply(w, cost.ReadUsage()) })
	mux.HandleFunc("GET /debug/pprof/", pprof.Index)
	mux.HandleFunc("GET /debug/pprof/profile", pprof.Profile)
	// The mux would redirect a doubled slash, and so would lose a POST's body:
	// only the debug calls go through it.
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasPrefix(r.URL.Path, "/debug/") {
			mux.ServeHTTP(w, r)
			return
		}
		next.ServeHTTP(w, r)
	})
}

func reply(w http.ResponseWriter, v any) {
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(v)
}
