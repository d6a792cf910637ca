// Package domain holds the nouns every bounded context shares: [Event], [Root], [Aggregate], [Version] and the errors
// that decisions return. It imports the standard library only.
//
// An aggregate embeds [Root], folds its events in Apply and decides by calling [Record]. Time, ids and randomness come
// in as arguments, so that a decision is a function of its inputs. Loading, storing and publishing are not here: see
// package application. Test kits for aggregates are in package domaintest.
package domain

import "fmt"

// Event is a fact that an aggregate recorded: a plain struct, past tense, never changed once stored. Its stored name
// and schema version are given where the context is wired (application.Event), not by the type, so that types can be
// renamed.
type Event any

// Aggregate is what the unit of work tracks. Embed [Root] by value and write Apply on the pointer; nothing else
// implements it.
type Aggregate interface {
	// Apply folds one event into the state. It must not fail, read clocks or decide anything: the event has happened.
	// An event that it doesn't know is left without effect.
	Apply(Event)

	base() *Root
}

// Root carries an aggregate's identity, its version and the events recorded since it was loaded. The zero value belongs
// to an aggregate that doesn't exist yet. It is not safe for concurrent use: an aggregate belongs to one unit of work.
type Root struct {
	id       string
	stored   Version
	recorded []Event
}

func (r *Root) base() *Root { return r }

// ID returns the aggregate's id, empty before [Begin].
func (r *Root) ID() string { return r.id }

// Version returns the version after all recorded events: 0 for an aggregate without any.
func (r *Root) Version() Version { return r.stored + Version(len(r.recorded)) }

// Begin gives a new aggregate its id. It panics when id is empty or the aggregate has one already: both are mistakes in
// the program, not in its input.
func Begin(a Aggregate, id string) {
	r := a.base()
	if id == "" || r.id != "" {
		panic(fmt.Sprintf("domain: Begin(%T, %q): want a new aggregate and a non-empty id, have id %q", a, id, r.id))
	}
	r.id = id
}

// Record notes that e happened and folds it into a. It panics when a has no id yet (call [Begin] first) or e is nil.
func Record(a Aggregate, e Event) {
	r := a.base()
	if r.id == "" || e == nil {
		panic(fmt.Sprintf("domain: Record(%T, %T): want an aggregate with an id and an event", a, e))
	}
	r.recorded = append(r.recorded, e)
	a.Apply(e)
}

// IDOf returns a's id, for code that holds any kind of aggregate; empty before [Begin].
func IDOf(a Aggregate) string { return a.base().id }

// Recorded returns the events recorded since a was loaded or last [Committed], oldest first. The slice is the
// aggregate's own: read it, don't change it.
func Recorded(a Aggregate) []Event { return a.base().recorded }

// Stored returns the version that the store holds: the version a was loaded at, 0 for a new aggregate.
func Stored(a Aggregate) Version { return a.base().stored }

// Committed tells a that its recorded events are stored: they are forgotten and count into [Stored].
func Committed(a Aggregate) {
	r := a.base()
	r.stored = r.Version()
	r.recorded = nil
}

// Restore gives a, whose state was read from relational rows, its id and stored version. It panics when a has an id
// already.
func Restore(a Aggregate, id string, version Version) {
	Begin(a, id)
	a.base().stored = version
}

// Replay folds stored events, oldest first, into a, which has its id from [Begin], [Restore] or an earlier Replay. Each
// event counts one version. It panics when events were recorded in between: stored events can't follow unstored ones.
func Replay(a Aggregate, events ...Event) {
	r := a.base()
	if r.id == "" || len(r.recorded) > 0 {
		panic(fmt.Sprintf("domain: Replay(%T %q): want an aggregate with an id and nothing recorded, have %d events", a, r.id, len(r.recorded)))
	}
	for _, e := range events {
		a.Apply(e)
	}
	r.stored += Version(len(events))
}
