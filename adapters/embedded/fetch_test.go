//go:build unix

package embedded

import (
	"archive/zip"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

func TestFetchedProgramsRun(t *testing.T) {
	t.Parallel()
	f := fetcherOf(t, publish(t))
	dir, err := f.fetch(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if major, err := majorVersion(t.Context(), dir); err != nil || major != fetchedMajor {
		t.Errorf("version of the fetched programs: %d, %v; want %d", major, err, fetchedMajor)
	}
}

func TestFetchIsDoneOnce(t *testing.T) {
	t.Parallel()
	f := fetcherOf(t, publish(t))
	if _, err := f.fetch(t.Context()); err != nil {
		t.Fatal(err)
	}
	f.sources = nil
	if _, err := f.fetch(t.Context()); err != nil {
		t.Errorf("fetch with the programs there: %v", err)
	}
}

func TestConcurrentFetchesAgree(t *testing.T) {
	t.Parallel()
	f := fetcherOf(t, publish(t))
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			dir, err := f.fetch(t.Context())
			if err == nil {
				_, err = majorVersion(t.Context(), dir)
			}
			if err != nil {
				t.Errorf("fetch beside others: %v", err)
			}
		})
	}
	wg.Wait()
	if left, _ := filepath.Glob(filepath.Join(f.cache, "fetch-*")); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}

func TestFetchedFileWithWrongChecksumIsRefused(t *testing.T) {
	t.Parallel()
	f := fetcherOf(t, publish(t))
	f.archive.sha256 = strings.Repeat("0", 64)
	if _, err := f.fetch(t.Context()); err == nil || !strings.Contains(err.Error(), "checksum") {
		t.Errorf("fetch of a changed file: %v, want a complaint about its checksum", err)
	}
	if exists(f.dir()) {
		t.Error("a changed file was unpacked")
	}
}

func TestNextSourceIsTriedWhenOneFails(t *testing.T) {
	t.Parallel()
	f := fetcherOf(t, publish(t))
	broken := func(context.Context, archive, string) error { return errors.New("no mvn here") }
	f.sources = append([]source{broken}, f.sources...)
	if _, err := f.fetch(t.Context()); err != nil {
		t.Errorf("fetch with one working source: %v", err)
	}
	f = fetcherOf(t, publish(t))
	f.sources = []source{broken, byHTTP("http://127.0.0.1:1")}
	_, err := f.fetch(t.Context())
	if err == nil || !strings.Contains(err.Error(), "no mvn here") || !strings.Contains(err.Error(), "127.0.0.1:1") {
		t.Errorf("fetch without a working source: %v, want both reasons", err)
	}
}

func TestMissingFileIsNotUnpacked(t *testing.T) {
	t.Parallel()
	f := fetcherOf(t, publish(t))
	f.archive.artifact = "unpublished"
	if _, err := f.fetch(t.Context()); err == nil || !strings.Contains(err.Error(), "404") {
		t.Errorf("fetch of an unpublished artifact: %v, want 404", err)
	}
}

func TestEveryPlatformIsPinned(t *testing.T) {
	t.Parallel()
	for _, platform := range []string{"linux/amd64", "linux/arm64", "darwin/amd64", "darwin/arm64"} {
		a, ok := archiveFor(platform)
		if raw, err := hex.DecodeString(a.sha256); !ok || err != nil || len(raw) != sha256.Size {
			t.Errorf("checksum for %s: %q", platform, a.sha256)
		}
	}
	if _, err := (fetcher{}).fetch(t.Context()); err == nil || !strings.Contains(err.Error(), "none are published") {
		t.Errorf("fetch for another platform: %v, want that none are published", err)
	}
}

// published is a jar as the registry has it, holding fake programs.
type published struct {
	url     string
	archive archive
}

func publish(t testing.TB) published {
	t.Helper()
	root, work := t.TempDir(), t.TempDir()
	if err := os.Rename(fakePrograms(t, fetchedMajor), filepath.Join(root, "bin")); err != nil {
		t.Fatal(err)
	}
	txz := filepath.Join(work, "postgres.txz")
	if out, err := exec.Command("tar", "-cJf", txz, "-C", root, "bin").CombinedOutput(); err != nil {
		t.Skipf("tar cannot write xz here: %v %s", err, out)
	}
	raw, err := os.ReadFile(txz)
	if err != nil {
		t.Fatal(err)
	}
	jar := zipOf(t, work, raw)
	sum := sha256.Sum256(jar)
	a := archive{artifact: "embedded-postgres-binaries-test", sha256: hex.EncodeToString(sum[:])}
	want := path.Join("/maven/io/zonky/test/postgres", a.artifact, fetchedVersion, a.jar())
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != want {
			http.NotFound(w, r)
			return
		}
		_, _ = w.Write(jar)
	}))
	t.Cleanup(server.Close)
	return published{url: server.URL + "/maven", archive: a}
}

func zipOf(t testing.TB, work string, txz []byte) []byte {
	t.Helper()
	f, err := os.Create(filepath.Join(work, "a.jar"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	z := zip.NewWriter(f)
	member, err := z.Create("postgres-linux-x86_64.txz")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := member.Write(txz); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	jar, err := os.ReadFile(f.Name())
	if err != nil {
		t.Fatal(err)
	}
	return jar
}

func fetcherOf(t testing.TB, p published) fetcher {
	t.Helper()
	return fetcher{
		cache: filepath.Join(t.TempDir(), "cache"), sources: []source{byHTTP(p.url)},
		archive: p.archive, log: slog.New(slog.DiscardHandler),
	}
}
