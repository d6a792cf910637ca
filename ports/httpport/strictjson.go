package httpport

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"strconv"
)

// maxDepth is how deep a body may nest.
const maxDepth = 32

// bodyError says what is wrong with a body as JSON, or with a string in it.
type bodyError struct {
	kind     kindID
	location string
	reason   string
}

// Error returns place and reason.
func (e *bodyError) Error() string { return e.location + ": " + e.reason }

func (e *bodyError) problem() *Problem {
	if e.kind == kindInvalid {
		return problem(e.kind, "values are outside what is allowed", fault(e.location, "", e.reason))
	}
	return problem(e.kind, "the body is not JSON that can be read", fault(e.location, "", e.reason))
}

// unmarshal decodes a body that parse accepted. Into an *any, which Huma checks against the schema, it decodes objects as
// map[any]any: those Huma compares with the schema's names letter by letter, others without regard to case.
func unmarshal(data []byte, v any) error {
	generic, ok := v.(*any)
	if !ok {
		err := json.Unmarshal(data, v)
		if mismatch, ok := errors.AsType[*json.UnmarshalTypeError](err); ok {
			return fmt.Errorf("%s must not be %s", mismatch.Field, mismatch.Value)
		}
		return err
	}
	tree, err := parse(data)
	if err != nil {
		return err
	}
	*generic = tree
	return nil
}

// parse decodes data and refuses what encoding/json would let pass: fields named twice, text that is no text, deep nesting.
func parse(data []byte) (any, *bodyError) {
	var whole json.RawMessage
	if err := json.Unmarshal(data, &whole); err != nil {
		return nil, &bodyError{kindMalformed, "body", err.Error()}
	}
	if !isText(string(data)) {
		return nil, &bodyError{kindMalformed, "body", notText}
	}
	p := parser{json.NewDecoder(bytes.NewReader(data))}
	p.UseNumber()
	return p.value("body", 0)
}

// parser turns the tokens of valid JSON into a tree.
type parser struct{ *json.Decoder }

func (p parser) next(at string) (json.Token, *bodyError) {
	t, err := p.Token()
	if err != nil {
		return nil, &bodyError{kindMalformed, at, err.Error()}
	}
	return t, nil
}

func (p parser) value(at string, depth int) (any, *bodyError) {
	if depth > maxDepth {
		return nil, &bodyError{kindMalformed, "body", fmt.Sprintf("must not nest deeper than %d", maxDepth)}
	}
	t, err := p.next(at)
	if err != nil {
		return nil, err
	}
	switch t := t.(type) {
	case json.Delim:
		if t == '{' {
			return p.object(at, depth)
		}
		return p.array(at, depth)
	case string:
		return t, checkText(at, t)
	case json.Number:
		return finite(t), nil
	}
	return t, nil
}

func (p parser) object(at string, depth int) (any, *bodyError) {
	fields := make(map[any]any)
	for p.More() {
		t, err := p.next(at)
		if err != nil {
			return nil, err
		}
		name, _ := t.(string)
		inside := at + "." + shorten(name)
		if _, twice := fields[name]; twice {
			return nil, &bodyError{kindMalformed, inside, "must be given once"}
		}
		if err = checkText(at, name); err != nil {
			return nil, err
		}
		if fields[name], err = p.value(inside, depth+1); err != nil {
			return nil, err
		}
	}
	_, err := p.next(at)
	return fields, err
}

func (p parser) array(at string, depth int) (any, *bodyError) {
	items := []any{}
	for p.More() {
		item, err := p.value(at+"["+strconv.Itoa(len(items))+"]", depth+1)
		if err != nil {
			return nil, err
		}
		items = append(items, item)
	}
	_, err := p.next(at)
	return items, err
}

func checkText(at, s string) *bodyError {
	if !isText(s) {
		return &bodyError{kindInvalid, at, notText}
	}
	return nil
}

// finite returns n as Huma's checks want it. They look at type and range only; handlers decode the digits.
func finite(n json.Number) float64 {
	f, err := n.Float64()
	if err != nil {
		return math.Copysign(math.MaxFloat64, f)
	}
	return f
}
