package cases

import (
	"context"
	"embed"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"strings"

	"github.com/tenon-go/tenon"
	"github.com/tenon-go/tenon/adapters/postgres"
	"github.com/tenon-go/tenon/application"
	"github.com/tenon-go/tenon/application/projection"
	"github.com/tenon-go/tenon/bench/measure"
)

//go:embed migrations/*.sql
var migrationFiles embed.FS

// schemas are the kernel's and the bench's.
func schemas() []postgres.Schema {
	files, err := fs.Sub(migrationFiles, "migrations")
	if err != nil {
		panic(err) // the directory is embedded
	}
	return []postgres.Schema{postgres.KernelSchema(), {Name: "bench", FS: files}}
}

// program is a Tenon program around a context of things and facts. Fields are set before start, but for the functions that
// send, which are there afterwards.
type program struct {
	url, brokers string
	roles        string
	relay        string // TENON_RELAY; empty: none
	conns        int
	env          []string // more settings
	projection   *projection.Projection

	makeThing func(context.Context, makeThing) (application.Done, error)
	makeFact  func(context.Context, makeFact) (application.Done, error)
}

// start runs the program until the lap is over and returns when everything in it runs. What ends it before is sent to failed.
func (p *program) start(ctx context.Context, lap *measure.Lap) (failed <-chan error, err error) {
	if p.relay == "" {
		p.relay = "none"
	}
	if p.conns == 0 {
		p.conns = 20
	}
	bench := tenon.Context{Name: "bench", Schema: "bench", Migrations: schemas()[1].FS, Wire: p.wire}
	cfg, err := tenon.LoadConfig(append([]string{
		"TENON_HTTP_ADDR=127.0.0.1:0", "TENON_DATABASE_URL=" + p.url, "TENON_KAFKA_BROKERS=" + p.brokers, "TENON_ROLES=" + p.roles,
		"TENON_RELAY=" + p.relay, fmt.Sprintf("TENON_DATABASE_CONNECTIONS=%d", max(4, p.conns)), "TENON_LOG_LEVEL=error",
	}, p.env...), bench)
	if err != nil {
		return nil, err
	}
	var logged strings.Builder
	app, err := tenon.New(cfg, tenon.Streams{Out: io.Discard, Err: &logged}, bench)
	if err != nil {
		return nil, err
	}
	running, stop := context.WithCancel(ctx)
	failed, wait := ending(func() error { return app.Run(running) })
	lap.Cleanup(func() error {
		stop()
		err := wait()
		if logged.Len() > 0 {
			err = errors.Join(err, errors.New(strings.TrimSpace(logged.String())))
		}
		return err
	})
	select {
	case <-app.Ready():
	case err := <-failed:
		return nil, errors.Join(errors.New("tenon didn't start"), err)
	}
	return failed, nil
}

// wire implements tenon.Context.Wire.
func (p *program) wire(w *tenon.Wiring) error {
	application.Register[thing](w.Builder, thingType, things{w.DB}, nil)
	application.Register[fact](w.Builder, factType, application.EventSourced[fact](w.DB, w.Builder.Codec(), factType), nil)
	application.Event[happened](w.Builder, eventType, 1)
	application.Handle(w.Builder, handleThing)
	application.Handle(w.Builder, handleFact)
	p.makeThing = application.Bind[makeThing](w.Builder)
	p.makeFact = application.Bind[makeFact](w.Builder)
	if p.projection != nil {
		w.Project(*p.projection)
	}
	return nil
}
