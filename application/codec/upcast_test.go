package codec_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/tenon-go/tenon/application/codec"
)

// moved is an event that has had three forms: testdata holds one event in each.
type moved struct {
	First string `json:"first"`
	Last  string `json:"last"`
	Floor int    `json:"floor"`
}

type movedV2 struct {
	FullName string `json:"fullName"`
	Floor    string `json:"floor"`
}

func renameName(old json.RawMessage) (json.RawMessage, error) {
	return bytes.Replace(old, []byte(`"name"`), []byte(`"fullName"`), 1), nil
}

func splitName(old movedV2) (moved, error) {
	floor, err := strconv.Atoi(old.Floor)
	first, last, _ := strings.Cut(old.FullName, " ")
	return moved{First: first, Last: last, Floor: floor}, err
}

func tenantTypes() *codec.Types {
	types := new(codec.Types)
	codec.Upcast(types, "tenant.moved", 1, renameName)
	codec.Upcast(types, "tenant.moved", 2, splitName)
	codec.Register[moved](types, "tenant.moved", 3)
	return types
}

func TestEveryStoredFormIsReadAsThePresentOne(t *testing.T) {
	types := tenantTypes()
	if err := types.Err(); err != nil {
		t.Fatal(err)
	}
	for schema := 1; schema <= 3; schema++ {
		stored, err := os.ReadFile(fmt.Sprintf("testdata/tenant.moved.v%d.json", schema))
		if err != nil {
			t.Fatal(err)
		}
		before := bytes.Clone(stored)
		e, err := codec.JSON{Types: types}.Decode(t.Context(), codec.Meta{Type: "tenant.moved", SchemaVersion: schema}, stored)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(moved{First: "Ann", Last: "Lee", Floor: 3}, e); diff != "" {
			t.Errorf("schema version %d (-want +got):\n%s", schema, diff)
		}
		if !bytes.Equal(before, stored) {
			t.Errorf("schema version %d: the stored bytes were changed to %s", schema, stored)
		}
	}
}

func TestThePresentFormIsWrittenAsItIs(t *testing.T) {
	golden, err := os.ReadFile("testdata/tenant.moved.v3.json")
	if err != nil {
		t.Fatal(err)
	}
	payload, err := codec.JSON{Types: tenantTypes()}.Encode(t.Context(), codec.Meta{}, moved{"Ann", "Lee", 3})
	if diff := cmp.Diff(string(bytes.TrimSpace(golden)), string(payload)); diff != "" || err != nil {
		t.Errorf("error %v, payload (-want +got):\n%s", err, diff)
	}
}

func TestWhatAnUpcasterReturnsIsValidated(t *testing.T) {
	for name, c := range map[string]struct {
		step func(json.RawMessage) (json.RawMessage, error)
		says string
	}{
		"no JSON":       {func(json.RawMessage) (json.RawMessage, error) { return json.RawMessage(`{"na`), nil }, "from schema version 1"},
		"another shape": {func(json.RawMessage) (json.RawMessage, error) { return json.RawMessage(`{"name":[]}`), nil }, "name"},
		"an error":      {func(json.RawMessage) (json.RawMessage, error) { return nil, errors.New("no idea") }, "no idea"},
	} {
		t.Run(name, func(t *testing.T) {
			types := newTypes()
			codec.Upcast(types, "door.opened", 1, c.step)
			_, err := codec.JSON{Types: types}.Decode(t.Context(), codec.Meta{ID: id, Type: "door.opened", SchemaVersion: 1}, []byte(`{}`))
			if !errors.Is(err, codec.ErrMalformed) || !strings.Contains(err.Error(), c.says) || !strings.Contains(err.Error(), id.String()) {
				t.Errorf("error %v: want ErrMalformed saying %q", err, c.says)
			}
		})
	}
}

func TestWrongUpcastersAreAllReported(t *testing.T) {
	same := func(old json.RawMessage) (json.RawMessage, error) { return old, nil }
	types := tenantTypes()
	codec.Register[opened](types, "door.opened", 4)
	codec.Upcast(types, "door.opened", 2, same)
	codec.Upcast(types, "door.opened", 4, same)
	codec.Upcast(types, "door.painted", 1, same)
	codec.Upcast(types, "tenant.moved", 1, same)
	codec.Upcast[opened, opened](types, "tenant.moved", 3, nil)
	err := types.Err()
	if err == nil {
		t.Fatal("no error")
	}
	for _, want := range []string{
		`"door.opened": no upcaster from schema version 1 to 2`, `"door.opened": no upcaster from schema version 3 to 4`,
		`"door.opened": upcaster from schema version 4, want one from 1 to 3`, `"door.painted", which is not registered`,
		`"tenant.moved" has two upcasters from schema version 1`, `"tenant.moved": upcaster from schema version 3 is nil`,
	} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("error doesn't say %s:\n%v", want, err)
		}
	}
	if strings.Contains(err.Error(), "from schema version 2 to 3") {
		t.Errorf("a step that is there is reported as missing:\n%v", err)
	}
}
