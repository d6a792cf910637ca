package codec_test

import (
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"github.com/tenon-go/tenon/application/codec"
)

type Embedded struct {
	Deep *int `json:"deep"`
}

// various has fields of most kinds that events have.
type various struct {
	Embedded

	Text     string
	Renamed  string `json:"renamed,omitempty"`
	Skipped  string `json:"-"`
	Small    int8
	Unsigned uint16
	Real     float64
	Flag     bool
	Bytes    []byte
	List     []Embedded
	Array    [2]int
	Map      map[string]Embedded
	Numbered map[int]string
	Any      any
	Pointer  *string
	Raw      json.RawMessage
	At       time.Time
	Took     time.Duration
	ID       uuid.UUID
	Marked   marked
}

// marked decodes itself.
type marked struct{ text string }

func (m *marked) UnmarshalJSON(b []byte) error {
	if string(b) == `"refused"` {
		return fmt.Errorf("refused: %s", b)
	}
	m.text = string(b)
	return nil
}

// counted has a number of a kind that is encoding/json's own, quoted one that is a text in JSON.
type (
	counted struct{ Sums map[string][]json.Number }
	quoted  struct {
		List []struct {
			Number *int64 `json:"n,omitempty,string"`
		}
	}
)

// payloads are what encoding/json has its own way with.
func payloads() []string {
	return []string{
		`{}`, `null`, ``, `[]`, `"text"`, `{"Text":"a"} `, `{"Text":"a"}{}`, `{"Text":"a"`, `{"Text":"a",}`, "\ufeff{}", "{\"Text\":\"a\"}\x00",
		`{"text":"other case","TEXT":"last"}`, `{"Text":"first","Text":"last"}`, `{"Text":null,"Flag":null,"List":null}`, `{"unknown":{"Text":[1]}}`,
		`{"Text":"\ud800","renamed":"\u0000\u20ac\ud83d\ude00"}`, "{\"Text\":\"\xff\xfe\"}", "{\"Text\":\"\x01\"}", `{"Te\u0078t":"escaped name"}`, `{"Text":3}`,
		`{"Skipped":"x","-":"y"}`, `{"List":[{"n":"12"}]}`, `{"List":[{"n":12}]}`, `{"List":[{"n":"x"}]}`, `{"List":[{"n":"null"}]}`, `{"List":[{"n":"+0"}]}`,
		`{"Small":127}`, `{"Small":128}`, `{"Small":1.0}`, `{"Unsigned":-1}`, `{"Real":1e400}`, `{"Real":12345678901234567890.5}`, `{"Real":01}`,
		`{"Flag":"true"}`, `{"Bytes":"aGk="}`, `{"Bytes":"aGk"}`, `{"Bytes":[1,2]}`, `{"Bytes":"a\nGk="}`, `{"Bytes":""}`,
		`{"List":[{"deep":1},{"DEEP":2}],"Array":[1,2,3]}`, `{"Array":[1]}`, `{"Array":{}}`, `{"deep":5}`, `{"Embedded":{"deep":5}}`, `{"List":[]}`,
		`{"Map":{"a":{"deep":1},"a":{}}}`, `{"Numbered":{"1":"a","01":"b"}}`, `{"Numbered":{"x":"a"}}`, `{"Map":{}}`,
		`{"Any":{"a":[1,2.5,"x",null,true,{}]}}`, `{"Any":12345678901234567890}`, `{"Any":{"a":1,"a":2}}`, `{"Pointer":"x"}`, `{"Pointer":null}`,
		`{"Raw":{"b" : 1,  "a":2}}`, `{"Raw":null}`, `{"Took":5}`, `{"Took":"5s"}`, `{"Marked":"refused"}`, `{"Marked":null}`, `{"Marked":{"a":1 }}`,
		`{"At":"2026-01-02T03:04:05.678901Z"}`, `{"At":"2026-01-02 03:04:05"}`, `{"At":null}`, `{"At":"2026-01-02T3:04:05Z"}`,
		`{"ID":"01890a5d-ac96-774b-bcce-b302099a8057"}`, `{"ID":""}`, `{"ID":[1]}`,
		`{"Sums":{"a":[1.50,"2","0x1"]}}`, `{"Sums":{"a":[1.50,"2",-0]}}`, `{"Sums":{"a":["x"]}}`, `{"Sums":{"a":[""]}}`,
	}
}

// Events are decoded as encoding/json does, its oddities included: what was stored for years is read as it was.
func FuzzDecodesAsEncodingJSON(f *testing.F) {
	for _, payload := range payloads() {
		f.Add([]byte(payload))
	}
	types := new(codec.Types)
	codec.Register[various](types, "various", 1)
	codec.Register[counted](types, "counted", 1)
	codec.Register[quoted](types, "quoted", 1)
	c := codec.JSON{Types: types}
	f.Fuzz(func(t *testing.T, payload []byte) {
		var v various
		same(t, c, "various", payload, &v)
		var n counted
		same(t, c, "counted", payload, &n)
		var q quoted
		same(t, c, "quoted", payload, &q)
	})
}

// same compares what the codec makes of a payload with encoding/json's, into want.
func same[E any](t *testing.T, c codec.Codec, name string, payload []byte, want *E) {
	t.Helper()
	wantErr := json.Unmarshal(payload, want)
	got, err := c.Decode(t.Context(), codec.Meta{ID: id, Type: name, SchemaVersion: 1}, payload)
	if (err == nil) != (wantErr == nil) {
		t.Fatalf("%s: error %v, encoding/json's %v", name, err, wantErr)
	}
	if err != nil {
		return
	}
	if diff := cmp.Diff(*want, got, cmp.AllowUnexported(marked{})); diff != "" {
		t.Errorf("%s (-encoding/json +codec):\n%s", name, diff)
	}
}
