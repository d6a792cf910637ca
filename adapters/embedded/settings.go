package embedded

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// settings are what a server keeps between runs, in a file beside its data that only the owner may read.
type settings struct {
	Port     int    `json:"port"`
	Password string `json:"password,omitempty"`
	Data     string `json:"data,omitempty"` // PostgreSQL: where the cluster is
}

// readSettings returns zero settings when there is no file yet.
func readSettings(path string) (settings, error) {
	var s settings
	raw, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return s, nil
	}
	if err != nil {
		return s, fmt.Errorf("read settings: %w", err)
	}
	if err := json.Unmarshal(raw, &s); err != nil {
		return s, fmt.Errorf("read settings %s: %w; remove the file to have it made anew", path, err)
	}
	return s, nil
}

// write replaces the file in one step: a half-written password would lock the owner out.
func (s settings) write(path string) error {
	raw, err := json.MarshalIndent(s, "", "  ")
	if err != nil {
		return fmt.Errorf("write settings: %w", err)
	}
	f, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+".")
	if err != nil {
		return fmt.Errorf("write settings: %w", err)
	}
	defer os.Remove(f.Name())
	_, err = f.Write(append(raw, '\n'))
	if err := errors.Join(err, f.Close()); err != nil {
		return fmt.Errorf("write settings %s: %w", path, err)
	}
	if err := os.Rename(f.Name(), path); err != nil {
		return fmt.Errorf("write settings: %w", err)
	}
	return nil
}
