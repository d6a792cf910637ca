package embedded_test

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"

	"github.com/tenon-go/tenon/adapters/embedded"
)

// seed is a data directory with a new cluster in it: copying one takes a tenth of the time that making
// one takes. It is there for the whole binary.
var seed struct {
	sync.Mutex
	dir string
}

// dataDir returns a data directory with a new cluster that has never run elsewhere.
func dataDir(t testing.TB) string {
	t.Helper()
	seed.Lock()
	defer seed.Unlock()
	if seed.dir == "" {
		seed.dir = makeSeed(t)
	}
	dir := emptyDir(t)
	if out, err := exec.Command("cp", "-a", seed.dir+"/.", dir).CombinedOutput(); err != nil {
		t.Fatalf("copy the cluster: %v %s", err, out)
	}
	return dir
}

func makeSeed(t testing.TB) string {
	t.Helper()
	dir := emptyDir(t)
	p := start(t, embedded.PostgresConfig{DataDir: dir})
	stop(t, p)
	kept, err := os.MkdirTemp(filepath.Dir(dir), "tenon-embedded-seed-")
	if err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command("cp", "-a", dir+"/.", kept).CombinedOutput(); err != nil {
		t.Fatalf("copy the cluster: %v %s", err, out)
	}
	forgetPlace(t, filepath.Join(kept, "postgres.json"))
	return kept
}

// forgetPlace leaves only the password: port and place are those of the copied cluster.
func forgetPlace(t testing.TB, path string) {
	t.Helper()
	raw, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var settings struct {
		Password string `json:"password"`
	}
	if err := json.Unmarshal(raw, &settings); err != nil {
		t.Fatal(err)
	}
	if raw, err = json.Marshal(settings); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, raw, 0o600); err != nil {
		t.Fatal(err)
	}
}

// removeSeed is for the end of the binary.
func removeSeed() {
	if seed.dir != "" {
		_ = os.RemoveAll(seed.dir)
	}
}
