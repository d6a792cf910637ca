package order

import "github.com/tenon-go/tenon/domain"

// Money is an amount of a currency.
type Money struct {
	Amount   Amount   `json:"amount"`
	Currency Currency `json:"currency"`
}

// String returns amount and currency: "12.50 EUR".
func (m Money) String() string { return m.Amount.String() + " " + string(m.Currency) }

// Currency is the ISO 4217 code of a currency with two decimals, in capitals. Others (JPY, KWD) aren't supported,
// rather than rounded or taken for a hundredfold.
type Currency string

// ParseCurrency returns the currency of that code, or *domain.InvalidError for the field "currency".
func ParseCurrency(code string) (Currency, error) {
	c := Currency(code)
	return c, c.check("currency")
}

func (c Currency) check(field string) error {
	if c.twoDecimals() {
		return nil
	}
	return &domain.InvalidError{
		Field: field, Given: quote(string(c)),
		Reason: "must be the ISO 4217 code of a currency with two decimals, such as EUR",
	}
}

// twoDecimals is ISO 4217's list of currencies in use that are divided into hundredths, funds left out.
func (c Currency) twoDecimals() bool {
	switch c {
	case "AED", "AFN", "ALL", "AMD", "ANG", "AOA", "ARS", "AUD", "AWG", "AZN",
		"BAM", "BBD", "BDT", "BGN", "BMD", "BND", "BOB", "BRL", "BSD", "BTN", "BWP", "BYN", "BZD",
		"CAD", "CDF", "CHF", "CNY", "COP", "CRC", "CUP", "CVE", "CZK",
		"DKK", "DOP", "DZD", "EGP", "ERN", "ETB", "EUR", "FJD", "FKP",
		"GBP", "GEL", "GHS", "GIP", "GMD", "GTQ", "GYD", "HKD", "HNL", "HTG", "HUF",
		"IDR", "ILS", "INR", "IRR", "JMD", "KES", "KGS", "KHR", "KPW", "KYD", "KZT",
		"LAK", "LBP", "LKR", "LRD", "LSL", "MAD", "MDL", "MGA", "MKD", "MMK", "MNT", "MOP", "MRU", "MUR", "MVR", "MWK", "MXN", "MYR", "MZN",
		"NAD", "NGN", "NIO", "NOK", "NPR", "NZD", "PAB", "PEN", "PGK", "PHP", "PKR", "PLN", "QAR", "RON", "RSD", "RUB",
		"SAR", "SBD", "SCR", "SDG", "SEK", "SGD", "SHP", "SLE", "SOS", "SRD", "SSP", "STN", "SVC", "SYP", "SZL",
		"THB", "TJS", "TMT", "TOP", "TRY", "TTD", "TWD", "TZS", "UAH", "USD", "UYU", "UZS",
		"VED", "VES", "WST", "XCD", "XCG", "YER", "ZAR", "ZMW", "ZWG":
		return true
	}
	return false
}
