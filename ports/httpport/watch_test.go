package httpport_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"github.com/tenon-go/tenon/ports/httpport"
)

func TestMetricsGoByRoute(t *testing.T) {
	t.Parallel()
	s := newService(t, httpport.Config{}, echoing)
	for _, path := range []string{"/things/1", "/things/2"} {
		s.send(http.MethodPut, path, `{"name":"a"}`)
	}
	s.send(http.MethodPut, "/things/3", `{}`)
	s.send(http.MethodGet, "/no/1", "")
	s.send("BREW", "/no/2", "")
	text := s.send(http.MethodGet, "/metrics", "").body
	for _, line := range []string{
		`tenon_http_requests_total{method="PUT",route="/things/{id}",status="200"} 2`,
		`tenon_http_requests_total{method="PUT",route="/things/{id}",status="422"} 1`,
		`tenon_http_requests_total{method="GET",route="unmatched",status="404"} 1`,
		`tenon_http_requests_total{method="other",route="unmatched",status="405"} 1`,
		`tenon_http_request_duration_seconds_count{method="PUT",route="/things/{id}"} 3`,
		`tenon_http_requests_in_flight 1`,
		`go_goroutines `,
	} {
		if !strings.Contains(text, line) {
			t.Errorf("/metrics lacks %s", line)
		}
	}
	if strings.Contains(text, "/no/") || strings.Contains(text, "/things/1") {
		t.Error("/metrics has a path for a label")
	}
}

func TestAccessLog(t *testing.T) {
	t.Parallel()
	s := newService(t, httpport.Config{}, nil)
	s.Router().Get("/tea/{n}", func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusTeapot)
		_, _ = w.Write([]byte("tea"))
	})
	s.send(http.MethodGet, "/tea/"+strings.Repeat("x", 5000), "", httpport.CorrelationHeader, "c-1")
	s.send(http.MethodGet, "/healthz", "")
	var line struct {
		Msg, Level, Method, Route, Path string
		Status, Bytes                   int
		CorrelationID                   string `json:"correlation_id"`
	}
	first, second, _ := strings.Cut(s.logs.String(), "\n")
	if err := json.Unmarshal([]byte(first), &line); err != nil {
		t.Fatal(err)
	}
	if line.Msg != "request" || line.Level != "INFO" || line.Method != "GET" || line.Route != "/tea/{n}" || line.Status != 418 || line.Bytes != 3 ||
		line.CorrelationID != "c-1" || len(line.Path) > 200 {
		t.Errorf("line %s", first)
	}
	if !strings.Contains(second, `"level":"DEBUG"`) {
		t.Errorf("what is polled fills the log: %s", second)
	}
}
