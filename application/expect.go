package application

import (
	"errors"
	"fmt"
	"slices"

	"github.com/tenon-go/tenon/domain"
)

// ErrPrecondition says that an aggregate isn't at the version that the caller demanded: *[PreconditionError].
var ErrPrecondition = errors.New("precondition failed")

// Expect is a caller's demand that an aggregate be at a version: HTTP's If-Match. The zero value demands nothing.
type Expect struct {
	versions []domain.Version
	demanded bool
}

// At demands one of the versions. Without any it can't be met: the aggregate is always at another one.
func At(versions ...domain.Version) Expect { return Expect{versions: versions, demanded: true} }

// check compares the demand with the version that was loaded.
func (e Expect) check(aggregateType, id string, actual domain.Version) error {
	if !e.demanded || slices.Contains(e.versions, actual) {
		return nil
	}
	err := &PreconditionError{Type: aggregateType, ID: id, Expected: -1, Actual: actual}
	if len(e.versions) > 0 {
		err.Expected = e.versions[0]
	}
	return err
}

// PreconditionError names the aggregate and what was demanded. The command was not carried out and isn't tried again.
type PreconditionError struct {
	Type     string
	ID       string
	Expected domain.Version // the first version demanded; -1 when none was named
	Actual   domain.Version
}

// Error names the aggregate and both versions.
func (e *PreconditionError) Error() string {
	return fmt.Sprintf("%s %s is at version %d, not %d as demanded", e.Type, e.ID, e.Actual, e.Expected)
}

// Is reports whether target is ErrPrecondition.
func (e *PreconditionError) Is(target error) bool { return target == ErrPrecondition }
