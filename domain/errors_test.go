package domain_test

import (
	"errors"
	"fmt"
	"testing"

	"github.com/tenon-go/tenon/domain"
)

func TestErrorsSurviveWrapping(t *testing.T) {
	t.Parallel()
	tests := []struct {
		err  error
		is   error
		text string
	}{
		{&domain.InvalidError{Field: "n", Given: "0", Reason: "must be at least 1"}, domain.ErrInvalid, "n must be at least 1, not 0"},
		{&domain.InvalidError{Field: "n", Reason: "is missing"}, domain.ErrInvalid, "n is missing"},
		{&domain.NotFoundError{Type: "order", ID: "7"}, domain.ErrNotFound, "order 7 not found"},
		{&domain.ConflictError{Type: "order", ID: "7", Expected: 2, Actual: 3}, domain.ErrConflict, "order 7 is at version 3, not 2"},
	}
	conditions := []error{domain.ErrInvalid, domain.ErrRule, domain.ErrNotFound, domain.ErrConflict}
	for _, tt := range tests {
		wrapped := fmt.Errorf("place: %w", tt.err)
		for _, condition := range conditions {
			if got, want := errors.Is(wrapped, condition), condition == tt.is; got != want {
				t.Errorf("%T matches %q: %t, want %t", tt.err, condition, got, want)
			}
		}
		if got := tt.err.Error(); got != tt.text {
			t.Errorf("%T says %q, want %q", tt.err, got, tt.text)
		}
	}
}
