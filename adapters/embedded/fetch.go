package embedded

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
)

const (
	fetchedMajor   = 18
	fetchedVersion = "18.4.0"
)

// archive is the server's programs as published for one platform: a jar with a txz in it.
type archive struct {
	artifact string
	sha256   string
}

// archiveFor returns what is published for the platform, pinned by its checksum.
func archiveFor(platform string) (archive, bool) {
	sums := map[string][2]string{
		"linux/amd64":  {"linux-amd64", "401d4e69baba9072d3772607710df0d47b39a7632c6b01b2a5f5d85a9514e212"},
		"linux/arm64":  {"linux-arm64v8", "a9ec284923b9a7d2db41509bfb88c3d0eeb9f4aa5e2b29ea0aac5e8dbaf4c335"},
		"darwin/amd64": {"darwin-amd64", "68381ed1488edd337345c6c4bc6ae0c823832a4dd7af8b04656ee5c218c291b5"},
		"darwin/arm64": {"darwin-arm64v8", "ab698c4486a795d2aa8a158b3a41e1201a77e7ff72a6255094cd5900080853c2"},
	}
	entry, ok := sums[platform]
	return archive{artifact: "embedded-postgres-binaries-" + entry[0], sha256: entry[1]}, ok
}

func (a archive) jar() string { return a.artifact + "-" + fetchedVersion + ".jar" }

// source puts the archive's jar into a directory.
type source func(ctx context.Context, a archive, into string) error

// fetcher gets the programs from elsewhere, once per machine and user.
type fetcher struct {
	cache   string
	sources []source // tried in this order
	archive archive
	log     *slog.Logger
}

// newFetcher returns the fetcher for this machine: Maven's own client, which knows the user's mirrors and proxies, if it is
// there, else a plain request to the Maven repository at that base URL, if one is given.
func newFetcher(cache, repository string, log *slog.Logger) fetcher {
	a, _ := archiveFor(runtime.GOOS + "/" + runtime.GOARCH)
	f := fetcher{cache: cache, sources: []source{byMaven}, archive: a, log: log}
	if repository != "" {
		f.sources = append(f.sources, byHTTP(repository))
	}
	return f
}

// dir is where the programs are once they have been fetched.
func (f fetcher) dir() string {
	return filepath.Join(f.cache, "postgresql-"+fetchedVersion, "bin")
}

// fetch returns the directory of the programs, and gets them if they are not there yet. Several processes may do so at once: each unpacks on its
// own and the first to finish gives the directory its name.
func (f fetcher) fetch(ctx context.Context) (string, error) {
	if f.archive.sha256 == "" {
		return "", fmt.Errorf("none are published for %s/%s", runtime.GOOS, runtime.GOARCH)
	}
	if exists(f.dir()) {
		return f.dir(), nil
	}
	f.log.Info("no PostgreSQL is installed: fetching the server's programs", "version", fetchedVersion, "into", f.cache)
	if err := os.MkdirAll(f.cache, 0o755); err != nil {
		return "", fmt.Errorf("make a directory for the programs: %w", err)
	}
	work, err := os.MkdirTemp(f.cache, "fetch-")
	if err != nil {
		return "", fmt.Errorf("make a directory for the programs: %w", err)
	}
	defer os.RemoveAll(work)
	if err := f.download(ctx, work); err != nil {
		return "", err
	}
	root := filepath.Join(work, "root")
	if err := unpack(ctx, filepath.Join(work, f.archive.jar()), root); err != nil {
		return "", err
	}
	if err := os.Rename(root, filepath.Dir(f.dir())); err != nil && !exists(f.dir()) {
		return "", fmt.Errorf("keep the programs: %w", err)
	}
	return f.dir(), nil
}

func (f fetcher) download(ctx context.Context, into string) error {
	var all error
	for _, get := range f.sources {
		err := get(ctx, f.archive, into)
		if err == nil {
			err = verify(filepath.Join(into, f.archive.jar()), f.archive.sha256)
		}
		if err == nil {
			return nil
		}
		all = errors.Join(all, err)
	}
	return all
}

func byMaven(ctx context.Context, a archive, into string) error {
	cmd := exec.CommandContext(ctx, "mvn", "-q", "-B", "dependency:copy", "-DoutputDirectory="+into,
		"-Dartifact=io.zonky.test.postgres:"+a.artifact+":"+fetchedVersion)
	cmd.Dir = into // not where the user's own pom.xml is
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("mvn dependency:copy: %w %s", err, out[max(0, len(out)-500):])
	}
	return nil
}

func byHTTP(repository string) source {
	return func(ctx context.Context, a archive, into string) (err error) {
		url := repository + "/io/zonky/test/postgres/" + a.artifact + "/" + fetchedVersion + "/" + a.jar()
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, http.NoBody)
		if err != nil {
			return fmt.Errorf("fetch %s: %w", url, err)
		}
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			return fmt.Errorf("fetch: %w", err)
		}
		defer resp.Body.Close()
		if resp.StatusCode != http.StatusOK {
			return fmt.Errorf("fetch %s: %s", url, resp.Status)
		}
		f, err := os.Create(filepath.Join(into, a.jar()))
		if err != nil {
			return fmt.Errorf("fetch %s: %w", url, err)
		}
		defer func() { err = errors.Join(err, f.Close()) }()
		if _, err := io.Copy(f, resp.Body); err != nil {
			return fmt.Errorf("fetch %s: %w", url, err)
		}
		return nil
	}
}

func verify(path, want string) error {
	f, err := os.Open(path)
	if err != nil {
		return fmt.Errorf("check the fetched file: %w", err)
	}
	defer f.Close()
	sum := sha256.New()
	if _, err := io.Copy(sum, f); err != nil {
		return fmt.Errorf("check the fetched file: %w", err)
	}
	if got := hex.EncodeToString(sum.Sum(nil)); got != want {
		return fmt.Errorf("%s has checksum %s, want %s: it is not used", filepath.Base(path), got, want)
	}
	return nil
}
