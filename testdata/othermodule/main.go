// Command notes is a whole program in a module of its own: one small context, run by Tenon.
package main

import (
	"context"
	"embed"
	"io/fs"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/google/uuid"

	"github.com/tenon-go/tenon"
	"github.com/tenon-go/tenon/adapters/postgres"
	"github.com/tenon-go/tenon/application"
	"github.com/tenon-go/tenon/application/eventlog"
	"github.com/tenon-go/tenon/application/projection"
	"github.com/tenon-go/tenon/domain"
	"github.com/tenon-go/tenon/ports/httpport"
)

//go:embed migrations/*.sql
var migrations embed.FS

func main() { tenon.Main(notes()) }

// note is an event-sourced aggregate.
type note struct {
	domain.Root

	text string
}

// written says what a note says, from now on.
type written struct {
	Text string    `json:"text"`
	At   time.Time `json:"at"`
}

func (n *note) Apply(e domain.Event) {
	if e, ok := e.(written); ok {
		n.text = e.Text
	}
}

func (n *note) write(text string, now time.Time) error {
	switch {
	case text == "":
		return &domain.InvalidError{Field: "text", Reason: "is empty"}
	case text != n.text:
		domain.Record(n, written{Text: text, At: now})
	}
	return nil
}

type (
	write struct {
		application.Returns[domain.Version]
		ID   string // empty: a new note
		Text string
	}
	count struct{ application.Returns[int] }
)

func handleWrite(ctx context.Context, u *application.Unit, c write) (domain.Version, error) {
	n, err := new(note), error(nil)
	if c.ID == "" {
		domain.Begin(n, uuid.NewString())
		application.Add(u, n)
	} else if n, err = application.Get[note](ctx, u, c.ID); err != nil {
		return 0, err
	}
	err = n.write(c.Text, u.Now())
	return n.Version(), err
}

func notes() tenon.Context {
	files, err := fs.Sub(migrations, "migrations")
	if err != nil {
		panic(err)
	}
	return tenon.Context{Name: "notes", Schema: "notes", Migrations: files, Wire: wire}
}

func wire(w *tenon.Wiring) error {
	repo := application.EventSourced[note](w.DB, w.Builder.Codec(), "note")
	application.Register[note](w.Builder, "note", repo, application.TopicPerEvent)
	application.Event[written](w.Builder, "note.written", 1)
	application.Handle(w.Builder, handleWrite)
	application.Answer(w.Builder, func(ctx context.Context, _ count) (n int, err error) {
		err = w.DB.Pool().GetContext(ctx, &n, `SELECT coalesce(sum(writings), 0) FROM notes.counts`)
		return n, err
	})
	w.Project(projection.Projection{
		Name: "note_counts", Version: 1, Topics: []string{"note.written"}, Types: []string{"note.written"},
		Apply: func(ctx context.Context, tx eventlog.Tx, batch []projection.Event) error {
			for _, e := range batch {
				_, err := postgres.SQL(tx).ExecContext(ctx, `INSERT INTO notes.counts (id, writings) VALUES ($1, 1)
					ON CONFLICT (id) DO UPDATE SET writings = counts.writings + 1`, e.AggregateID)
				if err != nil {
					return postgres.Wrap(ctx, err)
				}
			}
			return nil
		},
	})
	routes(w)
	return nil
}

type (
	text struct {
		Body struct {
			Text string `json:"text"`
		}
	}
	number struct{ Body int64 }
)

func routes(w *tenon.Wiring) {
	send, ask := application.Bind[write](w.Builder), application.Bind[count](w.Builder)
	httpport.Handle(w.API, huma.Operation{OperationID: "write", Method: http.MethodPost, Path: "/notes"},
		func(ctx context.Context, in *text) (*number, error) {
			v, err := send(ctx, write{Text: in.Body.Text})
			return &number{Body: int64(v)}, err
		})
	httpport.Handle(w.API, huma.Operation{OperationID: "count", Method: http.MethodGet, Path: "/writings"},
		func(ctx context.Context, _ *struct{}) (*number, error) {
			n, err := ask(ctx, count{})
			return &number{Body: int64(n)}, err
		})
}
