package tenon_test

import (
	"fmt"
	"go/ast"
	"go/parser"
	"io/fs"
	"os"
	"strings"
	"testing"
)

// What a reader can hold: one noun a file, one thought a function.
const (
	maxFileLines     = 300
	maxFunctionLines = 80
)

// TestSize holds this repository to its limits, tests included.
func TestSize(t *testing.T) {
	t.Parallel()
	found, err := checkSize(os.DirFS("."))
	report(t, found, err)
}

// TestPackageComments holds every package to one comment, in the file that a newcomer opens first.
func TestPackageComments(t *testing.T) {
	t.Parallel()
	found, err := checkPackageComments(os.DirFS("."))
	report(t, found, err)
}

// checkSize reports files and functions in root that are too long. A function's lines are those between its
// signature and its closing brace.
func checkSize(root fs.FS) ([]violation, error) {
	files, err := parseTree(root, parser.SkipObjectResolution)
	if err != nil {
		return nil, err
	}
	var found []violation
	for _, f := range files {
		if lines := f.fset.File(f.tree.Pos()).LineCount(); lines > maxFileLines {
			found = append(found, violation{f.path, fmt.Sprintf("%d lines", lines), fmt.Sprintf("a file has at most %d", maxFileLines)})
		}
		for _, d := range f.tree.Decls {
			fn, ok := d.(*ast.FuncDecl)
			if !ok || fn.Body == nil {
				continue
			}
			lines := f.fset.Position(fn.Body.Rbrace).Line - f.fset.Position(fn.Body.Lbrace).Line - 1
			if lines > maxFunctionLines {
				what := fmt.Sprintf("%s has %d lines", fn.Name.Name, lines)
				found = append(found, violation{f.path, what, fmt.Sprintf("a function has at most %d", maxFunctionLines)})
			}
		}
	}
	return found, nil
}

// checkPackageComments reports the packages in root with no package comment or with several. Test files neither
// need one nor count.
func checkPackageComments(root fs.FS) ([]violation, error) {
	files, err := parseTree(root, parser.PackageClauseOnly|parser.ParseComments)
	if err != nil {
		return nil, err
	}
	var dirs []string
	comments := map[string][]string{}
	for _, f := range files {
		if f.isTest() {
			continue
		}
		if _, seen := comments[f.dir()]; !seen {
			dirs = append(dirs, f.dir())
			comments[f.dir()] = nil
		}
		if f.tree.Doc != nil {
			comments[f.dir()] = append(comments[f.dir()], f.path)
		}
	}
	var found []violation
	for _, dir := range dirs {
		switch in := comments[dir]; len(in) {
		case 0:
			found = append(found, violation{dir, "no package comment", "a package has one"})
		case 1:
		default:
			found = append(found, violation{dir, "package comments in " + strings.Join(in, ", "), "a package has one"})
		}
	}
	return found, nil
}

func TestSizeCatchesLongFile(t *testing.T) {
	t.Parallel()
	fits := "package a\n" + strings.Repeat("\n", maxFileLines-1)
	found, err := checkSize(plant(t, "domain/a/fits.go", fits, "domain/a/long.go", fits+"\n"))
	expectOne(t, found, err, "domain/a/long.go", "301 lines", "at most 300")
}

func TestSizeCatchesLongFunction(t *testing.T) {
	t.Parallel()
	source := func(lines int) string {
		return "package a\n\nfunc long() {\n" + strings.Repeat("\tlong()\n", lines) + "}\n"
	}
	found, err := checkSize(plant(t, "a/fits.go", source(maxFunctionLines), "a/long_test.go", source(maxFunctionLines+1)))
	expectOne(t, found, err, "a/long_test.go", "long has 81 lines", "at most 80")
}

func TestPackageCommentsCatchesNone(t *testing.T) {
	t.Parallel()
	found, err := checkPackageComments(plant(t,
		"a/a.go", "// Package a is documented.\npackage a\n", "a/a_test.go", "// A test needs none.\npackage a\n",
		"b/b.go", "// A comment apart is no package comment.\n\npackage b\n"))
	expectOne(t, found, err, "b", "no package comment")
}

func TestPackageCommentsCatchesTwo(t *testing.T) {
	t.Parallel()
	found, err := checkPackageComments(plant(t,
		"a/a.go", "// Package a is documented.\npackage a\n", "a/b.go", "// Package a is documented twice.\npackage a\n"))
	expectOne(t, found, err, "a/a.go, a/b.go", "a package has one")
}
