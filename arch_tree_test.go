package tenon_test

import (
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"
	"testing"
)

// module is the path that the packages of this repository are imported by.
const module = "github.com/tenon-go/tenon"

// violation is one broken rule of the house.
type violation struct {
	File string // slash separated, from the repository's root
	What string // what stands there
	Rule string // what is allowed
}

func (v violation) String() string { return fmt.Sprintf("%s: %s: %s", v.File, v.What, v.Rule) }

// goFile is a parsed file of the main module.
type goFile struct {
	path string
	fset *token.FileSet
	tree *ast.File
}

func (f goFile) dir() string    { return path.Dir(f.path) }
func (f goFile) isTest() bool   { return strings.HasSuffix(f.path, "_test.go") }
func (f goFile) external() bool { return f.isTest() && strings.HasSuffix(f.tree.Name.Name, "_test") }

// walk visits every file that belongs to the repository. The test runner notes which files and directories are
// opened here, so a cached result is never used after one of them changed.
func walk(root fs.FS, visit func(name string) error) error {
	return fs.WalkDir(root, ".", func(name string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && (d.Name() == ".git" || d.Name() == ".tenon" || name == "bin"):
			return fs.SkipDir
		case d.IsDir() || !d.Type().IsRegular():
			return nil
		}
		return visit(name)
	})
}

// parseTree parses the Go files that the go command would build in root's module: no testdata, no directory whose
// name begins with a dot or an underscore, no nested module.
func parseTree(root fs.FS, mode parser.Mode) ([]goFile, error) {
	var files []goFile
	fset := token.NewFileSet()
	err := walk(root, func(name string) error {
		if path.Ext(name) != ".go" || !inModule(root, path.Dir(name)) {
			return nil
		}
		source, err := fs.ReadFile(root, name)
		if err != nil {
			return err
		}
		tree, err := parser.ParseFile(fset, name, source, mode)
		if err != nil {
			return err
		}
		files = append(files, goFile{path: name, fset: fset, tree: tree})
		return nil
	})
	return files, err
}

func inModule(root fs.FS, dir string) bool {
	for ; dir != "."; dir = path.Dir(dir) {
		name := path.Base(dir)
		if name == "testdata" || strings.HasPrefix(name, ".") || strings.HasPrefix(name, "_") {
			return false
		}
		if _, err := fs.Stat(root, path.Join(dir, "go.mod")); !errors.Is(err, fs.ErrNotExist) {
			return false
		}
	}
	return true
}

// plant writes a tree of files, name and content in turn, and returns it.
func plant(t *testing.T, namesAndContents ...string) fs.FS {
	t.Helper()
	root := t.TempDir()
	for i := 0; i < len(namesAndContents); i += 2 {
		file := filepath.Join(root, filepath.FromSlash(namesAndContents[i]))
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(namesAndContents[i+1]), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return os.DirFS(root)
}

// report fails the test once for each violation.
func report(t *testing.T, found []violation, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	for _, v := range found {
		t.Error(v)
	}
}

// expectOne fails the test unless exactly one violation was found and its message holds every part.
func expectOne(t *testing.T, found []violation, err error, parts ...string) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	if len(found) != 1 {
		t.Fatalf("found %d violations, want 1: %v", len(found), found)
	}
	for _, part := range parts {
		if !strings.Contains(found[0].String(), part) {
			t.Errorf("message %q does not name %q", found[0], part)
		}
	}
}
