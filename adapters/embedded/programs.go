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
	"strconv"
	"strings"
)

// ErrNoPrograms says that no PostgreSQL server is installed that could be run, and none could be fetched.
var ErrNoPrograms = errors.New("no PostgreSQL server programs found: install them (Debian, Ubuntu: apt-get install postgresql; " +
	"macOS: brew install postgresql), or Maven, by which they can be fetched, or set TENON_MAVEN_REPOSITORY to the URL of a Maven " +
	"repository, or TENON_DATABASE_URL to a server of your own")

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

// finder looks for programs on this machine and has them fetched as a last resort.
type finder struct {
	dirs  []string
	fetch func(context.Context) (dir string, err error)
}

// find returns the newest programs, or those of version major if that is not 0: what an existing
// cluster needs.
func (f finder) find(ctx context.Context, major int) (programs, error) {
	found := versions(ctx, f.dirs)
	if p, ok := choose(found, major); ok {
		return p, nil
	}
	if major != 0 && major != fetchedMajor {
		return programs{}, fmt.Errorf("the cluster was made by PostgreSQL %d, but found was %s: install version %d, "+
			"or remove the cluster to start with an empty one", major, describe(found), major)
	}
	dir, err := f.fetch(ctx)
	if err != nil {
		return programs{}, fmt.Errorf("%w (looked in %s; fetching: %w)", ErrNoPrograms, strings.Join(f.dirs, ", "), err)
	}
	if p, ok := choose(versions(ctx, []string{dir}), major); ok {
		return p, nil
	}
	return programs{}, fmt.Errorf("%w (those fetched into %s do not run on this machine)", ErrNoPrograms, dir)
}

func choose(found []programs, major int) (programs, bool) {
	var best programs
	for _, p := range found {
		if p.major > best.major && (major == 0 || p.major == major) {
			best = p
		}
	}
	return best, best.major != 0
}

func describe(found []programs) string {
	if len(found) == 0 {
		return "none"
	}
	var list []string
	for _, p := range found {
		list = append(list, fmt.Sprintf("%d in %s", p.major, p.dir))
	}
	return strings.Join(list, ", ")
}

// installed returns the directories that may hold installed programs, those on the PATH first.
func installed() []string {
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

func versions(ctx context.Context, dirs []string) []programs {
	var found []programs
	for _, dir := range dirs {
		if major, err := majorVersion(ctx, dir); err == nil {
			found = append(found, programs{dir: dir, major: major})
		}
	}
	return found
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
