package kafka

import (
	"context"
	"errors"
	"fmt"

	"github.com/twmb/franz-go/pkg/kerr"

	"github.com/tenon-go/tenon/application/eventlog"
	"github.com/tenon-go/tenon/application/relaying"
)

// fenced reports whether err says that somebody else has taken the transactional id.
func fenced(err error) bool {
	return errors.Is(err, kerr.ProducerFenced) || errors.Is(err, kerr.InvalidProducerEpoch) || errors.Is(err, kerr.OperationNotAttempted)
}

// advice returns what a person has to do about err, "" if waiting may help.
func advice(err error) string {
	switch {
	case errors.Is(err, kerr.TransactionalIDAuthorizationFailed):
		return "allow Write and Describe on the transactional ids that begin with the configured prefix"
	case errors.Is(err, kerr.ClusterAuthorizationFailed):
		return "allow IdempotentWrite on the cluster, and Create if topics are to be created"
	case errors.Is(err, kerr.TopicAuthorizationFailed):
		return "allow Read, Write, Describe and DescribeConfigs on the topic"
	case errors.Is(err, kerr.InvalidTransactionTimeout):
		return "set the transaction timeout below the brokers' transaction.max.timeout.ms"
	case errors.Is(err, kerr.UnsupportedVersion), errors.Is(err, kerr.UnsupportedForMessageFormat):
		return "the brokers are too old for transactions: use another relay"
	case errors.Is(err, kerr.InvalidPartitions), errors.Is(err, kerr.InvalidConfig), errors.Is(err, kerr.PolicyViolation):
		return "change the settings of the topics that are created, or create them by hand"
	}
	return ""
}

// laneError makes of an error what the contract says: fenced, for a person, the caller's own doing, or passing by itself.
func laneError(ctx context.Context, err error) error {
	refused := access(err)
	switch {
	case errors.Is(err, relaying.ErrFenced), errors.Is(err, eventlog.ErrUnavailable), permanentHere(err):
		return err
	case fenced(err):
		return fmt.Errorf("%w: %w", relaying.ErrFenced, err)
	case refused != nil:
		return refused
	case advice(err) != "":
		return fmt.Errorf("%s: %w", advice(err), err)
	case ctx.Err() != nil && errors.Is(err, ctx.Err()):
		return err
	}
	return fmt.Errorf("%w: %w", eventlog.ErrUnavailable, err)
}

// permanentHere reports whether err was found here and told with its way out.
func permanentHere(err error) bool {
	for _, known := range []error{errCursorTopic, errCursorRecord, errHanging, errBatch, errLanesClosed, errSessionClosed} {
		if errors.Is(err, known) {
			return true
		}
	}
	return false
}
