package tenon

import (
	"fmt"
	"strings"
)

// announce prints what is listening where. It goes to standard output, not into the log: the URL of an embedded server
// holds the password that clients need. The password of somebody's own server isn't shown.
func (a *App) announce(s *servers) {
	e := a.endpoints
	url := e.DatabaseURL
	whose := "embedded, data in " + a.cfg.DataDir
	if s.postgres == nil {
		url, whose = masked(url), "TENON_DATABASE_URL"
	}
	var text strings.Builder
	line := func(name, value, note string) { fmt.Fprintf(&text, "  %-11s %s  (%s)\n", name, value, note) }
	text.WriteString("\nTenon is running:\n")
	base := "http://" + e.HTTPAddr
	if a.has(RoleAPI) {
		line("API", base, "docs page "+base+"/docs")
	} else {
		line("Health", base+"/readyz", "roles "+a.roleNames())
	}
	line("PostgreSQL", url, whose)
	if len(e.KafkaBrokers) > 0 {
		whose = "embedded, data in " + a.cfg.DataDir
		if s.kafka == nil {
			whose = "TENON_KAFKA_BROKERS"
		}
		line("Kafka", strings.Join(e.KafkaBrokers, ","), whose)
	}
	for _, c := range a.contexts {
		if c.Try != nil && a.has(RoleAPI) {
			text.WriteString("Try:\n  " + c.Try(base) + "\n")
			break
		}
	}
	text.WriteString("Ctrl-C stops.\n")
	fmt.Fprint(a.out, text.String())
}

func (a *App) roleNames() string {
	names := make([]string, len(a.cfg.Roles))
	for i, r := range a.cfg.Roles {
		names[i] = string(r)
	}
	return strings.Join(names, ",")
}
