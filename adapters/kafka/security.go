package kafka

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"

	"github.com/IBM/sarama"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/sasl/plain"
	"github.com/twmb/franz-go/pkg/sasl/scram"
)

// Mechanism is how a client proves to brokers who it is.
type Mechanism string

// The mechanisms. Plain sends the password as it is: use it with TLS.
const (
	NoMechanism Mechanism = ""
	Plain       Mechanism = "PLAIN"
	ScramSHA256 Mechanism = "SCRAM-SHA-256"
	ScramSHA512 Mechanism = "SCRAM-SHA-512"
)

// Security says how connections to brokers are secured; all clients here obey it alike. The zero value is plain TCP without a
// user.
type Security struct {
	TLS       *tls.Config // nil: no TLS. An empty ServerName stands for the host that is dialled
	Mechanism Mechanism   // of SASL; empty: no user
	User      string
	Password  string
}

// LogValue implements slog.LogValuer: the password never gets to a log.
func (s Security) LogValue() slog.Value {
	return slog.GroupValue(slog.Bool("tls", s.TLS != nil), slog.String("mechanism", string(s.Mechanism)), slog.String("user", s.User))
}

// String hides the password too.
func (s Security) String() string { return s.LogValue().String() }

func (s Security) check() error {
	switch s.Mechanism {
	case NoMechanism:
		if s.User != "" || s.Password != "" {
			return fmt.Errorf("kafka: Security has a user but no Mechanism, want %s, %s or %s", Plain, ScramSHA256, ScramSHA512)
		}
	case Plain, ScramSHA256, ScramSHA512:
		if s.User == "" || s.Password == "" {
			return fmt.Errorf("kafka: Security has Mechanism %s without User or Password, want both", s.Mechanism)
		}
	default:
		return fmt.Errorf("kafka: Security.Mechanism is %q, want %s, %s or %s", s.Mechanism, Plain, ScramSHA256, ScramSHA512)
	}
	return nil
}

type dialFunc = func(ctx context.Context, network, address string) (net.Conn, error)

// dial returns a function that makes TLS connections over those that tcp makes, within the deadline of all dials here.
func (s Security) dial(tcp dialFunc) dialFunc {
	if s.TLS == nil {
		return tcp
	}
	return func(ctx context.Context, network, address string) (net.Conn, error) {
		ctx, cancel := context.WithTimeout(ctx, dialTimeout)
		defer cancel()
		conn, err := tcp(ctx, network, address)
		if err != nil {
			return nil, err
		}
		cfg := s.TLS.Clone()
		if host, _, err := net.SplitHostPort(address); err == nil && cfg.ServerName == "" {
			cfg.ServerName = host
		}
		secure := tls.Client(conn, cfg)
		if err := secure.HandshakeContext(ctx); err != nil {
			_ = conn.Close() // its own error would say nothing about the handshake's
			if errors.Is(err, io.EOF) {
				err = io.ErrUnexpectedEOF // franz-go hides an error that is io.EOF behind one of its own
			}
			if errors.Is(err, io.ErrUnexpectedEOF) || ctx.Err() != nil {
				return nil, fmt.Errorf("TLS with %s, which may not speak TLS on this port: %w", address, err)
			}
			return nil, fmt.Errorf("TLS with %s: %w", address, err)
		}
		return secure, nil
	}
}

// franz returns the options of a franz-go client that signs in.
func (s Security) franz() []kgo.Opt {
	auth := scram.Auth{User: s.User, Pass: s.Password}
	switch s.Mechanism {
	case Plain:
		return []kgo.Opt{kgo.SASL(plain.Auth{User: s.User, Pass: s.Password}.AsMechanism())}
	case ScramSHA256:
		return []kgo.Opt{kgo.SASL(auth.AsSha256Mechanism())}
	case ScramSHA512:
		return []kgo.Opt{kgo.SASL(auth.AsSha512Mechanism())}
	case NoMechanism:
	}
	return nil
}

// sarama lets a Sarama client sign in.
func (s Security) sarama(c *sarama.Config) {
	if s.Mechanism == NoMechanism {
		return
	}
	c.Net.SASL.Enable = true
	c.Net.SASL.Mechanism = sarama.SASLMechanism(s.Mechanism)
	c.Net.SASL.Version = sarama.SASLHandshakeV1
	c.Net.SASL.User, c.Net.SASL.Password = s.User, s.Password
	if s.Mechanism != Plain {
		c.Net.SASL.SCRAMClientGeneratorFunc = func() sarama.SCRAMClient { return &scramClient{mechanism: s.Mechanism} }
	}
}
