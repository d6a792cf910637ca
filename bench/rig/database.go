package rig

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"github.com/tenon-go/tenon/bench/measure"
)

// Source is what a database begins with.
type Source struct {
	Name string // of the template; a letter, then letters, digits, underscores
	// Fill writes the content of an empty database once; every round then gets a copy of it.
	Fill func(ctx context.Context, url string) error
}

// Database makes a database for the lap, dropped after it, and returns its URL. The first one of a source takes as long as
// filling it does, later ones are copies: all rounds of all competitors begin with the same bytes.
func (r *Rig) Database(ctx context.Context, lap *measure.Lap, s Source) (string, error) {
	if err := r.template(ctx, s); err != nil {
		return "", fmt.Errorf("make database %s: %w", s.Name, err)
	}
	name := fmt.Sprintf("round_%d", r.databases.Add(1))
	if _, err := r.pool.ExecContext(ctx, `CREATE DATABASE `+name+` TEMPLATE `+s.Name+` STRATEGY FILE_COPY`); err != nil {
		return "", fmt.Errorf("copy database %s: %w", s.Name, err)
	}
	lap.Cleanup(func() error {
		_, err := r.pool.ExecContext(context.WithoutCancel(ctx), `DROP DATABASE `+name+` WITH (FORCE)`)
		return err
	})
	return r.postgres.URLFor(name), nil
}

func (r *Rig) template(ctx context.Context, s Source) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.templates[s.Name] {
		return nil
	}
	if _, err := r.pool.ExecContext(ctx, `CREATE DATABASE `+s.Name); err != nil {
		return err
	}
	url := r.postgres.URLFor(s.Name)
	if err := s.Fill(ctx, url); err != nil {
		return err
	}
	// Settled, so that no round pays for it: hint bits, statistics, and what the log still holds.
	if err := Exec(ctx, url, `VACUUM (FREEZE, ANALYZE)`, `CHECKPOINT`); err != nil {
		return err
	}
	r.templates[s.Name] = true
	return nil
}

// Exec runs statements one after the other on a connection of their own.
func Exec(ctx context.Context, url string, statements ...string) (err error) {
	db, err := sql.Open("postgres", url)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	for _, s := range statements {
		if _, err := db.ExecContext(ctx, s); err != nil {
			return fmt.Errorf("%.60s: %w", s, err)
		}
	}
	return nil
}
