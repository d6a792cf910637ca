package httpport

import (
	"encoding/json"
	"math"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestParse(t *testing.T) {
	t.Parallel()
	got, err := parse([]byte(` {"a":[1,-2.5,"x",true,null,{}],"A":1e999,"b":-1e999,"c":[]} `))
	if err != nil {
		t.Fatal(err)
	}
	want := map[any]any{
		"a": []any{1.0, -2.5, "x", true, nil, map[any]any{}}, "A": math.MaxFloat64, "b": -math.MaxFloat64, "c": []any{},
	}
	if diff := cmp.Diff(any(want), got); diff != "" {
		t.Error(diff)
	}
}

// FuzzParse compares parse with encoding/json: it may refuse more, never accept more, and reads the same.
func FuzzParse(f *testing.F) {
	for _, seed := range []string{`{}`, `{"a":1,"b":[null,"\u0041"]}`, `{"a":1,"a":2}`, `[1,]`, `"\u0000"`, `1e999`, "\xff", `{"a":{"b":{"c":[[]]}}}`} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		got, refused := parse(data)
		if refused != nil {
			if p := refused.problem(); p.Status != 400 && p.Status != 422 {
				t.Errorf("%q is answered with %d", data, p.Status)
			}
			return
		}
		var want any
		if err := json.Unmarshal(data, &want); err != nil && !json.Valid(data) {
			t.Fatalf("%q is accepted, encoding/json says %v", data, err)
		} else if err != nil {
			return // a number beyond float64
		}
		if diff := cmp.Diff(want, plainMaps(got)); diff != "" {
			t.Errorf("%q: %s", data, diff)
		}
	})
}

// plainMaps turns the maps of parse into those of encoding/json.
func plainMaps(v any) any {
	switch v := v.(type) {
	case map[any]any:
		m := make(map[string]any, len(v))
		for name, field := range v {
			m[name.(string)] = plainMaps(field)
		}
		return m
	case []any:
		for i := range v {
			v[i] = plainMaps(v[i])
		}
	}
	return v
}
