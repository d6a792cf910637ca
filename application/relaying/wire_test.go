package relaying_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/tenon-go/tenon/application/eventlog"
	"github.com/tenon-go/tenon/application/relaying"
)

func TestWireIsKeptToTheByteAndItsPayloadIsJSON(t *testing.T) {
	t.Parallel()
	headers := []relaying.Header{{Name: "a", Value: "\x00\xff"}, {Name: "a", Value: ""}, {Name: "\xfe", Value: "x"}}
	for name, value := range map[string][]byte{
		"JSON": []byte(`{"a":  1.50, "b":"\u0000"}`), "bytes": []byte("\x00\xff"), "text": []byte("hello"), "nothing": nil, "empty": {},
		"deep": []byte(strings.Repeat("[", 2000) + strings.Repeat("]", 2000)), "brackets in a text": []byte(`"` + strings.Repeat("[", 2000) + `"`),
	} {
		want := relaying.Wire{Key: []byte("\x01\xff"), Value: value, Headers: headers}
		r := eventlog.Record{Metadata: map[string]string{"mine": "stays"}}
		if err := want.Put(&r); err != nil {
			t.Fatal(err)
		}
		if !json.Valid(r.Payload) || r.Metadata["mine"] != "stays" {
			t.Errorf("%s: payload %q, metadata %v", name, r.Payload, r.Metadata)
		}
		got, ok := relaying.WireOf(&r)
		if diff := cmp.Diff(want, got); diff != "" || !ok {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

func TestWireOfOthersIsNone(t *testing.T) {
	t.Parallel()
	for _, r := range []eventlog.Record{{}, {Metadata: map[string]string{"a": "b"}}, {Metadata: map[string]string{relaying.MetadataWire: "mine"}}} {
		if w, ok := relaying.WireOf(&r); ok {
			t.Errorf("%v gave %v", r.Metadata, w)
		}
	}
}
