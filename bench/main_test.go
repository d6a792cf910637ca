package main

import (
	"bytes"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/tenon-go/tenon/bench/rig"
)

func TestMain(m *testing.M) {
	rig.ServeBroker()
	m.Run()
}

func TestWrongCommandLinesAreRefused(t *testing.T) {
	t.Parallel()
	for _, args := range [][]string{{"-rounds", "0"}, {"-case", "("}, {"append"}, {"-out", ""}, {"-nonsense"}, {"-kafka", "-brokers", "a:1"}} {
		if _, err := parse(args, io.Discard); err == nil {
			t.Errorf("%q: no error", args)
		}
	}
}

func TestBrokersAreSplit(t *testing.T) {
	t.Parallel()
	o, err := parse([]string{"-brokers", "a:1,b:2"}, io.Discard)
	if err != nil || len(o.servers.Brokers) != 2 {
		t.Errorf("brokers %q, error %v: want two", o.servers.Brokers, err)
	}
}

func TestARunWritesItsReport(t *testing.T) {
	t.Parallel()
	out := filepath.Join(t.TempDir(), "results.md")
	var progress bytes.Buffer
	if err := run(t.Context(), []string{"-case", "^mediator$", "-quick", "-rounds", "2", "-out", out}, io.Discard, &progress); err != nil {
		t.Fatal(err)
	}
	report, err := os.ReadFile(out)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"| PostgreSQL |", "| Commit |", "## mediator", "direct call"} {
		if !strings.Contains(string(report), want) {
			t.Errorf("the report doesn't hold %q:\n%s", want, report)
		}
	}
	if lines := strings.Count(progress.String(), "\n"); lines != 6 {
		t.Errorf("%d lines of progress, want 6:\n%s", lines, progress.String())
	}
}

func TestARunWithoutACaseIsRefused(t *testing.T) {
	t.Parallel()
	if err := run(t.Context(), []string{"-case", "nonsense", "-out", "-"}, io.Discard, io.Discard); err == nil || !strings.Contains(err.Error(), "nonsense") {
		t.Errorf("error %v, want one that names the expression", err)
	}
}
