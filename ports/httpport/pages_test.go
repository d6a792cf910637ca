package httpport_test

import (
	"encoding/json"
	"net/http"
	"regexp"
	"strings"
	"sync"
	"testing"

	"github.com/tenon-go/tenon/ports/httpport"
)

// TestDocsPageIsComplete holds the page to what users' machines can load: this server, nothing else.
func TestDocsPageIsComplete(t *testing.T) {
	t.Parallel()
	s := newService(t, httpport.Config{Title: "Shop <b>", Version: "1.2.3", DocsPath: "/api/docs"}, echoing)
	if a := s.send(http.MethodGet, "/", ""); a.status != 302 || a.header.Get("Location") != "/api/docs" {
		t.Errorf("/ answered %d %s", a.status, a.header.Get("Location"))
	}
	page := s.send(http.MethodGet, "/api/docs", "")
	if page.status != 200 || !strings.HasPrefix(page.header.Get("Content-Type"), "text/html") || !strings.Contains(page.body, "Shop &lt;b&gt;") || !strings.Contains(page.body, "1.2.3") {
		t.Errorf("answered %d %s", page.status, page.body)
	}
	if policy := page.header.Get("Content-Security-Policy"); !strings.Contains(policy, "default-src 'none'") || strings.Contains(policy, "unsafe") {
		t.Errorf("policy %q", policy)
	}
	links := regexp.MustCompile(`(?:src|href)="([^"]*)"`).FindAllStringSubmatch(page.body, -1)
	if len(links) < 5 {
		t.Errorf("the page has %d links", len(links))
	}
	for _, link := range links {
		a := s.send(http.MethodGet, link[1], "")
		if a.status != 200 {
			t.Errorf("%s answered %d", link[1], a.status)
		}
		if strings.Contains(link[1], "docs.") && regexp.MustCompile(`https?://`).MatchString(a.body) {
			t.Errorf("%s names another host", link[1])
		}
	}
}

func TestOpenAPIDocument(t *testing.T) {
	t.Parallel()
	s := newService(t, httpport.Config{Title: "Shop", Version: "1.2.3"}, echoing)
	bodies := make([]string, 8)
	var all sync.WaitGroup
	for i := range bodies { // the first requests come together
		all.Go(func() { bodies[i] = s.send(http.MethodGet, "/openapi.json", "").body })
	}
	all.Wait()
	var doc struct {
		OpenAPI    string
		Info       struct{ Title, Version string }
		Paths      map[string]map[string]struct{ Responses map[string]any }
		Components struct{ Schemas map[string]any }
	}
	for _, body := range bodies {
		if err := json.Unmarshal([]byte(body), &doc); err != nil {
			t.Fatal(err)
		}
	}
	if doc.OpenAPI != "3.1.0" || doc.Info.Title != "Shop" || doc.Info.Version != "1.2.3" {
		t.Errorf("%+v", doc)
	}
	for _, status := range []string{"200", "400", "408", "413", "415", "422", "500", "503", "504"} {
		if doc.Paths["/things/{id}"]["put"].Responses[status] == nil {
			t.Errorf("the operation lacks answer %s", status)
		}
	}
	for name, want := range map[string]bool{"Problem": true, "Fault": true, "ErrorModel": false, "ErrorDetail": false} {
		if got := doc.Components.Schemas[name] != nil; got != want {
			t.Errorf("schema %s is there: %v, want %v", name, got, want)
		}
	}
	if a := s.send(http.MethodGet, "/openapi.yaml", ""); a.status != 200 || !strings.Contains(a.body, "openapi: 3.1.0") {
		t.Errorf("YAML: %d %.100s", a.status, a.body)
	}
}
