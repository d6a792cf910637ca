package postgres

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/lib/pq"
	"github.com/lib/pq/pqerror"
)

// Ping returns nil when the server answers a query and is one that the log works on.
func (db *DB) Ping(ctx context.Context) error {
	if _, err := db.pool.ExecContext(ctx, "SELECT 1"); err != nil {
		return fmt.Errorf("PostgreSQL at %s: %w", db.place, Wrap(ctx, err))
	}
	return nil
}

const (
	firstWait = 50 * time.Millisecond
	longWait  = 2 * time.Second
)

// WaitReady waits until the server answers. It returns early when waiting is of no use: credentials or database are
// wrong, the server is too old or has a certificate that isn't trusted. When ctx ends first, the error says what was wrong last.
func (db *DB) WaitReady(ctx context.Context) error {
	said := ""
	for wait := firstWait; ; wait = min(2*wait, longWait) {
		err := db.Ping(ctx)
		if err == nil || isPermanent(err) {
			return err
		}
		if ctx.Err() == nil && err.Error() != said {
			said = err.Error()
			db.logger.WarnContext(ctx, "waiting for PostgreSQL", "place", db.place, "error", err)
		}
		timer := time.NewTimer(wait/2 + rand.N(wait/2)) //nolint:gosec // jitter
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return fmt.Errorf("wait for PostgreSQL: %w", errors.Join(ctx.Err(), err))
		}
	}
}

// isPermanent reports whether the server answered and will answer the same until somebody changes a setting.
func isPermanent(err error) bool {
	var untrusted *tls.CertificateVerificationError
	return errors.Is(err, ErrServerVersion) || errors.Is(err, pq.ErrSSLNotSupported) || errors.As(err, &untrusted) ||
		pq.As(err, pqerror.InvalidPassword, pqerror.InvalidAuthorizationSpecification, pqerror.InvalidCatalogName) != nil
}
