package httpport

import (
	"encoding/json"
	"fmt"
	"net/http"
	"sync"

	"github.com/danielgtaylor/huma/v2"
)

// document serves the API's OpenAPI 3.1 document, written at the first request: all operations are there then.
type document struct {
	api  huma.API
	once sync.Once
	json []byte
	yaml []byte
	err  error
}

func (d *document) serveJSON(w http.ResponseWriter, r *http.Request) {
	d.serve(w, r, "application/openapi+json", func() []byte { return d.json })
}

func (d *document) serveYAML(w http.ResponseWriter, r *http.Request) {
	d.serve(w, r, "application/openapi+yaml", func() []byte { return d.yaml })
}

func (d *document) serve(w http.ResponseWriter, r *http.Request, media string, body func() []byte) {
	d.once.Do(d.write)
	if d.err != nil {
		note(r.Context(), d.err)
		write(w, r, problem(kindInternal, "the document can't be written"))
		return
	}
	w.Header().Set("Content-Type", media)
	_, _ = w.Write(body()) // a client that went away
}

func (d *document) write() {
	if d.json, d.err = json.MarshalIndent(d.api.OpenAPI(), "", "  "); d.err == nil {
		d.yaml, d.err = d.api.OpenAPI().YAML()
	}
	if d.err != nil {
		d.err = fmt.Errorf("write OpenAPI document: %w", d.err)
	}
}
