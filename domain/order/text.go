package order

import (
	"fmt"
	"slices"
	"strconv"
	"unicode"
	"unicode/utf8"

	"github.com/tenon-go/tenon/domain"
)

// maxReasonLength is how many characters a reason may have.
const maxReasonLength = 500

// Tracking is a carrier's number for a parcel: 1 to 100 characters, none of them a control character.
type Tracking string

func (t Tracking) check() error { return checkText("trackingNumber", string(t), maxIDLength) }

// Reason says in words why an order was cancelled: 1 to 500 characters; of the control characters, line breaks and
// tabs only.
type Reason string

func (r Reason) check() error {
	return checkText("reason", string(r), maxReasonLength, '\n', '\r', '\t')
}

// checkText counts characters, not bytes, and refuses what a database or a log line would choke on: broken UTF-8 and
// control characters, NUL among them.
func checkText(field, text string, longest int, also ...rune) error {
	invalid := func(given, reason string) error {
		return &domain.InvalidError{Field: field, Given: given, Reason: reason}
	}
	if n := utf8.RuneCountInString(text); n < 1 || n > longest {
		return invalid(strconv.Itoa(n), fmt.Sprintf("must have 1 to %d characters", longest))
	}
	if !utf8.ValidString(text) {
		return invalid(quote(text), "must be valid UTF-8")
	}
	for _, r := range text {
		if unicode.IsControl(r) && !slices.Contains(also, r) {
			return invalid(quote(text), "must not contain control characters")
		}
	}
	return nil
}

// quote shows what was given: in quotes, escaped, and cut where it would flood a log or an answer.
func quote(text string) string {
	const longest = 60
	if len(text) <= longest {
		return strconv.Quote(text)
	}
	return strconv.Quote(text[:longest]) + "..."
}
