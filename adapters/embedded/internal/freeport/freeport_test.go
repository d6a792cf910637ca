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

// A server that is down for a while must find its port free.
func TestFindFindsNoPortTwice(t *testing.T) {
	t.Parallel()
	seen := make(map[int]bool)
	for range inPart / 2 {
		port, err := Find(0)
		if err != nil {
			t.Fatal(err)
		}
		if seen[port] {
			t.Fatalf("port %d was found twice", port)
		}
		seen[port] = true
	}
}
