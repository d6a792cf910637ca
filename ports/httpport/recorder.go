package httpport

import (
	"fmt"
	"log/slog"
	"net/http"
	"runtime/debug"
)

// recorder remembers what was answered.
type recorder struct {
	http.ResponseWriter
	status int // 0 before the headers are out
	bytes  int64
}

var (
	_ http.ResponseWriter = (*recorder)(nil)
	_ http.Flusher        = (*recorder)(nil)
)

// WriteHeader sends the headers.
func (rec *recorder) WriteHeader(status int) {
	if rec.status == 0 && status >= http.StatusOK { // not the 1xx, which are no answer yet
		rec.status = status
	}
	rec.ResponseWriter.WriteHeader(status)
}

// Write sends a part of the body.
func (rec *recorder) Write(p []byte) (int, error) {
	rec.finish()
	n, err := rec.ResponseWriter.Write(p)
	rec.bytes += int64(n)
	return n, err
}

// Flush sends what was written so far.
func (rec *recorder) Flush() {
	rec.finish()
	_ = http.NewResponseController(rec.ResponseWriter).Flush()
}

// Unwrap lets http.ResponseController find the server's own writer.
func (rec *recorder) Unwrap() http.ResponseWriter { return rec.ResponseWriter }

// finish notes the status that net/http sends when nobody named one.
func (rec *recorder) finish() {
	if rec.status == 0 {
		rec.status = http.StatusOK
	}
}

// recovering answers a panic with 500 and logs it. An answer that has begun is broken off instead, so that the client doesn't
// take a part for the whole.
func (s *Server) recovering(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		defer func() {
			p := recover()
			if p == nil {
				return
			}
			rec, ok := w.(*recorder)
			if p == http.ErrAbortHandler { //nolint:errorlint // panicked with as it is
				panic(p)
			}
			if r.Context().Err() == nil || !ok || rec.status == 0 {
				s.log.LogAttrs(r.Context(), slog.LevelError, "panic in a request",
					slog.String("panic", fmt.Sprint(p)), slog.String("stack", string(debug.Stack())))
			}
			note(r.Context(), fmt.Errorf("panic: %v", p))
			if !ok || rec.status != 0 {
				panic(http.ErrAbortHandler)
			}
			clear(w.Header())
			w.Header().Set(CorrelationHeader, correlationOf(r.Context()))
			write(w, r, problem(kindInternal, inLog))
		}()
		next.ServeHTTP(w, r)
	})
}
