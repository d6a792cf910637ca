//go:build unix

package embeddedtest

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/tenon-go/tenon/adapters/embedded"
	"github.com/tenon-go/tenon/application/applicationtest"
)

// demandTLS is a pg_hba.conf that lets nobody in without TLS and a password.
const demandTLS = "hostssl all all 127.0.0.1/32 scram-sha-256\n" //nolint:dupword // a database, then a user

// SecureServer starts a PostgreSQL of the test's own that accepts only TLS, with a certificate of the authority. Its URL names an
// empty database; the caller adds sslmode and sslrootcert.
func SecureServer(t testing.TB, a Authority) *embedded.Postgres {
	t.Helper()
	server := Server(t)
	db, err := sql.Open("postgres", server.URL())
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if err := secure(t.Context(), db, a); err != nil {
		t.Fatalf("let PostgreSQL demand TLS: %v", err)
	}
	fresh, err := sql.Open("postgres", server.URL()) // without TLS
	if err != nil {
		t.Fatal(err)
	}
	defer fresh.Close()
	fresh.SetMaxIdleConns(0)
	applicationtest.Eventually(t, func() error { // it reads its settings again after a moment
		if fresh.PingContext(t.Context()) == nil {
			return errors.New("PostgreSQL still accepts connections without TLS")
		}
		return nil
	})
	return server
}

func secure(ctx context.Context, db *sql.DB, a Authority) error {
	var data string
	if err := db.QueryRowContext(ctx, "SHOW data_directory").Scan(&data); err != nil {
		return err
	}
	owner, err := os.Stat(data)
	if err != nil {
		return err
	}
	stat, ok := owner.Sys().(*syscall.Stat_t)
	if !ok {
		return fmt.Errorf("the owner of %s isn't known on this system", data)
	}
	write := func(name string, text []byte) error {
		path := filepath.Join(data, name)
		return errors.Join(os.WriteFile(path, text, 0o600), os.Chown(path, int(stat.Uid), int(stat.Gid)))
	}
	cert, err := os.ReadFile(a.Cert)
	if err != nil {
		return err
	}
	key, err := os.ReadFile(a.Key)
	if err != nil {
		return err
	}
	err = errors.Join(write("server.crt", cert), write("server.key", key), write("pg_hba.conf", []byte(demandTLS)))
	if err != nil {
		return err
	}
	for _, statement := range []string{"ALTER SYSTEM SET ssl = on", "SELECT pg_reload_conf()"} {
		if _, err := db.ExecContext(ctx, statement); err != nil {
			return err
		}
	}
	return nil
}
