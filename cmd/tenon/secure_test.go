//go:build unix

package main

import (
	"slices"
	"strings"
	"testing"

	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/tenon-go/tenon/adapters/embedded/embeddedtest"
)

// secured are the settings for a PostgreSQL and a broker that speak only TLS and want a password.
func secured(t testing.TB, a embeddedtest.Authority) (url string, environ []string) {
	t.Helper()
	server := embeddedtest.SecureServer(t, a)
	cluster, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.TLS(a.Server), kfake.EnableSASL(),
		kfake.Superuser("SCRAM-SHA-512", "shop", "open sesame"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(cluster.Close)
	url = strings.Replace(server.URL(), "sslmode=disable", "sslmode=verify-full&sslrootcert="+a.CA, 1)
	return url, []string{
		"TENON_DATABASE_URL=" + url, "TENON_KAFKA_BROKERS=" + cluster.ListenAddrs()[0],
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
func documented() []kfake.ACL {
	allow := func(of kmsg.ACLResourceType, prefix string, operations ...kmsg.ACLOperation) (all []kfake.ACL) {
		for _, o := range operations {
			all = append(all, kfake.ACL{Resource: of, Name: prefix, Pattern: kmsg.ACLResourcePatternTypePrefixed, Operation: o, Allow: true})
		}
		return all
	}
	cluster := kfake.ACL{
		Resource: kmsg.ACLResourceTypeCluster, Name: "kafka-cluster", Pattern: kmsg.ACLResourcePatternTypeLiteral,
		Operation: kmsg.ACLOperationIdempotentWrite, Allow: true,
	}
	topic := []kmsg.ACLOperation{
		kmsg.ACLOperationRead, kmsg.ACLOperationWrite, kmsg.ACLOperationDescribe, kmsg.ACLOperationDescribeConfigs, kmsg.ACLOperationCreate,
	}
	return slices.Concat(
		allow(kmsg.ACLResourceTypeTopic, "domain.", topic...), allow(kmsg.ACLResourceTypeTopic, "tenon.", topic...),
		allow(kmsg.ACLResourceTypeTransactionalId, "tenon", kmsg.ACLOperationWrite, kmsg.ACLOperationDescribe),
		allow(kmsg.ACLResourceTypeGroup, "tenon.", kmsg.ACLOperationRead, kmsg.ACLOperationDescribe), []kfake.ACL{cluster})
}

func TestDocumentedRightsSuffice(t *testing.T) {
	t.Parallel()
	for _, relay := range []string{"exactly-once", "watermill"} {
		t.Run(relay, func(t *testing.T) {
			t.Parallel()
			cluster, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.EnableSASL(), kfake.EnableACLs(),
				kfake.Superuser("PLAIN", "root", "toor"), kfake.User("PLAIN", "shop", "open sesame", documented()...))
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(cluster.Close)
			url := embeddedtest.Database(t)
			p := serve(t, dataDir(t), "TENON_RELAY="+relay, "TENON_DATABASE_URL="+url, "TENON_KAFKA_BROKERS="+cluster.ListenAddrs()[0],
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
	for _, c := range []struct {
		name   string
		change string
		says   []string
	}{
		{"PostgreSQL's CA", "TENON_DATABASE_URL=" + strings.Replace(url, a.CA, other, 1), []string{"TENON_DATABASE_URL", "certificate"}},
		{"PostgreSQL without TLS", "TENON_DATABASE_URL=" + strings.Split(url, "?")[0] + "?sslmode=disable", []string{"TENON_DATABASE_URL", "no encryption"}},
		{"Kafka's CA", "TENON_KAFKA_CA=" + other, []string{"TENON_KAFKA_TLS", "check who signs the brokers' certificates"}},
		{"no file", "TENON_KAFKA_CA=/nowhere/ca.pem", []string{"TENON_KAFKA_CA", "no such file"}},
		{"no certificate", "TENON_KAFKA_CA=" + a.Key, []string{"TENON_KAFKA_CA", "no certificate"}},
	} {
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
