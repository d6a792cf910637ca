package reading_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/tenon-go/tenon/application/eventlog"
	"github.com/tenon-go/tenon/application/reading"
)

const orderID = "0199bed9-cb57-771f-abd4-a87e5fd2bf03"

func TestTokenNamesWhatWasWrittenOnce(t *testing.T) {
	t.Parallel()
	a2, a3 := eventlog.Head{Type: "order", ID: "a", Version: 2}, eventlog.Head{Type: "order", ID: "a", Version: 3}
	b, c := eventlog.Head{Type: "order", ID: "b", Version: 1}, eventlog.Head{Type: "customer", ID: "b", Version: 9}
	none := eventlog.Head{Type: "order", ID: "new"}
	got := reading.NewToken(b, a2, none).And(reading.NewToken(c, a3)).And(reading.Token{}).Heads()
	if diff := cmp.Diff([]eventlog.Head{c, a3, b}, got); diff != "" {
		t.Error(diff)
	}
}

// The texts are in clients' hands while the program is changed: they stay readable.
func TestTokenTexts(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		text  string
		heads []eventlog.Head
	}{
		{"AQVvcmRlcgABmb7Zy1d3H6vUqH5f0r8DAVrttQo", []eventlog.Head{{Type: "order", ID: orderID, Version: 1}}},
		{"", nil},
	} {
		if got := reading.NewToken(c.heads...).String(); got != c.text {
			t.Errorf("%v is %q, want %q", c.heads, got, c.text)
		}
	}
}

func TestTokenIsReadBack(t *testing.T) {
	t.Parallel()
	many := make([]eventlog.Head, 0, reading.Most)
	for i := range reading.Most {
		many = append(many, eventlog.Head{Type: "order", ID: fmt.Sprintf("%036d", i), Version: 1 << 40})
	}
	for _, heads := range [][]eventlog.Head{
		{{Type: "order", ID: orderID, Version: 1}},
		{{Type: "order", ID: strings.ToUpper(orderID), Version: 300}},
		{{Type: "a", ID: "ü/1", Version: 7}, {Type: strings.Repeat("t", 100), ID: strings.Repeat("i", 100), Version: 1<<62 + 1}},
	} {
		text := reading.NewToken(heads...).String()
		got, err := reading.ParseToken(text)
		if err != nil {
			t.Fatalf("%q: %v", text, err)
		}
		if diff := cmp.Diff(heads, got.Heads()); diff != "" {
			t.Error(diff)
		}
	}
	if got, err := reading.ParseToken(reading.NewToken(many...).String()); err != nil || len(got.Heads()) != len(many) {
		t.Errorf("%d aggregates came back as %d: %v", len(many), len(got.Heads()), err)
	}
	many = append(many, eventlog.Head{Type: "order", ID: "one more", Version: 1})
	if !reading.NewToken(many...).IsZero() {
		t.Errorf("a token of %d aggregates isn't the zero one", len(many))
	}
}

func TestTextsThatAreNoTokens(t *testing.T) {
	t.Parallel()
	good := reading.NewToken(eventlog.Head{Type: "order", ID: orderID, Version: 1}).String()
	for _, text := range []string{
		"", "x", "AQ", good[:len(good)-1], good + "A", "Ag" + good[2:], strings.ToLower(good), good[:10] + "B" + good[11:], good + "==",
		strings.Repeat("A", 10_000), "AQVvcmRlcg",
	} {
		if got, err := reading.ParseToken(text); !errors.Is(err, reading.ErrToken) {
			t.Errorf("%.40q is %v, %v", text, got, err)
		}
	}
}

func FuzzParseToken(f *testing.F) {
	f.Add(reading.NewToken(eventlog.Head{Type: "order", ID: orderID, Version: 1}).String())
	f.Add("AQVvcmRlcg")
	f.Fuzz(func(t *testing.T, text string) {
		got, err := reading.ParseToken(text)
		if err != nil {
			return
		}
		if got.String() != text {
			t.Errorf("%q is read as %v, which is %q", text, got.Heads(), got.String())
		}
	})
}

func BenchmarkToken(b *testing.B) {
	h := eventlog.Head{Type: "order", ID: orderID, Version: 1}
	b.ReportAllocs()
	for b.Loop() {
		_ = reading.NewToken(h).String()
	}
}
