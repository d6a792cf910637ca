package tenon

import (
	"context"
	"errors"
	"net/http"

	"github.com/danielgtaylor/huma/v2"
)

// gate holds the contexts' routes back until the database is ready for them.
type gate struct{ opened chan struct{} }

func newGate() *gate { return &gate{opened: make(chan struct{})} }

// open lets requests through. Call it once.
func (g *gate) open() { close(g.opened) }

func (g *gate) check(context.Context) error {
	select {
	case <-g.opened:
		return nil
	default:
		return errors.New("starting: the database isn't ready yet")
	}
}

func (g *gate) middleware(api huma.API) func(huma.Context, func(huma.Context)) {
	return func(ctx huma.Context, next func(huma.Context)) {
		if err := g.check(ctx.Context()); err != nil {
			ctx.SetHeader("Retry-After", "1")
			// An error here means that the client is gone.
			_ = huma.WriteErr(api, ctx, http.StatusServiceUnavailable, "The service is starting: its database isn't ready yet.")
			return
		}
		next(ctx)
	}
}
