package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"
	"time"

	"github.com/tenon-go/tenon/bench/measure"
	"github.com/tenon-go/tenon/bench/rig"
)

// compared are the modules whose versions a reader wants to know.
func compared() []string {
	return []string{
		"github.com/ThreeDotsLabs/watermill", "github.com/ThreeDotsLabs/watermill-sql/v3", "github.com/ThreeDotsLabs/watermill-kafka/v3",
		"github.com/IBM/sarama", "github.com/twmb/franz-go", "github.com/twmb/franz-go/pkg/kfake", "github.com/lib/pq", "github.com/jmoiron/sqlx",
	}
}

// describe returns the header of the report.
func describe(ctx context.Context, r *rig.Rig, o options) ([]measure.Fact, error) {
	servers, err := r.Facts(ctx)
	if err != nil {
		return nil, err
	}
	size := "full"
	if o.quick {
		size = "quick"
	}
	return []measure.Fact{
		{Name: "Date", Value: time.Now().UTC().Format("2006-01-02 15:04 UTC")},
		{Name: "Commit", Value: commit(ctx)},
		{Name: "Machine", Value: fmt.Sprintf("%s, %d cores, %s/%s, load average at the start %s", cpu(), runtime.NumCPU(), runtime.GOOS, runtime.GOARCH, load())},
		{Name: "Go", Value: runtime.Version()},
		{Name: "PostgreSQL", Value: servers["PostgreSQL"]},
		{Name: "Broker", Value: servers["Broker"]},
		{Name: "Modules", Value: modules()},
		{Name: "Rounds", Value: fmt.Sprintf("%d, %s sizes; every other round in reverse order", o.rounds, size)},
	}, nil
}

// commit names the commit, and says when files differ from it; the results' own file doesn't count.
func commit(ctx context.Context) string {
	hash, err := exec.CommandContext(ctx, "git", "rev-parse", "--short=12", "HEAD").Output()
	if err != nil {
		return "unknown"
	}
	name := strings.TrimSpace(string(hash))
	changed, err := exec.CommandContext(ctx, "git", "status", "--porcelain", "--", ":/", ":!RESULTS.md").Output()
	if err != nil || len(changed) > 0 {
		name += ", with changes"
	}
	return name
}

// cpu is the processor's name where the system tells it.
func cpu() string {
	text, _ := os.ReadFile("/proc/cpuinfo")
	for line := range strings.Lines(string(text)) {
		if name, value, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(name) == "model name" {
			return strings.TrimSpace(value)
		}
	}
	return "unknown processor"
}

// load is the load average of the last minute, which others cause when it is high at the start.
func load() string {
	text, err := os.ReadFile("/proc/loadavg")
	if err != nil {
		return "unknown"
	}
	first, _, _ := strings.Cut(string(text), " ")
	return first
}

func modules() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "unknown"
	}
	names := compared()
	var found []string
	for _, m := range info.Deps {
		if slices.Contains(names, m.Path) {
			found = append(found, strings.TrimPrefix(m.Path, "github.com/")+" "+m.Version)
		}
	}
	return strings.Join(found, ", ")
}
