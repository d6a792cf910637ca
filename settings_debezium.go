package tenon

import (
	"errors"
	"regexp"
)

// slotName is what PostgreSQL takes for the name of a replication slot.
var slotName = regexp.MustCompile(`^[a-z0-9_]{1,63}$`)

func checkSlot(v string) error {
	if !slotName.MatchString(v) {
		return errors.New("want 1 to 63 of a-z, 0-9 and _")
	}
	return nil
}
