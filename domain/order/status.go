package order

import (
	"fmt"
	"slices"
	"strings"

	"github.com/tenon-go/tenon/domain"
)

// Status says where an order stands.
type Status string

// The statuses, in the order in which an order may pass through them.
const (
	StatusPending   Status = "pending"
	StatusConfirmed Status = "confirmed"
	StatusShipped   Status = "shipped"
	StatusDelivered Status = "delivered"
	StatusCancelled Status = "cancelled"
)

// Statuses returns all of them, in that order.
func Statuses() []Status {
	return []Status{StatusPending, StatusConfirmed, StatusShipped, StatusDelivered, StatusCancelled}
}

// next is the table of an order's life: the statuses that one step leads to.
func (s Status) next() []Status {
	switch s {
	case StatusPending:
		return []Status{StatusConfirmed, StatusCancelled}
	case StatusConfirmed:
		return []Status{StatusShipped, StatusCancelled}
	case StatusShipped:
		return []Status{StatusDelivered}
	case StatusDelivered, StatusCancelled:
	}
	return nil
}

// MayBecome reports whether an order may go from s to to in one step. To stay is no step.
func (s Status) MayBecome(to Status) bool { return slices.Contains(s.next(), to) }

// Final reports whether no step leads out of s.
func (s Status) Final() bool { return len(s.next()) == 0 }

// ParseStatus returns the status of that name, or *domain.InvalidError for the field "status" that lists them all.
func ParseStatus(text string) (Status, error) {
	names := make([]string, 0, len(Statuses()))
	for _, s := range Statuses() {
		if string(s) == text {
			return s, nil
		}
		names = append(names, string(s))
	}
	return "", &domain.InvalidError{Field: "status", Given: quote(text), Reason: "must be one of " + strings.Join(names, ", ")}
}

// TransitionError says that an order's status forbids a step. It matches domain.ErrRule.
type TransitionError struct {
	ID       ID
	From, To Status
}

// Error names the order and both statuses.
func (e *TransitionError) Error() string {
	return fmt.Sprintf("order %s is %s and can't become %s", e.ID, e.From, e.To)
}

// Is reports whether target is domain.ErrRule.
func (e *TransitionError) Is(target error) bool { return target == domain.ErrRule }

// TrackingError says that an order has been shipped under another tracking number. It matches domain.ErrRule.
type TrackingError struct{ Have, Given Tracking }

// Error names both numbers.
func (e *TrackingError) Error() string {
	return fmt.Sprintf("order was shipped with tracking number %q, not %q", e.Have, e.Given)
}

// Is reports whether target is domain.ErrRule.
func (e *TrackingError) Is(target error) bool { return target == domain.ErrRule }
