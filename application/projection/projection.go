// Package projection is the contract of read models built from published events: [Projection] is what a context
// declares, [Source] delivers a topic's partitions in order, [Checkpoints] stores how far a projection is, [Runner]
// ties them together.
//
// A projection's rows and its checkpoint commit in one transaction and the checkpoint is compared before it is set:
// each event takes effect exactly once, also with redelivery, crashes and two owners of one partition.
package projection

import (
	"context"
	"errors"
	"fmt"

	"github.com/google/uuid"

	"github.com/tenon-go/tenon/application/codec"
	"github.com/tenon-go/tenon/application/eventlog"
	"github.com/tenon-go/tenon/application/relaying"
	"github.com/tenon-go/tenon/domain"
)

// Projection declares a read model. [Declare] and [DeclareRows] make one of typed handlers.
type Projection struct {
	Name    string   // "order_list": names the checkpoints and the consumer group; never changes
	Version int      // from 1; another version is another projection with checkpoints of its own
	Topics  []string // what it reads; all events of one aggregate must come on one of them
	Types   []string // event types it handles; others are counted and passed by

	// Events says what payloads decode into, for the reader's own structs; nil: what the program's contexts have registered.
	Events *codec.Types

	// Repeats says who takes care that an event which comes again under another offset has no second effect.
	Repeats Repeats

	// Reached returns how far rows are that know the versions which they have reached: those of the aggregates with these ids, of
	// which the projection has events, read through tx; without an entry for one that has no row. It is for queries that wait until
	// they see what was written, see package reading; nil: such queries go by what Once remembers, or can't wait.
	Reached func(ctx context.Context, tx eventlog.Tx, ids []string) (map[string]domain.Version, error)

	// Tables are the views through which readers see what Apply writes, "orders.order_list". Version n writes to the tables
	// TableName(view, n), so that a later version can be built beside it. Empty: a later version isn't built beside, it just
	// reads everything again.
	Tables []string

	// Apply writes a batch's effects through tx, in the order given; a partition's events come in order and one batch
	// at a time. It may be called again with the same or a part of the batch after an error, nothing of the failed call
	// having been stored. It must do nothing but write through tx: no calls to other services.
	Apply func(ctx context.Context, tx eventlog.Tx, batch []Event) error
}

// Repeats says what becomes of an event that is delivered again under another offset, as a relay does that publishes at least
// once, or a foreign producer.
type Repeats int

const (
	// Once keeps it from Apply: what was applied is remembered beside the checkpoint, by the last version of each aggregate,
	// or by the event's id where it has no version. A statement for each batch. An older version that comes after a later one is
	// taken for a repeat, whether it was applied or not: Stats and the log tell. It can't happen while the topic keeps its order.
	Once Repeats = iota
	// Allowed hands it to Apply, which must not mind: rows know the version that they have reached, or doing it twice is the
	// same as once.
	Allowed
)

// TableName returns the name of the table in which a version of a projection keeps what readers see through a view:
// TableName("orders.order_list", 2) is "orders.order_list_v2".
func TableName(view string, version int) string { return fmt.Sprintf("%s_v%d", view, version) }

// Event is a delivered event, decoded.
type Event struct {
	eventlog.Record
	Event domain.Event
}

// Partition is one partition of one incarnation of a topic.
type Partition struct {
	Topic  string
	ID     uuid.UUID // the broker's id of the topic: another one after it was deleted and made anew
	Number int32
	Count  int32 // how many partitions the topic had when this one was assigned; 0: not known
}

// LogTopic is the topic of partitions that stand for lanes of the log, which some sources read without a broker. A lane has events
// of all topics that its projection reads, in order. Their deliveries have neither key nor headers: what those would be follows from
// the record.
const LogTopic = "tenon.log"

// HeaderLogTopic is the header that says which topic an event of the log belongs to.
const HeaderLogTopic = "tenon-topic"

// Delivery is a record as it came off a partition.
type Delivery struct {
	Partition Partition
	Offset    int64
	Key       []byte
	Value     []byte
	Headers   []relaying.Header // all of them, in order
	Record    eventlog.Record   // what the headers say; Topic and Payload are set too
	Err       error             // why the headers couldn't be understood (relaying.ErrHeaders); Record is then empty
}

// ErrMoved says that somebody else has moved the checkpoint: the partition has another owner, or had one in between.
// Read the checkpoint again.
var ErrMoved = errors.New("checkpoint was moved by somebody else")

// ErrTopicReplaced says that the checkpoint belongs to an earlier incarnation of the topic: its offsets mean nothing
// now.
var ErrTopicReplaced = errors.New("topic was deleted and made anew")

// ErrElsewhere says that a version of a projection isn't fed from this source any more.
var ErrElsewhere = errors.New("projection is fed from elsewhere")

// ErrPartitionsChanged says that the topic had another number of partitions when the projection read it. An aggregate's later
// events may now be on another partition than its earlier ones, and in which order they are applied isn't defined.
var ErrPartitionsChanged = errors.New("the topic's number of partitions was changed")

// None is the offset of a projection that hasn't read a partition yet.
const None int64 = -1

// Checkpoints stores, per projection, version and partition, the next offset to apply. Safe for concurrent use.
type Checkpoints interface {
	// Next returns the stored offset, or None. ErrTopicReplaced when it was stored for another incarnation of the topic,
	// ErrPartitionsChanged when one of the topic's offsets was stored with another number of partitions, both being known.
	Next(ctx context.Context, name string, version int, p Partition) (int64, error)
	// Advance moves the checkpoint within tx from (None for the first time) to; ErrMoved when it isn't at from.
	Advance(ctx context.Context, tx eventlog.Tx, name string, version int, p Partition, from, to int64) error
	// Fresh returns those of the events that weren't returned before, in order, and remembers them when tx commits. An
	// aggregate's events are told apart by version and must come on one partition, whose checkpoint tx has moved; events
	// without a version are told apart by id.
	Fresh(ctx context.Context, tx eventlog.Tx, name string, version int, batch []Event) ([]Event, error)
}

// Source reads topics as one member of a consumer group: from the beginning, read_committed.
type Source interface {
	// Run delivers until ctx ends, then lets the handler calls in hand finish and returns nil. Outages of the broker
	// don't end it. An error means that it can't go on without a person. Call it once.
	Run(ctx context.Context, h Handler) error
	// Health returns nil while the source is a member of its group, else what is wrong and since when.
	Health() error
}

// Handler takes a partition's records from a source. Calls for different partitions are concurrent, for one they are
// not.
type Handler interface {
	// Start returns the offset to begin at, or None for the partition's beginning. Called whenever a partition was
	// assigned, and again after Handle returned ErrMoved. An error ends Run.
	Start(ctx context.Context, p Partition) (int64, error)
	// Handle applies a non-empty batch of ascending offsets, the first of which is at or after from, and returns what
	// to pass as from the next time: the last offset + 1. It keeps what the deliveries point to, not the batch. Errors:
	// ErrMoved; the context's when it ended; others end Run.
	Handle(ctx context.Context, p Partition, from int64, batch []Delivery) (int64, error)
}
