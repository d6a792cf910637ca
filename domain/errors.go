package domain

import (
	"errors"
	"fmt"
)

// Conditions that decisions and stores report. Test for them with errors.Is; the structs below carry the details and
// match them, also when wrapped.
var (
	// ErrInvalid says that a value is outside what its type allows, whatever the state: *[InvalidError].
	ErrInvalid = errors.New("invalid")
	// ErrRule says that the value is fine but the aggregate's state forbids the step.
	ErrRule = errors.New("not allowed in the present state")
	// ErrNotFound says that there is no aggregate or row with that id: *[NotFoundError].
	ErrNotFound = errors.New("not found")
	// ErrConflict says that somebody else changed the aggregate in between: *[ConflictError].
	ErrConflict = errors.New("changed by somebody else")
)

// InvalidError names a value that was refused. Nothing was changed; the caller mends the value and tries again.
type InvalidError struct {
	Field  string // path as the caller knows it: "items[0].quantity"
	Given  string // what was given, shortened by whoever made the error; may be empty
	Reason string // what is allowed: "must be at least 1"
}

// Error names the field, the reason and what was given.
func (e *InvalidError) Error() string {
	if e.Given == "" {
		return fmt.Sprintf("%s %s", e.Field, e.Reason)
	}
	return fmt.Sprintf("%s %s, not %s", e.Field, e.Reason, e.Given)
}

// Is reports whether target is ErrInvalid.
func (e *InvalidError) Is(target error) bool { return target == ErrInvalid }

// NotFoundError names what wasn't found.
type NotFoundError struct {
	Type string // aggregate type: "order"
	ID   string
}

// Error names type and id.
func (e *NotFoundError) Error() string { return fmt.Sprintf("%s %s not found", e.Type, e.ID) }

// Is reports whether target is ErrNotFound.
func (e *NotFoundError) Is(target error) bool { return target == ErrNotFound }

// ConflictError says that an aggregate isn't at the version that the writer had read. Nothing of the unit of work was
// stored. The unit of work retries it with fresh aggregates; a caller who sees it reads again and decides anew.
type ConflictError struct {
	Type     string // aggregate type
	ID       string
	Expected Version // what the writer had read
	Actual   Version // what the store holds; -1 when that couldn't be found out
}

// Error names the aggregate and both versions.
func (e *ConflictError) Error() string {
	return fmt.Sprintf("%s %s is at version %d, not %d", e.Type, e.ID, e.Actual, e.Expected)
}

// Is reports whether target is ErrConflict.
func (e *ConflictError) Is(target error) bool { return target == ErrConflict }
