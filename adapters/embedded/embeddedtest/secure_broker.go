package embeddedtest

import (
	"testing"

	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/tenon-go/tenon/adapters/embedded/kafkatest"
)

// SecureBroker starts a broker of the test's own that wants a user, or kafkatest.Root, and speaks only TLS if there is a certificate, and
// returns its address. With TENON_TEST_KAFKA=real it is an Apache Kafka, which takes the user by any mechanism.
func SecureBroker(t testing.TB, mechanism string, s kafkatest.Secure) string {
	t.Helper()
	if kafkatest.Chosen() {
		return kafkatest.Start(t, kafkatest.Options{Secure: &s}).SecureBrokers()[0]
	}
	opts := []kfake.Opt{
		kfake.NumBrokers(1), kfake.EnableSASL(), kfake.AllowAutoTopicCreation(),
		kfake.Superuser("PLAIN", kafkatest.Root, kafkatest.RootPassword),
	}
	if s.Cert != "" {
		opts = append(opts, kfake.TLS(serverTLS(t, s.Cert, s.Key)))
	}
	if s.Limited {
		opts = append(opts, kfake.EnableACLs(), kfake.User(mechanism, s.User, s.Password, acls(s.Rights)...))
	} else {
		opts = append(opts, kfake.Superuser(mechanism, s.User, s.Password))
	}
	cluster, err := kfake.NewCluster(opts...)
	if err != nil {
		t.Fatalf("start a broker for the test: %v", err)
	}
	t.Cleanup(cluster.Close)
	return cluster.ListenAddrs()[0]
}

func acls(rights []kafkatest.Right) (all []kfake.ACL) {
	for _, r := range rights {
		pattern := kmsg.ACLResourcePatternTypeLiteral
		if r.Prefix {
			pattern = kmsg.ACLResourcePatternTypePrefixed
		}
		for _, operation := range r.Operations {
			all = append(all, kfake.ACL{Resource: r.On, Name: r.Name, Pattern: pattern, Operation: operation, Allow: true})
		}
	}
	return all
}
