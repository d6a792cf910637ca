package order_test

import (
	"encoding/json"
	"errors"
	"math"
	"math/big"
	"strings"
	"testing"

	"github.com/tenon-go/tenon/domain"
	"github.com/tenon-go/tenon/domain/order"
)

func TestParseAmount(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		want   order.Amount
		reason string // a part of it; empty: fine
	}{
		"0": {0, ""}, "0.00": {0, ""}, "7": {700, ""}, "12.5": {1250, ""}, "12.50": {1250, ""}, "0.01": {1, ""}, "0.1": {10, ""},
		"9999999999999999.99":  {order.MaxAmount, ""},
		"10000000000000000":    {0, "at most"},
		"10000000000000000.00": {0, "at most"},
		"92233720368547758.08": {0, "at most"}, "99999999999999999999999999": {0, "at most"},
		"12.500": {0, "two decimals"}, "0.001": {0, "two decimals"},
		"-1": {0, "negative"}, "-0.01": {0, "negative"}, "-0": {0, "negative"},
		"": {0, "plain"}, ".": {0, "plain"}, "12.": {0, "plain"}, ".5": {0, "plain"}, "+1": {0, "plain"}, "-": {0, "plain"}, "1e2": {0, "plain"},
		"1E-2": {0, "plain"}, "1,000": {0, "plain"}, "1_0": {0, "plain"}, " 1": {0, "plain"}, "1 ": {0, "plain"}, "01": {0, "plain"},
		"00.5": {0, "plain"}, "1.2.3": {0, "plain"}, "NaN": {0, "plain"}, "0x10": {0, "plain"}, "١": {0, "plain"}, "1.-5": {0, "plain"},
	}
	for text, tt := range tests {
		got, err := order.ParseAmount(text)
		if tt.reason == "" {
			if err != nil || got != tt.want {
				t.Errorf("ParseAmount(%q) = %d, %v; want %d", text, got, err, tt.want)
			}
			continue
		}
		var invalid *domain.InvalidError
		if !errors.As(err, &invalid) || !strings.Contains(invalid.Reason, tt.reason) || got != 0 {
			t.Errorf("ParseAmount(%q) = %d, %v; want a reason with %q", text, got, err, tt.reason)
		}
	}
}

func TestAmountInJSON(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		want order.Amount
		ok   bool
	}{
		`12.5`: {1250, true}, `"12.5"`: {1250, true}, `12.50`: {1250, true}, `"\u0031"`: {100, true}, `0.29`: {29, true},
		`9007199254740993.01`: {900719925474099301, true}, // a float64 can't hold it
		`null`:                {}, `true`: {}, `""`: {}, `{}`: {}, `[1]`: {}, `1e2`: {}, `-1`: {}, `1.005`: {}, `"1.005"`: {},
	}
	for text, tt := range tests {
		var got struct{ Price order.Amount }
		err := json.Unmarshal([]byte(`{"price":`+text+`}`), &got)
		if (err == nil) != tt.ok || got.Price != tt.want {
			t.Errorf("%s is read as %d, %v; want %d, fine %t", text, got.Price, err, tt.want, tt.ok)
		}
	}
}

// FuzzParseAmount compares with arithmetic on fractions: what is accepted is worth what the text says, and is written so
// that it is read again as the same.
func FuzzParseAmount(f *testing.F) {
	for _, seed := range []string{"0", "12.50", "9999999999999999.99", "-1", "1e9", "0.005", "1.", "NaN"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		got, err := order.ParseAmount(text)
		if err != nil {
			if !errors.Is(err, domain.ErrInvalid) {
				t.Fatalf("%q: error %v isn't domain.ErrInvalid", text, err)
			}
			return
		}
		exact, ok := new(big.Rat).SetString(text)
		if !ok || exact.Cmp(big.NewRat(int64(got), 100)) != 0 || got < 0 || got > order.MaxAmount {
			t.Fatalf("%q is read as %d", text, got)
		}
		if again, err := order.ParseAmount(got.String()); err != nil || again != got {
			t.Fatalf("%q is written as %s, which is read as %d, %v", text, got, again, err)
		}
	})
}

func TestAmountAsText(t *testing.T) {
	t.Parallel()
	tests := map[order.Amount]string{
		0: "0.00", 5: "0.05", 1250: "12.50", order.MaxAmount: "9999999999999999.99", -5: "-0.05", math.MinInt64: "-92233720368547758.08",
	}
	for a, want := range tests {
		if got := a.String(); got != want {
			t.Errorf("%d is written as %q, want %q", int64(a), got, want)
		}
	}
}

func TestParseCurrency(t *testing.T) {
	t.Parallel()
	for code, ok := range map[string]bool{
		"EUR": true, "USD": true, "CHF": true, "ZWG": true,
		"": false, "eur": false, "EURO": false, "JPY": false, "KWD": false, "CLF": false, "XXX": false, "EU\x00": false,
	} {
		c, err := order.ParseCurrency(code)
		if (err == nil) != ok || err != nil && !errors.Is(err, domain.ErrInvalid) || string(c) != code {
			t.Errorf("ParseCurrency(%q) = %q, %v; want fine %t", code, c, err, ok)
		}
	}
}

func TestParseID(t *testing.T) {
	t.Parallel()
	const canonical = "0198c5a8-7b1e-7c3a-9d2f-3f6f2a9b1c4d"
	for text, ok := range map[string]bool{
		canonical: true, strings.ToUpper(canonical): true,
		"": false, "1": false, "{" + canonical + "}": false, "urn:uuid:" + canonical: false, strings.ReplaceAll(canonical, "-", ""): false,
		canonical[:35]: false, canonical + "0": false, canonical[:35] + "g": false, "-" + canonical[1:]: false,
		"0198c5a87-b1e-7c3a-9d2f-3f6f2a9b1c4d": false, strings.Repeat("é", 18): false,
	} {
		got, err := order.ParseID(text)
		if ok && (err != nil || got != canonical) || !ok && (!errors.Is(err, domain.ErrInvalid) || got != "") {
			t.Errorf("ParseID(%q) = %q, %v; want fine %t", text, got, err, ok)
		}
	}
}

func TestParseStatus(t *testing.T) {
	t.Parallel()
	for _, s := range order.Statuses() {
		if got, err := order.ParseStatus(string(s)); got != s || err != nil {
			t.Errorf("ParseStatus(%q) = %q, %v", s, got, err)
		}
	}
	_, err := order.ParseStatus("Shipped")
	const want = `status must be one of pending, confirmed, shipped, delivered, cancelled, not "Shipped"`
	if !errors.Is(err, domain.ErrInvalid) || err.Error() != want {
		t.Errorf("error is %q, want %q", err, want)
	}
}
