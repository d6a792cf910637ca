package embedded

import (
	"context"
	"crypto/rand"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/lib/pq"
	"github.com/tenon-go/tenon/adapters/embedded/internal/child"
)

// prepare finds the programs and makes the cluster if there is none.
func (p *Postgres) prepare(ctx context.Context) error {
	major, err := clusterVersion(p.place.data())
	if err != nil {
		return err
	}
	if p.programs, err = p.finder().find(ctx, major); err != nil {
		return err
	}
	if p.kept.Data != p.place.data() && p.place.dir != p.cfg.DataDir {
		p.cfg.Logger.Info("the server's user cannot enter the data directory: the cluster is elsewhere",
			"data directory", p.cfg.DataDir, "cluster", p.place.data())
	}
	p.kept.Data = p.place.data()
	if major != 0 && p.kept.Password != "" {
		return nil
	}
	p.kept.Password = rand.Text()
	if major == 0 {
		err = p.makeCluster(ctx)
	} else {
		err = p.setPassword(ctx)
	}
	if err != nil {
		return err
	}
	return p.kept.write(p.settingsPath())
}

// finder looks in BinDir only if it is given, and not where the server's user cannot get.
func (p *Postgres) finder() finder {
	if p.cfg.BinDir != "" {
		return finder{dirs: []string{p.cfg.BinDir}, fetch: func(context.Context) (string, error) {
			return "", errors.New("not done when BinDir is given")
		}}
	}
	fetcher := newFetcher(p.place.cache(), p.cfg.Repository, p.cfg.Logger)
	dirs := slices.DeleteFunc(installed(), func(dir string) bool {
		return !filepath.IsAbs(dir) || p.place.user != nil && !open(dir)
	})
	return finder{dirs: dirs, fetch: fetcher.fetch}
}

// clusterVersion returns the major version that made the cluster, 0 if there is none.
func clusterVersion(data string) (int, error) {
	raw, err := os.ReadFile(filepath.Join(data, "PG_VERSION"))
	if errors.Is(err, os.ErrNotExist) && !exists(data) {
		return 0, nil
	}
	if errors.Is(err, os.ErrPermission) {
		return 0, fmt.Errorf("%w: the cluster was made by another user; run as that user, or remove it", err)
	}
	if err != nil {
		return 0, fmt.Errorf("read the version of cluster %s: %w", data, err)
	}
	return strconv.Atoi(strings.TrimSpace(string(raw)))
}

// makeCluster makes the cluster under another name and renames it: one that was interrupted half-way is
// never taken for a cluster.
func (p *Postgres) makeCluster(ctx context.Context) error {
	half := p.place.data() + ".init"
	if err := endLeftovers(ctx, half, p.cfg.Logger); err != nil {
		return err
	}
	secret := half + ".password"
	if err := errors.Join(os.RemoveAll(half), os.RemoveAll(secret)); err != nil {
		return fmt.Errorf("remove a half-made cluster: %w", err)
	}
	defer os.Remove(secret)
	if err := errors.Join(os.Mkdir(half, 0o700), os.WriteFile(secret, []byte(p.kept.Password+"\n"), 0o600)); err != nil {
		return fmt.Errorf("make cluster: %w", err)
	}
	if err := errors.Join(p.giveAway(half), p.giveAway(secret)); err != nil {
		return fmt.Errorf("make cluster: %w", err)
	}
	args := []string{"-D", half, "--username=" + superuser, "--pwfile=" + secret, "--auth=scram-sha-256", "--encoding=UTF8", "--no-locale"}
	if p.cfg.Volatile {
		args = append(args, "--no-sync")
	}
	if err := p.run(ctx, "", "initdb", args...); err != nil {
		return fmt.Errorf("make cluster: %w", err)
	}
	if err := os.Rename(half, p.place.data()); err != nil {
		return fmt.Errorf("make cluster: %w", err)
	}
	return nil
}

func (p *Postgres) giveAway(path string) error {
	if p.place.user == nil {
		return nil
	}
	return os.Chown(path, int(p.place.user.UID), int(p.place.user.GID))
}

// setPassword gives the cluster a new password, for when the file with the old one is lost.
func (p *Postgres) setPassword(ctx context.Context) error {
	if err := endLeftovers(ctx, p.place.data(), p.cfg.Logger); err != nil {
		return err
	}
	statement := fmt.Sprintf("ALTER ROLE %s PASSWORD %s\n", superuser, pq.QuoteLiteral(p.kept.Password))
	if err := p.run(ctx, statement, "postgres", "--single", "-D", p.place.data(), "postgres"); err != nil {
		return fmt.Errorf("set a new password: %w", err)
	}
	return nil
}

// run runs one of the programs to its end; its output goes to the server's log.
func (p *Postgres) run(ctx context.Context, input, name string, args ...string) error {
	log, err := openLog(p.logPath())
	if err != nil {
		return err
	}
	defer log.Close()
	cmd := p.programs.command(name, args...)
	cmd.Dir, cmd.Stdin, cmd.Stdout, cmd.Stderr = p.place.dir, strings.NewReader(input), log.file, log.file
	if err := child.Run(ctx, cmd, p.place.user); err != nil {
		return fmt.Errorf("%w\n%s(log: %s)", err, log.written(), log.file.Name())
	}
	return nil
}

func (p *Postgres) createDatabase(ctx context.Context) (err error) {
	db, err := sql.Open("postgres", p.URLFor("postgres"))
	if err != nil {
		return fmt.Errorf("create database: %w", err)
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	var there bool
	err = db.QueryRowContext(ctx, "SELECT EXISTS (SELECT FROM pg_database WHERE datname = $1)", p.cfg.Database).Scan(&there)
	if err != nil {
		return fmt.Errorf("look for database %q: %w", p.cfg.Database, err)
	}
	if there {
		return nil
	}
	if _, err := db.ExecContext(ctx, "CREATE DATABASE "+pq.QuoteIdentifier(p.cfg.Database)); err != nil {
		return fmt.Errorf("create database %q: %w", p.cfg.Database, err)
	}
	return nil
}
