package embedded

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/user"
	"path/filepath"
	"strconv"

	"github.com/tenon-go/tenon/adapters/embedded/internal/child"
)

// nobody is the user that owns nothing, for machines that have no user postgres.
const nobody = 65534

// place is where a cluster lives and under whom its server runs.
type place struct {
	dir  string      // absolute, without symbolic links; holds the cluster
	user *child.User // nil: this process's own
}

func (p place) data() string { return filepath.Join(p.dir, "postgres") }

// cache names a directory for fetched programs that the server's user can enter and nobody else can write.
func (p place) cache() string {
	if p.user != nil {
		return "/var/cache/tenon"
	}
	dir, err := os.UserCacheDir()
	if err != nil {
		dir = p.dir
	}
	return filepath.Join(dir, "tenon")
}

// findPlace returns the place for the cluster of data directory dir. A server refuses to run as root,
// so root needs another user, and that user a way into every parent directory: where there is none the
// cluster goes to /var/tmp. recorded is where the cluster was at the last run, "" at the first.
func findPlace(dir, recorded string) (place, error) {
	if os.Geteuid() != 0 {
		return place{dir: dir}, nil
	}
	if recorded != "" && recorded != filepath.Join(dir, "postgres") && exists(recorded) {
		dir = filepath.Dir(recorded)
	} else if !open(dir) {
		var err error
		if dir, err = elsewhere(dir); err != nil {
			return place{}, err
		}
	}
	p := place{dir: dir}
	account, err := serverUser(p.data())
	p.user = account
	return p, err
}

// open reports whether every user may enter dir.
func open(dir string) bool {
	for {
		info, err := os.Stat(dir)
		if err != nil || info.Mode().Perm()&0o001 == 0 {
			return false
		}
		parent := filepath.Dir(dir)
		if parent == dir {
			return true
		}
		dir = parent
	}
}

// elsewhere makes a directory for dir's cluster where every user can get, and refuses one that
// somebody else has put there.
func elsewhere(dir string) (string, error) {
	sum := sha256.Sum256([]byte(dir))
	there := fmt.Sprintf("/var/tmp/tenon-%x", sum[:6])
	if err := os.Mkdir(there, 0o755); err != nil && !errors.Is(err, fs.ErrExist) {
		return "", fmt.Errorf("make a directory for the cluster: %w", err)
	}
	uid, _, err := owner(there)
	if err != nil {
		return "", fmt.Errorf("make a directory for the cluster: %w", err)
	}
	if info, err := os.Lstat(there); err != nil || !info.IsDir() || int(uid) != os.Geteuid() {
		return "", fmt.Errorf("%s exists and does not belong to this user: remove it, or use a data directory "+
			"that every user can enter", there)
	}
	if err := os.Chmod(there, 0o755); err != nil {
		return "", fmt.Errorf("make a directory for the cluster: %w", err)
	}
	return there, nil
}

// serverUser returns the owner of the cluster if there is one, else user postgres, else nobody.
func serverUser(data string) (*child.User, error) {
	if exists(data) {
		uid, gid, err := owner(data)
		if err != nil {
			return nil, fmt.Errorf("find the owner of the cluster: %w", err)
		}
		if uid == 0 {
			return nil, fmt.Errorf("cluster %s belongs to root, under whom no PostgreSQL runs: give it to another user", data)
		}
		return &child.User{UID: uid, GID: gid}, nil
	}
	account, err := user.Lookup("postgres")
	if err != nil {
		return &child.User{UID: nobody, GID: nobody}, nil
	}
	uid, err := strconv.ParseUint(account.Uid, 10, 32)
	if err != nil {
		return nil, fmt.Errorf("read the id of user postgres: %w", err)
	}
	gid, err := strconv.ParseUint(account.Gid, 10, 32)
	if err != nil {
		return nil, fmt.Errorf("read the group of user postgres: %w", err)
	}
	return &child.User{UID: uint32(uid), GID: uint32(gid)}, nil
}

func exists(path string) bool {
	_, err := os.Lstat(path)
	return err == nil
}

// makeDir makes dir if it is missing and returns its absolute path without symbolic links, the form in
// which the kernel names a process's directory.
func makeDir(dir string) (string, error) {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return "", fmt.Errorf("make data directory: %w", err)
	}
	abs, err := filepath.Abs(dir)
	if err == nil {
		abs, err = filepath.EvalSymlinks(abs)
	}
	if err != nil {
		return "", fmt.Errorf("find data directory: %w", err)
	}
	return abs, nil
}
