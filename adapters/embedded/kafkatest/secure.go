package kafkatest

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// The user who may do everything, by PLAIN.
const (
	Root         = "root"
	RootPassword = "toor"
)

// Secure gives each broker a second address, [Cluster.SecureBrokers], where it wants a user: one that signs in by PLAIN, SCRAM-SHA-256
// or SCRAM-SHA-512.
type Secure struct {
	Cert, Key      string // PEM files, for TLS; empty: without TLS
	User, Password string
	Limited        bool    // the user may do nothing but what Rights say; else everything
	Rights         []Right // of the user
}

// Right allows operations on a resource.
type Right struct {
	On         kmsg.ACLResourceType
	Name       string
	Prefix     bool // Name is the beginning of the resources' names
	Operations []kmsg.ACLOperation
}

// SecureBrokers returns the addresses for users.
func (c *Cluster) SecureBrokers() []string {
	all := make([]string, len(c.nodes))
	for i, n := range c.nodes {
		all[i] = fmt.Sprintf("127.0.0.1:%d", n.secure)
	}
	return all
}

// properties makes of a broker's properties those of one with a second address.
func (s *Secure) properties(n *node, into map[string]string) error {
	protocol := "SASL_PLAINTEXT"
	if s.Cert != "" {
		protocol = "SASL_SSL"
		store, err := s.keystore(n)
		if err != nil {
			return err
		}
		into["listener.name.secure.ssl.keystore.type"], into["listener.name.secure.ssl.keystore.location"] = "PEM", store
	}
	const plain, scram = "org.apache.kafka.common.security.plain.PlainLoginModule", "org.apache.kafka.common.security.scram.ScramLoginModule"
	into["listeners"] += fmt.Sprintf(",SECURE://127.0.0.1:%d", n.secure)
	into["listener.security.protocol.map"] += ",SECURE:" + protocol
	into["listener.name.secure.sasl.enabled.mechanisms"] = "PLAIN,SCRAM-SHA-256,SCRAM-SHA-512"
	into["listener.name.secure.plain.sasl.jaas.config"] = fmt.Sprintf("%s required user_%s=%q user_%s=%q;", plain, Root, RootPassword, s.User, s.Password)
	into["listener.name.secure.scram-sha-256.sasl.jaas.config"] = scram + " required;"
	into["listener.name.secure.scram-sha-512.sasl.jaas.config"] = scram + " required;"
	into["authorizer.class.name"] = "org.apache.kafka.metadata.authorizer.StandardAuthorizer"
	into["super.users"] = "User:ANONYMOUS;User:" + Root // the brokers themselves are anonymous
	if !s.Limited {
		into["super.users"] += ";User:" + s.User
	}
	return nil
}

// keystore is one file with the key and the certificate.
func (s *Secure) keystore(n *node) (path string, err error) {
	var both []byte
	for _, file := range []string{s.Key, s.Cert} {
		text, err := os.ReadFile(file)
		if err != nil {
			return "", err
		}
		both = append(both, text...)
	}
	path = filepath.Join(n.dir, "server.pem")
	return path, os.WriteFile(path, both, 0o600)
}

// introduce makes the user known to brokers that run, with rights and all, and returns when it may sign in.
func (s *Secure) introduce(ctx context.Context, brokers []string) error {
	cl, err := kgo.NewClient(kgo.SeedBrokers(brokers...), kgo.DisableClientMetrics(), kgo.MetadataMinAge(10*time.Millisecond))
	if err != nil {
		return err
	}
	defer cl.Close()
	for _, mechanism := range []kadm.ScramMechanism{kadm.ScramSha256, kadm.ScramSha512} { // Kafka takes one at a time
		altered, err := kadm.NewClient(cl).AlterUserSCRAMs(ctx, nil, []kadm.UpsertSCRAM{
			{User: s.User, Password: s.Password, Mechanism: mechanism, Iterations: 4096},
		})
		if err == nil {
			err = altered.Error()
		}
		if err != nil {
			return fmt.Errorf("make user %s known to Kafka: %w", s.User, err)
		}
	}
	return s.allow(ctx, cl)
}

func (s *Secure) allow(ctx context.Context, cl *kgo.Client) error {
	req := kmsg.NewPtrCreateACLsRequest()
	for _, r := range s.Rights {
		for _, operation := range r.Operations {
			acl := kmsg.NewCreateACLsRequestCreation()
			acl.ResourceType, acl.ResourceName, acl.ResourcePatternType = r.On, r.Name, kmsg.ACLResourcePatternTypeLiteral
			if r.Prefix {
				acl.ResourcePatternType = kmsg.ACLResourcePatternTypePrefixed
			}
			acl.Principal, acl.Host, acl.Operation, acl.PermissionType = "User:"+s.User, "*", operation, kmsg.ACLPermissionTypeAllow
			req.Creations = append(req.Creations, acl)
		}
	}
	answer, err := req.RequestWith(ctx, cl)
	if err != nil {
		return fmt.Errorf("give user %s rights: %w", s.User, err)
	}
	for _, result := range answer.Results {
		if result.ErrorCode != 0 {
			return fmt.Errorf("give user %s rights: error %d", s.User, result.ErrorCode)
		}
	}
	return nil
}
