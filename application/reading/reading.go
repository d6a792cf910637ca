// Package reading lets who has written read it: a [Token] says what was written, [Models] waits until a read model has it.
//
// Waiting is by versions: each aggregate that a token names has events that the projection handles, and the projection knows which
// of an aggregate's versions it has applied, by what the kernel remembers for it (projection.Once) or by its own rows
// (projection.Projection.Reached). So it doesn't matter how the events reach the projection: by which relay, over Kafka or from the
// log, nor in which process. [Progress] is what an adapter tells of it; adapters: memory, postgres.
//
// Messages (application.Unit.Publish) have no versions: nothing waits for them.
package reading

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/tenon-go/tenon/application/eventlog"
	"github.com/tenon-go/tenon/application/projection"
	"github.com/tenon-go/tenon/domain"
)

// Outstanding is how far a projection is with an aggregate.
type Outstanding struct {
	// Needed is the version of the last event, up to the one asked for, that the projection gets: of a type that it handles, on a
	// topic that it reads, and not discarded. 0: there is none, nothing is to be waited for.
	Needed domain.Version
	// Applied is the last version that was applied, as projection.Checkpoints.Fresh has noted it; 0: none.
	Applied domain.Version
	// Parked says that events of the aggregate are parked.
	Parked bool
	// Version is the projection's version that this is about: the one that readers see, else the one that was asked for.
	Version int
}

// Progress tells how far projections are. Safe for concurrent use.
type Progress interface {
	// Outstanding returns an answer for each of the heads, one at least, from what is committed: how far the version is that readers
	// see, by the types and topics of the one that is given.
	Outstanding(ctx context.Context, p *projection.Projection, heads []eventlog.Head) ([]Outstanding, error)
	// Reading returns what [projection.Projection.Reached] is given: by it, tables read what is committed, each statement by itself.
	Reading() eventlog.Tx
}

// ErrBehind says that a read model hasn't reached a token in time: details in [BehindError]. Trying again is right.
var ErrBehind = errors.New("read model is behind")

// ErrCantWait says that a projection can't tell how far it is with an aggregate.
var ErrCantWait = errors.New("projection doesn't know the versions that it has applied")

// BehindError names the read model and what it lacks.
type BehindError struct {
	Projection string
	Lacks      []Lack // not empty, at most a few
	More       int    // how many more there are
}

// Lack is an aggregate whose events a read model hasn't got yet.
type Lack struct {
	Type, ID string
	Version  domain.Version // that is waited for
	Reached  domain.Version // 0: none yet
}

// Error names what is lacking.
func (e *BehindError) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "read model %s", e.Projection)
	for i, l := range e.Lacks {
		if i > 0 {
			b.WriteString(";")
		}
		fmt.Fprintf(&b, " has not reached version %s of %s %s yet, it is at %s", l.Version, l.Type, l.ID, l.Reached)
	}
	if e.More > 0 {
		fmt.Fprintf(&b, "; and %d more", e.More)
	}
	return b.String()
}

// Unwrap makes it an [ErrBehind].
func (e *BehindError) Unwrap() error { return ErrBehind }
