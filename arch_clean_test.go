package tenon_test

import (
	"path"
	"strings"
	"testing"
)

// TestArchitectureAllows plants one import that is allowed: the rule's other side.
func TestArchitectureAllows(t *testing.T) {
	t.Parallel()
	const ours = module + "/"
	tests := map[string]struct{ file, imports string }{
		"domain, standard library":          {"domain/x.go", "time"},
		"context's domain, kernel's domain": {"domain/order/x.go", ours + "domain"},
		"application, id":                   {"application/x.go", "github.com/google/uuid"},
		"application, message":              {"application/x.go", "github.com/ThreeDotsLabs/watermill/message"},
		"application, domain":               {"application/orderapp/x.go", ours + "domain/order"},
		"adapter, driver":                   {"adapters/postgres/x.go", "github.com/lib/pq"},
		"adapter, own subpackage":           {"adapters/embedded/x.go", ours + "adapters/embedded/pgserver"},
		"adapter, migrations":               {"adapters/postgres/x.go", ours + "migrations"},
		"context's adapter, postgres":       {"adapters/orderpg/x.go", ours + "adapters/postgres"},
		"port, other port":                  {"ports/orderhttp/x.go", ours + "ports/httpport"},
		"root, adapter":                     {"x.go", ours + "adapters/postgres"},
		"cmd, context":                      {"cmd/tenon/x.go", ours + "adapters/orderpg"},
		"cmd, composition root":             {"cmd/tenon/x.go", module},
		"test, comparison library":          {"domain/x_test.go", "github.com/google/go-cmp/cmp"},
		"test, kit":                         {"adapters/postgres/x_test.go", ours + "application/applicationtest"},
		"test, kit of another adapter":      {"adapters/postgres/x_test.go", ours + "adapters/embedded/embeddedtest"},
		"kit, kit":                          {"application/applicationtest/x.go", ours + "domain/domaintest"},
		"kit, testing":                      {"domain/domaintest/x.go", "testing"},
		"kit of an adapter, other adapter":  {"adapters/embedded/embeddedtest/x.go", ours + "adapters/postgres"},
		"external test, adapter":            {"application/external_test.go", ours + "adapters/memory"},
		"external test, composition root":   {"adapters/relay/external_test.go", module},
		"root's external test, context":     {"external_test.go", ours + "application/orderapp"},
		"adapter, module like ours":         {"adapters/relay/x.go", module + "-contrib/adapters/kafka"},
		"testdata is no package":            {"domain/order/testdata/x.go", "github.com/lib/pq"},
		"dot directories hold no package":   {"domain/.old/x.go", "github.com/lib/pq"},
		"underscore, no package":            {"domain/_old/x.go", "github.com/lib/pq"},
		"a nested module has its own rules": {"bench/order/x.go", ours + "adapters/memory"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			found, err := checkImports(plant(t, append(cleanTree(), tt.file, importing(tt.file, tt.imports))...))
			report(t, found, err)
		})
	}
}

// TestArchitectureCatchesNames plants one package that is misnamed or misplaced.
func TestArchitectureCatchesNames(t *testing.T) {
	t.Parallel()
	tests := map[string]struct{ file, source, what, rule string }{
		"not its directory's name": {"adapters/kafka/x.go", "package kafkaclient", "package kafkaclient", "the name of its directory, kafka"},
		"root":                     {"x.go", "package kernel", "package kernel", "the name of its directory, tenon"},
		"used twice":               {"ports/postgres/x.go", "package postgres", "package postgres", "adapters/postgres has it"},
		"main outside cmd":         {"adapters/relay/x.go", "package main", "package main", "the name of its directory, relay"},
		"outside the layers":       {"pkg/util/x.go", "package util", "package in pkg", "packages live in domain, application"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			found, err := checkImports(plant(t, append(cleanTree(), tt.file, tt.source)...))
			expectOne(t, found, err, tt.file, tt.what, tt.rule)
		})
	}
}

// cleanTree is a small repository of two contexts that breaks no rule.
func cleanTree() []string {
	return []string{
		"domain/order/order.go", "package order",
		"domain/stock/stock.go", "package stock",
		"domain/domaintest/given.go", "package domaintest",
		"application/unit.go", "package application",
		"adapters/postgres/log.go", "package postgres",
		"bench/go.mod", "module " + module + "/bench",
	}
}

// importing is the source of a file with one import, in the package that belongs at its path.
func importing(file, target string) string {
	name := path.Base(path.Dir(file))
	switch {
	case path.Dir(file) == ".":
		name = "tenon"
	case strings.HasPrefix(file, "cmd/"):
		name = "main"
	}
	if strings.HasSuffix(file, "external_test.go") {
		name += "_test"
	}
	return "package " + name + "\n\nimport _ \"" + target + "\"\n"
}
