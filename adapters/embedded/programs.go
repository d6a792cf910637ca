package embedded

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strconv"
	"strings"
)

// ErrNoPrograms says that no PostgreSQL server is installed that could be run.
var ErrNoPrograms = errors.New("no PostgreSQL server programs found: install them (Debian, Ubuntu: apt-get install postgresql; " +
	"macOS: brew install postgresql), or set TENON_DATABASE_URL to a server of your own")

// programs are the server's programs in one directory.
type programs struct {
	dir   string
	major int
}

// command returns a command for one of the programs that no setting of the caller's environment
// reaches, and whose messages are English.
func (p programs) command(name string, args ...string) *exec.Cmd {
	cmd := exec.Command(filepath.Join(p.dir, name), args...)
	for _, entry := range os.Environ() {
		if !strings.HasPrefix(entry, "PG") && !strings.HasPrefix(entry, "LC_") && !strings.HasPrefix(entry, "LANG") {
			cmd.Env = append(cmd.Env, entry)
		}
	}
	cmd.Env = append(cmd.Env, "LC_ALL=C", "TZ=UTC")
	return cmd
}

// findPrograms returns the programs in dir if it is given, else the newest of candidates. major, if it
// is not 0, is the version an existing cluster needs.
func findPrograms(ctx context.Context, dir string, candidates []string, major int) (programs, error) {
	if dir != "" {
		candidates = []string{dir}
	}
	var found []programs
	for _, candidate := range candidates {
		if version, err := majorVersion(ctx, candidate); err == nil {
			found = append(found, programs{dir: candidate, major: version})
		}
	}
	if len(found) == 0 {
		if dir != "" {
			return programs{}, fmt.Errorf("%w (looked for initdb and postgres in %s)", ErrNoPrograms, dir)
		}
		return programs{}, ErrNoPrograms
	}
	if major == 0 {
		return slices.MaxFunc(found, func(a, b programs) int { return a.major - b.major }), nil
	}
	for _, p := range found {
		if p.major == major {
			return p, nil
		}
	}
	return programs{}, fmt.Errorf("the cluster was made by PostgreSQL %d, but only version %d was found (%s): "+
		"install version %d, or remove the cluster to start with an empty one", major, found[0].major, found[0].dir, major)
}

// candidates returns the directories that may hold the programs, those on the PATH first.
func candidates() []string {
	dirs := filepath.SplitList(os.Getenv("PATH"))
	patterns := []string{"/usr/lib/postgresql/*/bin", "/usr/pgsql-*/bin"}
	if runtime.GOOS == "darwin" {
		patterns = []string{
			"/opt/homebrew/opt/postgresql*/bin", "/usr/local/opt/postgresql*/bin",
			"/Applications/Postgres.app/Contents/Versions/*/bin",
		}
	}
	for _, pattern := range patterns {
		matches, _ := filepath.Glob(pattern)
		dirs = append(dirs, matches...)
	}
	return dirs
}

var versionPattern = regexp.MustCompile(`\(PostgreSQL\) (\d+)`)

// majorVersion asks the programs in dir for their version; both must be there.
func majorVersion(ctx context.Context, dir string) (int, error) {
	if _, err := os.Stat(filepath.Join(dir, "initdb")); err != nil {
		return 0, fmt.Errorf("find initdb: %w", err)
	}
	out, err := exec.CommandContext(ctx, filepath.Join(dir, "postgres"), "--version").Output()
	if err != nil {
		return 0, fmt.Errorf("ask for the version: %w", err)
	}
	match := versionPattern.FindSubmatch(out)
	if match == nil {
		return 0, fmt.Errorf("ask for the version: %q names none", out)
	}
	return strconv.Atoi(string(match[1]))
}
