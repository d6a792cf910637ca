package kafka

import (
	"crypto/tls"
	"errors"
	"fmt"

	"github.com/IBM/sarama"
	"github.com/twmb/franz-go/pkg/kerr"
)

// ErrAccess says that this client and the brokers don't get together until a person changes something: the brokers refuse its
// user, or their certificate isn't one that it trusts.
var ErrAccess = errors.New("brokers and this client don't accept each other")

// access wraps err with ErrAccess and what to do when it is about who a client or a broker is; else it returns nil.
func access(err error) error {
	var untrusted *tls.CertificateVerificationError
	var plain tls.RecordHeaderError
	var alert tls.AlertError
	var what string
	switch {
	case errors.Is(err, ErrAccess):
		return err
	case errors.As(err, &untrusted):
		what = "check who signs the brokers' certificates and the names in them"
	case errors.As(err, &plain):
		what = "this port of the broker doesn't speak TLS: use another, or switch TLS off"
	case errors.As(err, &alert):
		what = "check this client's certificate"
	case errors.Is(err, kerr.SaslAuthenticationFailed), errors.Is(err, sarama.ErrSASLAuthenticationFailed):
		what = "check user and password"
	case errors.Is(err, kerr.UnsupportedSaslMechanism), errors.Is(err, kerr.IllegalSaslState),
		errors.Is(err, sarama.ErrUnsupportedSASLMechanism), errors.Is(err, sarama.ErrIllegalSASLState):
		what = "use a mechanism of SASL that the brokers have"
	default:
		return nil
	}
	return fmt.Errorf("%w: %s: %w", ErrAccess, what, err)
}
