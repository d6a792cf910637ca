package applicationtest_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"iter"
	"testing"

	"github.com/tenon-go/tenon/adapters/memory"
	"github.com/tenon-go/tenon/application/applicationtest"
	"github.com/tenon-go/tenon/application/eventlog"
	"github.com/tenon-go/tenon/domain"
)

// TestStoreCatches breaks one promise at a time.
func TestStoreCatches(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		fixture func() applicationtest.StoreFixture
		check   string
		words   string
	}{
		"rollback that commits": {withTx(rollbackCommits), "rolled-back records are never seen", "records differ"},
		"append that commits":   {withTx(appendCommits), "records are not seen before the commit", "records differ"},
		"commit that forgets":   {withTx(commitForgets), "committed records are seen", "records differ"},
		"conflicts swallowed":   {withTx(swallowConflicts), "a version that is taken is a conflict", "want *domain.ConflictError"},
		"conflict, no details":  {withTx(bareConflicts), "a version that is taken is a conflict", "Actual:-1"},
		"conflict, half stored": {withTx(storeHalf), "after a conflict nothing of the unit is stored", "commit after a conflict: no error"},
		"last writer wins":      {withTx(renumber), "of concurrent appenders exactly one wins each version", "appenders won"},
		"guard of nothing":      {withTx(noGuard), "a guard at another version is a conflict", "want *domain.ConflictError"},
		"guard that looks only": {withTx(weakGuard), "nobody appends to a guarded aggregate", "written while it was guarded"},
		"guard before write":    {withTx(weakGuard), "two units that guard what the other writes never both commit", "both units committed"},
		"guard after write":     {withTx(weakGuard), "two units that write and then guard never both commit", "both units committed"},
		"records kept by slice": {withTx(lateAppend), "the log keeps none of the caller's memory", "records differ"},
		"deaf to contexts":      {withTx(deafAppend), "a cancelled context stops Append", "want one that is"},
		"payload reformatted":   {withAppend(compactPayload), "payload bytes are kept as they are", "payload is"},
		"metadata dropped":      {withAppend(dropMetadata), "every column comes back", "Metadata"},
		"time cut to seconds":   {withAppend(cutTime), "every column comes back", "RecordedAt"},
		"invalid JSON mended":   {withAppend(mendJSON), "invalid JSON is refused and the event named", "no error"},
		"error without a name":  {withTx(namelessErrors), "invalid JSON is refused and the event named", "doesn't name event"},
		"messages as versions":  {withAppend(numberMessages), "messages never conflict", "is at version"},
		"messages in streams":   {withMessagesInStreams, "messages are in no stream", "stream has"},
		"own writes hidden":     {withBlindStreams, "the transaction sees its own records", "want 2"},
		"order within the unit": {withTx(reverseAppend), "positions of a unit rise in the order given", "records differ"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			caught(t, applicationtest.CheckStore(t, tt.check, tt.fixture()), tt.words)
		})
	}
}

func rollbackCommits(_ *memory.Log, tx eventlog.Tx) eventlog.Tx {
	return &brokenTx{Tx: tx, rollback: func() error {
		_ = tx.Commit(context.Background()) // an error when it is over: that is no rollback's
		return nil
	}}
}

func appendCommits(log *memory.Log, tx eventlog.Tx) eventlog.Tx {
	return &brokenTx{Tx: tx, append: func(ctx context.Context, records []eventlog.Record) error {
		other, err := log.Begin(ctx)
		return errors.Join(err, other.Append(ctx, records), other.Commit(ctx))
	}}
}

func commitForgets(_ *memory.Log, tx eventlog.Tx) eventlog.Tx {
	return &brokenTx{Tx: tx, commit: func(context.Context) error { return tx.Rollback() }}
}

func swallowConflicts(_ *memory.Log, tx eventlog.Tx) eventlog.Tx {
	return &brokenTx{
		Tx: tx,
		append: func(ctx context.Context, records []eventlog.Record) error {
			_ = tx.Append(ctx, records)
			return nil
		},
		commit: func(ctx context.Context) error {
			_ = tx.Commit(ctx)
			return nil
		},
	}
}

func bareConflicts(_ *memory.Log, tx eventlog.Tx) eventlog.Tx {
	return &brokenTx{Tx: tx, append: func(ctx context.Context, records []eventlog.Record) error {
		err := tx.Append(ctx, records)
		if conflict, ok := errors.AsType[*domain.ConflictError](err); ok {
			conflict.Actual = -1
		}
		return err
	}}
}

// storeHalf commits what was appended before the conflict.
func storeHalf(log *memory.Log, tx eventlog.Tx) eventlog.Tx {
	var done []eventlog.Record
	broken := &brokenTx{Tx: tx}
	broken.append = func(ctx context.Context, records []eventlog.Record) error {
		err := tx.Append(ctx, records)
		if err == nil {
			done = append(done, records...)
		}
		return err
	}
	broken.commit = func(ctx context.Context) error {
		if tx.Commit(ctx) == nil {
			return nil
		}
		other, err := log.Begin(ctx)
		return errors.Join(err, other.Append(ctx, done), other.Commit(ctx))
	}
	return broken
}

// renumber appends at whatever version is next.
func renumber(log *memory.Log, tx eventlog.Tx) eventlog.Tx {
	return &brokenTx{Tx: tx, append: func(ctx context.Context, records []eventlog.Record) error {
		err := tx.Append(ctx, records)
		if errors.Is(err, domain.ErrConflict) {
			return tx.Rollback()
		}
		return err
	}, commit: func(ctx context.Context) error {
		_ = tx.Commit(ctx)
		return nil
	}}
}

func noGuard(_ *memory.Log, tx eventlog.Tx) eventlog.Tx {
	return &brokenTx{Tx: tx, guard: func(context.Context, []eventlog.Head) error { return nil }}
}

// weakGuard looks at the versions, once.
func weakGuard(log *memory.Log, tx eventlog.Tx) eventlog.Tx {
	return &brokenTx{Tx: tx, guard: func(ctx context.Context, heads []eventlog.Head) error {
		for _, h := range heads {
			actual := domain.Version(0)
			for r := range log.Stream(ctx, nil, h.Type, h.ID, 0) {
				actual = r.Version
			}
			if actual != h.Version {
				return &domain.ConflictError{Type: h.Type, ID: h.ID, Expected: h.Version, Actual: actual}
			}
		}
		return nil
	}}
}

func lateAppend(_ *memory.Log, tx eventlog.Tx) eventlog.Tx {
	var kept []eventlog.Record
	return &brokenTx{
		Tx: tx,
		append: func(_ context.Context, records []eventlog.Record) error {
			kept = append(kept, records...)
			return nil
		},
		commit: func(ctx context.Context) error { return errors.Join(tx.Append(ctx, kept), tx.Commit(ctx)) },
	}
}

func deafAppend(_ *memory.Log, tx eventlog.Tx) eventlog.Tx {
	return &brokenTx{Tx: tx, append: func(ctx context.Context, records []eventlog.Record) error {
		return tx.Append(context.WithoutCancel(ctx), records)
	}}
}

func namelessErrors(_ *memory.Log, tx eventlog.Tx) eventlog.Tx {
	return &brokenTx{Tx: tx, append: func(ctx context.Context, records []eventlog.Record) error {
		if tx.Append(ctx, records) != nil {
			return errors.New("invalid input syntax for type json")
		}
		return nil
	}}
}

func reverseAppend(_ *memory.Log, tx eventlog.Tx) eventlog.Tx {
	return &brokenTx{Tx: tx, append: func(ctx context.Context, records []eventlog.Record) error {
		reversed := make([]eventlog.Record, 0, len(records))
		for i := range records {
			if records[i].AggregateID == "a" {
				reversed = append(reversed, records[i])
			}
		}
		for i := range records {
			if records[i].AggregateID != "a" {
				reversed = append(reversed, records[i])
			}
		}
		return tx.Append(ctx, reversed)
	}}
}

func compactPayload(r eventlog.Record) eventlog.Record {
	var compact bytes.Buffer
	if json.Compact(&compact, r.Payload) == nil {
		r.Payload = compact.Bytes()
	}
	return r
}

func dropMetadata(r eventlog.Record) eventlog.Record {
	r.Metadata = nil
	return r
}

func cutTime(r eventlog.Record) eventlog.Record {
	r.RecordedAt = r.RecordedAt.Truncate(1e9)
	return r
}

func mendJSON(r eventlog.Record) eventlog.Record {
	if !json.Valid(r.Payload) {
		r.Payload = []byte("null")
	}
	return r
}

func numberMessages(r eventlog.Record) eventlog.Record {
	r.Version = max(r.Version, 1)
	return r
}

// streamsFunc reads streams by a function.
type streamsFunc func(ctx context.Context, tx eventlog.Tx, aggregateType, id string, after domain.Version) iter.Seq2[eventlog.Record, error]

func (f streamsFunc) Stream(
	ctx context.Context, tx eventlog.Tx, aggregateType, id string, after domain.Version,
) iter.Seq2[eventlog.Record, error] {
	return f(ctx, tx, aggregateType, id, after)
}

func withBlindStreams() applicationtest.StoreFixture {
	log := memory.NewLog()
	blind := func(ctx context.Context, _ eventlog.Tx, aggregateType, id string, after domain.Version) iter.Seq2[eventlog.Record, error] {
		return log.Stream(ctx, nil, aggregateType, id, after)
	}
	return applicationtest.StoreFixture{Store: log, Reader: log, Streams: streamsFunc(blind)}
}

// withMessagesInStreams finds whatever has the aggregate's id.
func withMessagesInStreams() applicationtest.StoreFixture {
	log := memory.NewLog()
	byKey := func(ctx context.Context, _ eventlog.Tx, _, id string, _ domain.Version) iter.Seq2[eventlog.Record, error] {
		return func(yield func(eventlog.Record, error) bool) {
			page, err := log.Read(ctx, "", 1000)
			for _, r := range page.Records {
				if r.AggregateID == id && !yield(r, err) {
					return
				}
			}
		}
	}
	return applicationtest.StoreFixture{Store: log, Reader: log, Streams: streamsFunc(byKey)}
}
