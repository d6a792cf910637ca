package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/tenon-go/tenon/adapters/embedded/embeddedtest"
)

// read gets a path with a token and how long to wait for it.
func (p *program) read(path, token string, seconds int) (int, string, http.Header) {
	p.t.Helper()
	req, err := http.NewRequestWithContext(context.Background(), http.MethodGet, p.env["API"]+path, http.NoBody)
	if err != nil {
		p.t.Fatal(err)
	}
	req.Header.Set("Tenon-Token", token)
	req.Header.Set("Prefer", fmt.Sprintf("wait=%d", seconds))
	resp, err := client().Do(req)
	if err != nil {
		p.t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		p.t.Fatal(err)
	}
	return resp.StatusCode, string(text), resp.Header
}

// write sends a command and returns its answer's body and token.
func (p *program) write(method, path, body string) (text, token string) {
	p.t.Helper()
	req, err := http.NewRequestWithContext(context.Background(), method, p.env["API"]+path, strings.NewReader(body))
	if err != nil {
		p.t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	resp, err := client().Do(req)
	if err != nil {
		p.t.Fatal(err)
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode >= http.StatusBadRequest {
		p.t.Fatalf("%s %s: %d %s, %v", method, path, resp.StatusCode, answer, err)
	}
	return string(answer), resp.Header.Get("Tenon-Token")
}

// readsItsWrites places and confirms orders by one program and finds each of them, as it was left, in the lists of another one.
func readsItsWrites(t *testing.T, writer, reader *program) {
	t.Helper()
	for i := range 15 {
		customer := fmt.Sprintf("reader-%d", i)
		placed, token := writer.write(http.MethodPost, "/orders", strings.Replace(twoPens, "ada", customer, 1))
		id := decode[anOrder](t, placed).ID
		for _, query := range []string{"/orders?customer=" + customer, "/customers/" + customer + "/revenue"} {
			status, text, header := reader.read(query, token, 20)
			found := strings.Contains(text, id) || strings.Contains(text, `"orders":1`)
			if status != http.StatusOK || !found || header.Get("Preference-Applied") != "wait=20" || header.Get("Tenon-Parked") != "" {
				t.Fatalf("order %d, %s: %d %s", i, query, status, text)
			}
		}
		_, token = writer.write(http.MethodPut, "/orders/"+id+"/confirm", "")
		status, text, _ := reader.read("/orders?status=confirmed&customer="+customer, token, 20)
		if status != http.StatusOK || !strings.Contains(text, id) {
			t.Fatalf("order %d was confirmed, and the list has %d %s", i, status, text)
		}
	}
}

func TestReadsSeeWhatWasWrittenWhateverFeedsTheModels(t *testing.T) {
	t.Parallel()
	for name, setting := range map[string]string{
		"exactly once": "TENON_RELAY=exactly-once", "watermill": "TENON_RELAY=watermill", "log": "TENON_PROJECTIONS_SOURCE=log",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := serve(t, dataDir(t), setting)
			readsItsWrites(t, p, p)
		})
	}
}

// Two programs answer requests, and a third one feeds the read models.
func TestReadsSeeWhatOtherProcessesWroteAndApplied(t *testing.T) {
	t.Parallel()
	environ := []string{"TENON_DATABASE_URL=" + embeddedtest.Database(t), "TENON_KAFKA_BROKERS=" + embeddedtest.Broker(t)}
	serve(t, dataDir(t), append(environ, "TENON_ROLES=relay,projections")...)
	environ = append(environ, "TENON_ROLES=api")
	readsItsWrites(t, serve(t, dataDir(t), environ...), serve(t, dataDir(t), environ...))
}

// Without a relay nothing arrives: the answer says what lacks, and comes when the client said.
func TestReadsThatDontSeeWhatWasWrittenSaySo(t *testing.T) {
	t.Parallel()
	p := serve(t, dataDir(t), "TENON_RELAY=none")
	placed, token := p.write(http.MethodPost, "/orders", twoPens)
	status, text, header := p.read("/orders", token, 0)
	want := "read model order_list has not reached version 1 of order " + decode[anOrder](t, placed).ID + " yet, it is at 0"
	if status != http.StatusGatewayTimeout || !strings.Contains(text, want) || header.Get("Retry-After") == "" {
		t.Errorf("%d %s, %v; want 504 with %q", status, text, header, want)
	}
}
