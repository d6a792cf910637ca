package httpport

import (
	"embed"
	"fmt"
	"html/template"
	"io/fs"
	"net/http"
	"strings"

	"github.com/go-chi/chi/v5"
)

// pages holds what browsers are shown. Nothing of it is loaded from elsewhere: users' machines may have no internet.
//
//go:embed page
var pages embed.FS

// contentPolicy allows our own scripts and styles only.
const contentPolicy = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; base-uri 'none'; frame-ancestors 'none'"

// serveDocs serves the page that shows the OpenAPI document, and its script and style beside it.
func serveDocs(r chi.Router, cfg Config) error {
	page, err := template.ParseFS(pages, "page/docs.html")
	if err != nil {
		return fmt.Errorf("docs page: %w", err)
	}
	r.Get(cfg.DocsPath, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Security-Policy", contentPolicy)
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		_ = page.Execute(w, cfg) // a client that went away
	})
	for name, media := range map[string]string{"docs.js": "text/javascript", "docs.css": "text/css"} {
		content, err := fs.ReadFile(pages, "page/"+name)
		if err != nil {
			return fmt.Errorf("docs page: %w", err)
		}
		r.Get(cfg.DocsPath+"/"+name, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", media+"; charset=utf-8")
			_, _ = w.Write(content) // a client that went away
		})
	}
	return nil
}

// problemsPage lists the problem types.
func problemsPage(w http.ResponseWriter, _ *http.Request) {
	var text strings.Builder
	for _, k := range kinds() {
		describe(&text, k)
	}
	plain(w, text.String())
}

// problemPage describes one problem type: what its URI leads to.
func problemPage(w http.ResponseWriter, r *http.Request) {
	name := chi.URLParam(r, "name")
	for _, k := range kinds() {
		if k.name == name {
			var text strings.Builder
			describe(&text, k)
			plain(w, text.String())
			return
		}
	}
	write(w, r, problem(kindNoRoute, "there is no problem type "+shorten(name)))
}

func describe(text *strings.Builder, k kind) {
	fmt.Fprintf(text, "%s\n%d %s\n%s\n\n", k.uri(), k.status, k.title, k.about)
}

func plain(w http.ResponseWriter, text string) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	_, _ = w.Write([]byte(text)) // a client that went away
}
