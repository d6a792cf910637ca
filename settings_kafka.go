package tenon

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"os"

	"github.com/tenon-go/tenon/adapters/kafka"
)

// KafkaSecurity says how brokers that aren't embedded are spoken to.
type KafkaSecurity struct {
	TLS      bool            // TENON_KAFKA_TLS
	CA       string          // TENON_KAFKA_CA: PEM file of who signs the brokers' certificates; empty: whom the system trusts
	Cert     string          // TENON_KAFKA_CERT: PEM file of this client's certificate; empty: none
	Key      string          // TENON_KAFKA_KEY: PEM file of its key
	SASL     kafka.Mechanism // TENON_KAFKA_SASL; empty: no user
	User     string          // TENON_KAFKA_USER
	Password string          // TENON_KAFKA_PASSWORD
}

func kafkaSettings() []setting {
	return []setting{
		{
			Setting{
				"TENON_KAFKA_COMPRESSION", string(kafka.Snappy), "of what is published: none, gzip, snappy, lz4 or zstd", false,
				oneOf(string(kafka.Uncompressed), string(kafka.Gzip), string(kafka.Snappy), string(kafka.LZ4), string(kafka.Zstd)),
			},
			func(c *Config, v string) error { c.Compression = v; return nil },
		},
		{
			Setting{"TENON_KAFKA_TLS", "off", "on: TLS to the brokers, whose certificates must be valid for their names", false, oneOf("on", "off")},
			func(c *Config, v string) error { c.KafkaSecurity.TLS = v == "on"; return nil },
		},
		{
			Setting{"TENON_KAFKA_CA", "", "PEM file of who signs the brokers' certificates; empty: whom the system trusts", false, nil},
			func(c *Config, v string) error { c.KafkaSecurity.CA = v; return nil },
		},
		{
			Setting{"TENON_KAFKA_CERT", "", "PEM file of this client's certificate; empty: none", false, nil},
			func(c *Config, v string) error { c.KafkaSecurity.Cert = v; return nil },
		},
		{
			Setting{"TENON_KAFKA_KEY", "", "PEM file of the key of TENON_KAFKA_CERT", false, nil},
			func(c *Config, v string) error { c.KafkaSecurity.Key = v; return nil },
		},
		{
			Setting{
				"TENON_KAFKA_SASL", "", "PLAIN, SCRAM-SHA-256 or SCRAM-SHA-512; empty: no user", false,
				oneOf(string(kafka.NoMechanism), string(kafka.Plain), string(kafka.ScramSHA256), string(kafka.ScramSHA512)),
			},
			func(c *Config, v string) error { c.KafkaSecurity.SASL = kafka.Mechanism(v); return nil },
		},
		{
			Setting{"TENON_KAFKA_USER", "", "user of TENON_KAFKA_SASL", false, nil},
			func(c *Config, v string) error { c.KafkaSecurity.User = v; return nil },
		},
		{
			Setting{"TENON_KAFKA_PASSWORD", "", "password of TENON_KAFKA_USER", true, nil},
			func(c *Config, v string) error { c.KafkaSecurity.Password = v; return nil },
		},
	}
}

// check returns what doesn't fit together, each with the setting's name.
func (k KafkaSecurity) check(brokers []string) []error {
	var errs []error
	want := func(ok bool, text string) {
		if !ok {
			errs = append(errs, errors.New(text))
		}
	}
	want(k.TLS || k.CA == "", "TENON_KAFKA_CA: it needs TENON_KAFKA_TLS=on")
	want(k.TLS || k.Cert == "", "TENON_KAFKA_CERT: it needs TENON_KAFKA_TLS=on")
	want((k.Cert == "") == (k.Key == ""), "TENON_KAFKA_CERT, TENON_KAFKA_KEY: want both or neither")
	want(k.SASL == "" || k.User != "", "TENON_KAFKA_USER: TENON_KAFKA_SASL needs it")
	want(k.SASL == "" || k.Password != "", "TENON_KAFKA_PASSWORD: TENON_KAFKA_SASL needs it")
	want(k.SASL != "" || k.User == "", "TENON_KAFKA_USER: it needs TENON_KAFKA_SASL")
	want(k.SASL != "" || k.Password == "", "TENON_KAFKA_PASSWORD: it needs TENON_KAFKA_SASL")
	want(len(brokers) > 0 || !k.TLS && k.SASL == "",
		"TENON_KAFKA_TLS, TENON_KAFKA_SASL: the embedded broker has neither: set TENON_KAFKA_BROKERS")
	return errs
}

// kafkaConfig returns how the brokers are reached; embedded ones have no security.
func (c Config) kafkaConfig(brokers []string, log *slog.Logger) (kafka.Config, error) {
	k := c.KafkaSecurity
	cfg := kafka.Config{
		Brokers: brokers, Compression: kafka.Compression(c.Compression), Logger: log,
		Security: kafka.Security{Mechanism: k.SASL, User: k.User, Password: k.Password},
	}
	if !k.TLS {
		return cfg, nil
	}
	cfg.Security.TLS = &tls.Config{MinVersion: tls.VersionTLS12}
	if k.CA != "" {
		text, err := os.ReadFile(k.CA)
		if err != nil {
			return cfg, fmt.Errorf("TENON_KAFKA_CA: %w", err)
		}
		cfg.Security.TLS.RootCAs = x509.NewCertPool()
		if !cfg.Security.TLS.RootCAs.AppendCertsFromPEM(text) {
			return cfg, fmt.Errorf("TENON_KAFKA_CA: no certificate in %s, want PEM", k.CA)
		}
	}
	if k.Cert != "" {
		pair, err := tls.LoadX509KeyPair(k.Cert, k.Key)
		if err != nil {
			return cfg, fmt.Errorf("TENON_KAFKA_CERT, TENON_KAFKA_KEY: %w", err)
		}
		cfg.Security.TLS.Certificates = []tls.Certificate{pair}
	}
	return cfg, nil
}
