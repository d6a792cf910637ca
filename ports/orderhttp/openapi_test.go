package orderhttp_test

import (
	"encoding/json"
	"flag"
	"maps"
	"net/http"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "write the golden files anew")

// TestOpenAPIGolden holds the API to what clients were generated from. Changing it is a decision: -update writes it.
func TestOpenAPIGolden(t *testing.T) {
	t.Parallel()
	const file = "testdata/openapi.golden.json"
	got := newShop(t).send(http.MethodGet, "/openapi.json", "").body + "\n"
	if *update {
		if err := os.WriteFile(file, []byte(got), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Error(diff)
	}
}

// operation is what this test looks at of an OpenAPI operation.
type operation struct {
	OperationID string
	Summary     string
	Parameters  []struct {
		Name, In string
		Required bool
		Schema   map[string]any
	}
	RequestBody *struct {
		Content map[string]struct{ Schema map[string]any }
	}
	Responses map[string]struct {
		Description string
		Content     map[string]struct{ Schema map[string]any }
	}
}

// TestOpenAPIIsSound checks what OpenAPI 3.1 demands beyond the form, and what this API promises.
func TestOpenAPIIsSound(t *testing.T) {
	t.Parallel()
	text := newShop(t).send(http.MethodGet, "/openapi.json", "").body
	var doc struct {
		OpenAPI    string
		Info       struct{ Title, Version string }
		Paths      map[string]map[string]operation
		Components struct{ Schemas map[string]any }
	}
	if err := json.Unmarshal([]byte(text), &doc); err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(doc.OpenAPI, "3.1.") || doc.Info.Title == "" || doc.Info.Version == "" {
		t.Errorf("openapi %q, info %+v", doc.OpenAPI, doc.Info)
	}
	ids := map[string]bool{}
	for path, methods := range doc.Paths {
		for method, op := range methods {
			if op.OperationID == "" || ids[op.OperationID] || op.Summary == "" {
				t.Errorf("%s %s: id %q not its own, or no summary", method, path, op.OperationID)
			}
			ids[op.OperationID] = true
			checkOperation(t, method+" "+path, path, op)
		}
	}
	want := []string{"cancel-order", "confirm-order", "deliver-order", "get-order", "get-revenue", "list-orders", "place-order", "ship-order"}
	if diff := cmp.Diff(want, slices.Sorted(maps.Keys(ids))); diff != "" {
		t.Error(diff)
	}
	used := map[string]bool{}
	for _, ref := range regexp.MustCompile(`"\$ref": "#/components/schemas/(\w+)"`).FindAllStringSubmatch(text, -1) {
		used[ref[1]] = true
	}
	if diff := cmp.Diff(slices.Sorted(maps.Keys(doc.Components.Schemas)), slices.Sorted(maps.Keys(used))); diff != "" {
		t.Errorf("schemas that there are, and that are used: %s", diff)
	}
}

func checkOperation(t *testing.T, name, path string, op operation) {
	t.Helper()
	var inPath []string
	for _, p := range op.Parameters {
		if p.In == "path" {
			inPath = append(inPath, "{"+p.Name+"}")
			if !p.Required {
				t.Errorf("%s: %s must be required", name, p.Name)
			}
		}
		if p.Schema["type"] == nil {
			t.Errorf("%s: %s has no type", name, p.Name)
		}
	}
	if diff := cmp.Diff(regexp.MustCompile(`\{\w+\}`).FindAllString(path, -1), inPath); diff != "" {
		t.Errorf("%s: parameters in the path: %s", name, diff)
	}
	if op.RequestBody != nil && op.RequestBody.Content["application/json"].Schema == nil {
		t.Errorf("%s: the body has no schema", name)
	}
	for status, r := range op.Responses {
		_, isProblem := r.Content["application/problem+json"]
		if r.Description == "" || isProblem != (status >= "400") {
			t.Errorf("%s: answer %s: %+v", name, status, r)
		}
	}
	for _, status := range []string{"422", "500", "503", "504"} {
		if _, ok := op.Responses[status]; !ok {
			t.Errorf("%s: answer %s is missing", name, status)
		}
	}
}
