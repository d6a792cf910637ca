package orderapp_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/tenon-go/tenon/adapters/orderpg/orderpgtest"
	"github.com/tenon-go/tenon/application"
	"github.com/tenon-go/tenon/application/orderapp"
	"github.com/tenon-go/tenon/domain"
	"github.com/tenon-go/tenon/domain/order"
)

const nobody = order.ID("0198c5a8-7b1e-7c3a-9d2f-3f6f2a9b1c4d")

func TestWholeLife(t *testing.T) {
	t.Parallel()
	s := open(t, nil)
	sold, regretted := send(s, two("ann")).ID, send(s, two("ann")).ID
	for range 2 { // the second time nothing happens
		send(s, orderapp.Confirm{ID: sold})
	}
	for range 2 {
		send(s, orderapp.Ship{ID: sold, Tracking: "1Z"})
	}
	for range 2 {
		send(s, orderapp.Deliver{ID: sold})
	}
	for range 2 {
		send(s, orderapp.Cancel{ID: regretted, Reason: "too many"})
	}
	if v := send(s, orderapp.Find{ID: sold}); v.Status != order.StatusDelivered || v.Tracking != "1Z" || v.Version != 4 {
		t.Errorf("sold order is %s with tracking %q at version %d", v.Status, v.Tracking, v.Version)
	}
	if v := send(s, orderapp.Find{ID: regretted}); v.Status != order.StatusCancelled || v.CancelReason != "too many" || v.Version != 2 {
		t.Errorf("regretted order is %s for %q at version %d", v.Status, v.CancelReason, v.Version)
	}
	s.project()
	s.noMismatches()
}

func TestCommandsKnowTheirMistakes(t *testing.T) {
	t.Parallel()
	s := open(t, nil)
	pending := send(s, two("ann")).ID
	shipped := send(s, two("ann")).ID
	send(s, orderapp.Confirm{ID: shipped})
	send(s, orderapp.Ship{ID: shipped, Tracking: "1Z"})
	for name, tt := range map[string]struct{ got, want error }{
		"confirm nothing":         {fail(s, orderapp.Confirm{ID: nobody}), domain.ErrNotFound},
		"find nothing":            {fail(s, orderapp.Find{ID: nobody}), domain.ErrNotFound},
		"confirm no id":           {fail(s, orderapp.Confirm{}), domain.ErrInvalid},
		"ship by a bad id":        {fail(s, orderapp.Ship{ID: "1", Tracking: "1Z"}), domain.ErrInvalid},
		"find by a bad id":        {fail(s, orderapp.Find{ID: "'; --"}), domain.ErrInvalid},
		"ship without number":     {fail(s, orderapp.Ship{ID: shipped}), domain.ErrInvalid},
		"cancel without reason":   {fail(s, orderapp.Cancel{ID: pending}), domain.ErrInvalid},
		"ship a pending order":    {fail(s, orderapp.Ship{ID: pending, Tracking: "1Z"}), domain.ErrRule},
		"deliver a pending order": {fail(s, orderapp.Deliver{ID: pending}), domain.ErrRule},
		"cancel a shipped order":  {fail(s, orderapp.Cancel{ID: shipped, Reason: "late"}), domain.ErrRule},
		"ship by another number":  {fail(s, orderapp.Ship{ID: shipped, Tracking: "2B"}), domain.ErrRule},
		"confirm a newer version": {fail(s, orderapp.Confirm{ID: pending, Expect: application.At(2)}), application.ErrPrecondition},
		"ship an older version":   {fail(s, orderapp.Ship{ID: shipped, Tracking: "1Z", Expect: application.At(2)}), application.ErrPrecondition},
	} {
		if !errors.Is(tt.got, tt.want) {
			t.Errorf("%s: %v, want %v", name, tt.got, tt.want)
		}
	}
	s.noMismatches(orderpgtest.Orders(), orderpgtest.Customers())
}

func TestCommandsTakeAnIDInCapitals(t *testing.T) {
	t.Parallel()
	s := open(t, nil)
	id := send(s, two("ann")).ID
	capitals := order.ID(strings.ToUpper(string(id)))
	send(s, orderapp.Confirm{ID: capitals, Expect: application.At(1)})
	if v := send(s, orderapp.Find{ID: capitals}); v.ID != id || v.Status != order.StatusConfirmed {
		t.Errorf("order %s is %s", v.ID, v.Status)
	}
}
