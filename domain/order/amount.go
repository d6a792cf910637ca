package order

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"

	"github.com/tenon-go/tenon/domain"
)

// Amount is a sum of money in hundredths of its currency: 1250 is 12.50. It is exact: no float is involved anywhere.
// In JSON it is a decimal string with two decimals; a JSON number is read too.
type Amount int64

// MaxAmount is the largest amount, 9999999999999999.99: what numeric(18,2) holds.
const MaxAmount Amount = 999_999_999_999_999_999

// ParseAmount returns the amount that text says: digits, and at most two more after a point: "12", "12.5", "12.50".
// No sign, exponent, group separator or superfluous leading zero. Else *domain.InvalidError for the field "amount".
func ParseAmount(text string) (Amount, error) {
	whole, decimals, point := strings.Cut(text, ".")
	switch {
	case len(text) > 1 && text[0] == '-' && isDigits(text[1:2]):
		return 0, invalidAmount(text, "must not be negative")
	case !isDigits(whole) || point && !isDigits(decimals) || len(whole) > 1 && whole[0] == '0':
		return 0, invalidAmount(text, "must be a plain decimal number such as 12.50")
	case len(decimals) > 2:
		return 0, invalidAmount(text, "must have at most two decimals")
	}
	hundredths, err := strconv.ParseInt(whole+(decimals + "00")[:2], 10, 64)
	if err != nil || Amount(hundredths) > MaxAmount {
		return 0, invalidAmount(text, "must be at most "+MaxAmount.String())
	}
	return Amount(hundredths), nil
}

func isDigits(text string) bool {
	return text != "" && strings.Trim(text, "0123456789") == ""
}

func invalidAmount(text, reason string) error {
	return &domain.InvalidError{Field: "amount", Given: quote(text), Reason: reason}
}

// String returns a with two decimals: "12.50".
func (a Amount) String() string {
	sign, hundredths := "", uint64(a) //nolint:gosec // negative ones are turned round in the next line
	if a < 0 {
		sign, hundredths = "-", -hundredths
	}
	return fmt.Sprintf("%s%d.%02d", sign, hundredths/100, hundredths%100)
}

// MarshalJSON returns a as a decimal string.
func (a Amount) MarshalJSON() ([]byte, error) { return []byte(`"` + a.String() + `"`), nil }

// UnmarshalJSON reads a JSON string or number, of the form that [ParseAmount] takes. It refuses null: an amount that
// isn't there is not zero.
func (a *Amount) UnmarshalJSON(data []byte) error {
	text := string(data)
	if strings.HasPrefix(text, `"`) {
		if err := json.Unmarshal(data, &text); err != nil {
			return err
		}
	}
	parsed, err := ParseAmount(text)
	if err != nil {
		return err
	}
	*a = parsed
	return nil
}

// times returns a for q pieces; false when it is over MaxAmount. Neither may be negative.
func (a Amount) times(q Quantity) (Amount, bool) {
	if q > 0 && a > MaxAmount/Amount(q) {
		return 0, false
	}
	return a * Amount(q), true
}

// plus returns the sum; false when it is over MaxAmount. Neither may be over MaxAmount.
func (a Amount) plus(b Amount) (Amount, bool) {
	if a > MaxAmount-b {
		return 0, false
	}
	return a + b, true
}
