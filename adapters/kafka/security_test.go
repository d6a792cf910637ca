package kafka_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/google/uuid"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/tenon-go/tenon/adapters/embedded/embeddedtest"
	"github.com/tenon-go/tenon/adapters/embedded/kafkatest"
	"github.com/tenon-go/tenon/adapters/kafka"
	"github.com/tenon-go/tenon/application/applicationtest"
	"github.com/tenon-go/tenon/application/eventlog"
	"github.com/tenon-go/tenon/application/projection"
)

const (
	user     = "shop"
	password = "open sesame"
)

// secureBroker is a broker that speaks only TLS and wants a user; the configuration is one that it accepts. A limited user
// may do nothing.
func secureBroker(t testing.TB, mechanism kafka.Mechanism, limited bool) kafka.Config {
	t.Helper()
	a := embeddedtest.NewAuthority(t)
	broker := embeddedtest.SecureBroker(t, string(mechanism), kafkatest.Secure{
		Cert: a.Cert, Key: a.Key, User: user, Password: password, Limited: limited,
	})
	return kafka.Config{
		Brokers: []string{broker}, Security: kafka.Security{TLS: a.Client, Mechanism: mechanism, User: user, Password: password},
	}
}

func TestEveryClientSignsIn(t *testing.T) {
	t.Parallel()
	for _, mechanism := range []kafka.Mechanism{kafka.Plain, kafka.ScramSHA256, kafka.ScramSHA512} {
		t.Run(string(mechanism), func(t *testing.T) {
			t.Parallel()
			cfg := secureBroker(t, mechanism, false)
			admin := must(kafka.NewAdmin(cfg))(t)
			t.Cleanup(admin.Close)
			if err := admin.EnsureTopics(t.Context(), kafka.TopicSpec{Name: topic, Partitions: partitions}); err != nil {
				t.Fatal(err)
			}
			if err := newPublisher(t, cfg).Publish(topic, eventMessage("thing-1", 1)); err != nil {
				t.Error(err)
			}
			lanes := must(kafka.NewLanes(cfg, kafka.LanesConfig{}))(t)
			t.Cleanup(lanes.Close)
			r := &laneRig{TB: t, log: uuid.New()}
			s, _, err := lanes.Take(t.Context(), r.log, 0)
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(s.Close)
			r.commit(s, r.batch(0, 1, 1, 2))
			var got counting
			source := must(kafka.NewSource(cfg, kafka.SourceConfig{Group: group, Topics: []string{topic}}))(t)
			(&rig{TB: t}).start(source, &got)
			applicationtest.Eventually(t, func() error {
				if n := got.Load(); n != 3 {
					return fmt.Errorf("%d records, want 3", n)
				}
				return nil
			})
		})
	}
}

// counting is a handler that counts.
type counting struct{ atomic.Int64 }

// Start implements projection.Handler.
func (*counting) Start(context.Context, projection.Partition) (int64, error) {
	return projection.None, nil
}

// Handle implements projection.Handler.
func (c *counting) Handle(_ context.Context, _ projection.Partition, _ int64, batch []projection.Delivery) (int64, error) {
	c.Add(int64(len(batch)))
	return batch[len(batch)-1].Offset + 1, nil
}

// refusing is a broker that knows no user. It says so as Apache Kafka does; kfake by itself closes the connection.
func refusing(t testing.TB) kafka.Config {
	t.Helper()
	if kafkatest.Chosen() {
		cfg := secureBroker(t, kafka.ScramSHA256, false)
		cfg.Security.Password = "hunter2"
		return cfg
	}
	authority := embeddedtest.NewAuthority(t)
	cluster := must(kfake.NewCluster(kfake.NumBrokers(1), kfake.TLS(authority.Server), kfake.EnableSASL()))(t)
	t.Cleanup(cluster.Close)
	cluster.ControlKey(kmsg.NewPtrSASLAuthenticateRequest().Key(), func(req kmsg.Request) (kmsg.Response, error, bool) {
		cluster.KeepControl()
		response := req.ResponseKind().(*kmsg.SASLAuthenticateResponse)
		response.ErrorCode = kerr.SaslAuthenticationFailed.Code
		return response, nil, true
	})
	return kafka.Config{
		Brokers:  cluster.ListenAddrs(),
		Security: kafka.Security{TLS: authority.Client, Mechanism: kafka.ScramSHA256, User: user, Password: "hunter2"},
	}
}

func TestWhoIsNotAcceptedLearnsWhy(t *testing.T) {
	t.Parallel()
	good := secureBroker(t, kafka.ScramSHA512, false)
	for name, c := range map[string]struct {
		change func(*kafka.Config)
		want   string
	}{
		"wrong password": {func(c *kafka.Config) { *c = refusing(t) }, "check user and password"},
		"wrong CA": {
			func(c *kafka.Config) { c.Security.TLS = embeddedtest.NewAuthority(t).Client }, "check who signs the brokers' certificates",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cfg := good
			c.change(&cfg)
			admin := must(kafka.NewAdmin(cfg))(t)
			t.Cleanup(admin.Close)
			lanes := must(kafka.NewLanes(cfg, kafka.LanesConfig{}))(t)
			t.Cleanup(lanes.Close)
			_, _, taken := lanes.Take(t.Context(), uuid.New(), 0)
			for client, err := range map[string]error{
				"check":   admin.Check(t.Context()),
				"topics":  admin.EnsureTopics(t.Context(), kafka.TopicSpec{Name: topic}),
				"lanes":   taken,
				"publish": newPublisher(t, cfg).Publish(topic, message.NewMessage("id", nil)),
			} {
				if !errors.Is(err, kafka.ErrAccess) || errors.Is(err, eventlog.ErrUnavailable) || !strings.Contains(err.Error(), c.want) {
					t.Errorf("%s: error %v, want ErrAccess with %q", client, err, c.want)
				}
				if err != nil && strings.Contains(err.Error(), "hunter2") {
					t.Errorf("%s: the password is in the error: %v", client, err)
				}
			}
		})
	}
}

func TestPortWithoutTLSIsSuspected(t *testing.T) {
	t.Parallel()
	admin := must(kafka.NewAdmin(kafka.Config{
		Brokers: []string{embeddedtest.Broker(t)}, Security: kafka.Security{TLS: embeddedtest.NewAuthority(t).Client},
	}))(t)
	t.Cleanup(admin.Close)
	if err := admin.Check(t.Context()); err == nil || !strings.Contains(err.Error(), "may not speak TLS") {
		t.Errorf("error %v", err)
	}
}

func TestSourceThatIsNotAcceptedSaysSoOnce(t *testing.T) {
	t.Parallel()
	logs := new(lines)
	cfg := refusing(t)
	cfg.Logger = logs.logger()
	source := must(kafka.NewSource(cfg, kafka.SourceConfig{Group: group, Topics: []string{topic}}))(t)
	(&rig{TB: t}).start(source, new(counting))
	applicationtest.Eventually(t, func() error {
		err := source.Health()
		if err == nil || !strings.Contains(err.Error(), "SASL") {
			return fmt.Errorf("health is %w, want what SASL says", err)
		}
		return nil
	})
	if n := logs.count(""); n > 1 {
		t.Errorf("%d lines, want one: %q", n, logs.all)
	}
}

func TestMissingRightsAreNamed(t *testing.T) {
	t.Parallel()
	cfg := secureBroker(t, kafka.Plain, true)
	admin := must(kafka.NewAdmin(cfg))(t)
	t.Cleanup(admin.Close)
	if err := admin.EnsureTopics(t.Context(), kafka.TopicSpec{Name: topic}); err == nil || !strings.Contains(err.Error(), "AUTHORIZATION_FAILED") {
		t.Errorf("create a topic without the right to: %v", err)
	}
	lanes := must(kafka.NewLanes(cfg, kafka.LanesConfig{}))(t)
	t.Cleanup(lanes.Close)
	if _, _, err := lanes.Take(t.Context(), uuid.New(), 0); err == nil || !strings.Contains(err.Error(), "allow ") {
		t.Errorf("take a lane without the right to: %v, want what to allow", err)
	}
	root := cfg
	root.Security.User, root.Security.Password = kafkatest.Root, kafkatest.RootPassword
	theirs := must(kafka.NewAdmin(root))(t)
	t.Cleanup(theirs.Close)
	if err := theirs.EnsureTopics(t.Context(), kafka.TopicSpec{Name: topic}); err != nil {
		t.Fatal(err)
	}
	if err := newPublisher(t, cfg).Publish(topic, message.NewMessage("id", nil)); err == nil || errors.Is(err, eventlog.ErrUnavailable) {
		t.Errorf("publish without the right to: %v, want an error that another attempt can't cure", err)
	}
}

func TestSecurityIsChecked(t *testing.T) {
	t.Parallel()
	for want, s := range map[string]kafka.Security{
		"a user but no Mechanism":  {User: user},
		"without User or Password": {Mechanism: kafka.Plain, User: user},
		`Mechanism is "LOGIN"`:     {Mechanism: "LOGIN", User: user, Password: password},
	} {
		if _, err := kafka.NewAdmin(kafka.Config{Brokers: []string{"a:1"}, Security: s}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want %q", err, want)
		}
	}
	s := kafka.Security{Mechanism: kafka.Plain, User: user, Password: password}
	if text := fmt.Sprint(s, fmt.Sprintf("%+v", kafka.Config{Security: s})); strings.Contains(text, password) {
		t.Errorf("the password is shown: %s", text)
	}
}

// must returns a function that ends the test if what was called failed.
func must[T any](v T, err error) func(testing.TB) T {
	return func(t testing.TB) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}
