//go:build unix

package main

import (
	"strings"
	"testing"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/tenon-go/tenon/adapters/embedded/embeddedtest"
	"github.com/tenon-go/tenon/adapters/embedded/kafkatest"
)

// secured are the settings for a PostgreSQL and a broker that speak only TLS and want a password.
func secured(t testing.TB, a embeddedtest.Authority) (url string, environ []string) {
	t.Helper()
	server := embeddedtest.SecureServer(t, a)
	broker := embeddedtest.SecureBroker(t, "SCRAM-SHA-512", kafkatest.Secure{Cert: a.Cert, Key: a.Key, User: "shop", Password: "open sesame"})
	url = strings.Replace(server.URL(), "sslmode=disable", "sslmode=verify-full&sslrootcert="+a.CA, 1)
	return url, []string{
		"TENON_DATABASE_URL=" + url, "TENON_KAFKA_BROKERS=" + broker,
		"TENON_KAFKA_TLS=on", "TENON_KAFKA_CA=" + a.CA,
		"TENON_KAFKA_SASL=SCRAM-SHA-512", "TENON_KAFKA_USER=shop", "TENON_KAFKA_PASSWORD=open sesame",
	}
}

func TestServersThatDemandTLSAndAPassword(t *testing.T) {
	t.Parallel()
	for _, relay := range []string{"exactly-once", "watermill"} {
		t.Run(relay, func(t *testing.T) {
			t.Parallel()
			url, environ := secured(t, embeddedtest.NewAuthority(t))
			p := serve(t, dataDir(t), append(environ, "TENON_RELAY="+relay)...)
			for range 3 {
				p.place()
			}
			p.listed("customer=ada", 3)
			sameAsFold(t, p, url)
			if strings.Contains(p.out.String(), "open sesame") {
				t.Errorf("the password is in the output:\n%s", p.out)
			}
		})
	}
}

// documented are the rights that docs/kafka.md names.
func documented() []kafkatest.Right {
	topic := []kmsg.ACLOperation{
		kmsg.ACLOperationRead, kmsg.ACLOperationWrite, kmsg.ACLOperationDescribe, kmsg.ACLOperationDescribeConfigs, kmsg.ACLOperationCreate,
	}
	write := []kmsg.ACLOperation{kmsg.ACLOperationWrite, kmsg.ACLOperationDescribe}
	read := []kmsg.ACLOperation{kmsg.ACLOperationRead, kmsg.ACLOperationDescribe}
	return []kafkatest.Right{
		{On: kmsg.ACLResourceTypeTopic, Name: "domain.", Prefix: true, Operations: topic},
		{On: kmsg.ACLResourceTypeTopic, Name: "tenon.", Prefix: true, Operations: topic},
		{On: kmsg.ACLResourceTypeTransactionalId, Name: "tenon", Prefix: true, Operations: write},
		{On: kmsg.ACLResourceTypeGroup, Name: "tenon.", Prefix: true, Operations: read},
		{On: kmsg.ACLResourceTypeCluster, Name: "kafka-cluster", Operations: []kmsg.ACLOperation{kmsg.ACLOperationIdempotentWrite}},
	}
}

func TestDocumentedRightsSuffice(t *testing.T) {
	t.Parallel()
	for _, relay := range []string{"exactly-once", "watermill"} {
		t.Run(relay, func(t *testing.T) {
			t.Parallel()
			broker := embeddedtest.SecureBroker(t, "PLAIN", kafkatest.Secure{
				User: "shop", Password: "open sesame", Limited: true, Rights: documented(),
			})
			url := embeddedtest.Database(t)
			p := serve(t, dataDir(t), "TENON_RELAY="+relay, "TENON_DATABASE_URL="+url, "TENON_KAFKA_BROKERS="+broker,
				"TENON_KAFKA_SASL=PLAIN", "TENON_KAFKA_USER=shop", "TENON_KAFKA_PASSWORD=open sesame")
			p.place()
			p.listed("customer=ada", 1)
			sameAsFold(t, p, url)
		})
	}
}

func TestWhomTheServersDontAcceptIsToldAtOnce(t *testing.T) {
	t.Parallel()
	a := embeddedtest.NewAuthority(t)
	url, environ := secured(t, a)
	other := embeddedtest.NewAuthority(t).CA
	type refusal struct {
		name   string
		change string
		says   []string
	}
	refusals := []refusal{
		{"PostgreSQL's CA", "TENON_DATABASE_URL=" + strings.Replace(url, a.CA, other, 1), []string{"TENON_DATABASE_URL", "certificate"}},
		{"PostgreSQL without TLS", "TENON_DATABASE_URL=" + strings.Split(url, "?")[0] + "?sslmode=disable", []string{"TENON_DATABASE_URL", "no encryption"}},
		{"Kafka's CA", "TENON_KAFKA_CA=" + other, []string{"TENON_KAFKA_TLS", "check who signs the brokers' certificates"}},
		{"no file", "TENON_KAFKA_CA=/nowhere/ca.pem", []string{"TENON_KAFKA_CA", "no such file"}},
		{"no certificate", "TENON_KAFKA_CA=" + a.Key, []string{"TENON_KAFKA_CA", "no certificate"}},
	}
	if kafkatest.Chosen() { // the other broker says nothing and closes the connection
		refusals = append(refusals, refusal{
			"Kafka's password", "TENON_KAFKA_PASSWORD=sesame", []string{"TENON_KAFKA_SASL", "check user and password"},
		})
	}
	for _, c := range refusals {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			// For ever: who is told at once doesn't wait for it.
			p := launch(t, dataDir(t), append(environ, c.change, "TENON_STARTUP_TIMEOUT=0")...)
			if status := p.wait(); status != 1 {
				t.Errorf("status %d, want 1", status)
			}
			text := p.out.String()
			for _, want := range c.says {
				if !strings.Contains(text, want) {
					t.Errorf("it doesn't say %q:\n%s", want, text)
				}
			}
			if strings.Contains(text, "open sesame") {
				t.Errorf("the password is in the output:\n%s", text)
			}
		})
	}
}
