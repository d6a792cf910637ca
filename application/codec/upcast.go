package codec

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
)

// step turns the payload of one schema version into that of the next.
type step func(payload []byte) ([]byte, error)

// Upcast registers how an event's payload of schema version from becomes one of from+1: when an older event is decoded, the steps
// from its version to the present one run in turn. What is stored stays as it is. Old and New are the two forms, structs or
// json.RawMessage. New of the last step is encoded and decoded once more, into the registered type.
//
// An event without any step decodes its older forms as if they were of the present one: right where fields were only added. With
// one step it needs them all: [Types.Err] names those that are missing, and those that no event needs.
func Upcast[Old, New any](t *Types, name string, from int, f func(Old) (New, error)) {
	if t.steps == nil {
		t.steps = make(map[string]map[int]step)
	}
	if t.steps[name] == nil {
		t.steps[name] = make(map[int]step)
	}
	if _, taken := t.steps[name][from]; taken {
		t.errs = append(t.errs, fmt.Errorf("event %q has two upcasters from schema version %d", name, from))
		return
	}
	if f == nil {
		t.errs = append(t.errs, fmt.Errorf("event %q: upcaster from schema version %d is nil", name, from))
		return
	}
	t.steps[name][from] = func(payload []byte) ([]byte, error) {
		var old Old
		if err := json.Unmarshal(payload, &old); err != nil {
			return nil, err
		}
		upcast, err := f(old)
		if err != nil {
			return nil, err
		}
		return json.Marshal(upcast) // refuses a RawMessage that isn't JSON
	}
}

// upcast returns the payload in the form of the registered schema version.
func (t *Types) upcast(et eventType, schema int, payload []byte) ([]byte, error) {
	steps := t.steps[et.name]
	if len(steps) == 0 {
		return payload, nil
	}
	for from := max(schema, 1); from < et.schema; from++ {
		up, ok := steps[from]
		if !ok {
			return nil, fmt.Errorf("no upcaster from schema version %d", from)
		}
		var err error
		if payload, err = up(payload); err != nil {
			return nil, fmt.Errorf("upcast from schema version %d: %w", from, err)
		}
	}
	return payload, nil
}

// checkSteps reports chains with a gap, and steps that nothing needs.
func (t *Types) checkSteps() error {
	var errs []error
	for _, name := range slices.Sorted(maps.Keys(t.steps)) {
		et, known := t.byName[name]
		if !known {
			errs = append(errs, fmt.Errorf("upcasters for event %q, which is not registered", name))
			continue
		}
		for from := 1; from < et.schema; from++ {
			if _, ok := t.steps[name][from]; !ok {
				errs = append(errs, fmt.Errorf("event %q: no upcaster from schema version %d to %d", name, from, from+1))
			}
		}
		for _, from := range slices.Sorted(maps.Keys(t.steps[name])) {
			if from < 1 || from >= et.schema {
				errs = append(errs, fmt.Errorf("event %q: upcaster from schema version %d, want one from 1 to %d", name, from, et.schema-1))
			}
		}
	}
	return errors.Join(errs...)
}
