package tenon_test

import (
	"path"
	"slices"
	"strings"
)

// checkNames reports packages outside the layout, names that differ from their directory, and names used twice:
// two packages of one name make readers and import tools guess.
func checkNames(files []goFile) []violation {
	var found []violation
	dirs := map[string]string{} // package name to the directory that had it first
	for _, f := range files {
		dir, name := f.dir(), f.tree.Name.Name
		want := path.Base(dir)
		if dir == "." {
			want = "tenon"
		}
		if f.isTest() {
			name = strings.TrimSuffix(name, "_test")
		}
		layer, _, _ := strings.Cut(dir, "/")
		switch other, seen := dirs[name]; {
		case dir != "." && !slices.Contains(layers, layer):
			found = append(found, violation{f.path, "package in " + layer, "packages live in " + strings.Join(layers[1:], ", ")})
		case name == "main" && layer == "cmd":
		case name != want:
			found = append(found, violation{f.path, "package " + name, "a package has the name of its directory, " + want})
		case seen && other != dir:
			found = append(found, violation{f.path, "package " + name, "a package name is used once, and " + other + " has it"})
		default:
			dirs[name] = dir
		}
	}
	return found
}
