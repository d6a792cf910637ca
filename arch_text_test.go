package tenon_test

import (
	"bytes"
	"io/fs"
	"os"
	"path"
	"regexp"
	"strings"
	"testing"
)

// Spelled apart, so that this file passes its own rules.
var (
	// registries are hosts that only a machine's own settings may name: a mirror must be able to take their place.
	registries = []string{
		"proxy." + "golang.org", "sum." + "golang.org", "repo1." + "maven.org", "repo.maven." + "apache.org",
		"registry." + "npmjs.org", "pypi" + ".org", "files." + "pythonhosted.org", "crates" + ".io", "deb." + "debian.org",
	}
	// leftover matches the marks of unfinished work, of which none lands.
	leftover = regexp.MustCompile(`\b(TO` + `DO|FIX` + `ME)\b`)
)

// TestText holds every file of this repository to the rules about words.
func TestText(t *testing.T) {
	t.Parallel()
	found, err := checkText(os.DirFS("."))
	report(t, found, err)
}

// checkText reports the names of package registries in any text of root, and marks of unfinished work in its code.
func checkText(root fs.FS) ([]violation, error) {
	var found []violation
	err := walk(root, func(name string) error {
		content, err := fs.ReadFile(root, name)
		if err != nil || bytes.IndexByte(content, 0) >= 0 {
			return err // a binary file holds no words
		}
		for _, host := range registries {
			if bytes.Contains(content, []byte(host)) {
				found = append(found, violation{name, "names " + host, "a package registry is a setting of the machine"})
			}
		}
		if mark := leftover.Find(content); isCode(name) && mark != nil {
			found = append(found, violation{name, "holds " + string(mark), "finish it, or open an issue"})
		}
		return nil
	})
	return found, err
}

func isCode(name string) bool {
	switch path.Ext(name) {
	case ".go", ".sql", ".sh":
		return true
	}
	return name == "Makefile" || strings.HasPrefix(name, ".ci/")
}

func TestTextCatchesRegistry(t *testing.T) {
	t.Parallel()
	for _, host := range registries {
		found, err := checkText(plant(t, "docs/guide.md", "see https://"+host+"/x\n", "data.bin", "\x00"+host))
		expectOne(t, found, err, "docs/guide.md", host, "setting of the machine")
	}
}

func TestTextCatchesUnfinishedWork(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"domain/x.go", "migrations/kernel/001.sql", "tools/x.sh", "Makefile", ".ci/run"} {
		found, err := checkText(plant(t, name, "-- TO"+"DO: later\n", "docs/guide.md", "a TO"+"DO list\n", "y.go", "// TO"+"DOS\n"))
		expectOne(t, found, err, name, "holds TO"+"DO")
	}
}
