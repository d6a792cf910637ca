package embeddedtest

import (
	"syscall"
	"testing"

	"github.com/tenon-go/tenon/adapters/embedded/internal/rundir"
)

func TestEndedBinaryLeavesNothing(t *testing.T) {
	t.Parallel()
	b := startBinary(t)
	if !exists(b.runDir) {
		t.Fatalf("no run directory %s while the binary runs", b.runDir)
	}
	_ = b.input.Close()
	<-b.process.Done()
	if err := b.process.Err(); err != nil {
		t.Errorf("end of the binary: %v", err)
	}
	if exists(b.runDir) {
		t.Errorf("run directory %s is there after the end", b.runDir)
	}
	if listens(t, b.url) {
		t.Error("the server still listens after the end")
	}
}

func TestKilledBinaryIsCleanedUpByTheNext(t *testing.T) {
	t.Parallel()
	b := startBinary(t)
	if err := b.process.Signal(syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	<-b.process.Done()
	eventually(t, "the server of the killed binary has ended", func() bool { return !listens(t, b.url) })
	eventually(t, "its directory is removed", func() bool {
		dir, err := rundir.New(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if err := dir.Remove(); err != nil {
			t.Fatal(err)
		}
		return !exists(b.runDir)
	})
}

func TestBinariesAtOnceDoNotMeet(t *testing.T) {
	t.Parallel()
	a, b := startBinary(t), startBinary(t)
	if a.runDir == b.runDir || a.url == b.url {
		t.Fatalf("two binaries share %s or %s", a.runDir, a.url)
	}
	if !exists(a.runDir) {
		t.Error("the start of the second binary has removed the directory of the first")
	}
	_ = a.input.Close()
	<-a.process.Done()
	if err := connect(t, b.url).Ping(); err != nil {
		t.Errorf("the second binary's server after the end of the first: %v", err)
	}
	if !exists(b.runDir) {
		t.Error("the second binary's directory is gone")
	}
}
