package embedded

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestPIDFileIsReadWhileItGrows(t *testing.T) {
	t.Parallel()
	whole := "123\n/data\n1700000000\n5432\n\n127.0.0.1\n  1 2\nready   \n"
	for text, want := range map[string]pidFile{
		"123":           {pid: 123},
		"123\n/data\n":  {pid: 123},
		"-123\n/data\n": {pid: 123},
		strings.Replace(whole, "ready", "starting", 1): {pid: 123},
		whole: {pid: 123, ready: true},
	} {
		if got, err := parsePIDFile(text); err != nil || got != want {
			t.Errorf("state %q: %+v, %v; want %+v", text, got, err, want)
		}
	}
	for _, text := range []string{"", "\n", "x\n/data"} {
		if got, err := parsePIDFile(text); err == nil {
			t.Errorf("state %q: %+v, want an error", text, got)
		}
	}
}

func TestBrokenSettingsAreNotOverwritten(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	path := filepath.Join(dir, "kafka.json")
	if err := os.WriteFile(path, []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := StartKafka(t.Context(), KafkaConfig{DataDir: dir})
	if err == nil || !strings.Contains(err.Error(), path) {
		t.Errorf("start with broken settings: %v, want an error that names %s", err, path)
	}
	if raw, err := os.ReadFile(path); err != nil || string(raw) != "{" {
		t.Errorf("settings after that: %q, %v", raw, err)
	}
}
