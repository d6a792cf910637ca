package kafka

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/tenon-go/tenon/application/eventlog"
	"github.com/tenon-go/tenon/application/relaying"
)

// cursorFormat is the version of the stored form. One that is higher was written by a newer program.
const cursorFormat = 1

// errCursorRecord says that a stored record can't be understood: waiting doesn't mend it.
var errCursorRecord = errors.New("stored progress can't be read")

type storedMark struct {
	Position int64     `json:"position"`
	Event    uuid.UUID `json:"event"`
}

// storedProgress is the value under LOG/LANE/progress.
type storedProgress struct {
	Format   int        `json:"format"`
	Timeline string     `json:"timeline"`
	Epoch    int64      `json:"epoch"`
	Lanes    int        `json:"lanes"`
	Cursor   string     `json:"cursor"`
	Batches  int64      `json:"batches"`
	Last     storedMark `json:"last"`
	Closed   bool       `json:"closed"`
	Parked   int        `json:"parked"` // how many keys are parked: none spares reading the partition for them
}

// storedParked is the value under LOG/LANE/parked/TYPE/ID, type and id escaped as in a URL's path. No value: released.
type storedParked struct {
	Format   int       `json:"format"`
	Position int64     `json:"position"`
	Event    uuid.UUID `json:"event"`
	Topic    string    `json:"topic"`
	Reason   string    `json:"reason"`
	Since    time.Time `json:"since"`
	Attempts int       `json:"attempts"`
	After    string    `json:"after,omitempty"`
}

// cursorPrefix begins the keys of one lane of one log.
func cursorPrefix(log uuid.UUID, lane int) string { return fmt.Sprintf("%s/%d/", log, lane) }

func progressKey(prefix string) string { return prefix + "progress" }

func parkedKey(prefix string, k relaying.Key) string {
	return prefix + "parked/" + url.PathEscape(k.AggregateType) + "/" + url.PathEscape(k.AggregateID)
}

// parkedKeyOf is the inverse of parkedKey; false for other keys.
func parkedKeyOf(prefix, key string) (relaying.Key, bool) {
	rest, ok := strings.CutPrefix(key, prefix+"parked/")
	typ, id, two := strings.Cut(rest, "/")
	if !ok || !two {
		return relaying.Key{}, false
	}
	t, typeErr := url.PathUnescape(typ)
	i, idErr := url.PathUnescape(id)
	return relaying.Key{AggregateType: t, AggregateID: i}, typeErr == nil && idErr == nil
}

func encodeProgress(p relaying.Progress, parked int) ([]byte, error) {
	return json.Marshal(storedProgress{
		Format: cursorFormat, Timeline: p.Timeline, Epoch: p.Epoch, Lanes: p.Lane.Of, Cursor: string(p.Cursor), Batches: p.Batches,
		Last: storedMark(p.Last), Closed: p.Closed, Parked: parked,
	})
}

func encodeParked(p relaying.Parked) ([]byte, error) {
	return json.Marshal(storedParked{
		Format: cursorFormat, Position: p.Position, Event: p.Event, Topic: p.Topic, Reason: p.Reason, Since: p.Since.UTC(),
		Attempts: p.Attempts, After: string(p.After),
	})
}

func decodeProgress(r *kgo.Record, log uuid.UUID, lane int) (relaying.Progress, int, error) {
	var stored storedProgress
	if err := decodeCursor(r, &stored, &stored.Format); err != nil {
		return relaying.Progress{}, 0, err
	}
	return relaying.Progress{
		Log: log, Timeline: stored.Timeline, Epoch: stored.Epoch, Lane: relaying.Lane{Number: lane, Of: stored.Lanes},
		Cursor: eventlog.Cursor(stored.Cursor), Batches: stored.Batches, Last: relaying.Mark(stored.Last), Closed: stored.Closed,
	}, stored.Parked, nil
}

func decodeParked(r *kgo.Record, k relaying.Key) (relaying.Parked, error) {
	var stored storedParked
	if err := decodeCursor(r, &stored, &stored.Format); err != nil {
		return relaying.Parked{}, err
	}
	return relaying.Parked{
		Key: k, Position: stored.Position, Event: stored.Event, Topic: stored.Topic, Reason: stored.Reason, Since: stored.Since,
		Attempts: stored.Attempts, After: eventlog.Cursor(stored.After),
	}, nil
}

func decodeCursor(r *kgo.Record, into any, format *int) error {
	err := json.Unmarshal(r.Value, into)
	switch {
	case err == nil && *format == cursorFormat:
		return nil
	case err == nil:
		err = fmt.Errorf("its format is %d, this program knows %d: a newer one wrote it, run that", *format, cursorFormat)
	}
	return fmt.Errorf("%w: partition %d of topic %s, offset %d, key %q: %w", errCursorRecord, r.Partition, r.Topic, r.Offset, r.Key, err)
}
