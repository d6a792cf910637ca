package postgres

import (
	"database/sql/driver"
	"encoding/hex"
	"fmt"
	"reflect"
	"strconv"
	"time"
)

// arrays returns the rows by column, each as the text of an array in SQL. Reflection costs no allocation for plain values.
func arrays[R any](columns []column, rows []*R) ([]any, error) {
	args := make([]any, len(columns))
	for i, c := range columns {
		var array []byte
		for n, row := range rows {
			var err error
			if array, err = c.append(begin(array, n), reflect.ValueOf(row).Elem().FieldByIndex(c.index)); err != nil {
				return nil, fmt.Errorf("column %s of row %d: %w", c.name, n, err)
			}
		}
		args[i] = closed(array)
	}
	return args, nil
}

// begin makes room for element n of an array.
func begin(array []byte, n int) []byte {
	if n == 0 {
		return append(array, '{')
	}
	return append(array, ',')
}

func closed(array []byte) string {
	if len(array) == 0 {
		return "{}"
	}
	return string(append(array, '}'))
}

func (c *column) append(array []byte, v reflect.Value) ([]byte, error) {
	if v.Kind() == reflect.Pointer && v.IsNil() {
		return append(array, "NULL"...), nil
	}
	if c.valuer {
		value, err := v.Interface().(driver.Valuer).Value() //nolint:errcheck,forcetypeassert // looked at when the column was made
		if err != nil || value == nil {
			return append(array, "NULL"...), err
		}
		v = reflect.ValueOf(value)
	}
	v = reflect.Indirect(v)
	if isBytes(v.Type()) && c.sqlType != "bytea" { // JSON, say
		return appendText(array, string(v.Bytes())), nil
	}
	return appendValue(array, v)
}

func isBytes(t reflect.Type) bool {
	return t.Kind() == reflect.Slice && t.Elem().Kind() == reflect.Uint8
}

func appendValue(array []byte, v reflect.Value) ([]byte, error) {
	switch v.Kind() { //nolint:exhaustive // the others aren't values of columns
	case reflect.String:
		return appendText(array, v.String()), nil
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		return strconv.AppendInt(array, v.Int(), 10), nil
	case reflect.Float32, reflect.Float64:
		return strconv.AppendFloat(array, v.Float(), 'g', -1, v.Type().Bits()), nil
	case reflect.Bool:
		return strconv.AppendBool(array, v.Bool()), nil
	case reflect.Slice:
		if isBytes(v.Type()) {
			return append(hex.AppendEncode(append(array, `"\\x`...), v.Bytes()), '"'), nil
		}
	case reflect.Struct:
		if t, ok := reflect.TypeAssert[time.Time](v); ok {
			return append(t.UTC().AppendFormat(append(array, '"'), time.RFC3339Nano), '"'), nil
		}
	}
	return nil, fmt.Errorf("%v is no value of a column", v.Type())
}

// appendText appends a quoted element: neither NULL, nor commas, braces or spaces mean anything within quotes.
func appendText(array []byte, text string) []byte {
	array = append(array, '"')
	copied := 0
	for i := range len(text) {
		if text[i] == '"' || text[i] == '\\' {
			array = append(append(array, text[copied:i]...), '\\')
			copied = i
		}
	}
	return append(append(array, text[copied:]...), '"')
}
