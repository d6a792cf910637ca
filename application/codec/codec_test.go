package codec_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"github.com/tenon-go/tenon/application/codec"
)

type opened struct {
	Name string `json:"name"`
}

type closed struct{}

func newTypes() *codec.Types {
	types := new(codec.Types)
	codec.Register[opened](types, "door.opened", 2)
	return types
}

var id = uuid.MustParse("01890a5d-ac96-774b-bcce-b302099a8057")

func TestEncodeThenDecodeGivesTheSameEvent(t *testing.T) {
	c := codec.JSON{Types: newTypes()}
	meta := codec.Meta{ID: id, Type: "door.opened", SchemaVersion: 2}
	payload, err := c.Encode(t.Context(), meta, opened{"front"})
	if err != nil {
		t.Fatal(err)
	}
	if got, want := string(payload), `{"name":"front"}`; got != want {
		t.Errorf("encoded %s, want %s", got, want)
	}
	back, err := c.Decode(t.Context(), meta, payload)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(opened{"front"}, back); diff != "" {
		t.Error(diff)
	}
}

func TestDecodeSaysWhatIsWrong(t *testing.T) {
	c := codec.JSON{Types: newTypes()}
	for _, x := range []struct {
		name    string
		meta    codec.Meta
		payload string
		is      error
		says    string
	}{
		{"unknown type", codec.Meta{ID: id, Type: "door.painted", SchemaVersion: 1}, `{}`, codec.ErrUnknownType, `"door.painted"`},
		{"newer schema", codec.Meta{ID: id, Type: "door.opened", SchemaVersion: 3}, `{}`, codec.ErrMalformed, "schema version 3, this program knows up to 2"},
		{"no JSON", codec.Meta{ID: id, Type: "door.opened", SchemaVersion: 2}, `{"na`, codec.ErrMalformed, id.String()},
		{"wrong type of field", codec.Meta{ID: id, Type: "door.opened", SchemaVersion: 2}, `{"name":3}`, codec.ErrMalformed, "name"},
	} {
		t.Run(x.name, func(t *testing.T) {
			_, err := c.Decode(t.Context(), x.meta, []byte(x.payload))
			if !errors.Is(err, x.is) || !strings.Contains(err.Error(), x.says) {
				t.Errorf("error %v: want %v saying %q", err, x.is, x.says)
			}
		})
	}
}

func TestDecodePassesOverFieldsOfANewerWriter(t *testing.T) {
	c := codec.JSON{Types: newTypes()}
	e, err := c.Decode(t.Context(), codec.Meta{Type: "door.opened", SchemaVersion: 1}, []byte(`{"name":"back","colour":"red"}`))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(opened{"back"}, e); diff != "" {
		t.Error(diff)
	}
}

func TestEncodeNamesWhatCannotBeEncoded(t *testing.T) {
	_, err := codec.JSON{}.Encode(context.Background(), codec.Meta{ID: id, Type: "door.opened"}, func() {})
	if err == nil || !strings.Contains(err.Error(), "door.opened "+id.String()) {
		t.Errorf("error %v: want the event named", err)
	}
}

func TestNameOfAnUnregisteredTypeIsAnError(t *testing.T) {
	if _, _, err := newTypes().NameOf(closed{}); !errors.Is(err, codec.ErrUnknownType) {
		t.Errorf("error %v, want ErrUnknownType", err)
	}
}

func TestWrongRegistrationsAreAllReported(t *testing.T) {
	types := newTypes()
	codec.Register[closed](types, "door.opened", 1)
	codec.Register[opened](types, "door.unlocked", 1)
	codec.Register[*closed](types, "door.pointer", 1)
	codec.Register[closed](types, "", 1)
	codec.Register[closed](types, "door.closed", 0)
	err := types.Err()
	if err == nil {
		t.Fatal("no error")
	}
	for _, want := range []string{`"door.opened"`, `"door.unlocked"`, `"door.pointer"`, `name ""`, "schema version 0"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("error doesn't mention %s:\n%v", want, err)
		}
	}
	if !types.Knows("door.opened") || types.Knows("door.closed") {
		t.Error("a refused registration took effect, or a good one didn't")
	}
}

func FuzzDecode(f *testing.F) {
	for schema := range 4 {
		f.Add([]byte(`{"name":"x"}`), schema)
		f.Add([]byte(`{"fullName":"x y","floor":3}`), schema)
		f.Add([]byte(`null`), schema)
		f.Add([]byte{0xff, 0}, schema)
	}
	plain, chain := codec.JSON{Types: newTypes()}, codec.JSON{Types: tenantTypes()}
	f.Fuzz(func(t *testing.T, payload []byte, schema int) {
		for name, c := range map[string]codec.JSON{"door.opened": plain, "tenant.moved": chain} {
			e, err := c.Decode(t.Context(), codec.Meta{Type: name, SchemaVersion: schema}, payload)
			if (err == nil) == (e == nil) || (err != nil && !errors.Is(err, codec.ErrMalformed)) {
				t.Errorf("Decode(%s %d, %q) = %v, %v: want an event or ErrMalformed", name, schema, payload, e, err)
			}
		}
	})
}
