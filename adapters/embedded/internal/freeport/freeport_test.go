package freeport

import "testing"

func TestFindPrefersTheLast(t *testing.T) {
	t.Parallel()
	port, err := Find(0)
	if err != nil {
		t.Fatal(err)
	}
	if port < first || port > last {
		t.Errorf("free port %d, want %d to %d", port, first, last)
	}
	if got, err := Find(port); err != nil || got != port {
		t.Errorf("free port with %d preferred: %d, %v", port, got, err)
	}
}
