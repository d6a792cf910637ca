package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/tenon-go/tenon/adapters/orderpg/orderpgtest"
	"github.com/tenon-go/tenon/application/applicationtest"
)

const twoPens = `{"customerId":"ada","items":[{"productId":"pen","quantity":2,"price":1.50},{"productId":"ink","quantity":1,"price":"7.25"}]}`

// anOrder is what the tests look at in an order's JSON.
type anOrder struct {
	ID          string `json:"id"`
	TotalAmount string `json:"totalAmount"`
	Status      string `json:"status"`
	Version     int    `json:"version"`
}

func decode[T any](t testing.TB, text string) T {
	t.Helper()
	var v T
	if err := json.Unmarshal([]byte(text), &v); err != nil {
		t.Fatalf("%v in %s", err, text)
	}
	return v
}

func (p *program) place() string {
	p.t.Helper()
	return decode[anOrder](p.t, p.want(http.StatusCreated, http.MethodPost, "/orders", twoPens)).ID
}

// listed waits until the read model has n orders that match the query.
func (p *program) listed(query string, n int) {
	p.t.Helper()
	applicationtest.Eventually(p.t, func() error {
		status, text, err := p.get("/orders?limit=100&" + query)
		if err != nil || status != http.StatusOK {
			return fmt.Errorf("%d %s: %w", status, text, err)
		}
		if got := len(decode[struct{ Orders []anOrder }](p.t, text).Orders); got != n {
			return fmt.Errorf("%d orders with %s, want %d", got, query, n)
		}
		return nil
	})
}

func TestAnOrdersWholeLifeAndTwoRestarts(t *testing.T) {
	t.Parallel()
	dir := dataDir(t)
	p := serve(t, dir)
	id := p.place()
	p.want(http.StatusNoContent, http.MethodPut, "/orders/"+id+"/confirm", "")
	for range 2 {
		p.want(http.StatusNoContent, http.MethodPut, "/orders/"+id+"/ship", `{"trackingNumber":"1Z-42"}`)
	}
	p.want(http.StatusConflict, http.MethodPut, "/orders/"+id+"/ship", `{"trackingNumber":"other"}`)
	p.want(http.StatusNoContent, http.MethodPut, "/orders/"+id+"/deliver", "")
	cancelled := p.place()
	p.want(http.StatusNoContent, http.MethodPut, "/orders/"+cancelled+"/cancel", `{"reason":"changed my mind"}`)

	got := decode[anOrder](t, p.want(http.StatusOK, http.MethodGet, "/orders/"+id, ""))
	want := anOrder{ID: id, TotalAmount: "10.25", Status: got.Status, Version: 4}
	if diff := cmp.Diff(want, got); diff != "" || !strings.EqualFold(got.Status, "delivered") {
		t.Errorf("state of the order, status %s:\n%s", got.Status, diff)
	}
	p.listed("customer=ada&status=delivered", 1)
	p.listed("customer=ada&status=cancelled", 1)
	p.listed("customer=nobody", 0)
	wantTypes := []string{"order.created", "order.confirmed", "order.shipped", "order.delivered"}
	if diff := cmp.Diff(wantTypes, eventTypes(t, dir, id)); diff != "" {
		t.Errorf("tenon events beside the running program:\n%s", diff)
	}
	if diff := cmp.Diff(wantTypes, typesOnTopic(t, p.env["Kafka"], id, 6)); diff != "" {
		t.Errorf("on the topic:\n%s", diff)
	}
	if status := p.interrupt(); status != 0 {
		t.Fatalf("Ctrl-C ended it with status %d", status)
	}
	if diff := cmp.Diff(wantTypes, eventTypes(t, dir, id)); diff != "" {
		t.Errorf("tenon events without a running program:\n%s", diff)
	}

	p = serve(t, dir)
	p.want(http.StatusOK, http.MethodGet, "/orders/"+id, "")
	p.place()
	p.listed("customer=ada", 3)
	p.kill()

	p = serve(t, dir)
	p.listed("customer=ada", 3)
	typesOnTopic(t, p.env["Kafka"], id, 7)
	sameAsFold(t, p, p.env["PostgreSQL"])
}

// eventTypes runs `tenon events order ID` and returns the types it prints.
func eventTypes(t testing.TB, dir, id string) []string {
	t.Helper()
	var stderr bytes.Buffer
	cmd := command(t, dir, nil, "events", "order", id)
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("tenon events: %v\n%s", err, &stderr)
	}
	var types []string
	for line := range strings.Lines(string(out)) {
		if f := strings.Fields(line); len(f) > 3 {
			types = append(types, f[2])
		}
	}
	return types
}

// typesOnTopic reads n records or more, and returns the first appearances of one order's event types.
func typesOnTopic(t testing.TB, brokers, id string, n int) []string {
	t.Helper()
	cl, err := kgo.NewClient(kgo.SeedBrokers(strings.Split(brokers, ",")...), kgo.ConsumeTopics("domain.order.events"),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()), kgo.FetchIsolationLevel(kgo.ReadCommitted()))
	if err != nil {
		t.Fatal(err)
	}
	defer cl.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	var types []string
	seen := 0
	for seen < n {
		fetches := cl.PollFetches(ctx)
		if ctx.Err() != nil {
			t.Fatalf("%d records on the topic, want %d", seen, n)
		}
		fetches.EachRecord(func(r *kgo.Record) {
			seen++
			for _, h := range r.Headers {
				if h.Key == "event-type" && string(r.Key) == id && !slices.Contains(types, string(h.Value)) {
					types = append(types, string(h.Value))
				}
			}
		})
	}
	return types
}

// sameAsFold waits until state and read model are what the events add up to, row by row.
func sameAsFold(t testing.TB, p *program, url string) {
	t.Helper()
	db := p.open(url)
	applicationtest.Eventually(t, func() error {
		differences, err := orderpgtest.Mismatches(t.Context(), db)
		if err == nil && len(differences) > 0 {
			err = errors.New(strings.Join(differences[:min(len(differences), 10)], "\n"))
		}
		return err
	})
}

// The README's tour, copied line by line into a shell.
func TestTheReadmesTour(t *testing.T) {
	t.Parallel()
	if _, err := exec.LookPath("curl"); err != nil {
		t.Skip("curl isn't installed")
	}
	dir := dataDir(t)
	p := serve(t, dir)
	script := tour(t)
	script = strings.ReplaceAll(script, "http://127.0.0.1:8080", p.env["API"])
	script = strings.ReplaceAll(script, "/tmp/tenon-order", filepath.Join(t.TempDir(), "order"))
	script = strings.ReplaceAll(script, ". .tenon/", ". "+dir+"/")
	script = strings.ReplaceAll(script, "bin/tenon", fmt.Sprintf("env %s=1 TENON_DATA_DIR=%s %s", asProgram, dir, os.Args[0]))
	if _, err := exec.LookPath("kcat"); err != nil {
		script = strings.ReplaceAll(script, "kcat", ": kcat")
	}
	// The read model follows a moment later than a person types.
	script = strings.Replace(script, "curl -s \""+p.env["API"]+"/orders?",
		"until curl -s '"+p.env["API"]+"/orders?status=delivered' | grep -q 10.25; do :; done\ncurl -s \""+p.env["API"]+"/orders?", 1)
	cmd := exec.CommandContext(t.Context(), "bash", "-c", script)
	cmd.Env = unconfigured()
	text, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v:\n%s\n%s", err, script, text)
	}
	for want, n := range map[string]int{
		"201 Created": 1, "204 No Content": 5, `"totalAmount":"10.25"`: 3, "order.created": 1, "order.delivered": 1, "order.shipped": 1,
	} {
		if got := strings.Count(string(text), want); got < n {
			t.Errorf("the tour printed %q %d times, want %d:\n%s", want, got, n, text)
		}
	}
}

// tour returns the indented lines of the README's section of that name.
func tour(t testing.TB) string {
	t.Helper()
	readme, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	_, section, ok := strings.Cut(string(readme), "\n## Tour\n")
	if !ok {
		t.Fatal("the README has no Tour")
	}
	section, _, _ = strings.Cut(section, "\n## ")
	var script strings.Builder
	for line := range strings.Lines(section) {
		if code, ok := strings.CutPrefix(line, "    "); ok {
			script.WriteString(code)
		}
	}
	return script.String()
}
