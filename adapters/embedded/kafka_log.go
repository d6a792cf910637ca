package embedded

import (
	"context"
	"fmt"
	"log/slog"

	"github.com/twmb/franz-go/pkg/kfake"
)

// brokerLogger hands the broker's log to slog. The broker's info level is a line per request: debug here.
type brokerLogger struct {
	log *slog.Logger
}

var _ kfake.Logger = brokerLogger{}

// Logf implements kfake.Logger.
func (l brokerLogger) Logf(level kfake.LogLevel, format string, args ...any) {
	to := slog.LevelDebug
	switch level {
	case kfake.LogLevelError:
		to = slog.LevelError
	case kfake.LogLevelWarn:
		to = slog.LevelWarn
	}
	ctx := context.Background()
	if l.log.Enabled(ctx, to) {
		l.log.Log(ctx, to, "embedded Kafka: "+fmt.Sprintf(format, args...))
	}
}
