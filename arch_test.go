package tenon_test

import (
	"os"
	"testing"
)

// TestArchitecture parses this repository in process. A test that asks the go command for the imports would go on
// passing from the test cache after a violation was added.
func TestArchitecture(t *testing.T) {
	t.Parallel()
	found, err := checkImports(os.DirFS("."))
	report(t, found, err)
}

// TestArchitectureCatchesPlantedImport plants one forbidden import in an otherwise clean tree.
func TestArchitectureCatchesPlantedImport(t *testing.T) {
	t.Parallel()
	const ours = module + "/"
	tests := map[string]struct{ file, imports, rule string }{
		"domain, other module":            {"domain/money.go", "github.com/google/uuid", "domain imports only"},
		"domain, application":             {"domain/order/x.go", ours + "application", "domain imports only"},
		"domain test, adapter":            {"domain/order/x_test.go", ours + "adapters/memory", "domain imports only"},
		"application, driver":             {"application/x.go", "github.com/lib/pq", "application imports of other modules only"},
		"application, rest of watermill":  {"application/x.go", "github.com/ThreeDotsLabs/watermill", "only github.com/google/uuid"},
		"application, adapter":            {"application/codec/x.go", ours + "adapters/postgres", "of this module only domain"},
		"application, port":               {"application/x.go", ours + "ports/httpport", "of this module only domain"},
		"application, module like ours":   {"application/x.go", module + "-contrib/domain", "application imports of other modules only"},
		"migrations, adapter":             {"migrations/x.go", ours + "adapters/postgres", "migrations import no other"},
		"application, composition root":   {"application/x.go", module, "only cmd imports package tenon"},
		"adapter, port":                   {"adapters/relay/x.go", ours + "ports/httpport", "adapters never import ports"},
		"adapter, other adapter":          {"adapters/relay/x.go", ours + "adapters/postgres", "imports no other adapter"},
		"deep in adapter, other adapter":  {"adapters/relay/lane/x.go", ours + "adapters/kafka", "imports no other adapter"},
		"context's adapter, not postgres": {"adapters/orderpg/x.go", ours + "adapters/kafka", "imports no other adapter"},
		"adapter's test, other adapter":   {"adapters/relay/x_test.go", ours + "adapters/kafka", "imports no other adapter"},
		"adapter, composition root":       {"adapters/relay/x.go", module, "only cmd imports package tenon"},
		"port, adapter":                   {"ports/httpport/x.go", ours + "adapters/postgres", "ports never import adapters"},
		"context's port, own adapter":     {"ports/orderhttp/x.go", ours + "adapters/orderpg", "ports never import adapters"},
		"port, migrations":                {"ports/httpport/x.go", ours + "migrations", "ports never import migrations"},
		"kernel, context":                 {"application/x.go", ours + "domain/order", "the kernel imports no bounded context"},
		"root, context":                   {"x.go", ours + "application/orderapp", "the kernel imports no bounded context"},
		"kernel's test, context":          {"adapters/postgres/x_test.go", ours + "domain/order", "the kernel imports no bounded context"},
		"context, other context":          {"application/orderapp/x.go", ours + "domain/stock", "a context imports no other"},
		"context, deep in other context":  {"adapters/orderpg/x.go", ours + "adapters/stockpg/rows", "a context imports no other"},
		"application, cmd":                {"application/x.go", ours + "cmd/tenon", "nothing imports cmd"},
		"root test, cmd":                  {"x_test.go", ours + "cmd/tenon", "nothing imports cmd"},
		"production, our kit":             {"adapters/postgres/x.go", ours + "application/applicationtest", "no test kit"},
		"cmd, our kit":                    {"cmd/tenon/x.go", ours + "adapters/embedded/embeddedtest", "no test kit"},
		"production, testing":             {"application/x.go", "testing", "no test kit"},
		"production, httptest":            {"ports/httpport/x.go", "net/http/httptest", "no test kit"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			root := plant(t, append(cleanTree(), tt.file, importing(tt.file, tt.imports))...)
			found, err := checkImports(root)
			expectOne(t, found, err, tt.file, tt.imports, tt.rule)
		})
	}
}
