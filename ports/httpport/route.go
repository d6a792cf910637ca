package httpport

import (
	"net/http"
	"strings"

	"github.com/go-chi/chi/v5"
	"github.com/go-chi/chi/v5/middleware"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// route builds the router: what surrounds every request, and the routes that every service has.
func (s *Server) route() error {
	watch, err := newWatch(s.log, s.cfg.Metrics)
	if err != nil {
		return err
	}
	r := chi.NewRouter()
	r.Use(correlate, watch.around, s.recovering, deadline(s.cfg.RequestTimeout), exchanging(s.cfg), middleware.GetHead)
	r.NotFound(func(w http.ResponseWriter, r *http.Request) {
		write(w, r, problem(kindNoRoute, "nothing is at "+shorten(r.URL.Path)))
	})
	r.MethodNotAllowed(s.methodNotAllowed)
	s.router = r

	r.Get("/healthz", s.health.alive)
	r.Get("/readyz", s.health.ready)
	r.Method(http.MethodGet, "/metrics", promhttp.HandlerFor(s.cfg.Metrics, promhttp.HandlerOpts{
		ErrorHandling: promhttp.ContinueOnError,
	}))
	r.Get(problemsPath, problemsPage)
	r.Get(problemsPath+"/{name}", problemPage)
	r.Get("/", http.RedirectHandler(s.cfg.DocsPath, http.StatusFound).ServeHTTP)
	s.api = newAPI(s.cfg, r)
	document := &document{api: s.api}
	r.Get("/openapi.json", document.serveJSON)
	r.Get("/openapi.yaml", document.serveYAML)
	return serveDocs(r, s.cfg)
}

// methodNotAllowed answers 405 and names the methods that the path has.
func (s *Server) methodNotAllowed(w http.ResponseWriter, r *http.Request) {
	path := r.URL.Path
	if r.URL.RawPath != "" {
		path = r.URL.RawPath
	}
	var allowed []string
	for _, m := range []string{
		http.MethodGet, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete, http.MethodOptions,
	} {
		if s.router.Match(chi.NewRouteContext(), m, path) {
			allowed = append(allowed, m)
			if m == http.MethodGet {
				allowed = append(allowed, http.MethodHead)
			}
		}
	}
	methods := strings.Join(allowed, ", ")
	w.Header().Set("Allow", methods)
	write(w, r, problem(kindMethod, shorten(r.Method)+" is not possible here, only "+methods))
}
