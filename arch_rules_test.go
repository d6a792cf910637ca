package tenon_test

import (
	"go/parser"
	"io/fs"
	"path"
	"slices"
	"strconv"
	"strings"
)

// place says where a directory stands in the layout: in a layer, in a component of that layer (which adapter, which
// port), and in a bounded context, or in the kernel where context is empty.
type place struct {
	layer, component, context string
	kit                       bool // a test kit: the last element ends in "test"
}

// layers are the directories that hold packages. The root, layer "", is package tenon.
var layers = []string{"", "domain", "application", "adapters", "ports", "cmd", "migrations"}

// checkImports reports every import and every package name in root that breaks the dependency rule.
func checkImports(root fs.FS) ([]violation, error) {
	files, err := parseTree(root, parser.ImportsOnly)
	if err != nil {
		return nil, err
	}
	c := checker{contexts: contextsIn(files)}
	found := checkNames(files)
	for _, f := range files {
		for _, spec := range f.tree.Imports {
			target, err := strconv.Unquote(spec.Path.Value)
			if err != nil {
				return nil, err
			}
			if rule := c.rule(f, target); rule != "" {
				found = append(found, violation{File: f.path, What: "imports " + target, Rule: rule})
			}
		}
	}
	return found, nil
}

// contextsIn returns the bounded contexts, longest name first: the directories under domain that are no test kits.
func contextsIn(files []goFile) []string {
	var names []string
	for _, f := range files {
		parts := strings.Split(f.dir(), "/")
		if len(parts) > 1 && parts[0] == "domain" && !strings.HasSuffix(parts[1], "test") {
			names = append(names, parts[1])
		}
	}
	slices.SortFunc(names, func(a, b string) int { return len(b) - len(a) })
	return slices.Compact(names)
}

type checker struct{ contexts []string }

func (c checker) place(dir string) place {
	if dir == "." {
		return place{}
	}
	parts := strings.Split(dir, "/")
	p := place{layer: parts[0], kit: strings.HasSuffix(path.Base(dir), "test")}
	if len(parts) > 1 {
		p.component = parts[1]
		for _, name := range c.contexts {
			if strings.HasPrefix(p.component, name) {
				p.context = name
				break
			}
		}
	}
	return p
}

// rule returns what forbids that f imports target, or "".
func (c checker) rule(f goFile, target string) string {
	from := c.place(f.dir())
	if dir, ours := strings.CutPrefix(target, module); ours && (dir == "" || dir[0] == '/') {
		to := c.place(path.Clean("./" + dir))
		if broken := contextRule(from, to, f.isTest()); broken != "" {
			return broken
		}
		return layerRule(from, to, f)
	}
	return outsideRule(from, target, f)
}

// contextRule keeps bounded contexts apart from each other and out of the kernel, in tests too: a team that
// deletes the sample context must keep a kernel that builds and passes.
func contextRule(from, to place, test bool) string {
	switch {
	case to.context == "" || from.layer == "cmd" || from.context == to.context:
		return ""
	case from.layer == "" && test:
		return "" // tests of the whole service run it with the sample context
	case from.context == "":
		return "the kernel imports no bounded context, only cmd does"
	}
	return "a context imports no other context: they meet as events on Kafka"
}

// layerRule is the dependency rule between packages of this module. An external test file may use any package
// below cmd; a test file inside its package keeps to its layer and to test kits.
func layerRule(from, to place, f goFile) string {
	switch {
	case to.layer == "cmd" && from.layer != "cmd":
		return "nothing imports cmd"
	case to.kit && !from.kit && !f.isTest():
		return "production code imports no test kit"
	case to.kit || f.external():
		return ""
	case to.layer == "" && from.layer != "" && from.layer != "cmd":
		return "only cmd imports package tenon"
	}
	return productionRule(from, to)
}

func productionRule(from, to place) string {
	switch from.layer {
	case "domain":
		if to.layer != "domain" {
			return "domain imports only the standard library and domain"
		}
	case "application":
		if to.layer != "domain" && to.layer != "application" {
			return "application imports of this module only domain and application"
		}
	case "adapters":
		return adapterRule(from, to)
	case "ports":
		if to.layer == "adapters" || to.layer == "migrations" {
			return "ports never import " + to.layer
		}
	case "migrations":
		return "migrations import no other package of this module"
	}
	return ""
}

func adapterRule(from, to place) string {
	switch {
	case to.layer == "ports":
		return "adapters never import ports"
	case to.layer != "adapters" || to.component == from.component || from.kit:
		return ""
	case from.context != "" && to.component == "postgres":
		return ""
	}
	return "an adapter imports no other adapter, but a context's adapter may import adapters/postgres"
}

// outsideRule is the dependency rule for the standard library and other modules.
func outsideRule(from place, target string, f goFile) string {
	first, _, _ := strings.Cut(target, "/")
	standard := !strings.Contains(first, ".")
	loose := from.kit || f.isTest()
	switch {
	case standard && !loose && (target == "testing" || strings.HasSuffix(target, "test")):
		return "production code imports no test kit"
	case standard || loose:
		return ""
	case from.layer == "domain":
		return "domain imports only the standard library and domain"
	case from.layer == "application" && !slices.Contains(applicationMay, target):
		return "application imports of other modules only " + strings.Join(applicationMay, " and ")
	}
	return ""
}

// applicationMay lists what application uses of other modules: ids, the message type that users of Watermill know, and the next Go's JSON.
var applicationMay = []string{"github.com/google/uuid", "github.com/ThreeDotsLabs/watermill/message", "github.com/go-json-experiment/json/v1"}
