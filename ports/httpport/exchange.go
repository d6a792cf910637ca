package httpport

import (
	"context"
	"net/http"
	"time"
)

// exchange is what operations know of the request and answer that they are part of, beside Huma.
type exchange struct {
	header  http.Header   // of the answer
	wait    time.Duration // for a read model, where the request doesn't say how long
	longest time.Duration // for one, whatever the request says
}

type exchangeKey struct{}

// exchanging puts it into the request's context.
func exchanging(cfg Config) func(http.Handler) http.Handler {
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			e := &exchange{header: w.Header(), wait: cfg.ReadWait, longest: cfg.RequestTimeout * 4 / 5}
			next.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), exchangeKey{}, e)))
		})
	}
}

// exchangeOf returns the request's exchange; outside of a [Server] one that nobody reads.
func exchangeOf(ctx context.Context) *exchange {
	if e, ok := ctx.Value(exchangeKey{}).(*exchange); ok {
		return e
	}
	return &exchange{header: http.Header{}}
}
