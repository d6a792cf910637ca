package order_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"reflect"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/tenon-go/tenon/domain"
	"github.com/tenon-go/tenon/domain/order"
)

var update = flag.Bool("update", false, "write the golden files anew: their change is a change of the stored form")

// stored is an event of each type with every field set, by the name it is stored under.
func stored() map[string]domain.Event {
	return map[string]domain.Event{
		order.TypeCreated: created(), order.TypeConfirmed: confirmed(), order.TypeShipped: shipped(),
		order.TypeDelivered: delivered(), order.TypeCancelled: cancelled(),
	}
}

// TestStoredFormIsWritten isn't parallel: with -update it writes before the others read.
func TestStoredFormIsWritten(t *testing.T) {
	for name, e := range stored() {
		got, err := json.MarshalIndent(e, "", "  ")
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, '\n')
		if *update {
			if err := os.WriteFile(golden(name), got, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(golden(name))
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(got, want) {
			t.Errorf("%s: stored form changed; events stored before must stay readable (-golden +now):\n%s", name, cmp.Diff(string(want), string(got)))
		}
	}
}

func TestStoredFormIsRead(t *testing.T) {
	t.Parallel()
	for name, want := range stored() {
		data, err := os.ReadFile(golden(name))
		if err != nil {
			t.Fatal(err)
		}
		got := reflect.New(reflect.TypeOf(want))
		if err := json.Unmarshal(data, got.Interface()); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if diff := cmp.Diff(want, got.Elem().Interface()); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

func golden(name string) string { return filepath.Join("testdata", name+".json") }
