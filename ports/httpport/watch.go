package httpport

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"strconv"
	"time"

	"github.com/go-chi/chi/v5"
	"github.com/prometheus/client_golang/prometheus"
)

// statusGone is what log and metrics say of a request whose client went away: nothing was answered.
const statusGone = 499

// watch writes one log line for each request and counts it under its route, never under its path: paths have no end.
type watch struct {
	log      *slog.Logger
	requests *prometheus.CounterVec
	seconds  *prometheus.HistogramVec
	inFlight prometheus.Gauge
}

func newWatch(log *slog.Logger, metrics prometheus.Registerer) (*watch, error) {
	w := &watch{
		log: log,
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "tenon_http_requests_total", Help: "Requests answered, by method, route and status (499: the client went away).",
		}, []string{"method", "route", "status"}),
		seconds: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "tenon_http_request_duration_seconds", Help: "Time from a request's headers to the end of its answer.",
			Buckets: []float64{.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30},
		}, []string{"method", "route"}),
		inFlight: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "tenon_http_requests_in_flight", Help: "Requests being handled.",
		}),
	}
	for _, c := range []prometheus.Collector{w.requests, w.seconds, w.inFlight} {
		if err := metrics.Register(c); err != nil {
			return nil, fmt.Errorf("metrics: %w", err)
		}
	}
	return w, nil
}

type notedKey struct{}

// note keeps the cause of an answer for the request's log line. The first one counts.
func note(ctx context.Context, err error) {
	if noted, ok := ctx.Value(notedKey{}).(*error); ok && *noted == nil {
		*noted = err
	}
}

// around watches what next answers.
func (o *watch) around(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		started := time.Now()
		var cause error
		rec := &recorder{ResponseWriter: w}
		r = r.WithContext(context.WithValue(r.Context(), notedKey{}, &cause))
		o.inFlight.Inc()
		defer func() {
			o.inFlight.Dec()
			o.tell(r, rec, cause, time.Since(started))
		}()
		next.ServeHTTP(rec, r)
		rec.finish()
	})
}

// tell logs and counts one request. What is polled and well is logged at the level of debug.
func (o *watch) tell(r *http.Request, rec *recorder, cause error, took time.Duration) {
	status := rec.status
	if status == 0 {
		status = statusGone
	}
	route, method := chi.RouteContext(r.Context()).RoutePattern(), r.Method
	if route == "" {
		route = "unmatched"
	}
	switch method {
	case http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete, http.MethodOptions:
	default:
		method = "other"
	}
	o.requests.WithLabelValues(method, route, strconv.Itoa(status)).Inc()
	o.seconds.WithLabelValues(method, route).Observe(took.Seconds())

	level := slog.LevelInfo
	switch {
	case status == http.StatusInternalServerError:
		level = slog.LevelError
	case status > http.StatusInternalServerError:
		level = slog.LevelWarn
	case route == "/healthz" || route == "/readyz" || route == "/metrics":
		level = slog.LevelDebug
	}
	attrs := []slog.Attr{
		slog.String("method", shorten(r.Method)), slog.String("route", route), slog.String("path", shorten(r.URL.Path)),
		slog.Int("status", status), slog.Int64("bytes", rec.bytes), slog.Duration("took", took), slog.String("remote", r.RemoteAddr),
	}
	if cause != nil {
		attrs = append(attrs, slog.String("error", cause.Error()))
	}
	o.log.LogAttrs(r.Context(), level, "request", attrs...)
}
