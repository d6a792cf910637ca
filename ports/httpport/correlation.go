package httpport

import (
	"context"
	"net/http"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/tenon-go/tenon/application"
)

// CorrelationHeader names the flow of work that a request belongs to: taken from the caller, or made up, and in every answer.
const CorrelationHeader = "X-Correlation-ID"

const maxCorrelation = 128

// correlate puts correlation id and trace context into the request's context. Ids that don't fit are replaced, a broken
// traceparent is left out, as the W3C's recommendation says.
func correlate(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		md := application.Metadata{CorrelationID: r.Header.Get(CorrelationHeader)}
		if !isCorrelation(md.CorrelationID) {
			md.CorrelationID = uuid.Must(uuid.NewV7()).String()
		}
		if lines := r.Header.Values("Traceparent"); len(lines) == 1 && isTraceparent(lines[0]) {
			md.Traceparent = lines[0]
		}
		w.Header().Set(CorrelationHeader, md.CorrelationID)
		next.ServeHTTP(w, r.WithContext(application.WithMetadata(r.Context(), md)))
	})
}

func correlationOf(ctx context.Context) string { return application.MetadataFrom(ctx).CorrelationID }

// isCorrelation reports whether id can go into headers, log lines and Kafka records as it is: 1 to 128 visible ASCII characters.
func isCorrelation(id string) bool {
	if id == "" || len(id) > maxCorrelation {
		return false
	}
	for i := range len(id) {
		if id[i] <= ' ' || id[i] >= 0x7f {
			return false
		}
	}
	return true
}

// isTraceparent reports whether s is a W3C trace context: version-traceid-parentid-flags. Versions to come may be longer.
func isTraceparent(s string) bool {
	const length = 55
	if len(s) < length || len(s) > maxCorrelation {
		return false
	}
	version, trace, parent, flags := s[:2], s[3:35], s[36:52], s[53:55]
	switch {
	case s[2] != '-' || s[35] != '-' || s[52] != '-':
		return false
	case !isHex(version) || !isHex(trace) || !isHex(parent) || !isHex(flags):
		return false
	case version == "ff" || trace == strings.Repeat("0", len(trace)) || parent == strings.Repeat("0", len(parent)):
		return false
	case version == "00":
		return len(s) == length
	}
	return isCorrelation(s) && (len(s) == length || s[length] == '-')
}

// isHex reports whether s has lower-case hexadecimal digits only.
func isHex(s string) bool { return strings.Trim(s, "0123456789abcdef") == "" }

// deadline gives every request d to finish.
func deadline(d time.Duration) func(http.Handler) http.Handler {
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			ctx, cancel := context.WithTimeout(r.Context(), d)
			defer cancel()
			next.ServeHTTP(w, r.WithContext(ctx))
		})
	}
}
