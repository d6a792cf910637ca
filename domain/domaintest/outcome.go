package domaintest

import (
	"errors"
	"reflect"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/tenon-go/tenon/domain"
)

// Outcome is what came of a decision.
type Outcome[A any, PA Aggregate[A]] struct {
	t     testing.TB
	live  PA // nil when Create's decision failed
	given []domain.Event
	err   error
}

// Then checks that the decision succeeded and recorded exactly these events, in this order, and returns the aggregate
// for further checks.
func (o *Outcome[A, PA]) Then(want ...domain.Event) PA {
	o.t.Helper()
	if o.err != nil {
		o.t.Fatalf("decision failed: %v", o.err)
	}
	if o.live == nil {
		o.t.Fatal("decision returned neither an aggregate nor an error")
	}
	if diff := cmp.Diff(want, domain.Recorded(o.live), everything(), cmpopts.EquateEmpty()); diff != "" {
		o.t.Errorf("recorded events (-want +got):\n%s", diff)
	}
	o.checkFold()
	return o.live
}

// ThenNothing checks that the decision succeeded and recorded no event.
func (o *Outcome[A, PA]) ThenNothing() {
	o.t.Helper()
	o.Then()
}

// ThenError checks that the decision failed and recorded nothing. The error must match target: be it or wrap it
// (errors.Is), or hold an error of target's type with the same fields.
func (o *Outcome[A, PA]) ThenError(target error) {
	o.t.Helper()
	if diff := mismatch(o.err, target); diff != "" {
		o.t.Error(diff)
	}
	if o.live == nil {
		return
	}
	if recorded := domain.Recorded(o.live); len(recorded) > 0 {
		o.t.Errorf("decision failed and yet recorded %d events: %v", len(recorded), recorded)
	}
	o.checkFold()
}

// mismatch returns what tells err from target, or "".
func mismatch(err, target error) string {
	if errors.Is(err, target) {
		return ""
	}
	if err == nil {
		return "decision succeeded, want error: " + target.Error()
	}
	held := reflect.New(reflect.TypeOf(target))
	if !hasFields(held.Type().Elem()) || !errors.As(err, held.Interface()) {
		return "error: " + err.Error() + "\nwant: " + target.Error()
	}
	if diff := cmp.Diff(target, held.Elem().Interface(), everything()); diff != "" {
		return "error (-want +got):\n" + diff
	}
	return ""
}

// hasFields reports whether errors of type t say anything by their fields. Two errors of errors.New don't: each is a
// condition of its own.
func hasFields(t reflect.Type) bool {
	if t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	return t.Kind() != reflect.Struct || slices.ContainsFunc(reflect.VisibleFields(t), reflect.StructField.IsExported)
}

// checkFold compares the live aggregate with one made from events alone.
func (o *Outcome[A, PA]) checkFold() {
	o.t.Helper()
	folded := PA(new(A))
	domain.Begin(folded, domain.IDOf(o.live))
	domain.Replay(folded, append(slices.Clip(o.given), domain.Recorded(o.live)...)...)
	opts := cmp.Options{everything(), cmpopts.IgnoreTypes(domain.Root{}), cmpopts.EquateEmpty()}
	if diff := cmp.Diff(folded, o.live, opts); diff != "" {
		o.t.Errorf("state differs from the fold of its events (-fold +live):\n%s", diff)
	}
}

// everything lets cmp see unexported fields: an aggregate has hardly any others.
func everything() cmp.Option { return cmp.Exporter(func(reflect.Type) bool { return true }) }
