package tenon_test

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/tenon-go/tenon/adapters/embedded/embeddedtest"
	"github.com/tenon-go/tenon/application/applicationtest"
)

// buildOther builds the program of testdata/othermodule as a module of its own that requires this one.
func buildOther(t testing.TB) string {
	t.Helper()
	root, err := filepath.Abs(".")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	if err := os.CopyFS(dir, os.DirFS("testdata/othermodule")); err != nil {
		t.Fatal(err)
	}
	// The same versions as this module's, so that nothing needs to be looked up.
	module, err := os.ReadFile("go.mod")
	if err != nil {
		t.Fatal(err)
	}
	_, requirements, _ := strings.Cut(string(module), "\n")
	sums, err := os.ReadFile("go.sum")
	if err != nil {
		t.Fatal(err)
	}
	text := "module example.test/notes\n" + requirements +
		"\nrequire github.com/tenon-go/tenon v0.0.0\n\nreplace github.com/tenon-go/tenon => " + root + "\n"
	for name, content := range map[string]string{"go.mod": text, "go.sum": string(sums)} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	program := filepath.Join(dir, "notes")
	build := exec.CommandContext(t.Context(), "go", "build", "-o", program, ".")
	build.Dir = dir
	build.Env = append(os.Environ(), "GOFLAGS=-mod=mod", "GOWORK=off")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("build in another module: %v\n%s", err, out)
	}
	return program
}

func TestAContextInAnotherModule(t *testing.T) {
	t.Parallel()
	program := buildOther(t)
	dir := t.TempDir()
	cmd := exec.Command(program, "serve") //nolint:noctx // stopped below, by a signal
	cmd.Env = append(os.Environ(), "TENON_HTTP_ADDR=127.0.0.1:0", "TENON_DATA_DIR="+dir, "TENON_DATABASE_URL="+embeddedtest.Database(t))
	log, err := os.Create(filepath.Join(dir, "log"))
	if err != nil {
		t.Fatal(err)
	}
	cmd.Stdout, cmd.Stderr = log, log
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Signal(os.Interrupt)
		if err := cmd.Wait(); err != nil {
			text, _ := os.ReadFile(log.Name())
			t.Errorf("the program ended with %v:\n%s", err, text)
		}
		_ = log.Close()
	})
	base := "http://" + addressIn(t, filepath.Join(dir, "endpoints.env"))
	for _, c := range []struct {
		body   string
		status int
	}{{`{"text":"one"}`, http.StatusOK}, {`{"text":"two"}`, http.StatusOK}, {`{"text":""}`, http.StatusUnprocessableEntity}} {
		resp, err := http.Post(base+"/notes", "application/json", strings.NewReader(c.body)) //nolint:noctx // a test
		if err != nil {
			t.Fatal(err)
		}
		if resp.StatusCode != c.status {
			text, _ := io.ReadAll(resp.Body)
			t.Errorf("%s: %d %s, want %d", c.body, resp.StatusCode, text, c.status)
		}
		_ = resp.Body.Close()
	}
	applicationtest.Eventually(t, func() error {
		resp, err := http.Get(base + "/writings") //nolint:noctx // a test
		if err != nil {
			return err
		}
		defer resp.Body.Close()
		text, err := io.ReadAll(resp.Body)
		if got := strings.TrimSpace(string(text)); err == nil && got != "2" {
			err = fmt.Errorf("the read model counts %s writings, want 2", got)
		}
		return err
	})
}

// addressIn waits for the file in which a program says where it listens.
func addressIn(t testing.TB, path string) (addr string) {
	t.Helper()
	applicationtest.Eventually(t, func() error {
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		_, rest, ok := strings.Cut(string(text), "TENON_HTTP_ADDR=")
		if !ok {
			return errors.New("no address yet")
		}
		addr, _, _ = strings.Cut(rest, "\n")
		return nil
	})
	return addr
}
