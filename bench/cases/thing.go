package cases

import (
	"context"
	"crypto/md5" //nolint:gosec // PostgreSQL has it too
	"encoding/hex"
	"strconv"
	"strings"

	"github.com/google/uuid"

	"github.com/tenon-go/tenon/adapters/postgres"
	"github.com/tenon-go/tenon/application"
	"github.com/tenon-go/tenon/application/eventlog"
	"github.com/tenon-go/tenon/domain"
)

const (
	thingType = "thing"
	factType  = "fact"
	eventType = "thing.happened"
	topic     = "domain.thing.events" // of things, by default
)

// happened is the one event. Its JSON has 250 bytes or a few more.
type happened struct {
	Seq  int64  `json:"seq"`
	Text string `json:"text"`
}

// textPieces is how many pieces of 32 letters make the text of an event.
const textPieces = 7

// text fills event number seq up to its size, with what producers can't compress to nothing: sums of the number, as loadSQL makes
// them.
func text(seq int64) string {
	var b strings.Builder
	for i := range textPieces {
		sum := md5.Sum([]byte(strconv.FormatInt(seq, 10) + "/" + strconv.Itoa(i))) //nolint:gosec // not for security
		b.WriteString(hex.EncodeToString(sum[:]))
	}
	return b.String()
}

// thing is an aggregate with a row of its own, fact one of events alone.
type (
	thing struct {
		domain.Root
		text string
	}
	fact struct {
		domain.Root
		text string
	}
)

// Apply implements domain.Aggregate.
func (t *thing) Apply(e domain.Event) {
	if e, ok := e.(happened); ok {
		t.text = e.Text
	}
}

// Apply implements domain.Aggregate.
func (f *fact) Apply(e domain.Event) {
	if e, ok := e.(happened); ok {
		f.text = e.Text
	}
}

// Commands, each of which makes a new aggregate with one event.
type (
	makeThing struct {
		application.Returns[application.Done]
		Event happened
	}
	makeFact struct {
		application.Returns[application.Done]
		Event happened
	}
)

func handleThing(_ context.Context, u *application.Unit, c makeThing) (application.Done, error) {
	t := new(thing)
	domain.Begin(t, uuid.NewString())
	domain.Record(t, c.Event)
	application.Add(u, t)
	return application.Done{}, nil
}

func handleFact(_ context.Context, u *application.Unit, c makeFact) (application.Done, error) {
	f := new(fact)
	domain.Begin(f, uuid.NewString())
	domain.Record(f, c.Event)
	application.Add(u, f)
	return application.Done{}, nil
}

// things is the repository of things.
type things struct{ db *postgres.DB }

var _ application.Repository[*thing] = things{}

// Load implements application.Repository.
func (r things) Load(ctx context.Context, tx eventlog.Tx, id string) (*thing, error) {
	t := new(thing)
	var version domain.Version
	row := r.db.Querier(tx).QueryRowxContext(ctx, `SELECT version, text FROM bench.things WHERE id = $1`, id)
	if err := row.Scan(&version, &t.text); err != nil {
		return nil, postgres.Wrap(ctx, err)
	}
	domain.Restore(t, id, version)
	return t, nil
}

// Save implements application.Repository.
func (things) Save(ctx context.Context, tx eventlog.Tx, changed []*thing) error {
	for _, t := range changed {
		query, args := `INSERT INTO bench.things (id, version, text) VALUES ($1, $2, $3)`, []any{t.ID(), int64(t.Version()), t.text}
		if stored := domain.Stored(t); stored > 0 {
			query, args = `UPDATE bench.things SET version = $2, text = $3 WHERE id = $1 AND version = $4`, append(args, int64(stored))
		}
		result, err := postgres.SQL(tx).ExecContext(ctx, query, args...)
		if err != nil {
			return postgres.Wrap(ctx, err)
		}
		if n, err := result.RowsAffected(); err != nil || n != 1 {
			return &domain.ConflictError{Type: thingType, ID: t.ID(), Expected: domain.Stored(t), Actual: -1}
		}
	}
	return nil
}
