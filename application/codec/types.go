package codec

import (
	"errors"
	"fmt"
	"reflect"
	"slices"

	"github.com/tenon-go/tenon/domain"
)

// Types maps event structs to their stored names and back. Fill it with [Register] while wiring; then it is read-only
// and safe for concurrent use. The zero value is empty and ready.
type Types struct {
	byName map[string]eventType
	byType map[reflect.Type]eventType
	steps  map[string]map[int]step // by event name and the schema version that they begin at
	errs   []error
}

type eventType struct {
	name   string
	schema int
	decode func([]byte) (domain.Event, error)
}

// Register names the event type E, with the schema version of its present form, from 1. A name or type given twice, an
// empty name or a pointer type is reported by [Types.Err].
func Register[E any](t *Types, name string, schema int) {
	goType := reflect.TypeFor[E]()
	if t.byName == nil {
		t.byName = make(map[string]eventType)
		t.byType = make(map[reflect.Type]eventType)
	}
	_, nameTaken := t.byName[name]
	_, typeTaken := t.byType[goType]
	switch {
	case name == "" || schema < 1:
		t.errs = append(t.errs, fmt.Errorf("event %v: name %q, schema version %d: want a name and a version from 1", goType, name, schema))
	case goType.Kind() == reflect.Pointer || goType.Kind() == reflect.Interface:
		t.errs = append(t.errs, fmt.Errorf("event %q: register the struct, not %v", name, goType))
	case nameTaken || typeTaken:
		t.errs = append(t.errs, fmt.Errorf("event %q (%v) is registered twice", name, goType))
	default:
		e := eventType{name: name, schema: schema, decode: decoderOf[E](goType)}
		t.byName[name] = e
		t.byType[goType] = e
	}
}

// Err returns all that was wrong with the registrations, joined; nil when nothing was. Ask when all are made.
func (t *Types) Err() error { return errors.Join(append(slices.Clip(t.errs), t.checkSteps())...) }

// NameOf returns the stored name and schema version of e's type; the error wraps [ErrUnknownType].
func (t *Types) NameOf(e domain.Event) (name string, schema int, err error) {
	if et, ok := t.byType[reflect.TypeOf(e)]; ok {
		return et.name, et.schema, nil
	}
	return "", 0, fmt.Errorf("%w: %T has no registered name", ErrUnknownType, e)
}

// Knows reports whether an event type is registered under name.
func (t *Types) Knows(name string) bool {
	_, ok := t.byName[name]
	return ok
}
